//! Which refusals get a record of their own, and which are counted together.
//!
//! A record is durable and costs disk, and it is the one who is refused that decides how many there are.
//! So in each window of a minute each credential, each tenant, each stranger's network and all strangers
//! together have a number of records; what is refused beyond it is counted, and where the window ends one
//! record says who it was, under which codes, how often, from when to when. A process that is killed
//! loses the counts of its last window, and nothing else. Memory is bounded by the same numbers: one
//! count for each credential, and no more networks than there are records for strangers.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::Duration;

use lockgate_vocabulary::{TenantId, Timestamp, network};

use crate::append::locked;
use crate::facts::{Deed, RefusedFacts};

/// How long refusals are counted together.
const WINDOW: Duration = Duration::from_secs(60);

/// Records of one credential's refusals in a window.
const OF_CREDENTIAL: u32 = 120;

/// Records of one tenant's refusals in a window.
const OF_TENANT: u32 = 1_200;

/// Records of refusals of one network of strangers in a window.
const OF_NETWORK: u32 = 120;

/// Records of refusals of all strangers in a window.
const OF_STRANGERS: u32 = 6_000;

/// Codes that a summary names; those beyond are counted in one.
const CODES: usize = 10;

/// What became of a refusal in the trail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noted {
    /// It has a record of its own, which is durable.
    Recorded,
    /// It was counted; the record over all that were counted follows after so long.
    Counted(Duration),
}

impl Noted {
    /// How long whoever is refused should wait, where it was too much for records of its own.
    pub const fn wait(self) -> Option<Duration> {
        match self {
            Self::Recorded => None,
            Self::Counted(wait) => Some(wait),
        }
    }
}

/// Whose refusals are counted: a credential, or all strangers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Who {
    Credential(TenantId, String),
    Strangers,
}

/// Refusals without a record of their own.
#[derive(Debug)]
struct Excess {
    tenant: Option<TenantId>,
    principal: Option<String>,
    codes: BTreeMap<&'static str, i64>,
    networks: HashSet<IpAddr>,
    from: Timestamp,
    to: Timestamp,
}

/// Refusals of the present window.
#[derive(Debug, Default)]
pub(crate) struct Ration(Mutex<Window>);

#[derive(Debug, Default)]
struct Window {
    ends: Duration,
    credentials: HashMap<Who, u32>,
    tenants: HashMap<TenantId, u32>,
    networks: HashMap<IpAddr, u32>,
    strangers: u32,
    excess: HashMap<Who, Excess>,
}

impl Ration {
    /// Notes a refusal. Gives whether it gets a record of its own, and the records of a window that is over.
    pub(crate) fn note(&self, facts: &RefusedFacts<'_>, elapsed: Duration, now: Timestamp) -> (Noted, Vec<Deed>) {
        let mut window = locked(&self.0);
        let due = window.roll(elapsed);
        if window.has_room(facts) {
            return (Noted::Recorded, due);
        }
        window.count(facts, now);
        (Noted::Counted(window.ends.saturating_sub(elapsed)), due)
    }

    /// The records of a window that is over.
    pub(crate) fn due(&self, elapsed: Duration) -> Vec<Deed> {
        locked(&self.0).roll(elapsed)
    }

    /// The records of everything that was counted, since nothing more will be.
    pub(crate) fn rest(&self) -> Vec<Deed> {
        locked(&self.0).summaries()
    }
}

impl Window {
    /// Begins the next window where this one is over.
    fn roll(&mut self, elapsed: Duration) -> Vec<Deed> {
        if elapsed < self.ends {
            return Vec::new();
        }
        let due = self.summaries();
        *self = Self { ends: elapsed + WINDOW, ..Self::default() };
        due
    }

    fn has_room(&mut self, facts: &RefusedFacts<'_>) -> bool {
        match (who(facts), facts.actor) {
            (who @ Who::Credential(..), Some(actor)) => {
                let of_tenant = self.tenants.entry(actor.tenant).or_default();
                *of_tenant < OF_TENANT && {
                    let has = take(self.credentials.entry(who).or_default(), OF_CREDENTIAL);
                    *of_tenant += u32::from(has);
                    has
                }
            }
            _ => {
                self.strangers < OF_STRANGERS && {
                    let has = take(self.networks.entry(network(facts.peer)).or_default(), OF_NETWORK);
                    self.strangers += u32::from(has);
                    has
                }
            }
        }
    }

    fn count(&mut self, facts: &RefusedFacts<'_>, now: Timestamp) {
        let excess = self.excess.entry(who(facts)).or_insert_with(|| Excess {
            tenant: facts.actor.map(|actor| actor.tenant),
            principal: facts.actor.map(|actor| actor.principal.to_string()),
            codes: BTreeMap::new(),
            networks: HashSet::new(),
            from: now,
            to: now,
        });
        *excess.codes.entry(facts.code).or_default() += 1;
        if facts.actor.is_none() && excess.networks.len() < OF_STRANGERS as usize {
            excess.networks.insert(network(facts.peer));
        }
        excess.to = now;
    }

    fn summaries(&mut self) -> Vec<Deed> {
        self.excess.drain().map(|(who, excess)| summary(&who, &excess)).collect()
    }
}

fn take(count: &mut u32, most: u32) -> bool {
    let has = *count < most;
    *count += u32::from(has);
    has
}

fn who(facts: &RefusedFacts<'_>) -> Who {
    facts.actor.map_or(Who::Strangers, |actor| {
        let credential = facts.key.map_or_else(|| actor.principal.to_string(), |key| key.to_string());
        Who::Credential(actor.tenant, credential)
    })
}

/// The record over what was counted.
fn summary(who: &Who, excess: &Excess) -> Deed {
    let object = match who {
        Who::Credential(_, credential) => credential.as_str(),
        Who::Strangers => "strangers",
    };
    let all: i64 = excess.codes.values().sum();
    let mut deed = Deed::by_house(excess.tenant, "refusals.counted", object)
        .with("count", all)
        .with("from", excess.from.to_string())
        .with("to", excess.to.to_string());
    deed = match &excess.principal {
        Some(principal) => deed.with("principal", principal.clone()),
        None => deed.with("networks", i64::try_from(excess.networks.len()).unwrap_or(i64::MAX)),
    };
    for (code, count) in excess.codes.iter().take(CODES) {
        deed = deed.with(code, *count);
    }
    let others: i64 = excess.codes.values().skip(CODES).sum();
    if others > 0 { deed.with("others", others) } else { deed }
}

#[cfg(test)]
mod tests;
