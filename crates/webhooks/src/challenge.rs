//! The ownership challenge: nothing is pushed to an endpoint that has not shown that it wants it.
//!
//! We post a word that nobody can guess, signed like every delivery, and the endpoint answers 2xx with that
//! word: as the whole body, or as the member `challenge` of a JSON object. Otherwise a tenant could have us
//! knock at somebody else's door, for as long as a schedule lasts.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};
use lockgate_egress::Dispatch;
use lockgate_store::{Change, values};
use lockgate_vault::Act;
use lockgate_vocabulary::{Fault, Stop, SubscriptionId};
use serde_json::json;

use crate::refusal::WebhookRefusal;
use crate::rows::subscriptions as rows;
use crate::subscription::{SecretPurpose, Status, Subscription, Way};
use crate::webhooks::Webhooks;

/// How long an endpoint may take to answer its challenge.
const WITHIN: Duration = Duration::from_secs(10);

impl Webhooks {
    /// Asks the endpoint, and makes its subscription active where it answers. Otherwise the reason stands with
    /// the subscription, which stays pending.
    pub(crate) async fn challenge(&self, act: Act<'_>, id: SubscriptionId) {
        let outcome = self.ask(act, id).await;
        if let Err(Stop::Fault(fault)) = outcome {
            tracing::warn!(%fault, subscription = %id, "an endpoint was not asked for its challenge");
        }
    }

    async fn ask(&self, act: Act<'_>, id: SubscriptionId) -> Result<(), Stop> {
        let page = self.book.page()?;
        let subscription = page.find(id).ok_or(Fault::violated("a subscription that was made is in the book"))?;
        let Way::Push(endpoint) = &subscription.onward.way else { return Ok(()) };
        let word = self.word();
        let dispatch = self.posed(subscription, &word)?;
        let answer = self.egress.dispatch(subscription.tenant, endpoint, dispatch).await;
        let reason = match &answer {
            Ok(dispatched) if !dispatched.status.is_success() => {
                Some(format!("the endpoint answered its challenge with {}", dispatched.status.as_u16()))
            }
            Ok(dispatched) if !repeats(&dispatched.body, &word) => {
                Some("the endpoint did not answer with the challenge".to_owned())
            }
            Ok(_) => None,
            Err(failure) => Some(failure.code().to_owned()),
        };
        self.settle_challenge(act, subscription, reason).await
    }

    fn word(&self) -> String {
        let mut chance = [0u8; 24];
        self.entropy.fill(&mut chance);
        URL_SAFE_NO_PAD.encode(chance)
    }

    /// The challenge as it is sent: signed like every delivery, under an identifier of its own.
    fn posed(&self, subscription: &Subscription, word: &str) -> Result<Dispatch, Fault> {
        let body = json!({ "type": "lockgate.endpoint.challenge", "challenge": word }).to_string();
        let (id, now) = (format!("challenge-{word}"), self.clock.now().as_secs());
        let signature = self.secrets(subscription, SecretPurpose::Sign)?.sign_standard(&id, now, body.as_bytes());
        let signature = signature.ok_or(Fault::broken("signing a challenge", "no secret signs"))?;
        let mut headers = HeaderMap::with_capacity(4);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in
            [("webhook-id", id), ("webhook-timestamp", now.to_string()), ("webhook-signature", signature)]
        {
            let value = HeaderValue::try_from(value).map_err(|error| Fault::broken("signing a challenge", error))?;
            headers.insert(HeaderName::from_static(name), value);
        }
        Ok(Dispatch { headers, body: Bytes::from(body), within: WITHIN })
    }

    async fn settle_challenge(
        &self,
        act: Act<'_>,
        subscription: &Subscription,
        reason: Option<String>,
    ) -> Result<(), Stop> {
        let record = self.record_of(subscription.tenant, &subscription.id.to_string()).await?;
        if record.status()? != Status::Pending {
            return Ok(());
        }
        let status = if reason.is_none() { Status::Active } else { Status::Pending };
        let spec =
            serde_json::to_string(&record.spec).map_err(|error| Fault::broken("writing a subscription", error))?;
        let row = values![subscription.id, spec, status.as_str(), reason.clone(), record.changed];
        let change = Change::of(subscription.tenant).step(&rows::UPDATE, row).expecting(1);
        let code = WebhookRefusal::EndpointUnverified.info().code;
        let deed = Self::deed(act, "subscription.challenge", subscription.id)
            .with("status", status.as_str())
            .with("code", if reason.is_some() { code } else { "" });
        self.commit(change, &deed).await.map(drop)
    }
}

/// Whether an answer repeats the word.
fn repeats(body: &[u8], word: &str) -> bool {
    if body.trim_ascii() == word.as_bytes() {
        return true;
    }
    let value: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    value.as_ref().and_then(|value| value.get("challenge")).and_then(serde_json::Value::as_str) == Some(word)
}

#[cfg(test)]
mod tests;
