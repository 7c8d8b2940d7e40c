//! The ownership challenge: nothing is pushed to an endpoint that has not shown that it wants it.
//!
//! We post a word that nobody can guess, signed like every delivery, and the endpoint answers 2xx with that
//! word: as the whole body, or as the member `challenge_response` of a JSON object. A server that sends back
//! whatever it gets does not pass. Otherwise a tenant could have us knock at somebody else's door, for as long
//! as a schedule lasts.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};
use lockgate_egress::Dispatch;
use lockgate_store::{Change, Rate, values};
use lockgate_vault::Act;
use lockgate_vocabulary::{Fault, Stop, SubscriptionId};
use serde_json::json;

use crate::manage::SubscriptionRecord;
use crate::refusal::WebhookRefusal;
use crate::rows::subscriptions as rows;
use crate::subscription::{SecretPurpose, Status, Subscription, Way};
use crate::webhooks::Webhooks;

/// How long an endpoint may take to answer its challenge.
const WITHIN: Duration = Duration::from_secs(10);

impl Webhooks {
    /// Asks the endpoint of what was just written, which holds whatever comes of it: it can be asked again.
    pub(crate) async fn challenge_at_once(&self, act: Act<'_>, id: SubscriptionId) {
        if let Err(Stop::Fault(fault)) = self.challenge(act, id).await {
            tracing::warn!(%fault, subscription = %id, "an endpoint was not asked for its challenge");
        }
    }

    /// Asks the endpoint, and makes its subscription active where it answers. Otherwise the reason stands with
    /// the subscription, which stays pending. An error where it was not asked.
    pub(crate) async fn challenge(&self, act: Act<'_>, id: SubscriptionId) -> Result<(), Stop> {
        // INVARIANT: what is activated is what was asked: the endpoint of this very state of the subscription.
        let record = self.record_of(act.caller.tenant(), &id.to_string()).await?;
        let page = self.book.page()?;
        let subscription = page.find(id).ok_or(Fault::violated("a subscription that was made is in the book"))?;
        let Way::Push(endpoint) = &subscription.onward.way else { return Ok(()) };
        let now = self.clock.now();
        if !subscription.signing.iter().any(|secret| secret.is_live(now)) {
            // It was made to be fetched or published, and is pushed from now on.
            let reason = "no secret of its own signs yet; add one, then verify".to_owned();
            return self.settle_challenge(act, &record, Some(reason)).await;
        }
        // Nobody has us knock at a door again and again.
        let pace = Rate::per_minute(3, 3).ok_or(Fault::violated("three a minute are a rate"))?;
        self.traffic.knock(id, IpAddr::V4(Ipv4Addr::UNSPECIFIED), pace).map_err(|stop| match stop {
            // It is no delivery that comes too often.
            Stop::Refused(refusal) => {
                let wait = refusal.wait().unwrap_or(Duration::from_secs(60));
                WebhookRefusal::ChallengePaced.refuse().retry_after(wait).into()
            }
            fault @ Stop::Fault(_) => fault,
        })?;
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
        self.settle_challenge(act, &record, reason).await
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
        record: &SubscriptionRecord,
        reason: Option<String>,
    ) -> Result<(), Stop> {
        let (tenant, id) = (act.caller.tenant(), record.subscription);
        let status = if reason.is_none() { Status::Active } else { Status::Pending };
        let verified = record.spec.endpoint().filter(|_| reason.is_none());
        let row = values![id, status.as_str(), reason.clone(), verified, record.changed];
        let change = Change::of(tenant).step(&rows::CHALLENGED, row).expecting(1);
        let code = WebhookRefusal::EndpointUnverified.info().code;
        let deed = Self::deed(act, "endpoint.challenge", id)
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
    value.as_ref().and_then(|value| value.get("challenge_response")).and_then(serde_json::Value::as_str) == Some(word)
}

#[cfg(test)]
mod tests;
