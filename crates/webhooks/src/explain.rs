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
            // What the parser says may repeat a secret of the line.
            Err(_) => (serde_json::from_str::<Id>(line).unwrap_or_default().id, Err(No::line(LINE))),
        };
        let told = match judged {
            Ok(fresh) => {
                let delivery = fresh.verified().delivery_id();
                json!({ "id": id, "verdict": "valid", "code": null, "delivery_id": delivery })
            }
            Err(No { code, detail: None }) => {
                json!({ "id": id, "verdict": "invalid", "code": code, "delivery_id": null })
            }
            Err(No { code, detail }) => {
                json!({ "id": id, "verdict": "invalid", "code": code, "delivery_id": null, "detail": detail })
            }
        };
        told.to_string()
    }

    fn judge(&self, line: Line) -> Result<Fresh, No> {
        let scheme = named(&line.provider).ok_or(No::line("provider: no scheme that is known"))?;
        let setting = Setting::resolve(scheme, &self.spec(scheme, &line)).map_err(|wrong| {
            let wrong = wrong.into_iter().next().map(|each| format!("{}: {}", each.pointer, each.reason));
            No { code: SETTING_INVALID, detail: wrong }
        })?;
        let parcel = parcel(&line)?;
        // The first secret is the newest.
        let secrets = WebhookSecrets::new((1u32..).zip(line.secrets.into_iter().rev()));
        let code = |refusal: WebhookRefusal| No { code: refusal.info().code, detail: None };
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

/// Why a line is not valid: a code, and more about it where the line itself is at fault.
struct No {
    code: &'static str,
    detail: Option<String>,
}

impl No {
    fn line(what: &str) -> Self {
        Self { code: LINE_MALFORMED, detail: Some(what.to_owned()) }
    }
}

/// What a line is.
const LINE: &str = "a line is a JSON object with the texts provider and body_b64 and the list headers, of pairs [name, value]; secrets is a list of texts";

fn parcel(line: &Line) -> Result<Parcel, No> {
    let mut headers = HeaderMap::with_capacity(line.headers.len());
    for (name, value) in &line.headers {
        let (name, value) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value));
        let (Ok(name), Ok(value)) = (name, value) else {
            return Err(No::line("headers: not a header's name or value"));
        };
        headers.append(name, value);
    }
    let body = STANDARD.decode(&line.body_b64).map_err(|_| No::line("body_b64: not padded base64"))?;
    Ok(Parcel { headers, body: Bytes::from(body) })
}

#[cfg(test)]
mod tests;
