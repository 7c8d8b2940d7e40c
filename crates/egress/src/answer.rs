//! Whether what came back may go on, and as what.
//!
//! A vendor's answer is untrusted: its framing, encoding, size, media type and schema are checked. Bodies
//! are never decoded here, so nothing that is packed can unfold. An answer with a declared schema is read
//! whole before its first byte goes on; others flow. Whatever is read of a body comes out with the
//! credential masked in every spelling. A vendor's own words about an error go on only as JSON from which
//! every spelling of it was taken; anything else is reduced to its codes.

mod error;
mod fields;
mod head;
mod schemas;

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, StatusCode, response};
use lockgate_inspect::json;
use lockgate_traffic::{Health, RateNames, VendorLimits};
use lockgate_vocabulary::limit::{BODY_BYTES, BULK_BODY_BYTES};
use lockgate_vocabulary::{Fault, Refusal, Stop};

use crate::refusal::EgressRefusal;
use crate::reply::Flow;
use crate::request;
use crate::retry::{self, Trouble};
use crate::run::Run;
use crate::wire::Exchange;

pub(crate) use head::framing_is_plain;
pub(crate) use schemas::Schemas;

/// Bytes that are read of an answer that is not passed on, so that its line can be used again.
const DISCARDED: u64 = 16 * 1024;

/// How long that may take.
const DISCARD_TIME: Duration = Duration::from_secs(1);

/// Bytes of an error's body that are looked at.
const ERROR_BYTES: usize = 8 * 1024;

/// Bytes of an answer that are read without a share of the tenant's memory: what most answers have.
const UNCOUNTED: u64 = 64 * 1024;

/// When there may be room for a large answer again.
const NO_ROOM_FOR: Duration = Duration::from_secs(1);

/// What goes on to the caller.
pub(crate) struct Content {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// What was read already.
    pub(crate) first: Bytes,
    /// What is still to come.
    pub(crate) flow: Option<Flow>,
}

/// An attempt that brought nothing that may go on.
pub(crate) struct Setback {
    pub(crate) trouble: Trouble,
    /// What the caller gets where it is not tried again.
    pub(crate) stop: Stop,
    /// How long the vendor asked to wait.
    pub(crate) said: Option<Duration>,
    /// The vendor's answer, where there is one and its body was not read.
    pub(crate) exchange: Option<Box<Exchange>>,
}

impl Setback {
    pub(crate) fn new(trouble: Trouble, stop: impl Into<Stop>) -> Self {
        Self { trouble, stop: stop.into(), said: None, exchange: None }
    }

    /// How the far side did.
    pub(crate) fn health(&self) -> Health {
        let limited = self.exchange.as_ref().is_some_and(|exchange| exchange.head.status.is_client_error());
        match self.trouble {
            Trouble::Final => Health::Neutral,
            Trouble::Declined if limited => Health::Neutral,
            Trouble::Unsent | Trouble::Lost | Trouble::Declined | Trouble::Failed | Trouble::Invalid => Health::Bad,
        }
    }
}

impl From<Stop> for Setback {
    fn from(stop: Stop) -> Self {
        Self::new(Trouble::Final, stop)
    }
}

impl From<Fault> for Setback {
    fn from(fault: Fault) -> Self {
        Self::new(Trouble::Final, fault)
    }
}

/// Judges an answer by its head, and by its body where that must be read first.
pub(crate) async fn judge(run: &mut Run, exchange: Exchange) -> Result<Content, Setback> {
    let status = exchange.head.status;
    let asked = request::asked_for_encoding(&run.grant, &run.order.headers);
    if let Err(refusal) = head::check(&exchange.head, asked) {
        run.answered(status.as_u16());
        return Err(Setback::new(Trouble::Invalid, refusal));
    }
    if request::is_searched(&run.grant)
        && let Err(refusal) = head::check_charset(&exchange.head.headers)
    {
        run.answered(status.as_u16());
        return Err(Setback::new(Trouble::Invalid, refusal));
    }
    if let Some(trouble) = retry::of_status(status.as_u16()) {
        run.answered(status.as_u16());
        let names = RateNames::of(&run.grant.connection().provider.rate_headers);
        let limits = VendorLimits::read(&names, status, &exchange.head.headers, run.inner.parts.clock.now());
        let said = limits.and_then(|limits| limits.retry_after);
        let stop = EgressRefusal::VendorFailed.into();
        return Err(Setback { trouble, stop, said, exchange: Some(Box::new(exchange)) });
    }
    if status.is_server_error() {
        run.answered(status.as_u16());
        let stop = EgressRefusal::VendorFailed.into();
        return Err(Setback { trouble: Trouble::Final, stop, said: None, exchange: Some(Box::new(exchange)) });
    }
    if status.is_client_error() {
        return Ok(Box::pin(declined(run, exchange)).await);
    }
    accepted(run, exchange).await
}

/// An answer that says yes.
async fn accepted(run: &mut Run, exchange: Exchange) -> Result<Content, Setback> {
    let Exchange { head, body, line } = exchange;
    let status = head.status;
    let most = most_bytes(run);
    let invalid = |run: &mut Run, refusal: Refusal| {
        run.answered(status.as_u16());
        Err(Setback::new(Trouble::Invalid, refusal))
    };
    let has_body = run.order.ask.method != Method::HEAD && !matches!(status.as_u16(), 204 | 205 | 304);
    if has_body && http_body::Body::size_hint(&body).lower() > most {
        return invalid(run, EgressRefusal::AnswerTooLarge.refuse());
    }
    if has_body && let Err(refusal) = head::check_media(&head, &run.grant.endpoint().answer) {
        return invalid(run, refusal);
    }
    let mut flow = Flow::new(body, line, most, run);
    run.carried_out();
    let schema = run.schema.clone().filter(|_| has_body);
    let kept = run.claim.is_some() || run.operation.is_some();
    let headers = fields::passed(&head, &mut flow, run);
    let up_to = match (&schema, kept) {
        (Some(_), _) => usize::try_from(most).unwrap_or(usize::MAX),
        (None, true) => run.inner.kept_answer_bytes,
        (None, false) => {
            run.answered(status.as_u16());
            return Ok(Content { status, headers, first: Bytes::new(), flow: Some(flow) });
        }
    };
    let (first, flow) = read(flow, up_to, run).await.map_err(|refusal| broke(run, refusal))?;
    run.answered(status.as_u16());
    if let Some(schema) = schema {
        let limits = json::Limits { bytes: up_to, ..json::Limits::default() };
        let fits = schemas::demand(run, &schema, &first, limits).await;
        fits.map_err(unfit)?;
    }
    Ok(Content { status, headers, first, flow })
}

/// An answer that says no: its words go on where they are safe.
async fn declined(run: &mut Run, exchange: Exchange) -> Content {
    let Exchange { head, body, line } = exchange;
    let mut flow = Flow::new(body, line, most_bytes(run), run);
    let mut headers = fields::passed(&head, &mut flow, run);
    // What broke off is reduced like what is too long.
    let (text, whole) = match read(flow, ERROR_BYTES, run).await {
        Ok((text, None)) => (text, true),
        Ok((text, Some(_))) => (text, false),
        Err(_) => (Bytes::new(), false),
    };
    run.answered(head.status.as_u16());
    let first = if whole && text.is_empty() {
        text
    } else {
        let (body, media) = error::shown(run, &head, &text, whole);
        headers.remove(http::header::CONTENT_ENCODING);
        headers.insert(CONTENT_TYPE, media);
        body
    };
    Content { status: head.status, headers, first, flow: None }
}

/// What the caller is told where the vendor's answer is given up.
pub(crate) async fn given_up(run: &mut Run, exchange: Exchange) -> Result<Content, Stop> {
    if exchange.head.status.is_client_error() {
        return Ok(declined(run, exchange).await);
    }
    let Exchange { head, body, line } = exchange;
    let flow = Flow::new(body, line, DISCARDED, run).within(DISCARD_TIME);
    let text = read(flow, ERROR_BYTES, run).await.map(|(text, _)| text).unwrap_or_default();
    Err(error::failed(run, &head, &text).into())
}

/// Reads what is not passed on, so that its line can be used again. What takes too long is closed.
pub(crate) async fn discard(run: &mut Run, exchange: Exchange) {
    let flow = Flow::new(exchange.body, exchange.line, DISCARDED, run).within(DISCARD_TIME);
    let most = usize::try_from(DISCARDED).unwrap_or(usize::MAX);
    // Whatever comes of it, there is nothing to do about it.
    drop(read(flow, most, run).await);
}

/// Reads until the end or beyond so many bytes; what is still to come then.
async fn read(mut flow: Flow, up_to: usize, run: &mut Run) -> Result<(Bytes, Option<Flow>), EgressRefusal> {
    let mut first = Bytes::new();
    let mut more = BytesMut::new();
    while !flow.is_over() {
        let Some(piece) = std::future::poll_fn(|cx| flow.poll(cx, run)).await? else { break };
        // Most answers are one piece, which is then not copied.
        if first.is_empty() && more.is_empty() {
            first = piece;
        } else {
            more.extend_from_slice(&std::mem::take(&mut first));
            more.extend_from_slice(&piece);
        }
        let read = first.len().max(more.len());
        let has_room = hold(run, read);
        if !has_room && run.schema.is_some() {
            return Err(EgressRefusal::AnswerNoRoom);
        }
        // What would only be kept goes on without that where there is no room for it.
        if read > up_to || !has_room {
            let read = if more.is_empty() { first } else { more.freeze() };
            return Ok((read, Some(flow)));
        }
    }
    flow.release(run.alarm.now());
    Ok((if more.is_empty() { first } else { more.freeze() }, None))
}

/// An answer that does not fit its schema is the vendor's trouble; one that we could not look at is ours.
fn unfit(stop: Stop) -> Setback {
    let unchecked = EgressRefusal::AnswerUnchecked.info().code;
    match &stop {
        Stop::Refused(refusal) if refusal.code() != unchecked => Setback::new(Trouble::Invalid, stop),
        Stop::Refused(_) | Stop::Fault(_) => Setback::new(Trouble::Final, stop),
    }
}

/// Holds the tenant's share of memory, and of everybody's, for what was read of an answer; whether there is
/// one. What most answers have needs none.
fn hold(run: &mut Run, bytes: usize) -> bool {
    let wanted = (bytes as u64).saturating_sub(UNCOUNTED);
    if wanted == 0 {
        return true;
    }
    let tenant = run.grant.caller().tenant();
    let rooms = &run.inner.answers;
    let held = run.answer_room.get_or_insert_with(|| rooms.each_ref().map(|room| room.none(tenant)));
    held.iter_mut().all(|share| share.grow_to(wanted))
}

fn broke(run: &mut Run, refusal: EgressRefusal) -> Setback {
    match refusal {
        // It was answered; it is we who have no place for it.
        EgressRefusal::AnswerNoRoom => {
            run.unsent();
            Setback::new(Trouble::Final, refusal.refuse().retry_after(NO_ROOM_FOR))
        }
        // It was answered; there was only more of it than we take.
        EgressRefusal::AnswerTooLarge => {
            run.unsent();
            Setback::new(Trouble::Invalid, refusal)
        }
        _ => {
            run.lost();
            Setback::new(Trouble::Lost, refusal)
        }
    }
}

fn most_bytes(run: &Run) -> u64 {
    let endpoint = run.grant.endpoint();
    let usual = if endpoint.bulk { BULK_BODY_BYTES } else { BODY_BYTES };
    endpoint.answer.most_bytes.unwrap_or(usual)
}

/// The head of an answer, for what only needs that.
pub(crate) type Head = response::Parts;
