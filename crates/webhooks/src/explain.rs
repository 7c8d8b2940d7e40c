//! What would come of a delivery, and why: the same reading, verifying and judging of age as at the door.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use lockgate_vault::webhook::WebhookSecrets;
use lockgate_vocabulary::{Secret, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::fresh::Fresh;
use crate::parcel::Parcel;
use crate::refusal::WebhookRefusal;
use crate::scheme::{Need, Scheme, named};
use crate::setting::{Setting, SettingSpec};

/// The identifier of a webhook in the samples that PayPal publishes for its libraries (`VerifyWebhookSignature`).
pub const SAMPLE_WEBHOOK: &str = "9XL90610J3647323C";

/// The code of a line that is not one of input.
const LINE_MALFORMED: &str = "webhooks.explain.line";

/// The code of a line whose subscription could not be.
const SETTING_INVALID: &str = "webhooks.explain.setting";

/// What is the same for every line.
#[derive(Debug, Clone)]
pub struct Explainer {
    /// The moment at which the deliveries come.
    pub now: Timestamp,
    /// PayPal's identifier of the webhook, for lines that name none.
    pub webhook_id: Option<String>,
}

/// One delivery and its subscription.
#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    id: Value,
    provider: String,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    webhook_id: Option<String>,
    #[serde(default)]
    secrets: Vec<Secret>,
    #[serde(default)]
    public_key: Option<String>,
    headers: Vec<(String, String)>,
    body_b64: String,
}

/// The id of a line of which nothing else can be read.
#[derive(Default, Deserialize)]
struct Id {
    #[serde(default)]
    id: Value,
}

impl Explainer {
    /// Judges one line, and gives the line of output.
    pub fn explain_line(&self, line: &str) -> String {
        let (id, judged) = match serde_json::from_str::<Line>(line) {
            Ok(line) => (line.id.clone(), self.judge(line)),
            Err(_) => (serde_json::from_str::<Id>(line).unwrap_or_default().id, Err(LINE_MALFORMED)),
        };
        let verdict = if judged.is_ok() { "valid" } else { "invalid" };
        let (delivery_id, code) = match judged {
            Ok(fresh) => (fresh.verified().delivery_id().map(str::to_owned), None),
            Err(code) => (None, Some(code)),
        };
        json!({ "id": id, "verdict": verdict, "code": code, "delivery_id": delivery_id }).to_string()
    }

    fn judge(&self, line: Line) -> Result<Fresh, &'static str> {
        let scheme = named(&line.provider).ok_or(LINE_MALFORMED)?;
        let setting = Setting::resolve(scheme, &self.spec(scheme, &line)).map_err(|_| SETTING_INVALID)?;
        let parcel = parcel(&line).ok_or(LINE_MALFORMED)?;
        // The first secret is the newest.
        let secrets = WebhookSecrets::new((1u32..).zip(line.secrets.into_iter().rev()));
        let code = |refusal: WebhookRefusal| refusal.info().code;
        let verified = scheme.verify(&parcel, &setting, &secrets).map_err(code)?;
        Fresh::prove(verified, scheme, &setting, self.now).map_err(code)
    }

    /// The subscription's setting: of the line only what the scheme uses.
    fn spec(&self, scheme: &dyn Scheme, line: &Line) -> SettingSpec {
        let profile = scheme.profile();
        let used = |need: Need, given: Option<&String>| given.filter(|_| need != Need::Never).cloned();
        SettingSpec {
            public_url: used(profile.public_url, line.url.as_ref()),
            webhook_id: used(profile.webhook_id, line.webhook_id.as_ref().or(self.webhook_id.as_ref())),
            public_keys: used(profile.public_key, line.public_key.as_ref()).into_iter().collect(),
            ..SettingSpec::default()
        }
    }
}

fn parcel(line: &Line) -> Option<Parcel> {
    let mut headers = HeaderMap::with_capacity(line.headers.len());
    for (name, value) in &line.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        headers.append(name, HeaderValue::from_str(value).ok()?);
    }
    Some(Parcel { headers, body: Bytes::from(STANDARD.decode(&line.body_b64).ok()?) })
}

#[cfg(test)]
mod tests;
