//! A caller's body: nothing, bytes, a sealed spool, or what is still to be read.

use std::fmt;

use bytes::Bytes;
use http_body::Body as _;
use http_body_util::BodyExt as _;
use http_body_util::combinators::BoxBody;

use super::spool::Spool;

/// Why a stream broke. Where it is a [`lockgate_vocabulary::Refusal`], the caller is told that one.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A caller's body.
#[derive(Default)]
pub enum Body {
    /// There is none.
    #[default]
    Empty,
    /// It is in memory.
    Buffered(Bytes),
    /// It is on disk, sealed under the tenant's key.
    Spooled(Spool),
    /// It is still to be read from the caller.
    Streaming(BoxBody<Bytes, BoxError>),
}

impl Body {
    /// A body that is still to be read.
    pub fn streaming<B>(body: B) -> Self
    where
        B: http_body::Body<Data = Bytes> + Send + Sync + 'static,
        B::Error: Into<BoxError>,
    {
        if body.is_end_stream() { Self::Empty } else { Self::Streaming(body.map_err(Into::into).boxed()) }
    }

    /// How long it is, where that is known already.
    pub fn length(&self) -> Option<u64> {
        match self {
            Self::Empty => Some(0),
            Self::Buffered(bytes) => Some(bytes.len() as u64),
            Self::Spooled(spool) => Some(spool.length()),
            Self::Streaming(body) => body.size_hint().exact(),
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        if bytes.is_empty() { Self::Empty } else { Self::Buffered(bytes) }
    }
}

/// A body is the caller's, so only its kind is shown.
impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "Empty",
            Self::Buffered(_) => "Buffered",
            Self::Spooled(_) => "Spooled",
            Self::Streaming(_) => "Streaming",
        })
    }
}
