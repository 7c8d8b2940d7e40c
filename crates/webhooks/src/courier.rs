//! The courier: passes deliveries on for as long as the gateway runs, each subscription in its turn.
//!
//! A round finds the subscriptions with something due, gives each as many workers as it may have, leases as
//! much, and lets the workers go. There is a round whenever something came in or a worker is free again, and
//! each second for what falls due by the clock or was left behind by a node that is gone.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use lockgate_audit::Audit;
use lockgate_egress::Egress;
use lockgate_store::{Store, values};
use lockgate_vault::Vault;
use lockgate_vocabulary::{Clock, Entropy, Fault, SubscriptionId, TenantId};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use crate::broker::Broker;
use crate::config::Config;
use crate::deliver::{deliver, rows};
use crate::lease::{self, Leased};
use crate::pace::{Paces, Slot};
use crate::subscription::{Status, Subscription};

/// How long until the next round where nothing calls for one.
const IDLE: Duration = Duration::from_secs(1);

/// How long between two rounds that were called for, so that many calls cost one round.
const BETWEEN: Duration = Duration::from_millis(20);

/// Finds a subscription; an error where what is known of them is too old.
pub type Finding = dyn Fn(SubscriptionId) -> Result<Option<Arc<Subscription>>, Fault> + Send + Sync;

/// Makes the `webhook-signature` of an identifier, a moment in seconds since 1970, and a body.
pub type Signing = dyn Fn(&Subscription, &str, i64, &[u8]) -> Result<String, Fault> + Send + Sync;

/// What an operator may set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CourierConfig {
    /// Deliveries that are under way at once on this node. A subscription has a quarter of them at the most,
    /// a tenant half.
    pub workers: u32,
    /// How long an endpoint only fails before its subscription is paused.
    pub pause_after: Duration,
    /// How often it fails before that, at the least.
    pub pause_failures: u32,
}

impl Default for CourierConfig {
    fn default() -> Self {
        Config::default().courier()
    }
}

/// What it is made of.
pub struct CourierParts {
    /// Deliveries and what becomes of them.
    pub store: Store,
    /// The record.
    pub audit: Audit,
    /// What opens envelopes.
    pub vault: Vault,
    /// The way out.
    pub egress: Egress,
    /// Subscriptions.
    pub find: Arc<Finding>,
    /// Signatures.
    pub sign: Arc<Signing>,
    /// The gateway's broker, where it has one.
    pub broker: Option<Arc<Broker>>,
    /// Told when something is to be passed on.
    pub wake: Arc<Notify>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
}

/// Passes deliveries on. Cloning it gives another handle on the same one.
#[derive(Clone)]
pub struct Courier {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) config: CourierConfig,
    pub(crate) store: Store,
    pub(crate) audit: Audit,
    pub(crate) vault: Vault,
    pub(crate) egress: Egress,
    pub(crate) sign: Arc<Signing>,
    pub(crate) broker: Option<Arc<Broker>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) paces: Arc<Paces>,
    find: Arc<Finding>,
    wake: Arc<Notify>,
    closing: watch::Sender<bool>,
    /// Whose turn was the last of the round before.
    last: Mutex<Option<SubscriptionId>>,
}

/// A subscription with something due, and the workers that it gets.
type Turn = (Arc<Subscription>, Vec<Slot>);

/// What a round did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Round {
    /// Subscriptions with something due.
    pub due: usize,
    /// Deliveries that are being tried now.
    pub begun: usize,
}

impl Courier {
    /// A courier that does nothing yet.
    pub fn new(config: CourierConfig, parts: CourierParts) -> Self {
        let CourierParts { store, audit, vault, egress, find, sign, broker, wake, clock, entropy } = parts;
        let paces = Arc::new(Paces::new(config.workers, Arc::clone(&clock)));
        let (closing, last) = (watch::Sender::new(false), Mutex::default());
        let inner = Inner {
            config,
            store,
            audit,
            vault,
            egress,
            sign,
            broker,
            clock,
            entropy,
            paces,
            find,
            wake,
            closing,
            last,
        };
        Self { inner: Arc::new(inner) }
    }

    /// Starts rounds. They end with [`Courier::close`], or when the last handle is dropped.
    pub fn start(&self) {
        let (clock, wake) = (Arc::clone(&self.inner.clock), Arc::clone(&self.inner.wake));
        tokio::spawn(go_round(Arc::downgrade(&self.inner), clock, wake, self.inner.closing.subscribe()));
    }

    /// Does once what [`Courier::start`] does again and again. What it begins goes on beside the caller.
    pub async fn round(&self) -> Result<Round, Fault> {
        self.inner.round().await
    }

    /// Begins nothing more, and waits for so long for what is under way. Whether all of it came to its end;
    /// what did not is tried again when its lease is over.
    pub async fn close(&self, most: Duration) -> bool {
        self.inner.closing.send_replace(true);
        let late = self.inner.clock.sleep(most);
        let all = tokio::select! {
            biased;
            () = self.inner.closing.closed() => true,
            () = late => false,
        };
        if !all {
            tracing::warn!("deliveries under way were cut off at the end");
        }
        all
    }

    /// Deliveries that could be begun at this moment, were they due.
    pub fn free_workers(&self) -> u32 {
        self.inner.paces.free()
    }
}

async fn go_round(room: Weak<Inner>, clock: Arc<dyn Clock>, wake: Arc<Notify>, mut closing: watch::Receiver<bool>) {
    loop {
        let Some(inner) = room.upgrade() else { return };
        if let Err(fault) = inner.round().await {
            tracing::warn!(%fault, "deliveries could not be looked for");
        }
        drop(inner);
        let called = tokio::select! {
            () = closed(&mut closing) => return,
            () = clock.sleep(IDLE) => false,
            () = wake.notified() => true,
        };
        if called {
            tokio::select! {
                () = closed(&mut closing) => return,
                () = clock.sleep(BETWEEN) => {}
            }
        }
    }
}

/// Done once the courier is to begin nothing more, or is gone.
async fn closed(closing: &mut watch::Receiver<bool>) {
    let _ = closing.wait_for(|closing| *closing).await;
}

impl Inner {
    /// Any number.
    pub(crate) fn chance(&self) -> u16 {
        let mut chance = [0; 2];
        self.entropy.fill(&mut chance);
        u16::from_be_bytes(chance)
    }

    async fn round(self: &Arc<Self>) -> Result<Round, Fault> {
        if *self.closing.borrow() {
            return Ok(Round::default());
        }
        self.paces.sweep();
        lease::give_back(self).await?;
        let due = self.due().await?;
        let many = due.len();
        let begun = self.begin(due).await;
        Ok(Round { due: many, begun })
    }

    /// Subscriptions with something due, beginning behind the last that was served: where there are too few
    /// workers for all, each has its turn.
    async fn due(&self) -> Result<VecDeque<(SubscriptionId, TenantId)>, Fault> {
        let rows = self.store.survey(&rows::DUE, values![self.clock.now()]).await?;
        let read = rows.iter().map(|row| Ok((row.parsed(0)?, row.parsed(1)?)));
        let mut due = read.collect::<Result<VecDeque<(SubscriptionId, TenantId)>, Fault>>()?;
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let behind = due.iter().position(|(id, _)| last.is_none_or(|last| *id > last)).unwrap_or_default();
        due.rotate_left(behind);
        Ok(due)
    }

    /// Leases for each, all at the same time, and lets the workers go; how many there are. What goes wrong with
    /// one subscription keeps nothing from the others.
    async fn begin(self: &Arc<Self>, due: VecDeque<(SubscriptionId, TenantId)>) -> usize {
        let mut leasing = JoinSet::new();
        let mut left = due.len();
        for (id, tenant) in due {
            let share = self.paces.free().div_ceil(u32::try_from(left).unwrap_or(u32::MAX).max(1));
            left -= 1;
            let (subscription, slots) = match self.turn(id, tenant, share) {
                Ok(Some(turn)) => turn,
                Ok(None) => continue,
                Err(fault) => {
                    tracing::warn!(%fault, subscription = %id, "a subscription could not be looked up");
                    continue;
                }
            };
            let inner = Arc::clone(self);
            leasing.spawn(async move { (lease::lease(&inner, &subscription, slots).await, subscription) });
        }
        let mut begun = 0;
        while let Some(leased) = leasing.join_next().await {
            let Ok((leased, subscription)) = leased else { continue };
            match leased {
                Ok(leased) => begun += self.let_go(&subscription, leased),
                Err(fault) => tracing::warn!(%fault, subscription = %subscription.id, "nothing could be leased"),
            }
        }
        begun
    }

    /// The workers that a subscription with something due gets; none where nothing goes to it now.
    fn turn(&self, id: SubscriptionId, tenant: TenantId, share: u32) -> Result<Option<Turn>, Fault> {
        // Deliveries of one that is gone are ended elsewhere, where they hold nobody up.
        let Some(subscription) = (self.find)(id)? else { return Ok(None) };
        // INVARIANT: a delivery goes to its own tenant's endpoint, whatever is wrong with the rows.
        let pushes = subscription.onward.way.is_ours() && subscription.tenant == tenant;
        if !pushes || subscription.status != Status::Active {
            return Ok(None);
        }
        let slots = self.paces.reserve(&subscription, share);
        // A round that was under way when the courier was closed begins nothing more either.
        if slots.is_empty() || *self.closing.borrow() {
            return Ok(None);
        }
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(id);
        Ok(Some((subscription, slots)))
    }

    /// Lets the workers of one subscription go.
    fn let_go(self: &Arc<Self>, subscription: &Arc<Subscription>, leased: Vec<(Leased, Slot)>) -> usize {
        let many = leased.len();
        for (leased, slot) in leased {
            let (inner, subscription, present) = (Arc::clone(self), Arc::clone(subscription), self.closing.subscribe());
            tokio::spawn(async move {
                deliver(&inner, &subscription, leased, slot).await;
                drop(present);
                // A worker is free, and there may be more where this came from.
                inner.wake.notify_one();
            });
        }
        many
    }
}

#[cfg(test)]
mod tests;
