//! What a caller wants to have called: the door's half of the story.
//!
//! In reading order: [`Order`], its [`Body`], `gather` (a body read whole, within its limits, before any
//! vendor is called), `spool` (what of it does not fit into memory).

mod body;
mod gather;
mod spool;

use http::HeaderMap;
use lockgate_access::Ask;
use lockgate_vocabulary::{Arrival, RunId};

pub use body::{Body, BoxError};
pub(crate) use gather::Limits;
pub(crate) use spool::{Spool, SpoolReader, Spooler};

/// One outbound call as a caller asked for it.
#[derive(Debug)]
pub struct Order {
    /// The run under which it is recorded.
    pub run: RunId,
    /// Which connection, method and path; the path canonical, below the connection's base.
    pub ask: Ask,
    /// The query as it was sent, without its question mark.
    pub query: Option<Box<str>>,
    /// The caller's header fields, without the gateway's own, hop-by-hop ones and the caller's credential.
    pub headers: HeaderMap,
    /// The body.
    pub body: Body,
    /// Whether everything is to be checked and nothing sent.
    pub dry_run: bool,
    /// The caller's idempotency key.
    pub idempotency_key: Option<Box<str>>,
    /// Whether the caller takes an operation in place of an answer, where that takes long.
    pub respond_async: bool,
    /// How it arrived.
    pub arrival: Arrival,
}
