//! Convoy as a sender: `X-Convoy-Signature`, simple over the body, or advanced as `t=,v1=[,v2=]` over
//! `{t},{body}`. Hash and encoding are the sender's choice. Its idempotency key is not signed.

use lockgate_vault::webhook::WebhookSecrets;

use super::list::{self, Manner};
use super::{Need, Profile, Scheme, Window, strict, vouched};
use crate::parcel::Parcel;
use crate::refusal::WebhookRefusal;
use crate::setting::Setting;
use crate::verified::Verified;

/// One of its two manners.
pub(super) struct Convoy(&'static Profile);

const PROFILE: Profile =
    Profile { name: "convoy_simple", signature_header: Some(HEADER), digest: Need::May, ..Profile::PLAIN };

pub(super) const SIMPLE: Convoy = Convoy(&PROFILE);
pub(super) const ADVANCED: Convoy =
    Convoy(&Profile { name: "convoy_advanced", window: Some(Window::both(300)), ..PROFILE });

const HEADER: &str = "x-convoy-signature";

const MANNER: Manner = Manner { between: ',', moment: "t", counts: is_version };

impl Scheme for Convoy {
    fn profile(&self) -> &'static Profile {
        self.0
    }

    fn verify(&self, parcel: &Parcel, setting: &Setting, secrets: &WebhookSecrets) -> Result<Verified, WebhookRefusal> {
        let text = strict::signature(&parcel.headers, HEADER)?;
        let id = strict::optional(&parcel.headers, "x-convoy-idempotency-key")?.filter(|id| strict::is_id(id));
        let mut verified = match self.0.window {
            Some(_) => self.advanced(text, parcel, setting, secrets)?,
            None => {
                let candidate = setting.digest.read(text)?;
                vouched(self, secrets, setting.digest.hash, &[&parcel.body], &[candidate], &parcel.body)?
            }
        };
        verified.delivery_id = id.map(str::to_owned);
        Ok(verified)
    }
}

impl Convoy {
    fn advanced(
        &self,
        text: &str,
        parcel: &Parcel,
        setting: &Setting,
        secrets: &WebhookSecrets,
    ) -> Result<Verified, WebhookRefusal> {
        let parts = list::read(text, &MANNER)?;
        let candidates =
            parts.signatures.iter().map(|text| setting.digest.read(text)).collect::<Result<Vec<_>, _>>()?;
        let signed = [parts.moment.as_bytes(), b",", &parcel.body];
        let mut verified = vouched(self, secrets, setting.digest.hash, &signed, &candidates, &parcel.body)?;
        verified.sent_at = Some(parts.sent_at);
        Ok(verified)
    }
}

/// Each of the sender's schemes has a version of its own: `v1`, `v2` and so on.
fn is_version(label: &str) -> bool {
    let number = label.strip_prefix('v').unwrap_or_default();
    !number.is_empty() && !number.starts_with('0') && number.bytes().all(|byte| byte.is_ascii_digit())
}
