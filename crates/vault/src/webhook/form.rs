//! How a provider writes its secret down, and which hash it signs with.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use lockgate_vocabulary::Secret;
use zeroize::Zeroizing;

/// What a Standard Webhooks secret begins with.
pub(super) const WHSEC: &[u8] = b"whsec_";

/// Providers hand their secrets out with and without padding; what they stand for is the same.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The hash of an HMAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Hash {
    /// SHA-1, for a provider that knows nothing else. As an HMAC it is not broken.
    Sha1,
    /// SHA-256.
    #[default]
    Sha256,
    /// SHA-512.
    Sha512,
}

impl Hash {
    /// Bytes of a MAC.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    pub(super) const fn hmac(self) -> hmac::Algorithm {
        match self {
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha512 => hmac::HMAC_SHA512,
        }
    }
}

/// What of a secret's text is the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeyForm {
    /// The text as it is.
    #[default]
    Text,
    /// The bytes that the base64 after `whsec_` stands for; the prefix may be absent.
    Whsec,
    /// The bytes that the hex digits stand for.
    Hex,
}

impl KeyForm {
    /// Whether the secret can be a key of this form.
    pub fn fits(self, secret: &Secret) -> bool {
        self.key(secret).is_some_and(|key| !key.is_empty())
    }

    pub(super) fn key(self, secret: &Secret) -> Option<Zeroizing<Vec<u8>>> {
        let text = secret.expose();
        match self {
            Self::Text => Some(Zeroizing::new(text.to_vec())),
            Self::Whsec => LENIENT.decode(text.strip_prefix(WHSEC).unwrap_or(text)).ok().map(Zeroizing::new),
            Self::Hex => unhex(text).map(Zeroizing::new),
        }
        .filter(|key| !key.is_empty())
    }
}

/// The bytes that hex digits of either case stand for.
pub(super) fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let byte = |[high, low]: &[u8; 2]| u8::try_from(digit(*high)? * 16 + digit(*low)?).ok();
    pairs.iter().map(byte).collect()
}

/// Lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
