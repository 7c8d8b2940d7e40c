//! A change: the unit in which the gateway changes its mind. All of its steps hold, or none does.
//!
//! A change is declared, not run by hand: the writer puts many of them into one commit, in which each
//! fails alone. Not here: how it is applied (`writer`, `engine`).

use std::fmt;

use lockgate_vocabulary::{Fault, TenantId};

use crate::statement::Statement;
use crate::value::{Row, Value};

/// One statement of a change with its arguments.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) statement: &'static Statement,
    pub(crate) values: Vec<Value>,
    pub(crate) expecting: Option<u64>,
}

/// Steps for one tenant, or for the house, that hold together.
#[derive(Debug)]
#[must_use = "a change does nothing until it is applied"]
pub struct Change {
    pub(crate) tenant: Option<TenantId>,
    pub(crate) steps: Vec<Step>,
    pub(crate) raises_epoch: bool,
    /// What is wrong with how it was put together; it is told when the change is applied.
    pub(crate) misuse: Option<&'static str>,
}

impl Change {
    /// A change of this tenant's rows. It may hold steps of the house's own as well.
    pub fn of(tenant: TenantId) -> Self {
        Self { tenant: Some(tenant), ..Self::house() }
    }

    /// A change of the house's own rows; a step on a tenant's rows makes it fail.
    pub fn house() -> Self {
        Self { tenant: None, steps: Vec::new(), raises_epoch: false, misuse: None }
    }

    /// Adds a step. For a statement that reaches a tenant the values start at `$2`.
    pub fn step(mut self, statement: &'static Statement, values: Vec<Value>) -> Self {
        self.steps.push(Step { statement, values, expecting: None });
        self
    }

    /// The last step must touch exactly so many rows, or nothing of the change holds.
    pub fn expecting(mut self, rows: u64) -> Self {
        match self.steps.last_mut() {
            Some(step) => step.expecting = Some(rows),
            None => self.misuse = Some("an expectation stands behind a step"),
        }
        self
    }

    /// Raises the epoch before the first step, so that every snapshot learns of this change.
    ///
    /// The steps then write `(SELECT value FROM house WHERE name = 'epoch')` into `changed`.
    pub fn raising_epoch(mut self) -> Self {
        self.raises_epoch = true;
        self
    }

    /// Puts the other change's steps behind this one's. Both must be of the same tenant, or one of
    /// them of the house.
    pub fn and(mut self, other: Self) -> Self {
        self.tenant = match (self.tenant, other.tenant) {
            (Some(ours), Some(theirs)) if ours != theirs => {
                self.misuse = Some("a change is of one tenant");
                Some(ours)
            }
            (ours, theirs) => ours.or(theirs),
        };
        self.steps.extend(other.steps);
        self.raises_epoch |= other.raises_epoch;
        self.misuse = self.misuse.or(other.misuse);
        self
    }

    /// Roughly the bytes that it takes in memory.
    pub(crate) fn weight(&self) -> usize {
        let values = self.steps.iter().flat_map(|step| &step.values).map(Value::weight);
        size_of::<Self>() + self.steps.len() * size_of::<Step>() + values.sum::<usize>()
    }

    /// How many steps it has; the next one has this number in [`ApplyFailure`] and [`Applied`].
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether it has no step.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

/// What came of a change that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// What each step returned, in their order; empty for a step without `RETURNING`.
    pub rows: Vec<Vec<Row>>,
    /// How many rows each step touched.
    pub touched: Vec<u64>,
    /// The epoch that it raised, if it did.
    pub epoch: Option<u64>,
}

/// Why nothing of a change holds.
#[derive(Debug)]
pub enum ApplyFailure {
    /// The step touched another number of rows than expected.
    Unmet {
        /// Its number, from 0.
        step: usize,
    },
    /// The step would have made a second row where there may be one.
    Conflict {
        /// Its number, from 0.
        step: usize,
    },
    /// The store broke.
    Fault(Fault),
}

impl fmt::Display for ApplyFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unmet { step } => write!(f, "step {step} touched another number of rows than expected"),
            Self::Conflict { step } => write!(f, "step {step} met a row that is already there"),
            Self::Fault(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for ApplyFailure {}

impl From<Fault> for ApplyFailure {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl ApplyFailure {
    /// The fault that it is for a caller who foresaw neither an unmet expectation nor a conflict.
    pub fn into_fault(self, doing: &'static str) -> Fault {
        match self {
            Self::Fault(fault) => fault,
            other => Fault::broken(doing, other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests;
