//! The handle on a node's log.

use std::fmt;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use lockgate_store::{Statement, Store, Value};
use lockgate_vocabulary::{AuditId, Clock, ConnectionId, Entropy, Fault, RunId, Stop, TenantId, Timestamp};

use crate::append::aside::{Aside, Job};
use crate::append::queue::{Queue, Urgency};
use crate::append::writer::{Begin, Writer};
use crate::append::{Core, Durable, Parts, Shared, locked};
use crate::checkpoint::{Signer, VerifierKey};
use crate::config::Config;
use crate::disk::LogDir;
use crate::entry::{Started, emit};
use crate::facts::{Deed, Outcome, RefusedFacts, RunFacts};
use crate::ledger::Mark;
use crate::opened::Opened;
use crate::ration::Noted;
use crate::read::{Cursor, Filter, Page, Reader, Record, Run};
use crate::recover::{self, Found};
use crate::refusal::AuditRefusal;
use crate::remember::{self, Elsewhere, OtherLog};
use crate::{outbox, recover::Unfinished};

/// The code of a run's end that recovery wrote: the process ended before the run did.
const UNFINISHED: &str = "audit.run.unfinished";

/// When a caller should try again who finds the queue full.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A node's log, open for writing. Cloning it gives another handle on the same log.
#[derive(Clone)]
pub struct Audit {
    pub(crate) handle: Arc<Handle>,
    key: Arc<VerifierKey>,
    threads: Arc<Mutex<Option<Threads>>>,
    reader: Arc<Reader>,
}

/// What keeps the log open: when the last one is dropped, the writer ends it in good order.
pub(crate) struct Handle {
    pub(crate) shared: Arc<Shared>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.sum_up(self.shared.ration.rest());
        self.shared.queue.close();
    }
}

struct Threads {
    writer: JoinHandle<()>,
    aside: JoinHandle<()>,
}

/// What was found when the log was opened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recovered {
    /// Runs that had been opened and had no end. They are closed as `unknown` now.
    pub unfinished: Vec<UnfinishedRun>,
    /// Entries that were in the log.
    pub entries: u64,
    /// How many of them lay beyond the last signed checkpoint; the next checkpoint covers them.
    pub unsigned: u64,
    /// Bytes of a half-written last group that were cut off. Nobody was told that they were durable.
    pub torn_bytes: u64,
}

/// A run that had no end when the process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnfinishedRun {
    /// Whose it is.
    pub tenant: TenantId,
    /// The run.
    pub run: RunId,
    /// The connection.
    pub connection: ConnectionId,
    /// Its name.
    pub connection_name: Box<str>,
    /// The HTTP method.
    pub method: Box<str>,
    /// The declared template.
    pub endpoint: Box<str>,
    /// `read`, `write` or `delete`.
    pub operation: Box<str>,
    /// When it was opened.
    pub opened_at: Timestamp,
}

impl Audit {
    /// Opens the log, recovers it, and starts its writer. It must run inside a tokio runtime.
    ///
    /// The log's identity is the signer's name; see [`Config::origin`].
    pub async fn open(
        config: &Config,
        signer: Signer,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<(Self, Recovered), Fault> {
        Self::open_with(config, signer, Elsewhere::default(), clock, entropy).await
    }

    /// The same, with what is known of the log elsewhere: it is refused with [`RolledBack`](crate::RolledBack)
    /// where it does not extend that.
    pub async fn open_with(
        config: &Config,
        signer: Signer,
        elsewhere: Elsewhere,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<(Self, Recovered), Fault> {
        config.checked()?;
        let key = Arc::new(signer.verifier().clone());
        let Elsewhere { witness, known } = elsewhere;
        let (found, lock) = read_log(config, &key, known).await?;
        let signed = found.last_note.as_ref().map_or(0, |noted| noted.checkpoint.size);
        let latest = found.last_note.as_ref().map(|noted| Arc::from(noted.note.as_str()));
        let entries = found.ledger.size();
        let core = Core {
            ledger: found.ledger.clone(),
            active: found.segment.number(),
            visible: found.segment.offset(),
            index: found.index.clone(),
            recent: Vec::new(),
        };
        let dir = LogDir::held(&config.dir).map_err(|error| Fault::broken("opening the audit directory", error))?;
        let node = config.node.as_str().into();
        let queue = Queue::new(config.queue_entries, config.linger());
        let rows = signer.rows().clone();
        let shared = Arc::new(Shared::new(Parts { dir, node, clock, entropy, rows, core, queue, latest, lock }));
        #[cfg(test)]
        let found = Found { segment: found.segment.with_trouble(&shared.trouble), ..found };
        let (jobs, asked) = channel();
        let segment_bytes = config.segment_bytes;
        let aside = Aside { shared: Arc::clone(&shared), signer, notes: found.notes, witness, segment_bytes };
        let writer = Writer::new(Begin {
            shared: Arc::clone(&shared),
            origin: key.name().to_owned(),
            segment_bytes,
            segment: found.segment,
            tiles: found.tiles,
            jobs,
            signed,
        });
        let threads = start(writer, aside, asked)?;
        let reader = Arc::new(Reader::new(Arc::clone(&shared)));
        let handle = Arc::new(Handle { shared });
        let audit = Self { handle, key, threads: Arc::new(Mutex::new(Some(threads))), reader };
        let unsigned = entries - signed;
        audit.begin(found.unfinished.as_slice(), unsigned, found.torn_bytes).await?;
        audit.tick(config);
        let unfinished = found.unfinished.into_iter().map(|unfinished| unfinished.run).collect();
        Ok((audit, Recovered { unfinished, entries, unsigned, torn_bytes: found.torn_bytes }))
    }

    /// Ends the runs that had no end, says how the log was found, and has that signed.
    async fn begin(&self, unfinished: &[Unfinished], unsigned: u64, torn_bytes: u64) -> Result<(), Fault> {
        let failed = || Fault::unavailable("writing the first entries of the audit log", "see the log");
        let shared = self.shared();
        for lost in unfinished {
            let tail = emit::lost(&lost.repeated, Outcome::Unknown, UNFINISHED);
            let draft = shared.draft(Some(lost.run.tenant), Mark::Closed(lost.run.run), tail);
            shared.lazily(draft, Urgency::WithTheNext);
        }
        let told = Started { unsigned, torn_bytes, unfinished: unfinished.len() as u64 };
        let draft = shared.draft(None, Mark::Plain, emit::started(&told));
        shared.durably(draft).map_err(|_| failed())?.await.map_err(|_| failed())?;
        shared.checkpoint().map_err(|_| failed())?.await.map_err(|_| failed())
    }

    /// Has a checkpoint signed at each interval in which entries came, and watches the disk.
    fn tick(&self, config: &Config) {
        let shared: Weak<Shared> = Arc::downgrade(self.shared());
        let clock = Arc::clone(&self.shared().clock);
        let (interval, stall) = (config.checkpoint_interval(), config.stall());
        tokio::spawn(async move {
            loop {
                clock.sleep(interval).await;
                let Some(shared) = shared.upgrade().filter(|shared| !shared.queue.is_closed()) else { return };
                shared.watch(stall);
                shared.sum_up(shared.ration.due(shared.clock.elapsed()));
                shared.queue.tick();
            }
        });
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.handle.shared
    }

    /// Records that a run is about to be made, and returns once the record is durable.
    ///
    /// Where the caller stops waiting, the run is closed as refused: nothing was done.
    pub async fn open_run(&self, facts: RunFacts<'_>) -> Result<Opened, Stop> {
        let repeated = emit::run_context(&facts);
        let tail = emit::opened(&repeated, &facts);
        let tenant = facts.actor.tenant;
        let draft = self.shared().draft(Some(tenant), Mark::Opened(facts.run), tail);
        let durable = self.hand_in(draft)?;
        let opened = Opened::pending(&self.handle, tenant, facts.run, repeated);
        match durable.await {
            Ok(()) => Ok(opened.confirmed()),
            Err(_) => {
                opened.forgotten();
                Err(AuditRefusal::Unavailable.into())
            }
        }
    }

    /// Records a request that was refused before a run was opened; durable when it returns. Whoever is
    /// refused very often is counted instead, and one record over all that was counted follows.
    pub async fn refused(&self, facts: RefusedFacts<'_>) -> Result<Noted, Stop> {
        let shared = self.shared();
        if !shared.is_sound() {
            return Err(AuditRefusal::Unavailable.into());
        }
        let (noted, due) = shared.ration.note(&facts, shared.clock.elapsed(), shared.clock.now());
        shared.sum_up(due);
        if noted == Noted::Recorded {
            let draft = shared.draft(facts.tenant, Mark::Plain, emit::refused(&facts));
            self.durably(draft).await?;
        }
        Ok(noted)
    }

    /// Records an administrative act; durable when it returns.
    pub async fn record(&self, deed: Deed) -> Result<AuditId, Stop> {
        let draft = self.shared().draft(deed.tenant, Mark::Plain, emit::deed(&deed, false));
        let id = draft.id;
        self.durably(draft).await.map(|()| id)
    }

    /// The step that records an act inside a change of the store:
    /// `change.step(statement, values)`. The relay appends it to the log exactly once.
    ///
    /// In a change of the house's own use [`Audit::house_step`].
    pub fn step(&self, deed: &Deed) -> (&'static Statement, Vec<Value>) {
        outbox::step(self.shared(), deed)
    }

    /// The step that records an act inside a change that is not one tenant's.
    pub fn house_step(&self, deed: &Deed) -> (&'static Statement, Vec<Value>) {
        outbox::house_step(self.shared(), deed)
    }

    /// Whether the log can be written. False once a write failed, until the process starts anew; while
    /// one does not come back; and while there is no descriptor or room for the next segment. Every new
    /// call is refused then.
    pub fn is_sound(&self) -> bool {
        self.shared().is_sound()
    }

    /// How many entries wait for the disk.
    pub fn waiting(&self) -> usize {
        self.shared().queue.len()
    }

    /// How many rows of the outbox this process has set aside, because they were not ours.
    pub fn rows_set_aside(&self) -> u64 {
        self.shared().rows_aside.load(Ordering::Relaxed)
    }

    /// How many runs are open.
    pub fn open_runs(&self) -> usize {
        locked(&self.shared().core).ledger.open.len()
    }

    /// The node whose log it is.
    pub fn node(&self) -> &str {
        remember::node_of(self.key.name())
    }

    /// The logs of other nodes that share this store and may have entries since this moment: what this one tells has
    /// none of theirs.
    pub async fn others(&self, store: &Store, since: Timestamp) -> Result<Vec<OtherLog>, Fault> {
        remember::others(store, &self.key, since).await
    }

    /// What the log's checkpoints are verified with.
    pub fn verifier(&self) -> &VerifierKey {
        &self.key
    }

    /// The last signed checkpoint, as a note.
    pub fn last_checkpoint(&self) -> Option<Arc<str>> {
        locked(&self.shared().latest).clone()
    }

    /// Has a checkpoint signed over everything so far, and gives it once it is durable.
    pub async fn checkpoint(&self) -> Result<Arc<str>, Stop> {
        let durable = self.shared().checkpoint().map_err(refuse)?;
        durable.await.map_err(|_| AuditRefusal::Unavailable)?;
        self.last_checkpoint().ok_or_else(|| Fault::violated("a signed checkpoint is kept").into())
    }

    /// Entries of one tenant's trail, or of the house's own where `tenant` is `None`.
    pub async fn entries(
        &self,
        tenant: Option<TenantId>,
        filter: Filter,
        cursor: Option<Cursor>,
        limit: usize,
    ) -> Result<Page<Record>, Fault> {
        self.reader.entries(tenant, filter, cursor, limit).await
    }

    /// Runs of one tenant, each with its attempts and its end, in the order in which they were opened.
    pub async fn runs(
        &self,
        tenant: TenantId,
        filter: Filter,
        cursor: Option<Cursor>,
        limit: usize,
    ) -> Result<Page<Run>, Fault> {
        self.reader.runs(tenant, filter, cursor, limit).await
    }

    /// One run of a tenant, if its trail has it.
    pub async fn run(&self, tenant: TenantId, run: RunId) -> Result<Option<Run>, Fault> {
        self.reader.run(tenant, run).await
    }

    /// Writes what is waiting, signs a last checkpoint and ends the writer. Everything after it is refused.
    pub async fn shutdown(&self) -> Result<(), Fault> {
        const DOING: &str = "ending the audit log";
        self.shared().sum_up(self.shared().ration.rest());
        self.shared().queue.close();
        let (threads, shared) = (locked(&self.threads).take(), Arc::clone(self.shared()));
        let ended = tokio::task::spawn_blocking(move || {
            let Some(threads) = threads else { return true };
            let writer = threads.writer.join().is_ok();
            let aside = threads.aside.join().is_ok();
            shared.release();
            writer && aside
        });
        let whole = ended.await.map_err(|error| Fault::broken(DOING, error))?;
        if whole && !self.shared().has_failed() { Ok(()) } else { Err(Fault::broken(DOING, "a write had failed")) }
    }

    fn hand_in(&self, draft: crate::append::Draft) -> Result<Durable, Stop> {
        self.shared().durably(draft).map_err(refuse)
    }

    pub(crate) async fn durably(&self, draft: crate::append::Draft) -> Result<(), Stop> {
        self.hand_in(draft)?.await.map_err(|_| AuditRefusal::Unavailable.into())
    }
}

impl fmt::Debug for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Audit({})", self.key.name())
    }
}

fn refuse(refusal: AuditRefusal) -> Stop {
    match refusal {
        AuditRefusal::QueueFull => refusal.refuse().retry_after(RETRY_AFTER).into(),
        AuditRefusal::Unavailable => refusal.into(),
    }
}

/// Locks and recovers the log where blocking is allowed.
async fn read_log(
    config: &Config,
    key: &Arc<VerifierKey>,
    known: Vec<String>,
) -> Result<(Found, std::fs::File), Fault> {
    const DOING: &str = "opening the audit log";
    let (config, key) = (config.clone(), Arc::clone(key));
    let read = tokio::task::spawn_blocking(move || {
        let dir = LogDir::made(&config.dir).map_err(|error| Fault::broken("making the audit directory", error))?;
        let lock = recover::lock(&dir)?;
        let held = remember::opened(&key, &known).map_err(|other| Fault::broken(DOING, other))?;
        let wanted = recover::Wanted { key: &key, node: config.node.as_str(), held: &held };
        recover::recover(&dir, &wanted, config.segment_bytes).map(|found| (found, lock))
    });
    read.await.map_err(|error| Fault::broken(DOING, error))?
}

fn start(writer: Writer, aside: Aside, asked: Receiver<Job>) -> Result<Threads, Fault> {
    let fault = |error: io::Error| Fault::broken("starting the audit log", error);
    let thread = |name: &str| std::thread::Builder::new().name(name.to_owned());
    let aside = thread("audit-aside").spawn(move || aside.run(&asked)).map_err(fault)?;
    let writer = thread("audit-writer").spawn(move || writer.run()).map_err(fault)?;
    Ok(Threads { writer, aside })
}

#[cfg(test)]
mod tests;
