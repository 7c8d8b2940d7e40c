//! What is asked of a token endpoint, and what its answer must look like. Pure.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::HeaderValue;
use lockgate_access::directory::Connection;
use lockgate_access::spec::{ClientAuth, TokenSpec};
use lockgate_vocabulary::{ErrandAnswer, ErrandAsk, ErrandOrder, ErrandOwner, ErrandPost, ErrandPurpose, Secret};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::equip::{Loan, encode, is_token};
use crate::refusal::VaultRefusal;

/// Bytes of an answer; a token has at most what a credential may have.
const ANSWER_BYTES: usize = 64 * 1024;

/// How long a token endpoint may take.
const WITHIN: Duration = Duration::from_secs(10);

/// How long a token is thought to live where the vendor does not say, and the longest that it is believed to.
const UNTOLD: Duration = Duration::from_secs(300);
const LONGEST: Duration = Duration::from_secs(86_400);

/// A token that was had.
#[derive(Debug)]
pub(super) struct Got {
    pub(super) value: Secret,
    pub(super) lives: Duration,
}

/// The order for a token. The client's secret goes to the token endpoint that it is bound to, and is in buffers that
/// wipe themselves.
pub(super) fn order(connection: &Connection, spec: &TokenSpec, loan: Loan) -> ErrandOrder {
    let pair = loan.value.expose();
    let at = pair.iter().position(|byte| *byte == b':').unwrap_or(pair.len());
    let (id, secret) = (pair.get(..at).unwrap_or_default(), pair.get(at + 1..).unwrap_or_default());
    let asked: usize = spec.parameters.iter().map(|(name, value)| name.len() + value.len() + 2).sum();
    let texts = [&spec.scope, &spec.resource].into_iter().flatten().map(String::len).sum::<usize>();
    // The whole room is made at once, so that growing never leaves a copy behind.
    let mut form = Zeroizing::new(Vec::with_capacity(128 + 3 * (asked + texts + pair.len())));
    form.extend_from_slice(b"grant_type=client_credentials");
    let mut put = |name: &str, value: &[u8]| {
        form.push(b'&');
        encode(&mut form, name.as_bytes());
        form.push(b'=');
        encode(&mut form, value);
    };
    let authorization = match spec.client_auth {
        ClientAuth::Basic => basic(id, secret),
        ClientAuth::Post => {
            put("client_id", id);
            put("client_secret", secret);
            None
        }
    };
    for (name, value) in [("scope", &spec.scope), ("resource", &spec.resource)] {
        if let Some(value) = value {
            put(name, value.as_bytes());
        }
    }
    for (name, value) in &spec.parameters {
        put(name, value.as_bytes());
    }
    let networks = connection.settings.danger_private_networks.iter();
    // Where it is the vendor's own host, its certificate is pinned as in a call.
    let base = &connection.base;
    let url = http::Uri::try_from(spec.token_url.as_str()).ok();
    let same = url.is_some_and(|url| {
        url.host().is_some_and(|host| host.eq_ignore_ascii_case(&base.host))
            && url.port_u16().unwrap_or(443) == base.port
    });
    ErrandOrder {
        purpose: ErrandPurpose::VendorToken,
        owner: ErrandOwner::Tenant(
            connection.tenant,
            networks.map(|network| (network.network(), network.prefix_len())).collect(),
        ),
        url: spec.token_url.clone(),
        ask: ErrandAsk::Post(ErrandPost { form: Bytes::from_owner(form), authorization }),
        trust_pem: connection.settings.trust_pem.as_deref().map(str::to_owned),
        pins: if same { connection.settings.pins.clone() } else { Vec::new() },
        most_bytes: ANSWER_BYTES,
        within: WITHIN,
    }
}

/// Id and secret are encoded as in a form before they are put together (RFC 6749 section 2.3.1), which a plain one
/// does not show.
fn basic(id: &[u8], secret: &[u8]) -> Option<HeaderValue> {
    let mut pair = Zeroizing::new(Vec::with_capacity(3 * (id.len() + secret.len()) + 1));
    encode(&mut pair, id);
    pair.push(b':');
    encode(&mut pair, secret);
    let mut whole = Zeroizing::new(Vec::from(*b"Basic "));
    let begin = whole.len();
    whole.reserve_exact(pair.len().div_ceil(3) * 4);
    whole.resize(begin + pair.len().div_ceil(3) * 4, 0);
    STANDARD.encode_slice(pair.as_slice(), whole.get_mut(begin..).unwrap_or_default()).ok()?;
    let mut value = HeaderValue::from_maybe_shared(Bytes::from_owner(whole)).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// RFC 6749 section 5.1. A member that stands twice makes it no answer.
#[derive(Deserialize)]
struct Answer {
    access_token: Option<Secret>,
    token_type: Option<String>,
    expires_in: Option<Seconds>,
    error: Option<serde::de::IgnoredAny>,
}

/// Some vendors write the number as a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Number(u64),
    Text(String),
}

/// What a token endpoint answered with.
pub(super) fn judge(answer: ErrandAnswer) -> Result<Got, VaultRefusal> {
    match answer.status {
        200 | 201 => read(&answer.body),
        // 401 and 400 say that asking again will not help; so does every other one of the kind but these.
        408 | 425 | 429 => Err(VaultRefusal::TokenUnavailable),
        400..=499 => Err(VaultRefusal::TokenRefused),
        _ => Err(VaultRefusal::TokenUnavailable),
    }
}

fn read(body: &[u8]) -> Result<Got, VaultRefusal> {
    let answer: Answer = serde_json::from_slice(body).map_err(|_| VaultRefusal::TokenMalformed)?;
    // Some vendors answer 200 with an error inside.
    if answer.error.is_some() {
        return Err(VaultRefusal::TokenRefused);
    }
    let bearer = answer.token_type.is_some_and(|kind| kind.eq_ignore_ascii_case("bearer"));
    let value = answer.access_token.filter(|token| bearer && is_token(token.expose()));
    let lives = match answer.expires_in {
        None => Some(UNTOLD),
        Some(Seconds::Number(seconds)) => Some(Duration::from_secs(seconds)),
        Some(Seconds::Text(text)) => text.parse().ok().map(Duration::from_secs),
    };
    match (value, lives.filter(|lives| !lives.is_zero())) {
        (Some(value), Some(lives)) => Ok(Got { value, lives: lives.min(LONGEST) }),
        _ => Err(VaultRefusal::TokenMalformed),
    }
}
