//! Standard Webhooks and Svix: three headers, `v1` an HMAC-SHA256 in base64 of `{id}.{timestamp}.{body}` with
//! the key after `whsec_`, `v1a` Ed25519 over the same. Several signatures stand side by side, parted by one
//! blank each.

use http::HeaderMap;
use lockgate_vault::webhook::{Hash, KeyForm, PublicKey, PublicKeyForm, WebhookSecrets};

use super::members::Members;
use super::{Need, Profile, Scheme, Window, strict};
use crate::parcel::Parcel;
use crate::refusal::WebhookRefusal;
use crate::setting::Setting;
use crate::verified::Verified;

/// The family of headers.
pub(super) struct Standard {
    profile: &'static Profile,
    /// The first family; where none of its headers is there, the second is meant.
    families: &'static [Family],
}

struct Family {
    id: &'static str,
    timestamp: &'static str,
    signature: &'static str,
}

const WEBHOOK: Family = Family { id: "webhook-id", timestamp: "webhook-timestamp", signature: "webhook-signature" };
const BRANDED: Family = Family { id: "svix-id", timestamp: "svix-timestamp", signature: "svix-signature" };

const PROFILE: Profile = Profile {
    name: "standardwebhooks",
    window: Some(Window::both(300)),
    signs_id: true,
    key_form: KeyForm::Whsec,
    secret: Need::May,
    public_key: Need::May,
    public_key_form: PublicKeyForm::Whpk,
    ..Profile::PLAIN
};

pub(super) const STANDARD: Standard = Standard { profile: &PROFILE, families: &[WEBHOOK] };
pub(super) const SVIX: Standard =
    Standard { profile: &Profile { name: "svix", ..PROFILE }, families: &[BRANDED, WEBHOOK] };

/// Bytes of an Ed25519 signature.
const ED25519_BYTES: usize = 64;

impl Scheme for Standard {
    fn profile(&self) -> &'static Profile {
        self.profile
    }

    fn looks_signed(&self, parcel: &Parcel, _: &Setting) -> Result<(), WebhookRefusal> {
        strict::signature(&parcel.headers, self.family(&parcel.headers)?.signature).map(drop)
    }

    fn verify(&self, parcel: &Parcel, setting: &Setting, secrets: &WebhookSecrets) -> Result<Verified, WebhookRefusal> {
        let headers = &parcel.headers;
        let family = self.family(headers)?;
        let listed = Listed::read(strict::signature(headers, family.signature)?, !setting.public_keys.is_empty())?;
        let id = strict::demanded_id(headers, family.id)?;
        let (timestamp, sent_at) = strict::moment(headers, family.timestamp)?;

        let signed: [&[u8]; 5] = [id.as_bytes(), b".", timestamp.as_bytes(), b".", &parcel.body];
        let by_secret = secrets.matching(Hash::Sha256, KeyForm::Whsec, &signed, &listed.macs);
        let key = by_secret.or_else(|| listed.attesting(setting, &signed)).ok_or(WebhookRefusal::SignatureMismatch)?;
        let mut verified = Verified::by(key, &signed, &parcel.body);
        verified.delivery_id = Some(id.to_owned());
        verified.sent_at = Some(sent_at);
        verified.event_type = Members::read(&parcel.body).and_then(|members| members.word("type"));
        Ok(verified)
    }
}

impl Standard {
    fn family(&self, headers: &HeaderMap) -> Result<&'static Family, WebhookRefusal> {
        let family = self.families.iter().find(|family| family.stands_in(headers));
        family.ok_or(WebhookRefusal::SignatureMissing)
    }
}

impl Family {
    fn stands_in(&self, headers: &HeaderMap) -> bool {
        [self.id, self.timestamp, self.signature].iter().any(|name| headers.contains_key(*name))
    }
}

/// The signatures of one header.
struct Listed {
    macs: Vec<Vec<u8>>,
    attestations: Vec<Vec<u8>>,
}

impl Listed {
    /// Signatures of versions that nobody here can check are passed over, but count against the cap.
    fn read(text: &str, with_public_keys: bool) -> Result<Self, WebhookRefusal> {
        strict::demand_few(text.split(' ').count())?;
        let mut listed = Self { macs: Vec::new(), attestations: Vec::new() };
        for entry in text.split(' ') {
            let (version, value) = entry.split_once(',').ok_or(WebhookRefusal::SignatureMalformed)?;
            match version {
                "v1" => listed.macs.push(strict::base64(value, Hash::Sha256.bytes())?),
                "v1a" if with_public_keys => listed.attestations.push(strict::base64(value, ED25519_BYTES)?),
                "" => return Err(WebhookRefusal::SignatureMalformed),
                _ => {}
            }
        }
        if listed.macs.is_empty() && listed.attestations.is_empty() {
            return Err(WebhookRefusal::SignatureMissing);
        }
        Ok(listed)
    }

    fn attesting(&self, setting: &Setting, signed: &[&[u8]]) -> Option<u32> {
        let verifies = |key: &PublicKey| self.attestations.iter().any(|signature| key.verifies(signed, signature));
        let index = setting.public_keys.iter().position(verifies)?;
        u32::try_from(index + 1).ok()
    }
}
