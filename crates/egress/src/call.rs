//! STORY: one governed outbound call.
//!
//! The order of the stages is the security argument, so it stands on one screen: how often, who may, how much, what
//! (read whole), whether it was asked before, whether the far side is well, where to, the record, and only
//! then the wire; there a line to the vetted address, a last look at whether the grant still holds, the
//! credential, the request. Where tokens are bound to a certificate the line itself shows it, so the grant is looked at
//! before as well. A retry comes in again at `admit`, a redirect at `vet`, both under the same record. What ends before
//! the record is open is an error, which the door records; what ends after it is a reply, which the run has recorded.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use lockgate_access::{Caller, Grant};
use lockgate_traffic::{Health, Passage, Permit};
use lockgate_vault::ProofVerdict;
use lockgate_vocabulary::limit::{BULK_CALL_TIME, CALL_TIME};
use lockgate_vocabulary::{Fault, Stop};

use crate::alarm::Alarm;
use crate::answer::{self, Setback};
use crate::clearance::Clearance;
use crate::destination::PinnedTarget;
use crate::egress::{Egress, Inner};
use crate::ending::{deliver, give_up};
use crate::idempotency::{self, Claimed};
use crate::leg::{Leg, Trace, unanswered, unreached};
use crate::order::Order;
use crate::refusal::EgressRefusal;
use crate::reply::Reply;
use crate::retry::Verdict;
use crate::run::{Granted, Run};
use crate::wire::Exchange;
use crate::{barred, dry_run, operation, order, replay};

/// What an attempt leaves the house with; had anew for every retry.
pub(crate) struct Proofs {
    pub(crate) permit: Permit,
    pub(crate) passage: Passage,
    pub(crate) target: PinnedTarget,
}

impl Egress {
    /// One governed outbound call. An error was refused before a run was opened, and is the door's to
    /// record; whatever happens after that is told, and recorded, by the reply.
    pub async fn call(&self, caller: Caller, order: Order) -> Result<Reply, Stop> {
        let (inner, parts) = (&self.inner, &self.inner.parts);
        let mut alarm = Alarm::new(Arc::clone(&parts.clock));
        let asked = parts.traffic.ask(&caller)?;
        let grant = parts.access.authorize(&caller, &order.ask)?;
        let end = alarm.now().saturating_add(call_time(&grant));
        let permit = parts.traffic.admit_asked(&grant, asked).await?;
        let (order, schema) = order::gather(inner, &grant, order, &mut alarm, end).await?;
        let claim = match within(&mut alarm, end, pin!(idempotency::claim(inner, &grant, &order))).await? {
            Claimed::Kept(run, kept) => {
                return Box::pin(replay::reply(inner, &grant, &order, permit, (run, kept))).await;
            }
            Claimed::Ours(claim) => Some(claim),
            Claimed::Unkeyed => None,
        };
        let (passage, target) = match leave(inner, &grant, &mut alarm, end).await {
            Ok(leave) => leave,
            Err(stop) => {
                let granted = Granted { grant, order, schema, claim, end };
                return Box::pin(barred::before(inner, granted, permit, alarm, stop)).await;
            }
        };
        let opened = within(&mut alarm, end, pin!(parts.audit.open_run(inner.facts(&grant, &order)))).await?;

        let proofs = Proofs { permit, passage, target };
        let run = Run::begin(Arc::clone(inner), Granted { grant, order, schema, claim, end }, opened, alarm);
        if run.order.dry_run {
            return Ok(dry_run::reply(run, proofs));
        }
        if run.claim.is_none() {
            return Ok(pursue(run, proofs).await);
        }
        // Whoever comes back with the key wants what came of it, so the call goes on without its caller.
        let id = run.id();
        let broken = |error| Reply::stopped(id, permit, Fault::broken("carrying a call out", error).into());
        let present = run.inner.background.enter();
        let pursued = tokio::spawn(async move {
            let reply = pursue(run, proofs).await;
            drop(present);
            reply
        });
        Ok(pursued.await.unwrap_or_else(broken))
    }
}

/// Attempts until there is an answer, or none is to be had.
pub(crate) async fn pursue(mut run: Box<Run>, mut proofs: Proofs) -> Reply {
    loop {
        let judged = match attempt(&mut run, &proofs).await {
            Ok(exchange) => answer::judge(&mut run, exchange).await,
            Err(setback) => Err(setback),
        };
        match &judged {
            // Its end says how the vendor did.
            Ok(content) if content.flow.is_some() => {}
            Ok(_) => proofs.passage.report(Health::Good),
            Err(setback) => proofs.passage.report(setback.health()),
        }
        let setback = match judged {
            Ok(content) => return deliver(run, proofs, content, true).await,
            Err(setback) => setback,
        };
        let wait = match run.retry(setback.trouble, setback.said) {
            Verdict::Again(wait) => wait,
            verdict => return Box::pin(give_up(run, proofs, setback, verdict)).await,
        };
        let Proofs { permit, passage, .. } = proofs;
        drop(passage);
        if let Some(exchange) = setback.exchange {
            answer::discard(&mut run, *exchange).await;
        }
        let again = match run.pause(wait).await {
            Ok(()) => operation::next_proofs(&mut run).await,
            Err(stop) => Err(stop),
        };
        proofs = match again {
            Ok(proofs) => proofs,
            Err(stop) => return Box::pin(barred::held_back(run, permit, stop)).await,
        };
    }
}

/// Lets a call leave: the far side is well, and it is known where that is.
async fn leave(
    inner: &Inner,
    grant: &Grant,
    alarm: &mut Alarm,
    until: Duration,
) -> Result<(Passage, PinnedTarget), Stop> {
    let passage = inner.parts.traffic.enter(grant)?;
    let target = within(alarm, until, pin!(inner.parts.destination.vet(grant))).await?;
    Ok((passage, target))
}

/// Lets the next attempt of a run in and out again.
pub(crate) async fn readmit(run: &mut Run) -> Result<Proofs, Stop> {
    let (inner, until) = (Arc::clone(&run.inner), run.next_until());
    let (grant, alarm) = (&run.grant, &mut run.alarm);
    let permit = within(alarm, until, pin!(inner.parts.traffic.admit(grant))).await?;
    let (passage, target) = leave(&inner, grant, alarm, until).await?;
    Ok(Proofs { permit, passage, target })
}

/// One stage within the bound of the whole call: whoever waits for an answer does not wait longer for a store,
/// a disk or a name server than for a vendor. It stays where it is pinned: moving it would be copying it.
pub(crate) async fn within<T>(
    alarm: &mut Alarm,
    end: Duration,
    stage: Pin<&mut (impl Future<Output = Result<T, Stop>> + ?Sized)>,
) -> Result<T, Stop> {
    alarm.race(end, stage).await.map_err(|_| EgressRefusal::CallTimeout)?
}

/// One attempt, with the redirects that it is led along.
async fn attempt(run: &mut Run, proofs: &Proofs) -> Result<Exchange, Setback> {
    let (inner, connection) = (Arc::clone(&run.inner), Arc::clone(run.grant.connection()));
    let mut leg = Leg::first(&proofs.target);
    let mut trace = Trace::new(&connection, &proofs.passage);
    let mut resent = Resent::default();
    within(&mut run.alarm, run.end, pin!(inner.parts.tokens.ready(&run.grant))).await?;
    operation::attempting(&inner, run.operation, run.retries()).await?;
    run.attempting();
    loop {
        let end = run.end;
        let (grant, opened, alarm) = run.split()?;
        let clearance = Clearance::new(grant, &proofs.permit, &proofs.passage, &leg.target, opened)?;
        let identity = leg.identity(&inner.parts.vault, grant)?;
        if identity.is_some() {
            // The handshake shows it.
            inner.parts.access.still_holds(grant)?;
        }
        let reached = inner.wire.reach(&clearance, identity.as_ref(), leg.fresh, alarm, end).await;
        let line = reached.map_err(|failure| unreached(run, failure))?;
        // The token may have ended, or the credential been rotated, while there was no line.
        within(&mut run.alarm, end, pin!(inner.parts.tokens.ready(&run.grant))).await?;
        inner.parts.access.still_holds(&run.grant)?;
        let request = leg.equip(run)?;
        if !leg.is_named_by(identity.as_ref()) {
            // The credential was rotated while there was no line.
            continue;
        }
        let (peer, until) = (line.peer().ip(), run.head_until());
        run.sending();
        let exchange = match line.send(request, &mut run.alarm, until).await {
            Ok(exchange) => exchange,
            // The vendor had closed a line that was kept: nothing was sent, and a new one is made at once.
            Err(lost) if !lost.sent && lost.reused && !leg.fresh => {
                run.unsent();
                leg.fresh = true;
                continue;
            }
            Err(lost) => return Err(unanswered(run, lost, peer)),
        };
        let verdict = leg.proof_verdict(run, &exchange);
        let Some(hop) = trace.follow(run, &exchange, peer)? else {
            if !resent.is_worth_another(run, verdict, leg.unknown_by(&exchange)).await? {
                return Ok(exchange);
            }
            answer::discard(run, exchange).await;
            continue;
        };
        answer::discard(run, exchange).await;
        let vetting = inner.parts.destination.vet_hop(connection.tenant, &hop, &connection.settings);
        let target = within(&mut run.alarm, end, pin!(vetting)).await?;
        leg = leg.next(hop, target);
    }
}

/// For what an attempt was sent again already to be known to the vendor, each once.
#[derive(Default)]
struct Resent {
    for_nonce: bool,
    for_token: bool,
}

impl Resent {
    /// Whether the call is worth sending once more: with another proof of possession where the vendor wants one, or
    /// with another access token in the place of one that it does not know any more. A 401 says that nothing was done
    /// (RFC 9110 section 15.5.2). It is taken from the rates.
    async fn is_worth_another(
        &mut self,
        run: &mut Run,
        verdict: ProofVerdict,
        unknown_by: Option<(u32, u64)>,
    ) -> Result<bool, Stop> {
        let Some(token) = unknown_by else { return Ok(false) };
        let (inner, end) = (Arc::clone(&run.inner), run.end);
        let by_nonce = verdict == ProofVerdict::NonceMissing;
        let done = if by_nonce { &mut self.for_nonce } else { &mut self.for_token };
        // A vendor that wants another proof says nothing against the token.
        if verdict == ProofVerdict::NonceRefused || std::mem::replace(done, true) {
            return Ok(false);
        }
        run.answered(401);
        if !by_nonce {
            let renewing = async { Ok(inner.parts.tokens.renew(&run.grant, token).await) };
            if !within(&mut run.alarm, end, pin!(renewing)).await? {
                return Ok(false);
            }
        }
        within(&mut run.alarm, end, pin!(inner.parts.traffic.admit(&run.grant))).await?;
        Ok(true)
    }
}

/// How long the whole of a call may take.
pub(crate) fn call_time(grant: &Grant) -> Duration {
    if grant.endpoint().bulk { BULK_CALL_TIME } else { CALL_TIME }
}

#[cfg(test)]
mod tests;
