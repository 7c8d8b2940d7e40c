//! Adyen's standard webhooks: each item of the body carries its own signature, HMAC-SHA256 in base64 of eight
//! of its fields joined with colons, the key in hex. Everything else in the body is free for anybody to change.
//!
//! The body must be read before the signature can be found, so it is read strictly; and every item must
//! verify, not only the first. No item comes twice, and each is known by itself: somebody who captured some
//! cannot make new deliveries of them.

use lockgate_vault::webhook::{Hash, KeyForm, WebhookSecrets, sha256};

use super::members::Members;
use super::profile::days;
use super::{Answer, Profile, Scheme, strict};
use crate::parcel::Parcel;
use crate::refusal::WebhookRefusal;
use crate::setting::Setting;
use crate::verified::Verified;

pub(super) struct AdyenStandard;

const PROFILE: &Profile = &Profile {
    name: "adyen_standard",
    answer: Some(Answer { media_type: "text/plain", body: "[accepted]" }),
    repeats_for: days(30),
    signs_id: true,
    signs_body: false,
    key_form: KeyForm::Hex,
    ..Profile::PLAIN
};

impl Scheme for AdyenStandard {
    fn profile(&self) -> &'static Profile {
        PROFILE
    }

    fn verify(&self, parcel: &Parcel, _: &Setting, secrets: &WebhookSecrets) -> Result<Verified, WebhookRefusal> {
        let items = items(&parcel.body)?;
        let mut key = None;
        for item in &items {
            let signed = item.signed.as_bytes();
            let matching = secrets.matching(Hash::Sha256, KeyForm::Hex, &[signed], &[&item.signature]);
            let matching = matching.ok_or(WebhookRefusal::SignatureMismatch)?;
            key.get_or_insert(matching);
        }
        let key = key.ok_or(WebhookRefusal::SignatureMissing)?;
        // The order of the items is not signed, so it makes no other delivery of the same ones.
        let mut digests: Vec<[u8; 32]> = items.iter().map(|item| sha256(&[item.signed.as_bytes()])).collect();
        digests.sort_unstable();
        if digests.windows(2).any(|pair| matches!(pair, [one, other] if one == other)) {
            return Err(WebhookRefusal::BodyMalformed);
        }
        let mut ids: Vec<&str> = items.iter().map(|item| item.id.as_str()).collect();
        ids.sort_unstable();
        let mut verified = Verified::by(key, &[], &parcel.body);
        verified.signed = match digests.as_slice() {
            [only] => *only,
            several => sha256(&[several.as_flattened()]),
        };
        verified.items = digests;
        // Many together are too long for a name; they are known by what was signed all the same.
        verified.delivery_id = Some(ids.join(",")).filter(|id| id.len() <= strict::ID_CHARACTERS);
        verified.event_type = match items.as_slice() {
            [only] => Some(only.event.clone()).filter(|event| strict::is_word(event)),
            _ => None,
        };
        Ok(verified)
    }
}

/// One item, as far as it is signed.
struct Item {
    signed: String,
    signature: Vec<u8>,
    id: String,
    event: String,
}

fn items(body: &[u8]) -> Result<Vec<Item>, WebhookRefusal> {
    let members = Members::read(body).ok_or(WebhookRefusal::BodyMalformed)?;
    let listed = members.objects("notificationItems").ok_or(WebhookRefusal::BodyMalformed)?;
    strict::demand_few(listed.len())?;
    listed
        .iter()
        .map(|outer| item(&outer.object("NotificationRequestItem").ok_or(WebhookRefusal::BodyMalformed)?))
        .collect()
}

fn item(members: &Members<'_>) -> Result<Item, WebhookRefusal> {
    let more = members.object("additionalData").ok_or(WebhookRefusal::SignatureMissing)?;
    let signature = more.text("hmacSignature").ok_or(WebhookRefusal::SignatureMissing)?;
    let signature = strict::base64(&signature, Hash::Sha256.bytes())?;

    let amount = members.object("amount").ok_or(WebhookRefusal::BodyMalformed)?;
    let value = amount.whole("value").ok_or(WebhookRefusal::BodyMalformed)?;
    let (reference, event, success) =
        (field(members, "pspReference")?, field(members, "eventCode")?, success(members)?);
    // The merchant's own reference may have colons; it is the only one, so the fields stay apart.
    let own = if members.lacks("merchantReference") { Some(String::new()) } else { members.text("merchantReference") };
    let signed = [
        reference.as_str(),
        &field(members, "originalReference")?,
        &field(members, "merchantAccountCode")?,
        &own.ok_or(WebhookRefusal::BodyMalformed)?,
        &value.to_string(),
        &field(&amount, "currency")?,
        &event,
        success,
    ]
    .join(":");
    let id = format!("{reference}:{event}:{success}");
    if !strict::is_body_id(&id) {
        return Err(WebhookRefusal::IdMalformed);
    }
    Ok(Item { signed, signature, id, event })
}

/// A field without a colon, so that none can swallow its neighbour; an absent one is empty.
fn field(members: &Members<'_>, name: &str) -> Result<String, WebhookRefusal> {
    if members.lacks(name) {
        return Ok(String::new());
    }
    members.text(name).filter(|text| !text.contains(':')).ok_or(WebhookRefusal::BodyMalformed)
}

/// Adyen writes this one as a text; a truth value stands for the same.
fn success(members: &Members<'_>) -> Result<&'static str, WebhookRefusal> {
    match (members.text("success").as_deref(), members.truth("success")) {
        (Some("true"), _) | (_, Some(true)) => Ok("true"),
        (Some("false"), _) | (_, Some(false)) => Ok("false"),
        _ => Err(WebhookRefusal::BodyMalformed),
    }
}
