//! One try: the kept delivery is opened, signed for this moment, and handed to its endpoint.
//!
//! The bytes of the body and the identifier are the same in every try; the timestamp and with it the
//! signature are of the moment.

use std::time::Duration;

use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use lockgate_egress::{Dispatch, Endpoint};

use crate::courier::Inner;
use crate::envelope::Envelope;
use crate::judge::Attempt;
use crate::lease::Leased;
use crate::refusal::WebhookRefusal;
use crate::subscription::Subscription;

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");
const EVENT_TYPE: HeaderName = HeaderName::from_static("lockgate-event-type");
const SUBSCRIPTION: HeaderName = HeaderName::from_static("lockgate-subscription");
const ATTEMPT: HeaderName = HeaderName::from_static("lockgate-attempt");

/// How a try went, and how long it took.
pub(crate) struct Tried {
    pub(crate) attempt: Attempt,
    pub(crate) took: Duration,
}

/// Makes the try.
pub(crate) async fn push(inner: &Inner, subscription: &Subscription, endpoint: &Endpoint, leased: &Leased) -> Tried {
    let dispatch = match compose(inner, subscription, leased) {
        Ok(dispatch) => dispatch,
        Err(refusal) => return Tried { attempt: Attempt::Broken(refusal.info().code), took: Duration::ZERO },
    };
    match inner.egress.dispatch(leased.tenant, endpoint, dispatch).await {
        Ok(got) => {
            let attempt = Attempt::Answered { status: got.status.as_u16(), retry_after: got.retry_after };
            Tried { attempt, took: got.took }
        }
        Err(failure) if failure.is_ours() => Tried { attempt: Attempt::Broken(failure.code()), took: failure.took },
        Err(failure) => Tried { attempt: Attempt::Unanswered(failure.code()), took: failure.took },
    }
}

fn compose(inner: &Inner, subscription: &Subscription, leased: &Leased) -> Result<Dispatch, WebhookRefusal> {
    let opened = Envelope::open(&inner.vault, leased.tenant, leased.delivery, &leased.sealed);
    let envelope = opened.map_err(|fault| {
        tracing::error!(%fault, delivery = %leased.delivery, "a kept delivery cannot be opened");
        WebhookRefusal::EnvelopeUnreadable
    })?;
    let (id, now) = (leased.delivery.to_string(), inner.clock.now().as_secs());
    let signed = (inner.sign)(subscription, &id, now, &envelope.body);
    let signature = signed.and_then(|text| {
        HeaderValue::try_from(text).map_err(|error| lockgate_vocabulary::Fault::broken("writing a signature", error))
    });
    let signature = signature.map_err(|fault| {
        tracing::error!(%fault, subscription = %subscription.id, "a delivery cannot be signed");
        WebhookRefusal::SigningUnavailable
    })?;
    let mut headers = HeaderMap::with_capacity(16);
    // Without the coding of its bytes nobody could read them.
    for name in [CONTENT_TYPE, CONTENT_ENCODING] {
        let told = envelope.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name.as_str()));
        for value in told.filter_map(|(_, value)| HeaderValue::from_bytes(value).ok()) {
            headers.append(name.clone(), value);
        }
    }
    put(&mut headers, ID, &id);
    put(&mut headers, TIMESTAMP, &now.to_string());
    headers.insert(SIGNATURE, signature);
    put(&mut headers, EVENT_TYPE, leased.event_type.as_deref().unwrap_or_default());
    put(&mut headers, SUBSCRIPTION, &subscription.id.to_string());
    put(&mut headers, ATTEMPT, &leased.tries.to_string());
    Ok(Dispatch { headers, body: envelope.body, within: subscription.onward.timeout })
}

/// What cannot stand in a header, such as a provider's strange name for an event, is left out.
fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value)
        && !value.is_empty()
    {
        headers.insert(name, value);
    }
}
