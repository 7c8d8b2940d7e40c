//! The room itself: what it holds, and what operators see of it.

use std::hash::RandomState;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lockgate_access::Caller;
use lockgate_access::directory::Connection;
use lockgate_store::Counters;
use lockgate_vocabulary::{Clock, ConnectionId, Fault, Stop, TenantId};

use crate::admit::CallerLane;
use crate::breaker::Standing;
use crate::bucket::Rate;
use crate::config::Config;
use crate::deliver::DeliveryKey;
use crate::lane::{Lane, Pressure};
use crate::lanes::Lanes;
use crate::refusal::TrafficRefusal;
use crate::vendor::VendorLimits;

/// Limits, breakers and vendors' limits of every tenant.
#[derive(Clone)]
pub struct Traffic(pub(crate) Arc<Room>);

pub(crate) struct Room {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) shared: Option<Arc<dyn Counters>>,
    pub(crate) falls_back: bool,
    pub(crate) caller_rate: Rate,
    pub(crate) callers: Lanes<CallerKey, CallerLane>,
    pub(crate) tenant_rate: Rate,
    pub(crate) tenants: Lanes<TenantId, CallerLane>,
    pub(crate) deliveries: Lanes<DeliveryKey, CallerLane>,
    /// Apart from what is taken in, so that nobody who knocks takes the room of those who are let in.
    pub(crate) knocks: Lanes<DeliveryKey, CallerLane>,
    pub(crate) hashing: RandomState,
    pub(crate) connections: Lanes<(TenantId, ConnectionId), Lane>,
    pub(crate) unchecked: AtomicU64,
}

/// How many connections of this node are held back, whoever's they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Census {
    /// Connections whose breaker lets nothing out, or one call that tries.
    pub breakers_open: u64,
    /// Connections whose vendor's limit is used up.
    pub vendors_limited: u64,
    /// Calls under way.
    pub under_way: u64,
}

/// One credential of a caller, within its tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct CallerKey {
    pub(crate) tenant: TenantId,
    /// The key's or client's number, or the principal's where the credential is not one of ours.
    pub(crate) credential: u128,
}

impl CallerKey {
    pub(crate) fn of(caller: &Caller) -> Self {
        let credential = caller.key().map_or_else(|| caller.actor().principal.as_u128(), |key| key.as_u128());
        Self { tenant: caller.tenant(), credential }
    }
}

impl Traffic {
    /// An empty room. With shared counters a limit holds over all nodes; without, on this one.
    pub fn new(config: Config, shared: Option<Arc<dyn Counters>>, clock: Arc<dyn Clock>) -> Result<Self, Fault> {
        Ok(Self(Arc::new(Room {
            clock,
            shared,
            falls_back: config.danger_fail_open_to_local,
            caller_rate: config.caller_rate()?,
            callers: Lanes::new(config.most_counted),
            tenant_rate: config.tenant_rate()?,
            tenants: Lanes::new(config.most_counted),
            deliveries: Lanes::new(config.most_counted),
            knocks: Lanes::new(config.most_counted),
            hashing: RandomState::new(),
            connections: Lanes::new(config.most_counted),
            unchecked: AtomicU64::new(0),
        })))
    }

    /// Takes in what a vendor said about its limits, so that the next call obeys it.
    pub fn heed(&self, connection: &Connection, limits: VendorLimits) {
        if let Ok(lane) = self.lane(connection) {
            lane.heed(limits, self.now());
        }
    }

    /// How a connection stands; none where nothing was called of late.
    pub fn pressure(&self, tenant: TenantId, connection: ConnectionId) -> Option<Pressure> {
        self.0.connections.find((tenant, connection)).map(|lane| lane.pressure(self.now()))
    }

    /// Counts the connections that are held back. It looks at each that was called of late, so it is for
    /// those who ask now and then.
    pub fn census(&self) -> Census {
        let (now, mut census) = (self.now(), Census::default());
        self.0.connections.each(|lane| {
            let pressure = lane.pressure(now);
            let held = pressure.breaker_open_for.is_some() || pressure.breaker == Standing::HalfOpen;
            census.breakers_open += u64::from(held);
            census.vendors_limited += u64::from(pressure.vendor_held_for.is_some());
            census.under_way += u64::from(pressure.under_way);
        });
        census
    }

    /// How many times the shared counters could not be asked since the start.
    pub fn unchecked(&self) -> u64 {
        self.0.unchecked.load(Ordering::Relaxed)
    }

    /// The lane of a connection.
    pub(crate) fn lane(&self, connection: &Connection) -> Result<Arc<Lane>, Stop> {
        let key = (connection.tenant, connection.id);
        if let Some(lane) = self.0.connections.find(key) {
            return Ok(lane);
        }
        let fresh = Lane::new(connection)?;
        self.0.connections.lane(key, self.now(), || fresh).ok_or_else(no_room)
    }

    pub(crate) fn now(&self) -> Duration {
        self.0.clock.elapsed()
    }
}

/// Every limit is in use, so a new one cannot be counted.
pub(crate) fn no_room() -> Stop {
    TrafficRefusal::LimitsUnavailable.refuse().retry_after(Duration::from_secs(1)).into()
}
