//! The moment a secret is lent out: it enters the request after every check, and leaves it on a redirect.
//!
//! The bytes of the credential are in buffers that wipe themselves when the request is dropped, its
//! header is marked sensitive, so that it prints nowhere and is not indexed by HTTP/2 compression, and
//! whatever the caller sent under the same name is gone before. What the wire copies into its own
//! buffers to send it is beyond us.
//!
//! Here: where a value goes and what it may look like. Whether the request goes where the credential
//! belongs is in [`origin`], names of query parameters in [`query`], which value it is in `keyring`.

mod origin;
mod query;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHORIZATION};
use http::request::Parts;
use lockgate_access::directory::Connection;
use lockgate_access::spec::{AuthPlacement, ClientAuth};
use lockgate_vocabulary::limit::CREDENTIAL_BYTES;
use lockgate_vocabulary::{CredentialId, Fault, Secret, Stop};
use zeroize::Zeroizing;

use crate::client;
use crate::dpop::{DPOP, DpopProof};
use crate::keyring::Lendable;
use crate::refusal::VaultRefusal;
use crate::spelling::{Forms, LEAST, Sent, Spellings};

pub(crate) use query::encode;

/// Headers that frame a message or name its target; a credential is never one of them.
const FORBIDDEN: &[&str] = &[
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Proof that the request carries what the connection demands. It can take it off again.
#[derive(Debug, Default)]
#[must_use = "a redirect that leaves the origin strips the credential by it"]
pub struct Equipped {
    lent: Option<(CredentialId, u32)>,
    header: Option<HeaderName>,
    parameter: Option<Box<str>>,
    spellings: Option<Spellings>,
    token: Option<u64>,
    /// Whether a proof of possession is in the request as well.
    bound: bool,
    /// The nonce that the proof shows.
    nonce: Option<HeaderValue>,
}

impl Equipped {
    /// The credential that is in the request and its version; none where the provider wants none.
    pub const fn lent(&self) -> Option<(CredentialId, u32)> {
        self.lent
    }

    /// Which access token it was, where one was had for the credential.
    pub const fn token(&self) -> Option<u64> {
        self.token
    }

    /// Whether its access token is bound to a key, of which the request has a proof (DPoP).
    pub const fn is_bound(&self) -> bool {
        self.bound
    }

    /// The nonce that the proof shows, where it shows one.
    pub(crate) const fn nonce(&self) -> Option<&HeaderValue> {
        self.nonce.as_ref()
    }

    /// What finds the credential in the vendor's answer; none where none was lent, or one so short that it
    /// stands in innocent text.
    pub const fn spellings(&self) -> Option<&Spellings> {
        self.spellings.as_ref()
    }

    /// Takes the credential off the request again, from its headers and from its target: the target of a
    /// redirect often repeats the query of the request that it answers.
    pub fn strip(self, parts: &mut Parts) -> Result<(), Fault> {
        remove_authority(&mut parts.headers, self.header.as_ref());
        if self.bound {
            remove_authority(&mut parts.headers, Some(&DPOP));
        }
        if let Some(name) = &self.parameter {
            query::remove(&mut parts.uri, name)?;
        }
        Ok(())
    }
}

/// A credential on loan.
pub(crate) struct Loan {
    pub(crate) credential: CredentialId,
    pub(crate) version: u32,
    /// How often its account was connected by a person; 0 where none has to.
    pub(crate) series: u32,
    pub(crate) value: Secret,
}

impl Loan {
    /// What was lent, without its value.
    pub(crate) const fn of(&self) -> Lendable {
        Lendable { credential: self.credential, version: self.version, series: self.series }
    }
}

/// Demands that the request goes where the connection's credential belongs.
pub(crate) fn check_origin(connection: &Connection, parts: &Parts) -> Result<(), VaultRefusal> {
    origin::check(&connection.base, parts)
}

/// Puts the credential where the provider wants it.
pub(crate) fn put(placement: &AuthPlacement, loan: Option<&Loan>, parts: &mut Parts) -> Result<Equipped, Stop> {
    let mut equipped = Equipped::default();
    let Some(loan) = loan else {
        remove_authority(&mut parts.headers, None);
        return Ok(equipped);
    };
    if !fits(placement, &loan.value) {
        return Err(VaultRefusal::SecretUnfit.into());
    }
    equipped.lent = Some((loan.credential, loan.version));
    let secret = loan.value.expose();
    match placement {
        AuthPlacement::Bearer => {
            place_header(&mut equipped, parts, AUTHORIZATION, joined(b"Bearer ", secret)?);
        }
        AuthPlacement::Basic => {
            place_header(&mut equipped, parts, AUTHORIZATION, basic(secret)?);
        }
        AuthPlacement::Header { name, prefix } => {
            let name = header_name(name).ok_or(VaultRefusal::SecretUnfit)?;
            place_header(&mut equipped, parts, name, joined(prefix.as_bytes(), secret)?);
        }
        AuthPlacement::Query { name } => {
            remove_authority(&mut parts.headers, None);
            equipped.spellings = query::put(&mut parts.uri, name, secret)?;
            equipped.parameter = Some(name.as_str().into());
        }
        AuthPlacement::OAuth(_) => return Err(Fault::violated("of a client an access token is lent").into()),
        AuthPlacement::None => return Err(Fault::violated("an open provider is lent no credential").into()),
    }
    Ok(equipped)
}

/// Puts an access token that was had for this version of a credential where access tokens go, with the proof that we
/// have the key to which it is bound.
pub(crate) fn put_token(
    lent: (CredentialId, u32),
    (number, value): (u64, Value),
    proof: Option<DpopProof>,
    parts: &mut Parts,
) -> Equipped {
    let mut equipped = Equipped { lent: Some(lent), token: Some(number), ..Equipped::default() };
    if let Some(DpopProof { value: proof, nonce }) = proof {
        (equipped.bound, equipped.nonce) = (true, nonce);
        // A second proof, of the caller's, would make the request one that servers refuse (RFC 9449 section 4.3).
        remove_authority(&mut parts.headers, Some(&DPOP));
        parts.headers.insert(DPOP, proof);
    }
    place_header(&mut equipped, parts, AUTHORIZATION, value);
    equipped
}

/// Demands of a credential that it is what the provider wants one to be.
pub(crate) fn demand_fit(placement: &AuthPlacement, secret: &Secret) -> Result<(), VaultRefusal> {
    match placement {
        _ if fits(placement, secret) => Ok(()),
        AuthPlacement::OAuth(spec) if matches!(spec.client_auth, ClientAuth::PrivateKeyJwt | ClientAuth::Mtls) => {
            Err(VaultRefusal::ClientKeyUnfit)
        }
        _ => Err(VaultRefusal::SecretUnfit),
    }
}

/// Whether the secret can stand where the provider wants it without meaning anything else there.
pub(crate) fn fits(placement: &AuthPlacement, secret: &Secret) -> bool {
    let bytes = secret.expose();
    let visible = |byte: &u8| (0x21..=0x7e).contains(byte);
    let ends_visible = bytes.first().is_some_and(visible) && bytes.last().is_some_and(visible);
    let length = (1..=CREDENTIAL_BYTES).contains(&bytes.len());
    let line = length && ends_visible && bytes.iter().all(|byte| visible(byte) || *byte == b' ');
    match placement {
        // RFC 6750: one token. A blank inside would most likely be a scheme that was pasted along.
        AuthPlacement::Bearer => line && !bytes.contains(&b' '),
        AuthPlacement::Header { name, prefix } => {
            line && header_name(name).is_some() && prefix.bytes().all(|byte| visible(&byte) || byte == b' ')
        }
        AuthPlacement::Query { name } => line && !name.is_empty(),
        // RFC 7617: text without control characters; the user ends at the first colon.
        AuthPlacement::Basic => {
            let text = std::str::from_utf8(bytes).ok();
            length && text.is_some_and(|text| !text.chars().any(char::is_control) && !text.starts_with(':'))
        }
        AuthPlacement::OAuth(spec) => client::fits(spec.client_auth, secret),
        AuthPlacement::None => false,
    }
}

/// Whether a text is an access token that can stand behind `Bearer` (RFC 6750 section 2.1).
pub(crate) fn is_token(text: &[u8]) -> bool {
    (1..=CREDENTIAL_BYTES).contains(&text.len()) && text.iter().all(|byte| (0x21..=0x7e).contains(byte))
}

fn header_name(name: &str) -> Option<HeaderName> {
    let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
    (!FORBIDDEN.contains(&name.as_str())).then_some(name)
}

/// A header's value, and the spellings of its secret, which share its buffer. A copy is another handle on that.
#[derive(Clone)]
pub(crate) struct Value(HeaderValue, Option<Spellings>);

impl Value {
    /// An access token as requests carry it (RFC 6750 section 2.1, RFC 9449 section 7.1); nothing where it is none.
    pub(crate) fn of_token(token: &[u8], bound: bool) -> Option<Self> {
        let scheme: &[u8] = if bound { b"DPoP " } else { b"Bearer " };
        is_token(token).then(|| joined(scheme, token).ok()).flatten()
    }
}

fn place_header(equipped: &mut Equipped, parts: &mut Parts, name: HeaderName, Value(value, spellings): Value) {
    remove_authority(&mut parts.headers, Some(&name));
    parts.headers.insert(name.clone(), value);
    equipped.spellings = spellings;
    equipped.header = Some(name);
}

/// Removes what could pass for a credential: the named header in every spelling that a server may read
/// as the same (some make `_` of `-`), and always the two authorization headers.
fn remove_authority(headers: &mut HeaderMap, name: Option<&HeaderName>) {
    headers.remove(AUTHORIZATION);
    headers.remove(PROXY_AUTHORIZATION);
    let Some(name) = name else { return };
    headers.remove(name);
    let alike = |other: &HeaderName| {
        let fold = |byte: u8| if byte == b'_' { b'-' } else { byte };
        other.as_str().len() == name.as_str().len()
            && other.as_str().bytes().map(fold).eq(name.as_str().bytes().map(fold))
    };
    while let Some(other) = headers.keys().find(|other| alike(other)).cloned() {
        headers.remove(other);
    }
}

/// A header value of a prefix and the secret, in one buffer with its spellings that is wiped when dropped.
fn joined(prefix: &[u8], secret: &[u8]) -> Result<Value, Stop> {
    let length = prefix.len() + secret.len();
    let mut buffer = Zeroizing::new(Vec::with_capacity(length + Forms::room(secret.len(), 0)));
    buffer.extend_from_slice(prefix);
    buffer.extend_from_slice(secret);
    let forms = Forms::write(&mut buffer, secret, &Sent::Itself, LEAST);
    sensitive(buffer, length, forms)
}

fn basic(secret: &[u8]) -> Result<Value, Stop> {
    let mut pair = Zeroizing::new(Vec::with_capacity(secret.len() + 1));
    pair.extend_from_slice(secret);
    if !secret.contains(&b':') {
        pair.push(b':');
    }
    let scheme = b"Basic ";
    let sent = pair.len().div_ceil(3) * 4;
    let length = scheme.len() + sent;
    let mut buffer = Zeroizing::new(Vec::with_capacity(length + Forms::room(secret.len(), sent)));
    buffer.resize(length, 0);
    let (head, body) = buffer.split_at_mut_checked(scheme.len()).ok_or(Fault::violated("the buffer has its length"))?;
    head.copy_from_slice(scheme);
    STANDARD.encode_slice(pair.as_slice(), body).map_err(|_| Fault::violated("base64 has four bytes for three"))?;
    let forms = Forms::write(&mut buffer, secret, &Sent::Pair(scheme.len()..length), LEAST);
    sensitive(buffer, length, forms)
}

/// The first bytes of the buffer as a header's value.
fn sensitive(buffer: Zeroizing<Vec<u8>>, length: usize, forms: Forms) -> Result<Value, Stop> {
    let buffer = Bytes::from_owner(buffer);
    let mut value = HeaderValue::from_maybe_shared(buffer.slice(..length)).map_err(|_| VaultRefusal::SecretUnfit)?;
    value.set_sensitive(true);
    Ok(Value(value, Spellings::new(buffer, forms)))
}

#[cfg(test)]
mod tests;
