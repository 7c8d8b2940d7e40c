//! Sealing bytes so that they open only in their own place: pure, no I/O, no clock.
//!
//! A tenant key (256 bits, random, one per tenant and version) never touches a payload. It has two
//! subkeys: one wraps the data keys of values that are few and live long (credentials), the other
//! derives a key for each message of what is many and passes (spools, kept answers).
//!
//! Every box begins with the same head and is bound to its [`Place`]: a box moved to another tenant,
//! purpose, reference, version or context does not open. There is one encoding and one parser of it.
//!
//! ```text
//! head       "LGS" format kind tenant-key-version(4)                               9 bytes
//! envelope   head  wrap-nonce(12) wrapped-data-key(48) nonce(12) ciphertext tag(16)
//! derived    head  salt(32) ciphertext tag(16)
//! stream     head  salt(32) then chunks of ciphertext and tag(16), see `stream`
//! ```
//!
//! Data keys are wrapped with AES-256-GCM-SIV: it takes associated data, so the wrapped key is bound to
//! the same place as the payload (AES-KWP could not), and an accidental repetition of a nonce tells at
//! most that two equal keys were wrapped, so the number of wraps under one tenant key has no 2^32 bound
//! to be counted against. Payloads are sealed once with a key of their own under AES-256-GCM.

mod stream;

use aws_lc_rs::aead::{AES_256_GCM, AES_256_GCM_SIV, Aad, Algorithm, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf;
use lockgate_vocabulary::{Entropy, Fault, Secret, TenantId};
use zeroize::Zeroizing;

pub use stream::{StreamOpener, StreamSealer};

const MAGIC: [u8; 3] = *b"LGS";
const FORMAT: u8 = 1;
const HEAD: usize = 9;
const NONCE: usize = 12;
const KEY: usize = 32;
const TAG: usize = 16;
const SALT: usize = 32;

/// How a box is sealed; the byte after the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Envelope = 1,
    Derived = 2,
    Stream = 3,
}

/// Where sealed bytes belong. They open nowhere else.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Whose they are.
    pub tenant: TenantId,
    /// What they are for, such as `credential`.
    pub purpose: &'a str,
    /// What they are of: an identifier's bytes.
    pub reference: &'a [u8],
    /// Which version of it.
    pub version: u32,
    /// What else must be the same when they are opened.
    pub context: &'a [u8],
}

impl Place<'_> {
    /// The associated data: every part with its length before it, so that no two places share a text.
    fn label(&self, head: &[u8; HEAD], role: u8) -> Vec<u8> {
        let tenant = self.tenant.as_u128().to_be_bytes();
        let parts = [self.purpose.as_bytes(), self.reference, self.context];
        let length: usize = parts.iter().map(|part| part.len() + 8).sum();
        let mut label = Vec::with_capacity(HEAD + 1 + tenant.len() + 4 + length);
        label.extend_from_slice(head);
        label.push(role);
        label.extend_from_slice(&tenant);
        label.extend_from_slice(&self.version.to_be_bytes());
        for part in parts {
            label.extend_from_slice(&(part.len() as u64).to_be_bytes());
            label.extend_from_slice(part);
        }
        label
    }
}

/// The roles a label is used in; a wrapped key is no payload and the reverse.
const WRAP: u8 = b'W';
const PAYLOAD: u8 = b'P';

/// Why sealed bytes did not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unopened {
    /// They are no box of ours: wrong magic, format, kind or length.
    Malformed,
    /// The tenant's key of this version is not there.
    NoKey(u32),
    /// They were changed, or belong to another place.
    Refused,
}

impl std::fmt::Display for Unopened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Malformed => f.write_str("not sealed by this vault"),
            Self::NoKey(version) => write!(f, "sealed under version {version} of a tenant key that is not there"),
            Self::Refused => f.write_str("the sealed bytes were changed or belong elsewhere"),
        }
    }
}

impl std::error::Error for Unopened {}

/// A tenant's key of one version, as the two subkeys that are used of it.
pub struct TenantKey {
    version: u32,
    wrap: Box<Zeroizing<[u8; KEY]>>,
    derive: Box<Zeroizing<[u8; KEY]>>,
}

impl TenantKey {
    /// The key with this material; `None` unless it is 32 bytes.
    pub fn new(version: u32, material: &Secret) -> Option<Self> {
        let exact: &[u8; KEY] = material.expose().try_into().ok()?;
        Some(Self {
            version,
            wrap: derived(&[], exact, &[b"lockgate tenant key, wrapping"])?,
            derive: derived(&[], exact, &[b"lockgate tenant key, deriving"])?,
        })
    }

    /// Its version.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// A lasting key for one use, the same at every start.
    pub fn subkey(&self, label: &str) -> Option<Box<Zeroizing<[u8; KEY]>>> {
        derived(&[], &self.derive, &[b"lockgate lasting subkey: ", label.as_bytes()])
    }
}

impl std::fmt::Debug for TenantKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TenantKey(version {})", self.version)
    }
}

/// Seals a value under a data key of its own, wrapped by the tenant's key.
pub fn envelope(key: &TenantKey, place: &Place<'_>, plain: &[u8], entropy: &dyn Entropy) -> Result<Vec<u8>, Fault> {
    let head = head(Kind::Envelope, key.version);
    let mut data_key = Zeroizing::new([0u8; KEY]);
    let mut nonces = [[0u8; NONCE]; 2];
    entropy.fill(data_key.as_mut());
    nonces.iter_mut().for_each(|nonce| entropy.fill(nonce));
    let [wrap_nonce, nonce] = nonces;

    let mut out = Vec::with_capacity(HEAD + 2 * NONCE + KEY + 2 * TAG + plain.len());
    out.extend_from_slice(&head);
    let wrapping = Cipher::new(&AES_256_GCM_SIV, &key.wrap)?;
    wrapping.seal_onto(&mut out, wrap_nonce, &place.label(&head, WRAP), data_key.as_ref())?;
    let payload = Cipher::new(&AES_256_GCM, &data_key)?;
    payload.seal_onto(&mut out, nonce, &place.label(&head, PAYLOAD), plain)?;
    Ok(out)
}

/// Opens what [`envelope`] sealed.
pub fn open_envelope(key: &TenantKey, place: &Place<'_>, sealed: &[u8]) -> Result<Secret, Unopened> {
    let (head, rest) = body(sealed, Kind::Envelope, key)?;
    let (wrap_nonce, rest) = rest.split_first_chunk::<NONCE>().ok_or(Unopened::Malformed)?;
    let (wrapped, rest) = rest.split_first_chunk::<{ KEY + TAG }>().ok_or(Unopened::Malformed)?;
    let (nonce, rest) = rest.split_first_chunk::<NONCE>().ok_or(Unopened::Malformed)?;
    if rest.len() < TAG {
        return Err(Unopened::Malformed);
    }
    let wrapping = Cipher::new(&AES_256_GCM_SIV, &key.wrap).map_err(|_| Unopened::Refused)?;
    let data_key = wrapping.open(*wrap_nonce, &place.label(head, WRAP), wrapped)?;
    let data_key: &[u8; KEY] = data_key.expose().try_into().map_err(|_| Unopened::Refused)?;
    let payload = Cipher::new(&AES_256_GCM, data_key).map_err(|_| Unopened::Refused)?;
    payload.open(*nonce, &place.label(head, PAYLOAD), rest)
}

/// Seals a message under a key derived for it alone. Cheaper than an envelope, and as bound to its place.
pub fn message(key: &TenantKey, place: &Place<'_>, plain: &[u8], entropy: &dyn Entropy) -> Result<Vec<u8>, Fault> {
    let mut salt = [0u8; SALT];
    entropy.fill(&mut salt);
    let (head, cipher, label) = message_cipher(key, place, Kind::Derived, &salt)?;
    let mut out = Vec::with_capacity(HEAD + SALT + plain.len() + TAG);
    out.extend_from_slice(&head);
    out.extend_from_slice(&salt);
    cipher.seal_body(&mut out, [0; NONCE], &label, plain)?;
    Ok(out)
}

/// Opens what [`message`] sealed.
pub fn open_message(key: &TenantKey, place: &Place<'_>, sealed: &[u8]) -> Result<Secret, Unopened> {
    let (_, rest) = body(sealed, Kind::Derived, key)?;
    let (salt, rest) = rest.split_first_chunk::<SALT>().ok_or(Unopened::Malformed)?;
    if rest.len() < TAG {
        return Err(Unopened::Malformed);
    }
    let (_, cipher, label) = message_cipher(key, place, Kind::Derived, salt).map_err(|_| Unopened::Refused)?;
    cipher.open([0; NONCE], &label, rest)
}

/// Which version of the tenant's key a box wants.
pub fn key_version(sealed: &[u8]) -> Result<u32, Unopened> {
    let (head, _) = sealed.split_first_chunk::<HEAD>().ok_or(Unopened::Malformed)?;
    let [m0, m1, m2, format, _, v0, v1, v2, v3] = *head;
    if [m0, m1, m2] != MAGIC || format != FORMAT {
        return Err(Unopened::Malformed);
    }
    Ok(u32::from_be_bytes([v0, v1, v2, v3]))
}

fn head(kind: Kind, version: u32) -> [u8; HEAD] {
    let [m0, m1, m2] = MAGIC;
    let [v0, v1, v2, v3] = version.to_be_bytes();
    [m0, m1, m2, FORMAT, kind as u8, v0, v1, v2, v3]
}

/// The head and what follows it, once the head is exactly the one that this key and kind would write.
fn body<'a>(sealed: &'a [u8], kind: Kind, key: &TenantKey) -> Result<(&'a [u8; HEAD], &'a [u8]), Unopened> {
    let wanted = key_version(sealed)?;
    let (found, rest) = sealed.split_first_chunk::<HEAD>().ok_or(Unopened::Malformed)?;
    if wanted != key.version {
        return Err(Unopened::NoKey(wanted));
    }
    if *found != head(kind, key.version) {
        return Err(Unopened::Malformed);
    }
    Ok((found, rest))
}

/// The cipher of one message or stream. Its key is derived from the salt and the whole place, so it is
/// used for this alone and its nonces may count from zero.
fn message_cipher(
    key: &TenantKey,
    place: &Place<'_>,
    kind: Kind,
    salt: &[u8; SALT],
) -> Result<([u8; HEAD], Cipher, Vec<u8>), Fault> {
    let head = head(kind, key.version);
    let label = place.label(&head, PAYLOAD);
    let message_key = derived(salt, &key.derive, &[b"lockgate message key: ", &label])
        .ok_or(Fault::violated("a message key can always be derived"))?;
    Ok((head, Cipher::new(&AES_256_GCM, &message_key)?, label))
}

/// How many bytes HKDF is to give.
struct KeyLength;

impl hkdf::KeyType for KeyLength {
    fn len(&self) -> usize {
        KEY
    }
}

/// HKDF-SHA256 (RFC 5869).
pub(crate) fn derived(salt: &[u8], material: &[u8; KEY], info: &[&[u8]]) -> Option<Box<Zeroizing<[u8; KEY]>>> {
    let mut key = Box::new(Zeroizing::new([0u8; KEY]));
    let random = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(material);
    random.expand(info, KeyLength).and_then(|output| output.fill(key.as_mut().as_mut())).ok()?;
    Some(key)
}

/// One AEAD key. The library wipes it when it is dropped.
pub(crate) struct Cipher(LessSafeKey);

impl Cipher {
    pub(crate) fn wrapping(key: &[u8; KEY]) -> Result<Self, Fault> {
        Self::new(&AES_256_GCM_SIV, key)
    }

    fn new(algorithm: &'static Algorithm, key: &[u8; KEY]) -> Result<Self, Fault> {
        let key =
            UnboundKey::new(algorithm, key).map_err(|_| Fault::violated("a cipher takes a key of its own length"))?;
        Ok(Self(LessSafeKey::new(key)))
    }

    /// Appends the nonce, the ciphertext and the tag.
    pub(crate) fn seal_onto(
        &self,
        out: &mut Vec<u8>,
        nonce: [u8; NONCE],
        label: &[u8],
        plain: &[u8],
    ) -> Result<(), Fault> {
        out.extend_from_slice(&nonce);
        self.seal_body(out, nonce, label, plain)
    }

    /// Appends the ciphertext and the tag. The room is made before the plaintext goes in, so that no copy
    /// of it stays behind in a buffer that was outgrown.
    fn seal_body(&self, out: &mut Vec<u8>, nonce: [u8; NONCE], label: &[u8], plain: &[u8]) -> Result<(), Fault> {
        out.reserve(plain.len() + TAG);
        let from = out.len();
        out.extend_from_slice(plain);
        let part = out.get_mut(from..).ok_or(Fault::violated("what was appended is there"))?;
        let nonce = Nonce::assume_unique_for_key(nonce);
        match self.0.seal_in_place_separate_tag(nonce, Aad::from(label), part) {
            Ok(tag) => out.extend_from_slice(tag.as_ref()),
            Err(_) => {
                zeroize::Zeroize::zeroize(part);
                return Err(Fault::violated("a payload of bounded length can be sealed"));
            }
        }
        Ok(())
    }

    /// The plaintext of ciphertext and tag.
    pub(crate) fn open(&self, nonce: [u8; NONCE], label: &[u8], sealed: &[u8]) -> Result<Secret, Unopened> {
        let mut plain = Vec::with_capacity(sealed.len().saturating_sub(TAG));
        let opened = self.open_onto(&mut plain, nonce, label, sealed);
        // Whatever came of it, the buffer is wiped with the secret.
        let plain = Secret::new(plain);
        opened.map(|()| plain)
    }

    /// Appends the plaintext of ciphertext and tag, or nothing.
    fn open_onto(&self, out: &mut Vec<u8>, nonce: [u8; NONCE], label: &[u8], sealed: &[u8]) -> Result<(), Unopened> {
        let (ciphertext, tag) = sealed.split_at_checked(sealed.len().saturating_sub(TAG)).ok_or(Unopened::Malformed)?;
        let from = out.len();
        out.resize(from + ciphertext.len(), 0);
        let part = out.get_mut(from..).ok_or(Unopened::Malformed)?;
        let nonce = Nonce::assume_unique_for_key(nonce);
        let opened = self.0.open_separate_gather(nonce, Aad::from(label), ciphertext, tag, part);
        if opened.is_err() {
            zeroize::Zeroize::zeroize(part);
            out.truncate(from);
        }
        opened.map_err(|_| Unopened::Refused)
    }
}

#[cfg(test)]
mod tests;
