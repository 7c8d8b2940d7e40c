//! Counters on Redis, which all nodes share: one script, one round trip, Redis's own clock.

use std::sync::Arc;
use std::time::Duration;

use lockgate_vocabulary::{BoxFuture, Fault};
use redis::Script;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};

use super::{Counters, Rate, Taken};

/// How long one round trip may take. A counter that is slower than this is of no use to a call.
const ROUND_TRIP: Duration = Duration::from_millis(250);

/// The arithmetic of [`Rate::take`] again, in doubles that hold whole numbers under 2^53 only.
/// The bucket is forgotten by Redis a moment after it has run empty.
const TAKE: &str = include_str!("take.lua");

/// Counters on a Redis server.
#[derive(Clone)]
pub struct RedisCounters {
    connection: ConnectionManager,
    script: Arc<Script>,
    prefix: Arc<str>,
}

impl RedisCounters {
    /// Counters on this server; it is dialled when first asked, and again whenever the line broke.
    pub fn new(client: &redis::Client, prefix: &str) -> Result<Self, Fault> {
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(1)
            .set_max_delay(ROUND_TRIP)
            .set_connection_timeout(Some(ROUND_TRIP))
            .set_response_timeout(Some(ROUND_TRIP));
        let connection = ConnectionManager::new_lazy_with_config(client.clone(), config)
            .map_err(|error| Fault::broken("setting up shared counters", error))?;
        let prefix = format!("{prefix}:counter:").into();
        Ok(Self { connection, script: Arc::new(Script::new(TAKE)), prefix })
    }
}

impl Counters for RedisCounters {
    fn take(&self, key: &str, cost: u32, rate: Rate) -> BoxFuture<Result<Taken, Fault>> {
        let this = self.clone();
        let key = format!("{}{key}", self.prefix);
        Box::pin(async move {
            let units = rate.cost_units(cost)?;
            let mut connection = this.connection;
            let (allowed, level): (bool, u64) = this
                .script
                .key(key)
                .arg(units)
                .arg(rate.full_units())
                .arg(rate.leak_units())
                .invoke_async(&mut connection)
                .await
                .map_err(|error| Fault::unavailable("asking the shared counters", error))?;
            Ok(rate.told(allowed, level, units))
        })
    }
}
