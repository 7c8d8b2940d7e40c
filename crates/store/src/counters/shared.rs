//! Counters on Redis, which all nodes share: one script, one round trip, Redis's own clock. Several
//! keys are taken from in one run of the script, so no other node's take comes in between.

use std::sync::Arc;
use std::time::Duration;

use lockgate_vocabulary::{BoxFuture, Fault};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{FromRedisValue, Script};

use super::{Counters, Rate, Taken, Wanted};

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

/// One key of a run of the script.
struct Bucket {
    key: String,
    rate: Rate,
    units: u64,
}

impl RedisCounters {
    fn bucket(&self, wanted: Wanted<'_>) -> Result<Bucket, Fault> {
        let Wanted { key, cost, rate } = wanted;
        Ok(Bucket { key: format!("{}{key}", self.prefix), rate, units: rate.cost_units(cost)? })
    }

    /// Runs the script over these buckets.
    async fn run<T: FromRedisValue>(self, buckets: &[Bucket]) -> Result<T, Fault> {
        let mut call = self.script.prepare_invoke();
        for Bucket { key, rate, units } in buckets {
            call.key(key).arg(*units).arg(rate.full_units()).arg(rate.leak_units()).arg(rate.kept_millis());
        }
        let mut connection = self.connection;
        let told = call.invoke_async(&mut connection).await;
        told.map_err(|error| Fault::unavailable("asking the shared counters", error))
    }
}

impl Bucket {
    fn told(&self, fits: bool, level: u64) -> Taken {
        self.rate.told(fits, level, self.units)
    }
}

impl Counters for RedisCounters {
    fn take(&self, wanted: Wanted<'_>) -> BoxFuture<Result<Taken, Fault>> {
        let (this, bucket) = (self.clone(), self.bucket(wanted));
        Box::pin(async move {
            let bucket = [bucket?];
            let (fits, level) = this.run(&bucket).await?;
            let [bucket] = bucket;
            Ok(bucket.told(fits, level))
        })
    }

    fn take_all(&self, wanted: &[Wanted<'_>]) -> BoxFuture<Result<Vec<Taken>, Fault>> {
        let buckets: Result<Vec<Bucket>, Fault> = wanted.iter().map(|wanted| self.bucket(*wanted)).collect();
        let this = self.clone();
        Box::pin(async move {
            let buckets = buckets?;
            let told: Vec<u64> = this.run(&buckets).await?;
            let each = buckets.iter().zip(told.chunks_exact(2));
            let taken = each.filter_map(|(bucket, told)| match told {
                [fits, level] => Some(bucket.told(*fits == 1, *level)),
                _ => None,
            });
            Ok(taken.collect())
        })
    }
}
