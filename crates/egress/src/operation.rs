//! Calls that are answered later: the full schedule of retries goes on behind a 202.
//!
//! The node that accepted an operation carries it on and holds it by a lease. Its run stays open all the
//! while, so there is one record of it. Where the node dies the lease runs out, and another node ends the
//! operation: as interrupted where nothing was under way, as unknown where a write may have been sent.
//! Nobody sends it a second time, because nobody else knows what was sent. It ends before its idempotency
//! key could be forgotten, and a tenant has so many going on at once: each holds a task and its body.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};
use lockgate_access::Caller;
use lockgate_access::registry::{Event, EventKind};
use lockgate_store::{Change, values};
use lockgate_traffic::Permit;
use lockgate_vocabulary::limit::BULK_CALL_TIME;
use lockgate_vocabulary::{BoxFuture, ConnectionId, Fault, OperationId, RunId, Stop, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::answer::Setback;
use crate::call::{Proofs, pursue, readmit};
use crate::egress::Inner;
use crate::ending::refused;
use crate::idempotency::KEPT_FOR;
use crate::kept::Kept;
use crate::refusal::EgressRefusal;
use crate::reply::{Answer, Reply, ReplyBody};
use crate::retry::{LONGEST_SAID, Trouble};
use crate::run::Run;
use crate::share::Share;
use crate::{replay, rows};

/// Where operations are polled.
pub(crate) const PATH: &str = "/operations/";

const PURPOSE: &str = "egress.operation";

/// How long beyond the next step a node holds an operation.
const LEASE: Duration = Duration::from_secs(BULK_CALL_TIME.as_secs() + 60);

/// How often it is tried to keep what came of an operation: for as long as the lease holds.
const SETTLED_AT_MOST: u32 = 7;

/// How often an operation is let wait for its own limits before it is given up.
const HELD_BACK: u8 = 5;

/// How an operation stands.
#[derive(Debug)]
pub struct OperationStatus {
    /// The operation.
    pub operation: OperationId,
    /// The run under which it is recorded.
    pub run: RunId,
    /// How it stands.
    pub state: OperationState,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// Until when it can be asked for.
    pub expires_at: Timestamp,
}

/// Where an operation is.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one of it for each request that asks")]
pub enum OperationState {
    /// It goes on; ask again after so long.
    Running {
        /// How long to wait before asking.
        retry_after: Duration,
    },
    /// It is over: the vendor's answer, or why there is none.
    Ended(Result<Answer, Stop>),
}

/// What is kept of the request: what whoever ends an abandoned operation has to know.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Sketch {
    pub(crate) connection: ConnectionId,
    pub(crate) name: String,
    method: String,
    endpoint: String,
    pub(crate) write: bool,
}

impl Sketch {
    pub(crate) fn unseal(
        inner: &Inner,
        tenant: TenantId,
        operation: OperationId,
        sealed: &[u8],
    ) -> Result<Self, Fault> {
        let plain = inner.parts.vault.unseal(tenant, PURPOSE, &context(operation), sealed)?;
        serde_json::from_slice(plain.expose()).map_err(|error| Fault::broken("reading an operation", error))
    }
}

/// An operation that this node carries on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Held {
    tenant: TenantId,
    operation: OperationId,
    until: Duration,
}

impl Held {
    /// Until when its last attempt has to have begun, on the clock's count.
    pub(crate) fn until(&self) -> Duration {
        self.until
    }

    /// Says where it is, and holds it until the next step is over. It is refused where another node ended it
    /// in the meantime: whoever polls was told so, and may have sent the call anew.
    pub(crate) async fn renew(
        &self,
        inner: &Inner,
        state: &'static str,
        tries: u8,
        wait: Duration,
    ) -> Result<(), Stop> {
        let due = inner.parts.clock.now().after(wait);
        let values = values![self.operation, state, tries, due, due.after(LEASE)];
        let change = Change::of(self.tenant).step(&rows::OPERATION_RENEW, values);
        let applied = inner.parts.store.apply(change).await;
        let applied = applied.map_err(|failure| failure.into_fault("holding an operation"))?;
        if applied.touched.first() == Some(&1) { Ok(()) } else { Err(EgressRefusal::OperationInterrupted.into()) }
    }

    async fn settle(&self, inner: &Inner, run: RunId, kept: &Kept) -> Result<(), Fault> {
        let parts = &inner.parts;
        let plain = kept.encode().ok_or(Fault::violated("only what can be kept is kept"))?;
        let answer = parts.vault.seal(self.tenant, PURPOSE, &context(self.operation), &plain)?;
        inner.kept_room.add(self.tenant, answer.len());
        let (kind, outcome) = match kept {
            // What nobody knows was told with its escalation.
            Kept::Refused(refusal) if refusal.code() == EgressRefusal::OutcomeUnknown.info().code => {
                return self.end(inner, "unknown", answer, None).await;
            }
            Kept::Refused(_) => (EventKind::IntegrationFailed, "failed"),
            Kept::Answered { .. } | Kept::TooLarge => (EventKind::IntegrationRunCompleted, "succeeded"),
        };
        let event = Event::new(kind, self.tenant, run)
            .with("run", run.to_string())
            .with("operation", self.operation.to_string())
            .with("outcome", outcome);
        self.end(inner, "done", answer, Some(event)).await
    }

    async fn end(
        &self,
        inner: &Inner,
        state: &'static str,
        answer: Vec<u8>,
        event: Option<Event>,
    ) -> Result<(), Fault> {
        let parts = &inner.parts;
        let mut change = Change::of(self.tenant).step(&rows::OPERATION_SETTLE, values![self.operation, state, answer]);
        if let Some(event) = event {
            let (statement, values) = event.step(&*parts.clock, &*parts.entropy);
            change = change.step(statement, values);
        }
        let applied = parts.store.apply(change).await;
        applied.map(drop).map_err(|failure| failure.into_fault("ending an operation"))
    }
}

/// Whether a run may wait so long in the background: no longer than any vendor is obeyed, and not until its
/// idempotency key could be forgotten.
pub(crate) fn may_wait(run: &Run, wait: Duration) -> bool {
    wait <= LONGEST_SAID && run.alarm.now().saturating_add(wait) <= run.last_until()
}

/// A place among the tenant's operations, and room for what is kept of it.
pub(crate) async fn place(inner: Arc<Inner>, tenant: TenantId, wait: Duration) -> Result<Share, Stop> {
    inner.kept_room.demand(&inner.parts.store, tenant, &inner.parts.clock).await?;
    let full = || EgressRefusal::OperationTooMany.refuse().retry_after(wait).into();
    inner.operations.take(tenant, 1).ok_or_else(full)
}

/// Lets a run go on in the background, in this place of its tenant's; the reply tells where to ask for it.
pub(crate) async fn accept(mut run: Box<Run>, permit: Permit, wait: Duration, place: Share) -> Reply {
    let inner = Arc::clone(&run.inner);
    let operation = OperationId::generate(&*inner.parts.clock, &*inner.parts.entropy);
    let held = Held { tenant: run.grant.caller().tenant(), operation, until: run.last_until() };
    let accepted = accepted(operation, run.id(), wait);
    let row = insertion(&run, held, wait);
    if let Err(fault) = insert(&inner, row).await {
        return refused(run, permit, fault.into()).await;
    }
    if let (Some(claim), Ok(answer)) = (&mut run.claim, &accepted) {
        let kept = Kept::Answered {
            status: answer.status,
            headers: answer.headers.clone(),
            body: Bytes::from(told(operation, run.order.run)),
        };
        if let Err(fault) = claim.accept(&kept).await {
            tracing::warn!(%fault, run = %run.id(), "an idempotency key does not lead to its operation");
        }
    }
    run.operation = Some(held);
    let id = run.id();
    let present = inner.background.enter();
    let going_on = carry_on(run, held, permit, wait);
    tokio::spawn(async move {
        going_on.await;
        drop((place, present));
    });
    Reply { run: id, permit, replayed: false, fallback: false, outcome: accepted }
}

fn accepted(operation: OperationId, run: RunId, wait: Duration) -> Result<Answer, Stop> {
    let text = |text: String| HeaderValue::try_from(text).map_err(|error| Fault::broken("writing a header", error));
    let mut headers = HeaderMap::new();
    headers.insert(LOCATION, text(format!("{PATH}{operation}"))?);
    headers.insert(RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let body = ReplyBody::whole(Bytes::from(told(operation, run)));
    Ok(Answer { status: StatusCode::ACCEPTED, headers, body, operation: Some(operation) })
}

pub(crate) fn told(operation: OperationId, run: RunId) -> String {
    json!({ "operation": operation, "run": run, "state": "running", "status": format!("{PATH}{operation}") })
        .to_string()
}

/// The row of a new operation.
fn insertion(run: &Run, held: Held, wait: Duration) -> Result<Change, Fault> {
    let (parts, connection) = (&run.inner.parts, run.grant.connection());
    let sketch = Sketch {
        connection: connection.id,
        name: connection.name.as_str().to_owned(),
        method: run.order.ask.method.as_str().to_owned(),
        endpoint: run.grant.endpoint().path.as_str().to_owned(),
        write: run.is_write(),
    };
    let plain = serde_json::to_vec(&sketch).map_err(|error| Fault::broken("writing an operation", error))?;
    let request = parts.vault.seal(held.tenant, PURPOSE, &context(held.operation), &plain)?;
    let now = parts.clock.now();
    let due = now.after(wait);
    let values = values![
        held.operation,
        run.grant.caller().actor().principal,
        run.id(),
        request,
        run.retries(),
        due,
        due.after(LEASE),
        now,
        now.after(KEPT_FOR),
    ];
    Ok(Change::of(held.tenant).step(&rows::OPERATION_INSERT, values).expecting(1))
}

async fn insert(inner: &Inner, change: Result<Change, Fault>) -> Result<(), Fault> {
    let applied = inner.parts.store.apply(change?).await;
    applied.map(drop).map_err(|failure| failure.into_fault("accepting an operation"))
}

/// An attempt begins; where an operation waits for it, that is on disk before it may be sent.
pub(crate) async fn attempting(inner: &Inner, held: Option<Held>, tries: u8) -> Result<(), Setback> {
    let Some(held) = held else { return Ok(()) };
    held.renew(inner, "sending", tries, Duration::ZERO).await.map_err(|stop| match stop {
        // The store may be back at the next attempt.
        Stop::Fault(_) => Setback::new(Trouble::Unsent, stop),
        Stop::Refused(_) => Setback::new(Trouble::Final, stop),
    })
}

/// Boxed, because it leads back into the story that it comes from.
fn carry_on(mut run: Box<Run>, held: Held, permit: Permit, wait: Duration) -> BoxFuture<()> {
    Box::pin(async move {
        let (inner, id) = (Arc::clone(&run.inner), run.id());
        let next = match run.sleep(wait).await {
            Ok(()) => next_proofs(&mut run).await,
            Err(stop) => Err(stop),
        };
        let reply = match next {
            Ok(proofs) => pursue(run, proofs).await,
            Err(stop) => refused(run, permit, stop).await,
        };
        let kept = kept(reply, inner.kept_answer_bytes);
        settle(&inner, held, id, &kept).await;
    })
}

/// Lets the next attempt of a run in and out again. Nobody waits for what goes on in the background, so there
/// it waits for its limits.
pub(crate) async fn next_proofs(run: &mut Run) -> Result<Proofs, Stop> {
    let mut held_back = 0;
    loop {
        let stop = match readmit(run).await {
            Ok(proofs) => return Ok(proofs),
            Err(stop) => stop,
        };
        let wait = match &stop {
            Stop::Refused(refusal) if run.operation.is_some() && held_back < HELD_BACK => refusal.wait(),
            Stop::Refused(_) | Stop::Fault(_) => None,
        };
        let Some(wait) = wait.filter(|wait| may_wait(run, *wait)) else { return Err(stop) };
        held_back += 1;
        run.pause(wait).await?;
    }
}

/// Keeps what came of an operation, as often as that takes while the store may come back: what is not kept
/// would be called unknown once the lease is over.
async fn settle(inner: &Inner, held: Held, run: RunId, kept: &Kept) {
    for number in 0..SETTLED_AT_MOST {
        let Err(fault) = held.settle(inner, run, kept).await else { return };
        tracing::error!(%fault, operation = %held.operation, "what came of an operation was not kept; the trail has it");
        if !fault.is_unavailable() {
            return;
        }
        inner.parts.clock.sleep(Duration::from_secs(1 << number)).await;
    }
}

/// What is kept of the reply behind an operation.
fn kept(reply: Reply, most: usize) -> Kept {
    match reply.into_outcome() {
        Ok(answer) => answer.body.kept(answer.status, answer.headers, most),
        Err(Stop::Refused(refusal)) if Kept::Refused(refusal.clone()).encode().is_some() => Kept::Refused(refusal),
        // Another room said no, such as to a key that was revoked while the operation waited.
        Err(Stop::Refused(refusal)) => Kept::Refused(EgressRefusal::OperationStopped.refuse().detail(refusal.code())),
        Err(Stop::Fault(_)) => Kept::Refused(EgressRefusal::OperationStopped.refuse()),
    }
}

/// How an operation of the caller's stands. One of somebody else's is as unknown as one that never was.
pub(crate) async fn status(inner: &Inner, caller: &Caller, operation: OperationId) -> Result<OperationStatus, Stop> {
    let parts = &inner.parts;
    let values = values![operation, caller.actor().principal];
    let rows = parts.store.read(caller.tenant(), &rows::OPERATION_FIND, values).await?;
    let row = rows.first().ok_or(EgressRefusal::OperationUnknown)?;
    // A key that is narrowed to other connections does not learn of its principal's calls over this one.
    match Sketch::unseal(inner, caller.tenant(), operation, row.bytes(6)?) {
        Ok(sketch) if caller.may_reach(&sketch.name, sketch.connection) => {}
        Ok(_) => return Err(EgressRefusal::OperationUnknown.into()),
        // Of what cannot be read any more only its end is told.
        Err(fault) if fault.is_unavailable() || row.text(1)? == "done" => return Err(fault.into()),
        Err(_) => {}
    }
    let state = match row.text(1)? {
        "waiting" | "sending" => {
            let retry_after = row.moment(3)?.since(parts.clock.now()).max(Duration::from_secs(1));
            OperationState::Running { retry_after }
        }
        "unknown" => OperationState::Ended(Err(EgressRefusal::OutcomeUnknown.into())),
        "interrupted" => OperationState::Ended(Err(EgressRefusal::OperationInterrupted.into())),
        "done" => {
            let plain = parts.vault.unseal(caller.tenant(), PURPOSE, &context(operation), row.bytes(2)?)?;
            OperationState::Ended(replay::outcome(Kept::decode(plain.expose())?))
        }
        _ => return Err(Fault::violated("an operation is waiting, sending, done, interrupted or unknown").into()),
    };
    Ok(OperationStatus {
        operation,
        run: row.parsed(0)?,
        state,
        created_at: row.moment(4)?,
        expires_at: row.moment(5)?,
    })
}

fn context(operation: OperationId) -> [u8; 16] {
    operation.as_u128().to_be_bytes()
}

#[cfg(test)]
mod tests;
