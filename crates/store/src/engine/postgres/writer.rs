//! Commits a batch: one transaction, a savepoint for each change, each change one round trip.

use std::borrow::Cow;

use deadpool_postgres::{Object, Pool};
use lockgate_vocabulary::Fault;

use super::super::{Answer, Arguments, Failure, Gathering, Outcomes, RAISE_EPOCH, Undone, told_again};
use super::connection;
use super::pipeline::launch;
use super::run::{BIND_TENANT_AND_ROLE, Prepared, classify};
use crate::change::{Applied, ApplyFailure, Change};
use crate::config::RolesConfig;
use crate::statement::Reach;
use crate::value::Value;

const WRITING: &str = "writing the database";

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
                None => return Err(Fault::violated("every change has an outcome").into()),
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
        let plans = self.plan(&client, batch).await;
        let committed = self.run(&client, plans).await;
        committed.unwrap_or_else(|fault| {
            // Nobody knows in which state the connection is, so nobody gets it again.
            drop(Object::take(client));
            all_failed(&fault)
        })
    }

    /// Prepares every statement before the transaction begins, where one that cannot be prepared does
    /// no harm to the others.
    async fn plan<'c>(&self, client: &Object, batch: &'c [Change]) -> Vec<Result<Plan<'c>, Undone>> {
        let mut plans = Vec::with_capacity(batch.len());
        for change in batch {
            plans.push(self.plan_one(client, change).await.map_err(|fault| Undone::Failed(fault.into())));
        }
        plans
    }

    async fn plan_one<'c>(&self, client: &Object, change: &'c Change) -> Result<Plan<'c>, Fault> {
        let tenant = change.tenant.map(Value::from);
        let mut sends = Vec::with_capacity(change.steps.len() + 3);
        let mut reach = None;
        let epoch = change.raises_epoch.then_some((&RAISE_EPOCH, &[] as &[Value], Kind::Epoch));
        let steps =
            change.steps.iter().map(|step| (step.statement, step.values.as_slice(), Kind::Step(step.expecting)));
        for (statement, values, kind) in epoch.into_iter().chain(steps) {
            if reach != Some(statement.reach) {
                reach = Some(statement.reach);
                sends.push(self.bind(client, tenant.as_ref(), statement.reach).await?);
            }
            // Checked here, so that a change with wrong arguments never reaches the line.
            Arguments::of(statement, tenant.as_ref(), values)?;
            let prepared = Prepared::of(client, statement).await?;
            sends.push(Send { prepared, values: Cow::Borrowed(values), kind });
        }
        Ok(Plan { tenant, sends })
    }

    /// What binds the tenant and the role for the steps behind it.
    async fn bind<'c>(&self, client: &Object, tenant: Option<&Value>, reach: Reach) -> Result<Send<'c>, Fault> {
        let role = match reach {
            Reach::Tenant => &self.roles.runtime,
            Reach::House => &self.roles.house,
        };
        let tenant = tenant.cloned().unwrap_or_else(|| Value::from(""));
        let prepared = Prepared::of(client, &BIND_TENANT_AND_ROLE).await?;
        Ok(Send { prepared, values: Cow::Owned(vec![tenant, Value::from(role.as_str())]), kind: Kind::Bind })
    }

    /// Runs the planned changes in one transaction. A fault means that nothing of it is known to hold.
    async fn run(
        &self,
        client: &Object,
        plans: Vec<Result<Plan<'_>, Undone>>,
    ) -> Result<Vec<Result<Applied, Undone>>, Fault> {
        let lost = |error| classify(WRITING, error).into_fault(WRITING);
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

/// What a change sends, in order.
struct Plan<'c> {
    tenant: Option<Value>,
    sends: Vec<Send<'c>>,
}

struct Send<'c> {
    prepared: Prepared,
    values: Cow<'c, [Value]>,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    /// Binds the tenant and the role.
    Bind,
    /// Raises the epoch.
    Epoch,
    /// A step of the change, and how many rows it must touch.
    Step(Option<u64>),
}

impl Plan<'_> {
    /// Sends everything and tells the first thing that went wrong, in the order of the steps.
    async fn run(&self, client: &Object) -> Result<Applied, Undone> {
        let mut gathering = Gathering::new(self.sends.len());
        for group in self.sends.chunks(AHEAD) {
            let mut flights = Vec::with_capacity(group.len());
            for send in group {
                let given = Arguments::of(send.prepared.statement(), self.tenant.as_ref(), &send.values);
                let given = given.map_err(|fault| Undone::Failed(fault.into()))?;
                flights.push(launch(send.prepared.run(client, given)).await);
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

impl Kind {
    fn take_in(self, gathering: &mut Gathering, answer: Result<Answer, Failure>) -> Result<(), Undone> {
        let answer = answer.map_err(|failure| match self {
            Self::Step(_) => Undone::at(gathering.steps(), failure),
            // A conflict here is no caller's: the house's own row is broken.
            Self::Bind | Self::Epoch => Undone::Failed(failure.into_fault(WRITING).into()),
        })?;
        match self {
            Self::Bind => Ok(()),
            Self::Epoch => gathering.epoch(&answer).map_err(|fault| Undone::Failed(fault.into())),
            Self::Step(expecting) => gathering.step(expecting, answer).map_err(Undone::Failed),
        }
    }
}
