//! The lease: a delivery that this node, and no other, may try until a moment.

use std::time::Duration;

use lockgate_store::{Change, Row, values};
use lockgate_vocabulary::{DeliveryId, Fault, TenantId, Timestamp};

use crate::courier::Inner;
use crate::deliver::rows;
use crate::pace::Slot;
use crate::subscription::Subscription;

/// How much longer than a try a lease lasts: for what comes before and after it.
const BESIDES: Duration = Duration::from_secs(30);

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
    let statement = if subscription.onward.order_by.is_some() { &rows::LEASE_IN_ORDER } else { &rows::LEASE };
    let most = i64::try_from(slots.len()).unwrap_or(i64::MAX);
    let change = Change::of(tenant).step(statement, values![subscription.id, now, most, until]);
    let applied = inner.store.apply(change).await.map_err(|failure| failure.into_fault("leasing deliveries"))?;
    let found = applied.rows.first().map_or(&[][..], Vec::as_slice);
    let leased = found.iter().map(|row| Leased::read(tenant, row, until)).collect::<Result<Vec<_>, _>>()?;
    Ok(leased.into_iter().zip(slots).collect())
}

/// Gives back what nodes had leased that did not end it in time, so that another node, or this one, tries it
/// again. The try that was lost counts.
pub(crate) async fn give_back(inner: &Inner) -> Result<(), Fault> {
    let now = inner.clock.now();
    // Mostly there is none, and looking costs no commit.
    if inner.store.survey(&rows::LEASES_OVER, values![now]).await?.is_empty() {
        return Ok(());
    }
    let change = Change::house().step(&rows::LEASES_RETURN, values![now]);
    let applied = inner.store.apply(change).await.map_err(|failure| failure.into_fault("giving leases back"))?;
    let many = applied.touched.first().copied().unwrap_or_default();
    tracing::warn!(many, "deliveries were leased by a node that did not end them in time");
    Ok(())
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
