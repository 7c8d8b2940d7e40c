//! What is read of an endpoint's answer: its status, what it asks for, and the beginning of its body.
//!
//! The status says whether the message was taken; the body is for whoever looks into the matter. So a body
//! that is too long, too slow or breaks off is cut, and changes nothing.

use std::pin::Pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http::header::RETRY_AFTER;
use http_body::Body as _;
use hyper::body::Incoming;
use lockgate_traffic::retry_after;
use lockgate_vocabulary::Timestamp;

use crate::alarm::Alarm;
use crate::answer::framing_is_plain;
use crate::wire::Exchange;

/// Bytes of a body that are read.
pub(super) const MOST_BYTES: usize = 64 * 1024;

/// What came.
pub(super) struct Heard {
    pub(super) status: StatusCode,
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Bytes,
}

/// Reads an answer as far as it is read, and gives its line back where it may be used again.
pub(super) async fn read(exchange: Exchange, alarm: &mut Alarm, until: Duration, now: Timestamp) -> Heard {
    let Exchange { head, mut body, line } = exchange;
    let mut whole = BytesMut::new();
    let ended = alarm.race(until, gather(&mut body, &mut whole)).await.unwrap_or(false);
    // INVARIANT: what two readers could end at different bytes leaves no second answer on a line.
    if ended && framing_is_plain(&head.headers) && !head.status.is_informational() {
        line.release(alarm.now());
    }
    let mut said = head.headers.get_all(RETRY_AFTER).iter();
    // Two that differ say nothing that could be obeyed.
    let said = said.next().filter(|_| said.next().is_none()).and_then(|said| said.to_str().ok());
    Heard { status: head.status, retry_after: said.and_then(|said| retry_after(said, now)), body: whole.freeze() }
}

/// Whether the body came to its end within the bound.
async fn gather(body: &mut Incoming, whole: &mut BytesMut) -> bool {
    loop {
        let frame = match std::future::poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await {
            None => return true,
            Some(Err(_)) => return false,
            Some(Ok(frame)) => frame,
        };
        // Trailers say nothing that is kept.
        let Ok(data) = frame.into_data() else { continue };
        let room = MOST_BYTES.saturating_sub(whole.len());
        whole.extend_from_slice(data.get(..room.min(data.len())).unwrap_or_default());
        if data.len() > room {
            return false;
        }
    }
}
