//! The envelope in which a delivery is kept: its headers and the raw bytes of its body, sealed as one.
//!
//! Inside the seal: version(1), number of headers(2), then name length(2) name value length(2) value for each,
//! then the body to the end. The seal is bound to the tenant and the delivery, so that no envelope can be put
//! into another's place.

use bytes::Bytes;
use http::HeaderMap;
use lockgate_vault::Vault;
use lockgate_vocabulary::{DeliveryId, Fault, TenantId};

const VERSION: u8 = 1;
const PURPOSE: &str = "webhook-delivery";
const OPENING: &str = "opening a kept delivery";

/// Headers that say something of the way and nothing of the delivery, or that may hold a credential of ours.
const LEFT_OUT: &[&str] = &[
    "authorization",
    "connection",
    "cookie",
    "expect",
    "forwarded",
    "keep-alive",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-api-key",
    "x-forwarded-for",
];

/// A delivery as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Its headers, in their order, duplicates included.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The raw bytes of its body.
    pub body: Bytes,
}

impl Envelope {
    /// The envelope of what came so.
    pub fn of(headers: &HeaderMap, body: Bytes) -> Self {
        let kept = headers.iter().filter(|(name, _)| !LEFT_OUT.contains(&name.as_str()));
        let headers = kept.map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect();
        Self { headers, body }
    }

    /// The first header with this name, as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(known, _)| known == name)?;
        std::str::from_utf8(value).ok()
    }

    /// Seals it for its place.
    pub fn seal(&self, vault: &Vault, tenant: TenantId, delivery: DeliveryId) -> Result<Vec<u8>, Fault> {
        vault.seal(tenant, PURPOSE, &context(delivery), &self.encode()?)
    }

    /// Opens what was sealed for this place.
    pub fn open(vault: &Vault, tenant: TenantId, delivery: DeliveryId, sealed: &[u8]) -> Result<Self, Fault> {
        let plain = vault.unseal(tenant, PURPOSE, &context(delivery), sealed)?;
        Self::decode(plain.expose()).ok_or(Fault::broken(OPENING, "it is not an envelope"))
    }

    fn encode(&self) -> Result<Vec<u8>, Fault> {
        let too_large = || Fault::violated("a head is smaller than an envelope has room for");
        let fields: usize = self.headers.iter().map(|(name, value)| 4 + name.len() + value.len()).sum();
        let mut out = Vec::with_capacity(3 + fields + self.body.len());
        out.push(VERSION);
        out.extend_from_slice(&u16::try_from(self.headers.len()).map_err(|_| too_large())?.to_be_bytes());
        for (name, value) in &self.headers {
            out.extend_from_slice(&u16::try_from(name.len()).map_err(|_| too_large())?.to_be_bytes());
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(&u16::try_from(value.len()).map_err(|_| too_large())?.to_be_bytes());
            out.extend_from_slice(value);
        }
        out.extend_from_slice(&self.body);
        Ok(out)
    }

    fn decode(plain: &[u8]) -> Option<Self> {
        let (version, rest) = plain.split_first()?;
        let (count, mut rest) = rest.split_first_chunk::<2>().filter(|_| *version == VERSION)?;
        let mut headers = Vec::with_capacity(usize::from(u16::from_be_bytes(*count)).min(128));
        for _ in 0..u16::from_be_bytes(*count) {
            let (name, after) = taken(rest)?;
            let (value, after) = taken(after)?;
            headers.push((std::str::from_utf8(name).ok()?.to_owned(), value.to_vec()));
            rest = after;
        }
        Some(Self { headers, body: Bytes::copy_from_slice(rest) })
    }
}

/// A text with its length before it, and what is behind.
fn taken(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

fn context(delivery: DeliveryId) -> [u8; 16] {
    delivery.as_u128().to_be_bytes()
}

#[cfg(test)]
mod tests;
