//! One key, one run: a repeated request gets the answer of the first, and nothing is done twice.
//!
//! A key belongs to a tenant, a caller and a connection, and stands for one request: its method, path,
//! query and body. It is taken before anything is recorded or sent, and freed again where nothing reached
//! the vendor. What came of the run is kept for 24 hours, sealed. Where nobody knows what came of it, the
//! key stays blocked: sending the call again is then a person's decision.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method};
use lockgate_access::Grant;
use lockgate_store::{Change, Row, values};
use lockgate_vocabulary::limit::{BULK_CALL_TIME, OPERATION_TIME};
use lockgate_vocabulary::{ConnectionId, Fault, PrincipalId, RunId, Stop, TenantId, Timestamp};

use crate::egress::Inner;
use crate::kept::Kept;
use crate::order::{Body, Order, digest_of};
use crate::refusal::EgressRefusal;
use crate::rows;

/// How long a key is remembered: as long as the operation that it may stand for.
pub(crate) const KEPT_FOR: Duration = OPERATION_TIME;

/// After this a run that has not said what came of it never will: its node is gone.
const RUNS_FOR: Duration = Duration::from_secs(BULK_CALL_TIME.as_secs() * 2);

/// When it is worth asking again while the first request is under way.
const BUSY_FOR: Duration = Duration::from_secs(1);

const PURPOSE: &str = "egress.kept";
const KEY_BYTES: usize = 255;

/// What a key leads to.
pub(crate) enum Claimed {
    /// The order has no key.
    Unkeyed,
    /// The key is taken for this run.
    Ours(Claim),
    /// The key's run is over; this is what came of it.
    Kept(RunId, Kept),
}

/// A key that is taken. Dropping it frees the key, so whoever has sent something settles it first.
pub(crate) struct Claim {
    inner: Arc<Inner>,
    place: Place,
    run: RunId,
    vendor_key: Option<HeaderValue>,
    settled: bool,
}

#[derive(Clone, Copy)]
struct Place {
    tenant: TenantId,
    caller: PrincipalId,
    connection: ConnectionId,
    key: [u8; 32],
}

/// Whether the text can be a key: 1 to 255 visible ASCII characters.
fn is_key(text: &str) -> bool {
    (1..=KEY_BYTES).contains(&text.len()) && text.bytes().all(|byte| (0x21..=0x7e).contains(&byte))
}

/// Takes the order's key, or tells what came of it.
pub(crate) async fn claim(inner: &Arc<Inner>, grant: &Grant, order: &Order) -> Result<Claimed, Stop> {
    let Some(key) = order.idempotency_key.as_deref() else { return Ok(Claimed::Unkeyed) };
    if !is_key(key) {
        return Err(EgressRefusal::IdempotencyKey.into());
    }
    // A read may be repeated anyway, and a dry run does nothing that could be done twice.
    if order.dry_run || matches!(order.ask.method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(Claimed::Unkeyed);
    }
    // On the heap, since most calls have no key.
    Box::pin(take(inner, grant, order, key)).await
}

async fn take(inner: &Arc<Inner>, grant: &Grant, order: &Order, key: &str) -> Result<Claimed, Stop> {
    let place = Place::of(inner, grant, key);
    let vendor_key = vendor_key(inner, grant, &place)?;
    let request = request_digest(inner, grant, order);
    let now = inner.parts.clock.now();
    if let Err(full) = inner.kept_room.demand(&inner.parts.store, place.tenant, &inner.parts.clock).await {
        // Whoever comes back for what is kept already gets it all the same.
        return match read(inner, &place).await? {
            Some(row) => found(inner, place, &row, &request, now),
            None => Err(full),
        };
    }
    let values = values![place.caller, place.connection, &place.key, &request, order.run, now, now.after(KEPT_FOR),];
    let change = Change::of(place.tenant).step(&rows::KEPT_INSERT, values);
    // INVARIANT: the claim is there before the row may be: whoever stops waiting for the store frees the key,
    // behind the change that takes it. Nothing was sent for it.
    let mut claim = Claim { inner: Arc::clone(inner), place, run: order.run, vendor_key, settled: false };
    let applied = inner.parts.store.apply(change).await;
    let applied = applied.map_err(|failure| failure.into_fault("taking an idempotency key"))?;
    if applied.touched.first() == Some(&1) {
        return Ok(Claimed::Ours(claim));
    }
    claim.settled = true;
    // It was freed in between.
    let Some(row) = read(inner, &place).await? else {
        return Err(EgressRefusal::IdempotencyBusy.refuse().retry_after(BUSY_FOR).into());
    };
    found(inner, place, &row, &request, now)
}

async fn read(inner: &Inner, place: &Place) -> Result<Option<Row>, Fault> {
    let values = values![place.caller, place.connection, &place.key];
    let rows = inner.parts.store.read(place.tenant, &rows::KEPT_FIND, values).await?;
    Ok(rows.into_iter().next())
}

fn found(inner: &Inner, place: Place, row: &Row, request: &[u8; 32], now: Timestamp) -> Result<Claimed, Stop> {
    if row.bytes(0)? != request {
        return Err(EgressRefusal::IdempotencyMismatch.into());
    }
    let run: RunId = row.parsed(2)?;
    match row.text(1)? {
        "running" if now.since(row.moment(4)?) < RUNS_FOR => {
            Err(EgressRefusal::IdempotencyBusy.refuse().retry_after(BUSY_FOR).into())
        }
        "running" | "unknown" => Err(EgressRefusal::OutcomeUnknown.into()),
        "done" | "accepted" => {
            let sealed = row.bytes(3)?;
            let plain = inner.parts.vault.unseal(place.tenant, PURPOSE, &place.key, sealed)?;
            match Kept::decode(plain.expose())? {
                Kept::TooLarge => Err(EgressRefusal::IdempotencyNotKept.into()),
                kept => Ok(Claimed::Kept(run, kept)),
            }
        }
        _ => Err(Fault::violated("an idempotency key is running, accepted, done or unknown").into()),
    }
}

impl Place {
    fn of(inner: &Inner, grant: &Grant, key: &str) -> Self {
        let (tenant, caller) = (grant.caller().tenant(), grant.caller().actor().principal);
        let connection = grant.connection().id;
        let mut whose = Vec::with_capacity(32 + key.len());
        whose.extend_from_slice(&caller.as_u128().to_be_bytes());
        whose.extend_from_slice(&connection.as_u128().to_be_bytes());
        whose.extend_from_slice(key.as_bytes());
        let key = inner.parts.vault.digest(tenant, "egress.idempotency.key", &whose);
        Self { tenant, caller, connection, key }
    }
}

/// The request that a key stands for. Each part is preceded by its length, so that no two requests read
/// the same.
fn request_digest(inner: &Inner, grant: &Grant, order: &Order) -> [u8; 32] {
    let body = match &order.body {
        Body::Buffered(bytes) => digest_of(bytes),
        Body::Spooled(spool) => *spool.digest(),
        Body::Empty | Body::Streaming(_) => digest_of(b""),
    };
    let query = order.query.as_deref().unwrap_or_default();
    let parts = [order.ask.method.as_str().as_bytes(), order.ask.path.as_bytes(), query.as_bytes(), &body];
    let mut request = Vec::with_capacity(256);
    for part in parts {
        request.extend_from_slice(&(part.len() as u64).to_be_bytes());
        request.extend_from_slice(part);
    }
    inner.parts.vault.digest(grant.caller().tenant(), "egress.idempotency.request", &request)
}

/// What a vendor that takes a key gets: derived from whose key it is, so that two callers of one account
/// who choose the same key do not meet at the vendor.
fn vendor_key(inner: &Inner, grant: &Grant, place: &Place) -> Result<Option<HeaderValue>, Fault> {
    if grant.connection().provider.idempotency_header.is_none() {
        return Ok(None);
    }
    let digest = inner.parts.vault.digest(place.tenant, "egress.idempotency.vendor", &place.key);
    let mut text = String::with_capacity(64);
    for byte in digest {
        for nibble in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(nibble.into(), 16));
        }
    }
    HeaderValue::try_from(text).map(Some).map_err(|error| Fault::broken("writing a vendor's idempotency key", error))
}

impl Claim {
    /// What the vendor recognises the call by, where it does.
    pub(crate) const fn vendor_key(&self) -> Option<&HeaderValue> {
        self.vendor_key.as_ref()
    }

    /// Keeps what came of the run. Where that cannot be kept, the key stays taken, which is the safe side.
    pub(crate) async fn keep(mut self, kept: &Kept) -> Result<(), Fault> {
        self.settled = true;
        self.settle("done", kept).await
    }

    /// Keeps that the run goes on in the background. The claim stays open.
    pub(crate) async fn accept(&mut self, kept: &Kept) -> Result<(), Fault> {
        self.settle("accepted", kept).await
    }

    /// Leaves the key blocked; the row itself is changed together with the escalation.
    pub(crate) fn block(mut self) {
        self.settled = true;
    }

    /// Frees the key: nothing was done.
    pub(crate) async fn release(mut self) -> Result<(), Fault> {
        self.settled = true;
        release(Arc::clone(&self.inner), self.place, self.run).await
    }

    async fn settle(&self, state: &'static str, kept: &Kept) -> Result<(), Fault> {
        let Place { tenant, caller, connection, key } = self.place;
        let vault = &self.inner.parts.vault;
        let plain = kept.encode().ok_or(Fault::violated("only what can be kept is kept"))?;
        let answer = vault.seal(tenant, PURPOSE, &key, &plain)?;
        self.inner.kept_room.add(tenant, answer.len());
        let change = Change::of(tenant)
            .step(&rows::KEPT_SETTLE, values![caller, connection, &key, self.run, state, answer])
            .expecting(1);
        let applied = self.inner.parts.store.apply(change).await;
        applied.map(drop).map_err(|failure| failure.into_fault("keeping an answer for its idempotency key"))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.settled {
            return;
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let (inner, place, run) = (Arc::clone(&self.inner), self.place, self.run);
            runtime.spawn(async move {
                if let Err(fault) = release(inner, place, run).await {
                    tracing::warn!(%fault, %run, "an idempotency key stays taken");
                }
            });
        }
    }
}

async fn release(inner: Arc<Inner>, place: Place, run: RunId) -> Result<(), Fault> {
    let Place { tenant, caller, connection, key } = place;
    let change = Change::of(tenant).step(&rows::KEPT_RELEASE, values![caller, connection, &key, run]);
    let applied = inner.parts.store.apply(change).await;
    applied.map(drop).map_err(|failure| failure.into_fault("freeing an idempotency key"))
}

#[cfg(test)]
mod tests;
