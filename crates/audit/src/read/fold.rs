//! Runs, folded from the entries that open them, try, and close them.

use std::collections::HashMap;
use std::io;

use lockgate_vocabulary::{RunId, TenantId, Timestamp};
use serde::Serialize;

use super::walk::Walk;
use super::{Cursor, Filter, Order, Page, Reader};
use crate::entry::{AttemptMade, Entry, Facts, OpenedRun, Who};
use crate::facts::Outcome;

/// One run as the trail shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Run {
    /// When it was opened.
    pub opened_at: Timestamp,
    /// The trace, as 32 hexadecimal digits.
    pub trace: Option<Box<str>>,
    /// Who called.
    pub actor: Option<Who>,
    /// What was to be done.
    pub facts: OpenedRun,
    /// Its attempts.
    pub attempts: Vec<Attempt>,
    /// Its end; nothing while it is under way.
    pub ended: Option<Ended>,
    /// The log index of the entry that opened it.
    pub index: u64,
}

/// One attempt of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// When it was over.
    pub at: Timestamp,
    /// What became of it.
    pub facts: AttemptMade,
}

/// The end of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ended {
    /// When.
    pub at: Timestamp,
    /// What became of it.
    pub outcome: Outcome,
    /// The HTTP status that the caller got.
    pub status: Option<u16>,
    /// The code of a refusal, or of an end that nobody saw.
    pub code: Option<Box<str>>,
    /// How many bytes of body the caller sent.
    pub request_bytes: Option<u64>,
    /// How many bytes of body the caller got.
    pub answer_bytes: Option<u64>,
    /// How long the whole run took, in microseconds.
    pub took_micros: Option<u64>,
    /// Whether the caller got the answer that the endpoint declares for a vendor that is down.
    pub fallback: bool,
}

impl Run {
    fn of(entry: Entry) -> Option<Self> {
        let Facts::Opened(facts) = entry.facts else { return None };
        let Entry { index, time, trace, actor, .. } = entry;
        Some(Self { opened_at: time, trace, actor, facts, attempts: Vec::new(), ended: None, index })
    }

    /// What became of it; nothing while it is under way.
    pub fn outcome(&self) -> Option<Outcome> {
        self.ended.as_ref().map(|ended| ended.outcome)
    }

    fn add(&mut self, entry: Entry) {
        match entry.facts {
            Facts::Attempt(facts) => self.attempts.push(Attempt { at: entry.time, facts }),
            Facts::Closed(facts) => {
                self.ended = Some(Ended {
                    at: entry.time,
                    outcome: facts.outcome,
                    status: facts.status,
                    code: facts.code,
                    request_bytes: facts.measured.map(|measured| measured.request_bytes),
                    answer_bytes: facts.measured.map(|measured| measured.answer_bytes),
                    took_micros: facts.measured.map(|measured| measured.took_micros),
                    fallback: facts.fallback,
                });
            }
            _ => {}
        }
    }
}

/// A page of runs: first the entries that opened them, then, going on from the oldest of these, what
/// became of them, up to where the last of them ended.
pub(super) fn runs(
    reader: &Reader,
    tenant: TenantId,
    filter: &Filter,
    cursor: Option<Cursor>,
    limit: usize,
) -> io::Result<Page<Run>> {
    let mut walk = Walk::new(reader, Some(tenant), filter.order, cursor.map(|cursor| cursor.0));
    let mut found = Vec::new();
    while found.len() < limit {
        let Some(record) = walk.next()? else { break };
        if filter.wants(&record.entry)
            && let Some(run) = Run::of(record.entry)
        {
            found.push(run);
        }
    }
    let next = walk.rest().map(Cursor);
    complete(reader, tenant, &mut found)?;
    found.retain(|run| filter.outcome.is_none_or(|wanted| run.outcome() == Some(wanted)));
    Ok(Page { items: found, next })
}

/// One run. Its identifier tells when it was made, so nothing older need be looked at.
pub(super) fn run(reader: &Reader, tenant: TenantId, wanted: RunId) -> io::Result<Option<Run>> {
    let mut walk = Walk::new(reader, Some(tenant), Order::NewestFirst, None);
    let oldest = wanted.made_at().before(SKEW);
    while let Some(record) = walk.next()? {
        if record.entry.time < oldest {
            return Ok(None);
        }
        if record.entry.facts.run() == Some(wanted)
            && let Some(run) = Run::of(record.entry)
        {
            let mut found = vec![run];
            complete(reader, tenant, &mut found)?;
            return Ok(found.pop());
        }
    }
    Ok(None)
}

/// How far clocks may have been set back between two entries that are looked at together.
const SKEW: std::time::Duration = std::time::Duration::from_secs(3_600);

/// Adds attempts and ends to runs.
fn complete(reader: &Reader, tenant: TenantId, runs: &mut [Run]) -> io::Result<()> {
    let mut places: HashMap<RunId, usize> =
        runs.iter().enumerate().map(|(place, run)| (run.facts.run, place)).collect();
    let Some(oldest) = runs.iter().map(|run| run.index).min() else { return Ok(()) };
    // A run that is open now has no end to be looked for.
    let mut awaited = runs.iter().filter(|run| !reader.is_open(run.facts.run)).count();
    let newest = runs.iter().map(|run| run.index).max().unwrap_or(oldest);
    let mut walk = Walk::new(reader, Some(tenant), Order::OldestFirst, Some(oldest));
    while let Some(record) = walk.next()? {
        if awaited == 0 && record.entry.index > newest {
            break;
        }
        let Some(run) = record.entry.facts.run() else { continue };
        let Some(found) = places.get(&run).and_then(|place| runs.get_mut(*place)) else { continue };
        let ends = matches!(record.entry.facts, Facts::Closed(_));
        found.add(record.entry);
        if ends {
            awaited = awaited.saturating_sub(1);
            places.remove(&run);
        }
    }
    Ok(())
}
