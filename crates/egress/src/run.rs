//! One run: its record, and the promise that it ends honestly.
//!
//! From the moment the record is open there is exactly one [`Run`], which is handed from stage to stage
//! and at last to the body of the answer. Whoever drops it early (a caller that goes away, a task that
//! dies) ends it all the same: as failed where nothing can have been done, as unknown where a write may
//! have been.

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use lockgate_access::Grant;
use lockgate_access::spec::Operation;
use lockgate_audit::{AttemptFacts, Closing, Opened, Outcome};
use lockgate_inspect::schema::Schema;
use lockgate_vault::Spellings;
use lockgate_vocabulary::limit::BULK_CALL_TIME;
use lockgate_vocabulary::{CredentialId, Fault, RunId, SpanId, Stop, Timestamp, TraceContext};

use crate::alarm::Alarm;
use crate::call::call_time;
use crate::egress::Inner;
use crate::escalation::Telling;
use crate::idempotency::{Claim, KEPT_FOR};
use crate::operation::Held;
use crate::order::{Body, Order};
use crate::refusal::EgressRefusal;
use crate::retry::{self, Progress, Repeatable, Trouble, Verdict};
use crate::share::Share;
use crate::span::{Span, Work, method_word};

/// A call whose record is open.
pub(crate) struct Run {
    pub(crate) inner: Arc<Inner>,
    pub(crate) grant: Grant,
    pub(crate) order: Order,
    /// What the answer has to look like.
    pub(crate) schema: Option<Schema>,
    pub(crate) alarm: Alarm,
    /// When the call is over, on the clock's count.
    pub(crate) end: Duration,
    /// The caller's idempotency key, where it gave one.
    pub(crate) claim: Option<Claim>,
    /// The operation behind which it goes on, where it does.
    pub(crate) operation: Option<Held>,
    /// What it holds of the tenant's, and of everybody's, memory for answers.
    pub(crate) answer_room: Option<[Share; 2]>,
    /// What the vendor was lent last. An answer may repeat it even after a redirect that left it behind.
    pub(crate) lent: Option<Spellings>,
    /// Which credential that was, of the request that was sent last; none where it carried none.
    pub(crate) credential: Option<(CredentialId, u32)>,
    opened: Option<Opened>,
    started: Duration,
    attempt_started: Duration,
    /// The span of the exchange that is under way, where its trace is told of.
    exchange: Option<(SpanId, Timestamp)>,
    retries: u8,
    in_flight: bool,
    doubtful: bool,
    /// Whether the vendor has said of a write that it did it, or may have, without its answer being one.
    done: bool,
    status: Option<u16>,
    answer_bytes: u64,
    fallback: bool,
}

/// What a run begins with.
pub(crate) struct Granted {
    pub(crate) grant: Grant,
    pub(crate) order: Order,
    pub(crate) schema: Option<Schema>,
    pub(crate) claim: Option<Claim>,
    /// When the call is over, on the clock's count.
    pub(crate) end: Duration,
}

/// How an exchange ended, for the record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempted {
    pub(crate) address: Option<IpAddr>,
    pub(crate) status: Option<u16>,
    pub(crate) outcome: &'static str,
    pub(crate) sent: bool,
}

impl Run {
    /// Takes the open record in charge.
    pub(crate) fn begin(inner: Arc<Inner>, granted: Granted, opened: Opened, alarm: Alarm) -> Box<Self> {
        let Granted { grant, order, schema, claim, end } = granted;
        let started = alarm.now();
        Box::new(Self {
            inner,
            grant,
            order,
            schema,
            alarm,
            end,
            claim,
            operation: None,
            answer_room: None,
            lent: None,
            credential: None,
            opened: Some(opened),
            started,
            attempt_started: started,
            exchange: None,
            retries: 0,
            in_flight: false,
            doubtful: false,
            done: false,
            status: None,
            answer_bytes: 0,
            fallback: false,
        })
    }

    pub(crate) fn id(&self) -> RunId {
        self.order.run
    }

    /// What the clearance of an attempt needs of the run, and the alarm beside it.
    pub(crate) fn split(&mut self) -> Result<(&Grant, &Opened, &mut Alarm), Fault> {
        let opened = self.opened.as_ref().ok_or(Fault::violated("a run that goes on is open"))?;
        Ok((&self.grant, opened, &mut self.alarm))
    }

    /// Whether a vendor that did it has changed something.
    pub(crate) fn is_write(&self) -> bool {
        self.grant.operation() != Operation::Read
    }

    /// Whether the outcome of a write is in doubt.
    pub(crate) fn is_doubtful(&self) -> bool {
        self.doubtful
    }

    /// What the vendor recognises the call by, where it does.
    pub(crate) fn vendor_key(&self) -> Option<&HeaderValue> {
        self.claim.as_ref().and_then(Claim::vendor_key)
    }

    /// An attempt begins. In the background each has the time of a whole call.
    pub(crate) fn attempting(&mut self) {
        self.attempt_started = self.alarm.now();
        self.begin_exchange();
        if self.operation.is_some() {
            self.end = self.attempt_started.saturating_add(call_time(&self.grant));
        }
    }

    /// Until when the next attempt has to be let in.
    pub(crate) fn next_until(&self) -> Duration {
        if self.operation.is_some() { self.alarm.now().saturating_add(call_time(&self.grant)) } else { self.end }
    }

    /// Until when the head of an answer may come.
    pub(crate) fn head_until(&self) -> Duration {
        let most = self.inner.times.answer_head;
        most.map_or(self.end, |most| self.alarm.now().saturating_add(most).min(self.end))
    }

    /// From here on the vendor may get it.
    pub(crate) fn sending(&mut self) {
        self.in_flight = true;
    }

    /// Provably nothing of it reached the vendor.
    pub(crate) fn unsent(&mut self) {
        self.in_flight = false;
    }

    /// Nobody knows whether it reached the vendor.
    pub(crate) fn lost(&mut self) {
        self.in_flight = false;
        self.doubtful |= self.is_write();
    }

    /// The vendor has said what came of it, so earlier doubts are settled too.
    pub(crate) fn answered(&mut self, status: u16) {
        self.in_flight = false;
        self.status = Some(status);
    }

    /// The vendor has done it, or led on from it as if it had: from here on a write that must not be repeated
    /// is not sent again, whatever becomes of the answer.
    pub(crate) fn carried_out(&mut self) {
        self.done |= self.is_write();
    }

    /// Whether the vendor may have done a write whose answer the caller does not get.
    pub(crate) fn may_be_done(&self) -> bool {
        self.done
    }

    /// The vendor's answer is what the caller gets; the doubts of earlier attempts are over.
    pub(crate) fn settled(&mut self) {
        self.doubtful = false;
    }

    /// The caller gets what the endpoint declares for a vendor that is down.
    pub(crate) fn stood_in(&mut self) {
        self.fallback = true;
    }

    /// So many bytes of the answer went on.
    pub(crate) fn passed_on(&mut self, bytes: usize) {
        self.answer_bytes = self.answer_bytes.saturating_add(bytes as u64);
    }

    /// The answer's body is still coming, so that a write is not certain yet.
    pub(crate) fn streaming(&mut self) {
        self.in_flight = true;
    }

    /// Where the vendor stands in the trace: below the exchange with it, where that is told of, or else
    /// below the call.
    pub(crate) fn trace(&self) -> TraceContext {
        let trace = self.order.arrival.trace;
        self.exchange.map_or(trace, |(span, _)| TraceContext { span, ..trace })
    }

    fn begin_exchange(&mut self) {
        let parts = &self.inner.parts;
        let told = parts.spans.records(self.order.arrival.trace.trace);
        self.exchange = told.then(|| (SpanId::generate(&*parts.entropy), parts.clock.now()));
    }

    fn tell_exchange(&mut self, attempted: Attempted) {
        let Some((span, begun)) = self.exchange.take() else { return };
        let (trace, connection) = (self.order.arrival.trace, self.grant.connection());
        let number = self.retries.saturating_add(1);
        let (tenant, connection, outcome) = (connection.tenant, connection.id, attempted.outcome);
        self.inner.parts.spans.tell(Span {
            trace: trace.trace,
            span,
            parent: Some(trace.span),
            begun,
            ended: self.inner.parts.clock.now(),
            run: self.order.run,
            method: method_word(&self.order.ask.method),
            status: attempted.status,
            work: Work::Attempt { number, tenant, connection, outcome },
        });
        // A redirect leads on to another one.
        self.begin_exchange();
    }

    /// Records one exchange.
    pub(crate) fn attempted(&mut self, attempted: Attempted) {
        self.tell_exchange(attempted);
        let Attempted { address, status, outcome, sent } = attempted;
        if let Some(opened) = &self.opened {
            let (number, credential) = (self.retries.saturating_add(1), self.credential);
            opened.attempt(AttemptFacts { number, address, status, outcome, took: self.took(), sent, credential });
        }
    }

    fn took(&self) -> Duration {
        self.alarm.now().saturating_sub(self.attempt_started)
    }

    /// Whether it is tried again. Counts the retry where it is.
    pub(crate) fn retry(&mut self, trouble: Trouble, said: Option<Duration>) -> Verdict {
        // What never left on the last leg may have been done on one before it.
        let trouble = if self.done && trouble == Trouble::Unsent { Trouble::Failed } else { trouble };
        let end = self.operation.map_or(self.end, |held| held.until());
        let progress = Progress {
            made: self.retries,
            allowed: self.grant.connection().settings.retries,
            said,
            left: end.saturating_sub(self.alarm.now()),
            took: self.took(),
        };
        let keyed = self.order.idempotency_key.is_some();
        let repeatable = Repeatable {
            by_nature: self.grant.endpoint().idempotent,
            by_key: self.vendor_key().is_some(),
            body: keyed || !matches!(self.order.body, Body::Spooled(_) | Body::Streaming(_)),
        };
        let mut chance = [0; 2];
        self.inner.parts.entropy.fill(&mut chance);
        let verdict = retry::judge(trouble, repeatable, progress, u16::from_be_bytes(chance));
        if matches!(verdict, Verdict::Again(_)) {
            self.count_retry();
        }
        verdict
    }

    /// Another attempt will be made.
    pub(crate) fn count_retry(&mut self) {
        self.retries = self.retries.saturating_add(1);
    }

    /// Waits before the next attempt, and says so where an operation is polled. A write that may have been
    /// done already is not called waiting: whoever ended it would say that nothing was done.
    pub(crate) async fn pause(&mut self, wait: Duration) -> Result<(), Stop> {
        if let Some(held) = &self.operation {
            let state = if self.doubtful { "sending" } else { "waiting" };
            match held.renew(&self.inner, state, self.retries, wait).await {
                // At worst another node ends it; the next look finds that out before anything is sent.
                Err(Stop::Fault(fault)) => {
                    tracing::warn!(%fault, run = %self.id(), "an operation's lease was not renewed")
                }
                held => held?,
            }
        }
        self.sleep(wait).await
    }

    /// Waits, unless the gateway stops: what goes on in the background is then ended before anything is sent.
    pub(crate) async fn sleep(&mut self, wait: Duration) -> Result<(), Stop> {
        let (inner, waited) = (&self.inner, self.inner.parts.clock.sleep(wait));
        if self.operation.is_none() {
            waited.await;
            return Ok(());
        }
        tokio::select! {
            biased;
            () = inner.background.closing() => Err(EgressRefusal::OperationInterrupted.into()),
            () = waited => Ok(()),
        }
    }

    /// Until when it may go on in the background: so long before its idempotency key could be forgotten that
    /// no attempt is under way then, and nobody sends it a second time beside it.
    pub(crate) fn last_until(&self) -> Duration {
        self.started.saturating_add(KEPT_FOR).saturating_sub(BULK_CALL_TIME * 2)
    }

    /// Retries made so far.
    pub(crate) fn retries(&self) -> u8 {
        self.retries
    }

    /// Writes the end of the run; only the first end counts.
    pub(crate) fn close(&mut self, outcome: Outcome, status: Option<u16>, code: Option<&'static str>) {
        if let Some(opened) = self.opened.take() {
            opened.close(Closing {
                outcome,
                status,
                code,
                request_bytes: self.order.body.length().unwrap_or(0),
                answer_bytes: self.answer_bytes,
                took: self.alarm.now().saturating_sub(self.started),
                fallback: self.fallback,
            });
        }
    }

    /// Ends the run as one of which nobody knows the outcome. What comes back keeps it for operators and
    /// tells the governance side; it is awaited where somebody can wait, and spawned elsewhere.
    pub(crate) fn doubt(&mut self, reason: &'static str) -> impl Future<Output = ()> + Send + 'static {
        self.in_flight = false;
        let unknown = EgressRefusal::OutcomeUnknown.info();
        self.close(Outcome::Unknown, Some(unknown.status), Some(unknown.code));
        if let Some(claim) = self.claim.take() {
            claim.block();
        }
        let telling = Telling {
            inner: Arc::clone(&self.inner),
            connection: Arc::clone(self.grant.connection()),
            run: self.id(),
            reason,
            actor: self.grant.caller().actor().clone(),
            trace: self.order.arrival.trace.trace,
        };
        telling.tell()
    }

    /// The same where nobody can wait.
    pub(crate) fn doubt_later(&mut self, reason: &'static str) {
        let run = self.id();
        let telling = self.doubt(reason);
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(telling)),
            Err(_) => tracing::error!(%run, "an unknown outcome was not escalated; the trail has it"),
        }
    }

    /// Ends the run in the middle of an answer's body.
    pub(crate) fn broke_off(&mut self, refusal: EgressRefusal) {
        if self.in_flight && self.is_write() {
            self.doubt_later(refusal.info().code);
        } else {
            self.close(Outcome::Failed, self.status, Some(refusal.info().code));
        }
    }

    /// Ends the run with the last byte of an answer.
    pub(crate) fn complete(&mut self) {
        self.in_flight = false;
        if self.status.is_some_and(|status| status >= 400) {
            self.close(Outcome::Failed, self.status, Some(EgressRefusal::VendorDeclined.info().code));
        } else {
            self.close(Outcome::Succeeded, self.status, None);
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if self.opened.is_none() {
            return;
        }
        let gone = EgressRefusal::CallerGone.info().code;
        if (self.in_flight || self.doubtful) && self.is_write() {
            self.doubt_later(gone);
        } else {
            // The vendor may have answered it whole; then it is done, whoever hears of it.
            let done = !self.in_flight && self.status.is_some_and(|status| status < 400);
            let outcome = if done { Outcome::Succeeded } else { Outcome::Failed };
            self.close(outcome, self.status, Some(gone));
        }
    }
}
