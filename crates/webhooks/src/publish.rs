//! One try where deliveries go to the gateway's broker: opened, put into a CloudEvent, published, kept there.
//!
//! The subject begins with the tenant, so that no tenant publishes among another's.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use lockgate_egress::Alarm;
use serde_json::json;
use serde_json::value::RawValue;

use crate::courier::Inner;
use crate::envelope::Envelope;
use crate::judge::Attempt;
use crate::lease::Leased;
use crate::push::Tried;
use crate::refusal::WebhookRefusal;
use crate::subscription::Subscription;

/// Makes the try.
pub(crate) async fn publish(inner: &Inner, subscription: &Subscription, leased: &Leased) -> Tried {
    let begun = inner.clock.elapsed();
    let attempt = match published(inner, subscription, leased).await {
        // The stream has it, which is as good as an endpoint's yes.
        Ok(()) => Attempt::Answered { status: 200, retry_after: None },
        // What is too large for the server today is so tomorrow.
        Err(refusal @ WebhookRefusal::BrokerTooLarge) => Attempt::Unfit(refusal.info().code),
        // The broker is the gateway's own, so whatever is wrong with it says nothing of the tenant's side.
        Err(refusal) => Attempt::Broken(refusal.info().code),
    };
    let took: Duration = inner.clock.elapsed().saturating_sub(begun);
    Tried { attempt, took }
}

async fn published(inner: &Inner, subscription: &Subscription, leased: &Leased) -> Result<(), WebhookRefusal> {
    let broker = inner.broker.as_ref().ok_or(WebhookRefusal::BrokerUnavailable)?;
    let opened = Envelope::open(&inner.vault, leased.tenant, leased.delivery, &leased.sealed);
    let envelope = opened.map_err(|fault| {
        tracing::error!(%fault, delivery = %leased.delivery, "a kept delivery cannot be opened");
        WebhookRefusal::EnvelopeUnreadable
    })?;
    let subject = format!("lockgate.{}.{}", subscription.tenant, subscription.id);
    let id = leased.delivery.to_string();
    let body = cloud_event(inner, subscription, leased, &envelope);
    let mut alarm = Alarm::new(std::sync::Arc::clone(&inner.clock));
    let until = alarm.now().saturating_add(subscription.onward.timeout);
    let publishing = broker.publish(subject, &id, body);
    alarm.race(until, Box::pin(publishing)).await.unwrap_or(Err(WebhookRefusal::BrokerUnavailable))
}

/// The delivery in the structured mode of CloudEvents 1.0: JSON byte for byte where it has one reading, else the
/// raw bytes in base 64.
fn cloud_event(inner: &Inner, subscription: &Subscription, leased: &Leased, envelope: &Envelope) -> Bytes {
    let (id, at) = (leased.delivery.to_string(), inner.clock.now().to_string());
    let kind = leased.event_type.as_deref().unwrap_or("webhook.delivery");
    let source = format!("/tenants/{}/subscriptions/{}", subscription.tenant, subscription.id);
    let head = json!({ "specversion": "1.0", "id": id, "source": source, "type": kind, "time": at }).to_string();
    let head = head.trim_end_matches('}');
    let media_type = json!(envelope.header("content-type").unwrap_or("application/octet-stream"));
    let strict = lockgate_inspect::json::check(&envelope.body, &lockgate_inspect::json::Limits::default()).is_ok();
    let json: Option<Box<RawValue>> = serde_json::from_slice(&envelope.body).ok().filter(|_| strict);
    Bytes::from(match json {
        Some(data) => format!("{head},\"datacontenttype\":\"application/json\",\"data\":{}}}", data.get()),
        None => {
            let data = STANDARD.encode(&envelope.body);
            format!("{head},\"datacontenttype\":{media_type},\"data_base64\":\"{data}\"}}")
        }
    })
}
