//! A parcel: a delivery as it came, before anybody has looked into it.

use bytes::Bytes;
use http::HeaderMap;

/// The headers and the raw bytes of the body, whole and within the cap.
#[derive(Debug, Clone)]
pub struct Parcel {
    /// Every header, duplicates included.
    pub headers: HeaderMap,
    /// The bytes of the body as they came.
    pub body: Bytes,
}
