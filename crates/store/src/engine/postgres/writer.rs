//! Commits a batch: plainly where that will do, and where a change fails with a savepoint for each
//! change, each of them one round trip.

use deadpool_postgres::{Object, Pool};
use lockgate_vocabulary::Fault;

use super::super::{Gathering, Outcomes, Undone, told_again};
use super::pipeline::launch;
use super::plan::{Plan, Planner};
use super::run::lost;
use super::{connection, plain};
use crate::change::{Applied, ApplyFailure, Change};
use crate::config::RolesConfig;

/// How often a change is tried again alone that stood in another transaction's way.
const TRIES: usize = 2;

/// How many steps of a change are on the line at once.
const AHEAD: usize = 32;

pub(super) async fn commit(pool: &Pool, roles: &RolesConfig, batch: &[Change]) -> Outcomes {
    let writer = Writer { pool, roles };
    let mut outcomes = Vec::with_capacity(batch.len());
    for (change, outcome) in batch.iter().zip(writer.commit(batch).await) {
        outcomes.push(match outcome {
            Err(Undone::Again(fault)) => writer.commit_again(change, fault).await,
            other => other.map_err(Undone::into_failure),
        });
    }
    outcomes
}

struct Writer<'a> {
    pool: &'a Pool,
    roles: &'a RolesConfig,
}

/// What was said last about the change before, which the next message has to begin with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Nothing,
    Held,
    Failed,
}

impl Writer<'_> {
    /// Tries alone a change that stood in another transaction's way.
    async fn commit_again(&self, change: &Change, mut last: Fault) -> Result<Applied, ApplyFailure> {
        for _ in 0..TRIES {
            match self.commit(std::slice::from_ref(change)).await.pop() {
                Some(Err(Undone::Again(fault))) => last = fault,
                Some(other) => return other.map_err(Undone::into_failure),
                None => return Err(unanswered().into()),
            }
        }
        Err(last.into())
    }

    /// Commits changes together. INVARIANT: as many outcomes as changes.
    async fn commit(&self, batch: &[Change]) -> Vec<Result<Applied, Undone>> {
        let all_failed = |fault: &Fault| {
            let failed = |_| Err(Undone::Failed(told_again(fault).into()));
            batch.iter().map(failed).collect()
        };
        let client = match connection(self.pool).await {
            Ok(client) => client,
            Err(fault) => return all_failed(&fault),
        };
        let plans = Planner(self.roles).all(&client, batch).await;
        let committed = run(&client, plans).await;
        committed.unwrap_or_else(|fault| {
            // Nobody knows in which state the connection is, so nobody gets it again.
            drop(Object::take(client));
            all_failed(&fault)
        })
    }
}

/// What came of planned changes. A fault means that nothing of them is known to hold.
type Ran = Result<Vec<Result<Applied, Undone>>, Fault>;

/// Runs the planned changes in one transaction.
async fn run(client: &Object, plans: Vec<Result<Plan<'_>, Undone>>) -> Ran {
    let sound: Vec<&Plan<'_>> = plans.iter().flatten().collect();
    // A change that is alone needs no savepoint in any case.
    let plainly = if sound.len() > 1 { plain::run(client, &sound).await? } else { None };
    match plainly {
        Some(applied) => {
            let mut applied = applied.into_iter();
            let mut next = || applied.next().ok_or_else(|| Undone::Failed(unanswered().into()));
            Ok(plans.into_iter().map(|plan| plan.and_then(|_| next())).collect())
        }
        None => run_apart(client, plans).await,
    }
}

fn unanswered() -> Fault {
    Fault::violated("every change has an outcome")
}

/// Runs each of them in a savepoint, one after the other.
async fn run_apart(client: &Object, plans: Vec<Result<Plan<'_>, Undone>>) -> Ran {
    let alone = plans.len() == 1;
    let mut before = Before::Nothing;
    let mut outcomes = Vec::with_capacity(plans.len());
    for plan in plans {
        let outcome = match plan {
            Err(undone) => Err(undone),
            Ok(plan) => {
                let opened = launch(client.batch_execute(opening(before, alone))).await;
                let outcome = plan.run(client).await;
                opened.land().await.map_err(lost)?;
                before = if outcome.is_ok() { Before::Held } else { Before::Failed };
                outcome
            }
        };
        outcomes.push(outcome);
    }
    let holds = outcomes.iter().any(Result::is_ok);
    client.batch_execute(closing(before, holds)).await.map_err(lost)?;
    Ok(outcomes)
}

/// What a change begins with. A savepoint that was rolled back to is still there, and is used again.
fn opening(before: Before, alone: bool) -> &'static str {
    match before {
        Before::Nothing if alone => "BEGIN",
        Before::Nothing => "BEGIN; SAVEPOINT change",
        Before::Held => "RELEASE SAVEPOINT change; SAVEPOINT change",
        Before::Failed => "ROLLBACK TO SAVEPOINT change",
    }
}

/// What the transaction ends with.
fn closing(before: Before, holds: bool) -> &'static str {
    match before {
        Before::Nothing => "SELECT 1",
        _ if !holds => "ROLLBACK",
        Before::Held => "COMMIT",
        Before::Failed => "ROLLBACK TO SAVEPOINT change; COMMIT",
    }
}

impl Plan<'_> {
    /// Sends everything and tells the first thing that went wrong, in the order of the steps.
    async fn run(&self, client: &Object) -> Result<Applied, Undone> {
        let mut gathering = Gathering::new(self.sends.len());
        for group in self.sends.chunks(AHEAD) {
            let mut flights = Vec::with_capacity(group.len());
            for send in group {
                let flight = send.launch(client, self.tenant.as_ref()).await;
                flights.push(flight.map_err(|fault| Undone::Failed(fault.into()))?);
            }
            let mut so_far = Ok(());
            for (send, flight) in group.iter().zip(flights) {
                let answer = flight.land().await;
                so_far = so_far.and_then(|()| send.kind.take_in(&mut gathering, answer));
            }
            so_far?;
        }
        Ok(gathering.finish())
    }
}
