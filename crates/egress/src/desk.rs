//! The command line's way to a server at a developer's desk: deliveries are posted there as they came.
//!
//! Whoever types the command names the URL, so it may be private; in the clear it is this very machine alone.
//! Nothing of ours goes along, and no redirect is followed.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use lockgate_vocabulary::Clock;

use crate::alarm::Alarm;
use crate::operator_client::{Named, named, unanswered};
use crate::wire::{Once, Outgoing, Whole};

/// How long an answer may take.
const TIME: Duration = Duration::from_secs(30);

/// Bytes of an answer.
const MOST_BYTES: usize = 1024 * 1024;

/// Fields that belong to the connection a delivery came over, and not to the delivery (RFC 9110 section 7.6.1).
const OF_THE_WAY: &[HeaderName] = &[
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::EXPECT,
    header::HOST,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// A server at somebody's desk.
pub struct Desk {
    url: String,
    clock: Arc<dyn Clock>,
}

/// What it answered.
#[derive(Debug, Clone)]
pub struct DeskAnswer {
    /// The status.
    pub status: StatusCode,
    /// The body.
    pub body: Bytes,
    /// How long it took.
    pub took: Duration,
}

/// Why it did not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeskFailure {
    /// The URL cannot be used.
    Url(String),
    /// Nobody answers there, or not in HTTP.
    Unanswered(&'static str),
}

impl fmt::Display for DeskFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(reason) => f.write_str(reason),
            Self::Unanswered(reason) => f.write_str(&reason.trim_end_matches('.').replace("the vendor's ", "its ")),
        }
    }
}

impl std::error::Error for DeskFailure {}

impl Desk {
    /// The server at this URL: `https://…`, or `http://` on loopback alone.
    pub fn new(url: &str, clock: Arc<dyn Clock>) -> Self {
        Self { url: url.to_owned(), clock }
    }

    /// Whether the URL can be used at all; nobody is asked at it.
    pub async fn check(&self) -> Result<(), DeskFailure> {
        named(&self.url, None, &self.clock).await.map(drop).map_err(DeskFailure::Url)
    }

    /// Posts a body with these fields, as they are but for those of the way.
    pub async fn post(&self, headers: &HeaderMap, body: Bytes) -> Result<DeskAnswer, DeskFailure> {
        let Named { url, target, tls } = named(&self.url, None, &self.clock).await.map_err(DeskFailure::Url)?;
        let mut alarm = Alarm::new(Arc::clone(&self.clock));
        let started = alarm.now();
        let once = Once { target: &target, tls, most_bytes: MOST_BYTES, until: started.saturating_add(TIME) };
        let mut request = Request::new(Outgoing::Full(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = Uri::try_from(url.path()).map_err(|_| DeskFailure::Url("its path is malformed".into()))?;
        let fields = request.headers_mut();
        fields.clone_from(headers);
        for of_the_way in OF_THE_WAY {
            fields.remove(of_the_way);
        }
        fields.insert(header::CONNECTION, HeaderValue::from_static("close"));
        let answer = once.send(request, &mut alarm).await;
        let Whole { head, body } = answer.map_err(|failure| DeskFailure::Unanswered(unanswered(failure)))?;
        Ok(DeskAnswer { status: head.status, body, took: alarm.now().saturating_sub(started) })
    }
}

#[cfg(test)]
mod tests;
