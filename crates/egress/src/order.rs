//! What a caller wants to have called: the door's half of the story.
//!
//! In reading order: [`Order`], its [`Body`], `gather` (a body read whole, within its limits, before any
//! vendor is called), `overriding` (methods that a request names beside its own), `spool` (what of it does not fit into memory).

mod body;
mod gather;
mod overriding;
mod spool;

use std::time::Duration;

use http::HeaderMap;
use lockgate_access::{Ask, Grant};
use lockgate_inspect::schema::Schema;
use lockgate_vocabulary::limit::{BODY_BYTES, BULK_BODY_BYTES};
use lockgate_vocabulary::{Arrival, RunId, Stop};

use crate::alarm::Alarm;
use crate::egress::Inner;
use crate::refusal::EgressRefusal;

pub use body::{Body, BoxError};
use gather::Limits;
pub(crate) use gather::digest_of;
use overriding::FormScan;
pub(crate) use overriding::method_override;
pub use spool::Spool;
pub(crate) use spool::{SpoolReader, Spooler};

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

/// The order with its body read whole, within what the granted endpoint may take, and what the answer has to
/// look like: held from here on, so that it can be checked whatever is forgotten meanwhile.
pub(crate) async fn gather(
    inner: &Inner,
    grant: &Grant,
    order: Order,
    alarm: &mut Alarm,
    end: Duration,
) -> Result<(Order, Option<Schema>), Stop> {
    if let Some(name) = order.query.as_deref().and_then(method_override) {
        return Err(EgressRefusal::QueryOverride.refuse().detail(name).into());
    }
    let run = order.run;
    let most_bytes = if grant.endpoint().bulk { BULK_BODY_BYTES } else { BODY_BYTES };
    let limits = Limits { most_bytes, stall: inner.times.stall, end };
    let scan = FormScan::of(&order.headers);
    let (parts, tenant) = (&inner.parts, grant.caller().tenant());
    let spooler = Spooler { vault: &parts.vault, dir: &parts.spool_dir, tenant, run, spooled: &inner.spooled };
    let body = order.body.gather(limits, scan, spooler, alarm).await?;
    // A call whose answer could not be checked is not made.
    let schema = inner.schemas.of(grant.endpoint(), tenant);
    let schema = alarm.race(end, schema).await.map_err(|_| EgressRefusal::AnswerUnchecked)??;
    Ok((Order { body, ..order }, schema))
}
