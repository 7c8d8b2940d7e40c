//! Admission of deliveries: how many may knock at a subscription's door, and how many may come in.
//!
//! Whoever knows a subscription's URL may knock. So knocks are counted for each network that they come from,
//! before anything is read; what the subscription takes in is counted once its signature vouched for it. A
//! flood of forgeries then holds off its own network and not the provider.

use std::hash::BuildHasher as _;
use std::net::IpAddr;
use std::sync::Arc;

use lockgate_store::{Rate, Wanted};
use lockgate_vocabulary::{Stop, SubscriptionId, TenantId};

use crate::admit::{CallerLane, Whose};
use crate::lanes::Lanes;
use crate::traffic::{Traffic, no_room};

/// Who knocks, or what is knocked at. A rate that was changed is counted anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct DeliveryKey {
    subscription: SubscriptionId,
    /// The network that knocks, as a number under a key of this process's own, so that nobody chooses networks
    /// that fall together; none for what is taken in.
    network: Option<u64>,
    rate: Rate,
}

impl Traffic {
    /// Takes one knock from what this network may send to the subscription, on this node.
    pub fn knock(&self, subscription: SubscriptionId, network: IpAddr, rate: Rate) -> Result<(), Stop> {
        let network = Some(self.0.hashing.hash_one((subscription, network)));
        self.take_delivery(&self.0.knocks, DeliveryKey { subscription, network, rate })
    }

    /// Takes a verified delivery from its subscription's rate, over all nodes where they share counters.
    pub async fn admit_delivery(&self, tenant: TenantId, subscription: SubscriptionId, rate: Rate) -> Result<(), Stop> {
        self.take_delivery(&self.0.deliveries, DeliveryKey { subscription, network: None, rate })?;
        let Some(shared) = &self.0.shared else { return Ok(()) };
        let key = format!("d:{tenant}:{subscription}");
        match self.told(shared.take(Wanted { key: &key, cost: 1, rate }).await)? {
            Some(taken) => self.fits(taken, Whose::Subscription).map(drop),
            None => Ok(()),
        }
    }

    fn take_delivery(&self, lanes: &Lanes<DeliveryKey, CallerLane>, key: DeliveryKey) -> Result<(), Stop> {
        let now = self.now();
        let lane: Option<Arc<CallerLane>> = lanes.lane(key, now, || CallerLane::new(key.rate));
        let taken = lane.ok_or_else(no_room)?.take(now, true)?;
        self.fits(taken, Whose::Subscription).map(drop)
    }
}

#[cfg(test)]
mod tests;
