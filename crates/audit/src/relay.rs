//! The relay: what was recorded inside a change of the store is appended to the log, exactly once.
//!
//! A row is appended, then marked. A crash between the two leaves a row that is in the log already; the
//! log knows which acts it took from the outbox and has not seen marked (recovery finds them again), so
//! such a row is only marked. There is one relay for a log.
//!
//! A row that does not show that it is ours, or that is no act, is never appended. The log says that it was
//! there, and it is set aside: the others go on.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use lockgate_store::{Change, Row, Store, Value};
use lockgate_vocabulary::{AuditId, Clock, Fault, Timestamp};
use tokio::sync::Mutex;

use crate::append::locked;
use crate::audit::Audit;
use crate::entry::emit;
use crate::facts::Deed;
use crate::ledger::Mark;
use crate::{outbox, remember, rows};

const DOING: &str = "relaying the audit outbox";

/// How often the relay looks when there is nothing to do.
const EVERY: Duration = Duration::from_millis(200);

/// How long it waits after a failure.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Rows of one pass.
const ROWS: usize = 256;

/// How long a row stays after it was appended, and how often old ones are looked for.
const KEPT: Duration = Duration::from_secs(24 * 3_600);
const FORGET_EVERY: Duration = Duration::from_secs(3_600);

/// How often the store is told the log's last checkpoint at the most. So long a part of the log could be
/// cut off together with its checkpoints without anybody noticing.
const REMEMBER_EVERY: Duration = Duration::from_secs(1);

/// Appends the outbox to a node's log.
pub struct Relay {
    audit: Audit,
    store: Store,
    clock: Arc<dyn Clock>,
    beginning: String,
    /// Holding it keeps two passes from overlapping.
    past: Mutex<Past>,
}

/// What the relay did last, on the clock's own count.
#[derive(Default)]
struct Past {
    /// When rows were forgotten.
    forgot: Option<Duration>,
    /// When the store was told a checkpoint, and which one.
    remembered: Option<(Duration, Arc<str>)>,
    /// Rows that the log tells of and that are not set aside yet.
    alarmed: HashSet<(String, String)>,
}

/// What waits, told apart.
#[derive(Default)]
struct Sorted {
    /// Rows that are in the log: their owner and entry.
    appended: Vec<(String, AuditId)>,
    odd: Vec<Odd>,
}

/// A row that is not ours, or no act.
struct Odd {
    owner: String,
    entry: String,
    why: Fault,
}

impl Odd {
    fn place(&self) -> (String, String) {
        (self.owner.clone(), self.entry.clone())
    }
}

impl Relay {
    /// The relay of this log.
    pub fn new(audit: Audit, store: Store) -> Self {
        let clock = Arc::clone(&audit.shared().clock);
        let beginning = outbox::beginning(&audit.shared().node);
        Self { audit, store, clock, beginning, past: Mutex::default() }
    }

    /// Relays for as long as it is polled.
    pub async fn run(&self) {
        loop {
            let wait = match self.pass().await {
                Ok(rows) if rows >= ROWS => continue,
                Ok(_) => EVERY,
                Err(fault) => {
                    tracing::warn!(%fault, "acts wait in the audit outbox");
                    AFTER_FAILURE
                }
            };
            self.clock.sleep(wait).await;
        }
    }

    /// Passes until no more waits than one pass takes, for whoever ends after many acts.
    pub async fn drain(&self) -> Result<(), Fault> {
        while self.pass().await? >= ROWS {}
        Ok(())
    }

    /// Appends and marks what waits now, up to a bound, and has the store remember the log's last
    /// checkpoint. Gives how many rows there were.
    pub async fn pass(&self) -> Result<usize, Fault> {
        let mut past = self.past.lock().await;
        let values = vec![self.beginning.as_str().into(), Value::Int(ROWS as i64)];
        let waiting = self.store.survey(&rows::WAITING, values).await?;
        let Sorted { appended, odd } = self.append(&waiting).await?;
        self.mark(&appended).await?;
        self.settle(&appended, waiting.len() < ROWS);
        self.set_aside(&odd, &mut past).await?;
        let now = self.clock.elapsed();
        if past.forgot.is_none_or(|last| now.saturating_sub(last) >= FORGET_EVERY) {
            self.forget().await?;
            past.forgot = Some(now);
        }
        if past.remembered.as_ref().is_none_or(|(last, _)| now.saturating_sub(*last) >= REMEMBER_EVERY) {
            self.tell_store(&mut past).await?;
        }
        Ok(waiting.len())
    }

    /// Has the store remember the log's last checkpoint, whenever the last one was told. It is called once
    /// more when the log has ended.
    pub async fn remember(&self) -> Result<(), Fault> {
        let mut past = self.past.lock().await;
        self.tell_store(&mut past).await
    }

    async fn tell_store(&self, past: &mut Past) -> Result<(), Fault> {
        let Some(note) = self.audit.last_checkpoint() else { return Ok(()) };
        if past.remembered.as_ref().is_some_and(|(_, told)| *told == note) {
            return Ok(());
        }
        remember::remember(&self.store, self.audit.verifier(), &note, self.clock.now()).await?;
        past.remembered = Some((self.clock.elapsed(), note));
        Ok(())
    }

    /// Appends the rows that are not in the log yet, and waits until they are durable.
    async fn append(&self, waiting: &[Row]) -> Result<Sorted, Fault> {
        let shared = self.audit.shared();
        let known: HashSet<AuditId> = locked(&shared.core).ledger.relayed.clone();
        let mut sorted = Sorted::default();
        let mut underway = Vec::new();
        for row in waiting {
            let owner = row.text(0)?.to_owned();
            match outbox::judged(&shared.rows, row) {
                Ok(draft) => {
                    sorted.appended.push((owner, draft.id));
                    if !known.contains(&draft.id) {
                        underway.push(shared.durably(draft).map_err(unavailable)?);
                    }
                }
                Err(why) => sorted.odd.push(Odd { owner, entry: row.text(1)?.to_owned(), why }),
            }
        }
        for durable in underway {
            durable.await.map_err(|_| Fault::unavailable(DOING, "the audit log is unsound"))?;
        }
        Ok(sorted)
    }

    /// Records each row that is not ours, once, and sets it aside, so that it holds nothing up.
    async fn set_aside(&self, odd: &[Odd], past: &mut Past) -> Result<(), Fault> {
        if odd.is_empty() {
            return Ok(());
        }
        let shared = self.audit.shared();
        let mut underway = Vec::new();
        for row in odd.iter().filter(|row| !past.alarmed.contains(&row.place())) {
            tracing::error!(owner = row.owner, entry = row.entry, why = %row.why, "a row of the audit outbox is not ours");
            let deed = Deed::by_house(None, "outbox.set-aside", &row.entry).with("owner", row.owner.as_str());
            let draft = shared.draft(None, Mark::Plain, emit::deed(&deed, false));
            underway.push((row.place(), shared.durably(draft).map_err(unavailable)?));
        }
        for (place, durable) in underway {
            durable.await.map_err(|_| Fault::unavailable(DOING, "the audit log is unsound"))?;
            shared.rows_aside.fetch_add(1, Ordering::Relaxed);
            past.alarmed.insert(place);
        }
        let now = self.clock.now();
        let change = odd.iter().fold(Change::house(), |change, row| {
            change.step(&rows::SET_ASIDE, vec![row.owner.as_str().into(), row.entry.as_str().into(), now.into()])
        });
        self.store.apply(change).await.map_err(|failure| failure.into_fault(DOING))?;
        // What is set aside does not come again; only what could not be is remembered.
        past.alarmed.clear();
        Ok(())
    }

    async fn mark(&self, appended: &[(String, AuditId)]) -> Result<(), Fault> {
        if appended.is_empty() {
            return Ok(());
        }
        let now = self.clock.now();
        let change = appended.iter().fold(Change::house(), |change, (owner, entry)| {
            change.step(&rows::MARK, vec![owner.as_str().into(), (*entry).into(), now.into()])
        });
        self.store.apply(change).await.map(|_| ()).map_err(|failure| failure.into_fault(DOING))
    }

    /// Marked rows need not be remembered; and where there were no others, nothing need be.
    fn settle(&self, marked: &[(String, AuditId)], were_all: bool) {
        let mut core = locked(&self.audit.shared().core);
        if were_all {
            core.ledger.relayed.clear();
        } else {
            marked.iter().for_each(|(_, entry)| _ = core.ledger.relayed.remove(entry));
        }
    }

    async fn forget(&self) -> Result<(), Fault> {
        let before: Timestamp = self.clock.now().before(KEPT);
        let change = Change::house().step(&rows::FORGET, vec![before.into()]);
        self.store.apply(change).await.map(|_| ()).map_err(|failure| failure.into_fault(DOING))
    }
}

fn unavailable(refusal: crate::refusal::AuditRefusal) -> Fault {
    Fault::unavailable(DOING, refusal.info().code)
}

#[cfg(test)]
mod tests;
