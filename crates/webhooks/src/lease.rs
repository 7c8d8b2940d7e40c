//! The lease: a delivery that this node, and no other, may try until a moment.

use std::time::Duration;

use lockgate_audit::Deed;
use lockgate_store::{ApplyFailure, Change, Row, values};
use lockgate_vocabulary::{DeliveryId, Fault, TenantId, Timestamp};

use crate::bury::KEPT;
use crate::courier::Inner;
use crate::deliver::rows;
use crate::judge::Cause;
use crate::pace::Slot;
use crate::refusal::WebhookRefusal;
use crate::subscription::Subscription;

/// How much longer than a try a lease lasts: for what comes before and after it.
const BESIDES: Duration = Duration::from_secs(30);

/// How often a delivery may be leased before a lost lease ends it: beyond the longest schedule, which has 21 tries.
const MOST_LEASES: i64 = 25;

/// How many of those are ended in one round at the most; they are rare, and what is due waits meanwhile.
const SOME: i64 = 10;

/// Proof that a delivery is this node's to try. Only this module makes one.
pub(crate) struct Leased {
    pub(crate) tenant: TenantId,
    pub(crate) delivery: DeliveryId,
    pub(crate) event_type: Option<String>,
    pub(crate) sealed: Vec<u8>,
    /// Tries with this one.
    pub(crate) tries: u32,
    /// Until when, which is also by what the lease is known.
    pub(crate) until: Timestamp,
    _made_here: (),
}

/// Leases as many of a subscription's deliveries as there are slots. What is due longest comes first.
pub(crate) async fn lease(
    inner: &Inner,
    subscription: &Subscription,
    slots: Vec<Slot>,
) -> Result<Vec<(Leased, Slot)>, Fault> {
    let (tenant, now) = (subscription.tenant, inner.clock.now());
    let until = now.after(subscription.onward.timeout.saturating_add(BESIDES));
    let most = i64::try_from(slots.len()).unwrap_or(i64::MAX);
    let change = if subscription.onward.order_by.is_some() {
        // What is due may be behind something that is not, for hours: then looking costs the writer nothing.
        let ready = inner.store.read(tenant, &rows::READY_IN_ORDER, values![subscription.id, now, most]).await?;
        if ready.is_empty() {
            return Ok(Vec::new());
        }
        let one = |change: Change, row: &Row| -> Result<Change, Fault> {
            let delivery: DeliveryId = row.parsed(0)?;
            Ok(change.step(&rows::LEASE_ONE_IN_ORDER, values![subscription.id, delivery, now, until]))
        };
        ready.iter().try_fold(Change::of(tenant), one)?
    } else {
        Change::of(tenant).step(&rows::LEASE, values![subscription.id, now, most, until])
    };
    let applied = inner.store.apply(change).await.map_err(|failure| failure.into_fault("leasing deliveries"))?;
    let found = applied.rows.iter().flatten();
    let leased = found.map(|row| Leased::read(tenant, row, until)).collect::<Result<Vec<_>, _>>()?;
    Ok(leased.into_iter().zip(slots).collect())
}

/// Gives back what nodes had leased that did not end it in time, so that another node, or this one, tries it
/// again. The try that was lost counts, and stands among the others. What was leased so often without an end
/// is dead: it may be what ends the nodes.
pub(crate) async fn give_back(inner: &Inner) -> Result<(), Fault> {
    let now = inner.clock.now();
    // Mostly there is none, and looking costs no commit.
    if inner.store.survey(&rows::LEASES_OVER, values![now]).await?.is_empty() {
        return Ok(());
    }
    for row in inner.store.survey(&rows::LEASES_SPENT, values![now, MOST_LEASES, SOME]).await? {
        end(inner, &row, now).await?;
    }
    let change = Change::house()
        .step(&rows::LEASES_LOST, values![now, MOST_LEASES])
        .step(&rows::LEASES_RETURN, values![now, MOST_LEASES]);
    let applied = inner.store.apply(change).await.map_err(|failure| failure.into_fault("giving leases back"))?;
    let many = applied.touched.last().copied().unwrap_or_default();
    tracing::warn!(many, "deliveries were leased by a node that did not end them in time");
    Ok(())
}

/// Ends a delivery whose lease was lost once too often, with that try and its record.
async fn end(inner: &Inner, row: &Row, now: Timestamp) -> Result<(), Fault> {
    let (tenant, delivery): (TenantId, DeliveryId) = (row.parsed(0)?, row.parsed(1)?);
    let (subscription, tries, until) = (row.text(2)?, row.int(3)?, row.moment(4)?);
    let (cause, code) = (Cause::Pipeline.as_str(), WebhookRefusal::DeliveryLost.info().code);
    tracing::error!(%delivery, tries, "a delivery ends because no node came to the end of a try");
    let deed = Deed::by_house(Some(tenant), "delivery.dead", delivery)
        .with("subscription", subscription)
        .with("tries", tries)
        .with("cause", cause)
        .with("code", code);
    let (record, recording) = inner.audit.step(&deed);
    let change = Change::of(tenant)
        .step(&rows::LEASE_END, values![delivery, until, now, cause, code, now.after(KEPT)])
        .expecting(1)
        .step(&rows::ATTEMPT_INSERT, values![delivery, tries, "lost", None::<u16>, code, 0i64, now])
        .step(record, recording);
    match inner.store.apply(change).await {
        // Another node was quicker, or the try came to its end after all.
        Ok(_) | Err(ApplyFailure::Unmet { .. }) => Ok(()),
        Err(failure) => Err(failure.into_fault("ending a delivery whose leases were lost")),
    }
}

impl Leased {
    fn read(tenant: TenantId, row: &Row, until: Timestamp) -> Result<Self, Fault> {
        Ok(Self {
            tenant,
            delivery: row.parsed(0)?,
            event_type: row.opt_text(1)?.map(str::to_owned),
            sealed: row.bytes(2)?.to_vec(),
            tries: u32::try_from(row.int(3)?).map_err(|_| Fault::violated("tries are a small number"))?,
            until,
            _made_here: (),
        })
    }
}
