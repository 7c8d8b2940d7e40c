//! An answer as bytes: what is kept, sealed, for a repeated idempotency key or behind an operation.
//!
//! Pure. Only header fields from a list are kept. What is read here was sealed by us, yet it is read as
//! if it were not: a length that does not fit is a fault and nothing worse.

use bytes::Bytes;
use http::StatusCode;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use lockgate_vocabulary::{Fault, Refusal};

use crate::refusal::EgressRefusal;

/// Header fields that are kept.
const FIELDS: &[HeaderName] = &[
    header::CACHE_CONTROL,
    header::CONTENT_DISPOSITION,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_TYPE,
    header::ETAG,
    header::LAST_MODIFIED,
    header::LINK,
    header::LOCATION,
    header::RETRY_AFTER,
];

const ANSWERED: u8 = 1;
const REFUSED: u8 = 2;
const TOO_LARGE: u8 = 3;

/// What came of a call.
#[derive(Debug, Clone)]
pub(crate) enum Kept {
    /// The vendor's answer.
    Answered { status: StatusCode, headers: HeaderMap, body: Bytes },
    /// A refusal of this room's.
    Refused(Refusal),
    /// An answer that was too large to be kept.
    TooLarge,
}

impl Kept {
    /// The vendor's answer, unless it has more bytes than are kept.
    pub(crate) fn answer(status: StatusCode, headers: HeaderMap, body: Bytes, most: usize) -> Self {
        if body.len() > most { Self::TooLarge } else { Self::Answered { status, headers, body } }
    }

    /// As bytes. A refusal of another room's is not kept: it says nothing of the vendor.
    pub(crate) fn encode(&self) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        match self {
            Self::Answered { status, headers, body } => {
                out.push(ANSWERED);
                out.extend_from_slice(&status.as_u16().to_be_bytes());
                for (index, name) in FIELDS.iter().enumerate() {
                    for value in headers.get_all(name) {
                        out.push(u8::try_from(index + 1).ok()?);
                        put(&mut out, value.as_bytes())?;
                    }
                }
                out.push(0);
                out.extend_from_slice(body);
            }
            Self::Refused(refusal) => {
                EgressRefusal::ALL.iter().find(|info| info.code == refusal.code())?;
                out.push(REFUSED);
                put(&mut out, refusal.code().as_bytes())?;
                put(&mut out, refusal.told().unwrap_or_default().as_bytes())?;
            }
            Self::TooLarge => out.push(TOO_LARGE),
        }
        Some(out)
    }

    /// From bytes.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        Self::read(bytes).ok_or(Fault::violated("a kept answer reads as it was written"))
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (kind, mut left) = bytes.split_first()?;
        match *kind {
            ANSWERED => {
                let (status, rest) = left.split_first_chunk::<2>()?;
                left = rest;
                let mut headers = HeaderMap::new();
                while let Some(index) = take_byte(&mut left)?.checked_sub(1) {
                    let name = FIELDS.get(usize::from(index))?;
                    headers.append(name.clone(), HeaderValue::from_bytes(take(&mut left)?).ok()?);
                }
                let status = StatusCode::from_u16(u16::from_be_bytes(*status)).ok()?;
                Some(Self::Answered { status, headers, body: Bytes::copy_from_slice(left) })
            }
            REFUSED => {
                let code = std::str::from_utf8(take(&mut left)?).ok()?;
                let detail = std::str::from_utf8(take(&mut left)?).ok()?;
                let info = EgressRefusal::ALL.iter().find(|info| info.code == code)?;
                let refusal = Refusal::new(info);
                let told = if detail.is_empty() { refusal } else { refusal.detail(detail.to_owned()) };
                left.is_empty().then_some(Self::Refused(told))
            }
            TOO_LARGE => left.is_empty().then_some(Self::TooLarge),
            _ => None,
        }
    }
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) -> Option<()> {
    out.extend_from_slice(&u16::try_from(bytes.len()).ok()?.to_be_bytes());
    out.extend_from_slice(bytes);
    Some(())
}

fn take_byte(left: &mut &[u8]) -> Option<u8> {
    let (first, rest) = left.split_first()?;
    *left = rest;
    Some(*first)
}

fn take<'a>(left: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = left.split_first_chunk::<2>()?;
    let (taken, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
    *left = rest;
    Some(taken)
}

#[cfg(test)]
mod tests;
