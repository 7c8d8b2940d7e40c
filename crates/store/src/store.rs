//! The store as the rooms see it: reads, changes, the epoch, and what nodes share beside the database.

use std::path::Path;
use std::sync::Arc;

use lockgate_vocabulary::{Clock, Fault, TenantId};
use tokio::task::JoinHandle;

use crate::change::{Applied, ApplyFailure, Change};
use crate::config::Config;
use crate::counters::Counters;
use crate::engine::{EPOCH, Engine, Opening, Query, epoch_of};
use crate::epoch::{EPOCH_POLL, Epoch, EpochKeeper};
use crate::shared;
use crate::signals::{Signal, Signals, Subscription};
use crate::statement::{Reach, Statement};
use crate::value::{Row, Value};
use crate::writer::Writer;

/// The topic under which nodes tell each other that the epoch rose.
const EPOCH_TOPIC: &str = "epoch";

/// What outlives a request. Cloning it gives another handle on the same store.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    watch: Arc<Watch>,
    writer: Writer,
    counters: Arc<dyn Counters>,
    signals: Arc<dyn Signals>,
    polling: JoinHandle<()>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.polling.abort();
    }
}

impl Store {
    /// Opens the database, migrates it forward, and starts the writer and the polling of the epoch.
    pub async fn open(config: &Config, clock: Arc<dyn Clock>) -> Result<Self, Fault> {
        let opening = Opening::Migrating(clock.now());
        Self::open_with(config, clock, opening).await
    }

    /// Opens a database that is there and up to date, and changes nothing in opening it.
    pub async fn open_as_it_is(config: &Config, clock: Arc<dyn Clock>) -> Result<Self, Fault> {
        Self::open_with(config, clock, Opening::AsItIs).await
    }

    async fn open_with(config: &Config, clock: Arc<dyn Clock>, opening: Opening) -> Result<Self, Fault> {
        let engine = Engine::open(&config.engine, opening).await?;
        let (counters, signals) = shared::open(config.redis.as_ref(), &clock)?;
        let keeper = EpochKeeper::new(Arc::clone(&clock));
        let watch = Arc::new(Watch { engine: engine.clone(), keeper, clock });
        watch.look().await?;
        let told = signals.subscribe(EPOCH_TOPIC);
        let polling = tokio::spawn(Arc::clone(&watch).poll(told));
        let (raised, publisher) = (Arc::clone(&watch), Arc::clone(&signals));
        let writer = Writer::start(engine, config.queue, move |epoch| {
            raised.keeper.raise(epoch);
            // The other nodes would see it within their next poll; a signal that is lost is no harm.
            tokio::spawn(publisher.publish(EPOCH_TOPIC, epoch.to_string().as_bytes()));
        });
        Ok(Self { inner: Arc::new(Inner { watch, writer, counters, signals, polling }) })
    }

    /// Runs a statement on one tenant's rows; `$1` is the tenant, `values` start at `$2`.
    pub async fn read(
        &self,
        tenant: TenantId,
        statement: &'static Statement,
        values: Vec<Value>,
    ) -> Result<Vec<Row>, Fault> {
        if statement.reach != Reach::Tenant {
            return Err(Fault::violated("a statement that is read for a tenant reaches that tenant alone"));
        }
        self.engine().read(Query { statement, tenant: Some(tenant), values }).await
    }

    /// Runs a statement of the closed list that reaches beyond one tenant; `values` start at `$1`.
    pub async fn survey(&self, statement: &'static Statement, values: Vec<Value>) -> Result<Vec<Row>, Fault> {
        if statement.reach != Reach::House {
            return Err(Fault::violated("a statement that is read for the house is of the closed list"));
        }
        self.engine().read(Query { statement, tenant: None, values }).await
    }

    /// Applies a change, and answers once it is durable.
    ///
    /// A caller who stops waiting does not call the change back: it may hold all the same. A fault
    /// says that the change is not known to hold; after the loss of the line to a server it may.
    pub async fn apply(&self, change: Change) -> Result<Applied, ApplyFailure> {
        self.inner.writer.apply(change).await
    }

    /// What this node knows of the epoch.
    pub fn epoch(&self) -> Epoch {
        self.inner.watch.keeper.handle()
    }

    /// Asks the store for the epoch now instead of at the next poll.
    pub async fn confirm_epoch(&self) -> Result<u64, Fault> {
        self.inner.watch.look().await
    }

    /// The counters that nodes share, or those of this process.
    pub fn counters(&self) -> Arc<dyn Counters> {
        Arc::clone(&self.inner.counters)
    }

    /// The signals between nodes, or those of this process.
    pub fn signals(&self) -> Arc<dyn Signals> {
        Arc::clone(&self.inner.signals)
    }

    /// Checks every statement's text and prepares it on this engine, without running any.
    pub async fn prepare_all(&self, statements: &[&'static Statement]) -> Result<(), Fault> {
        for statement in statements {
            if let Some(flaw) = statement.flaw() {
                return Err(Fault::broken(statement.name, flaw.to_string()));
            }
            self.engine().prepare(statement).await?;
        }
        Ok(())
    }

    /// Copies the embedded database into a new file while the gateway runs.
    pub async fn backup_to(&self, path: impl AsRef<Path>) -> Result<(), Fault> {
        self.engine().backup_to(path.as_ref().to_owned()).await
    }

    /// Empties the embedded database's write-ahead log, so that no copy of a destroyed row stays in it.
    pub async fn checkpoint(&self) -> Result<(), Fault> {
        self.engine().checkpoint().await
    }

    /// Waits until every change that was taken in is durable, and closes the database.
    pub async fn close(self) -> Result<(), Fault> {
        self.inner.polling.abort();
        self.inner.writer.close().await
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.inner.watch.engine
    }
}

/// Looks at the epoch from time to time.
struct Watch {
    engine: Engine,
    keeper: EpochKeeper,
    clock: Arc<dyn Clock>,
}

impl Watch {
    async fn look(&self) -> Result<u64, Fault> {
        let sent = self.clock.elapsed();
        let rows = self.engine.read(Query { statement: &EPOCH, tenant: None, values: Vec::new() }).await?;
        let row = rows.first().ok_or_else(|| Fault::violated("the house has an epoch"))?;
        let epoch = epoch_of(row)?;
        self.keeper.confirm(epoch, sent);
        Ok(epoch)
    }

    /// Looks every 250 ms, and sooner where another node says that there is something to see.
    async fn poll(self: Arc<Self>, told: Subscription) {
        let mut told = Some(told);
        let mut fails = false;
        loop {
            self.wait(&mut told).await;
            let outcome = self.look().await;
            if let (Err(fault), false) = (&outcome, fails) {
                tracing::warn!(%fault, "the epoch cannot be confirmed");
            }
            fails = outcome.is_err();
        }
    }

    /// Waits until it is time to look.
    async fn wait(&self, told: &mut Option<Subscription>) {
        // INVARIANT: however many signals come in, the look that is due comes no later for them.
        let mut due = self.clock.sleep(EPOCH_POLL);
        loop {
            tokio::select! {
                () = &mut due => return,
                heard = hear(told) => {
                    // A node hears its own signals too, and has seen those epochs already.
                    if heard.is_none_or(|epoch| epoch > self.keeper.value()) {
                        return;
                    }
                }
            }
        }
    }
}

/// The epoch that a node tells of; nothing where a signal may have been missed.
async fn hear(told: &mut Option<Subscription>) -> Option<u64> {
    let Some(subscription) = told else { return std::future::pending().await };
    match subscription.next().await {
        Some(Signal::Said(message)) => std::str::from_utf8(&message).ok()?.parse().ok(),
        Some(Signal::Missed) => None,
        None => {
            *told = None;
            None
        }
    }
}
