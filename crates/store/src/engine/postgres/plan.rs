//! What a change sends to the server, in order, and what is made of each answer.

use std::borrow::Cow;

use deadpool_postgres::Object;
use lockgate_vocabulary::Fault;

use super::super::{Answer, Arguments, Failure, Gathering, RAISE_EPOCH, Undone};
use super::WRITING;
use super::pipeline::{Launched, launch};
use super::run::{BIND_TENANT_AND_ROLE, Prepared};
use crate::change::Change;
use crate::config::RolesConfig;
use crate::statement::Reach;
use crate::value::Value;

/// What a change sends, in order.
pub(super) struct Plan<'c> {
    pub(super) tenant: Option<Value>,
    pub(super) sends: Vec<Send<'c>>,
}

pub(super) struct Send<'c> {
    prepared: Prepared,
    values: Cow<'c, [Value]>,
    pub(super) kind: Kind,
}

#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// Binds the tenant and the role for statements of this reach.
    Bind(Reach),
    /// Raises the epoch.
    Epoch,
    /// A step of the change, and how many rows it must touch.
    Step(Option<u64>),
}

/// Plans changes for these roles.
pub(super) struct Planner<'a>(pub(super) &'a RolesConfig);

impl Planner<'_> {
    /// Prepares every statement before the transaction begins, where one that cannot be prepared does
    /// no harm to the others.
    pub(super) async fn all<'c>(&self, client: &Object, batch: &'c [Change]) -> Vec<Result<Plan<'c>, Undone>> {
        let mut plans = Vec::with_capacity(batch.len());
        for change in batch {
            plans.push(self.one(client, change).await.map_err(|fault| Undone::Failed(fault.into())));
        }
        plans
    }

    async fn one<'c>(&self, client: &Object, change: &'c Change) -> Result<Plan<'c>, Fault> {
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
            Reach::Tenant => &self.0.runtime,
            Reach::House => &self.0.house,
        };
        let tenant = tenant.cloned().unwrap_or_else(|| Value::from(""));
        let prepared = Prepared::of(client, &BIND_TENANT_AND_ROLE).await?;
        Ok(Send { prepared, values: Cow::Owned(vec![tenant, Value::from(role.as_str())]), kind: Kind::Bind(reach) })
    }
}

impl Send<'_> {
    /// Puts it on the line, for the change whose plan it is of.
    pub(super) async fn launch<'s>(
        &'s self,
        client: &'s Object,
        tenant: Option<&'s Value>,
    ) -> Result<Launched<'s, Result<Answer, Failure>>, Fault> {
        let given = Arguments::of(self.prepared.statement(), tenant, &self.values)?;
        Ok(launch(self.prepared.run(client, given)).await)
    }

    /// Roughly the bytes that it takes on the line.
    pub(super) fn weight(&self) -> usize {
        self.values.iter().map(Value::weight).sum()
    }
}

impl Kind {
    pub(super) fn take_in(self, gathering: &mut Gathering, answer: Result<Answer, Failure>) -> Result<(), Undone> {
        let answer = answer.map_err(|failure| match self {
            Self::Step(_) => Undone::at(gathering.steps(), failure),
            // A conflict here is no caller's: the house's own row is broken.
            Self::Bind(_) | Self::Epoch => Undone::Failed(failure.into_fault(WRITING).into()),
        })?;
        match self {
            Self::Bind(_) => Ok(()),
            Self::Epoch => gathering.epoch(&answer).map_err(|fault| Undone::Failed(fault.into())),
            Self::Step(expecting) => gathering.step(expecting, answer).map_err(Undone::Failed),
        }
    }
}
