//! Identifiers: a prefix that says what is named, and a UUIDv7 in Crockford base 32.
//!
//! There is one spelling of each identifier: lower case, 26 digits, no separators. Any other
//! spelling is refused, so that two different texts never name the same thing.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::clock::{Clock, Timestamp};
use crate::entropy::Entropy;

/// The text was not an identifier of the wanted kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdParse {
    /// The prefix that was wanted, such as `ten`.
    pub wanted: &'static str,
}

impl fmt::Display for IdParse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not an identifier of the form {}_ and 26 base 32 digits", self.wanted)
    }
}

impl std::error::Error for IdParse {}

const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// How many base 32 digits 128 bits take.
const WIDTH: usize = 26;

fn encode(value: u128) -> [u8; WIDTH] {
    let mut out = [b'0'; WIDTH];
    for (place, digit) in out.iter_mut().rev().enumerate() {
        let five_bits = (value >> (place * 5)) as usize & 31;
        *digit = DIGITS.get(five_bits).copied().unwrap_or(b'0');
    }
    out
}

fn decode(text: &[u8]) -> Option<u128> {
    // The first digit carries the top three bits alone; a larger one would name a number of 130 bits.
    if text.len() != WIDTH || text.first().is_none_or(|first| *first > b'7') {
        return None;
    }
    text.iter().try_fold(0u128, |value, digit| {
        let five_bits = DIGITS.iter().position(|known| known == digit)?;
        Some((value << 5) | five_bits as u128)
    })
}

/// A UUIDv7 (RFC 9562): 48 bits of milliseconds, then chance.
fn uuid_v7(at: Timestamp, entropy: &dyn Entropy) -> u128 {
    let mut chance = [0u8; 10];
    entropy.fill(&mut chance);
    let mut low = [0u8; 16];
    if let Some(tail) = low.get_mut(6..) {
        tail.copy_from_slice(&chance);
    }
    let chance = u128::from_be_bytes(low);
    let millis = (at.as_millis().max(0) as u128) & 0xffff_ffff_ffff;
    let version_and_variant = (0x7 << 76) | (0b10 << 62);
    let free = !((0xf << 76) | (0b11 << 62));
    (millis << 80) | (chance & free & ((1 << 80) - 1)) | version_and_variant
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl $name {
            /// What stands before the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// A new identifier that sorts by the time it was made.
            pub fn generate(clock: &dyn Clock, entropy: &dyn Entropy) -> Self {
                Self(uuid_v7(clock.now(), entropy))
            }

            /// The identifier with this number.
            pub const fn from_u128(value: u128) -> Self {
                Self(value)
            }

            /// The number behind the identifier.
            pub const fn as_u128(self) -> u128 {
                self.0
            }

            /// When the identifier was made.
            pub fn made_at(self) -> Timestamp {
                Timestamp::from_millis((self.0 >> 80) as i64)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!($prefix, "_"))?;
                let digits = encode(self.0);
                f.write_str(std::str::from_utf8(&digits).map_err(|_| fmt::Error)?)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdParse;

            fn from_str(text: &str) -> Result<Self, IdParse> {
                text.strip_prefix(concat!($prefix, "_"))
                    .and_then(|digits| decode(digits.as_bytes()))
                    .map(Self)
                    .ok_or(IdParse { wanted: $prefix })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    )*};
}

ids! {
    /// A tenant: whose house it is.
    TenantId = "ten";
    /// A principal: a service, partner, person, agent or operator.
    PrincipalId = "prn";
    /// An API key or a registered client key.
    KeyId = "key";
    /// A provider: a vendor and how its API is called.
    ProviderId = "prv";
    /// A connection: a tenant's account at a provider.
    ConnectionId = "conn";
    /// A credential: what a vendor accepts from us, held by the vault.
    CredentialId = "cred";
    /// A consent to use a connection for a purpose.
    ConsentId = "cns";
    /// A webhook subscription.
    SubscriptionId = "sub";
    /// A webhook delivery.
    DeliveryId = "dlv";
    /// A run: one governed outbound call with all its attempts.
    RunId = "run";
    /// A person's decision that is waited for.
    ApprovalId = "apr";
    /// Polled work.
    OperationId = "op";
    /// A session.
    SessionId = "ses";
    /// A guarded API of the tenant's own.
    ServiceId = "svc";
    /// A policy.
    PolicyId = "pol";
    /// A security alert.
    AlertId = "alt";
    /// An event of the governance side.
    EventId = "evt";
    /// An entry of the audit trail.
    AuditId = "aud";
}

#[cfg(test)]
mod tests;
