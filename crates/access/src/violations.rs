//! What is wrong with an input, collected: all of it at once, so that one answer is enough.

use std::fmt::Display;

use lockgate_vocabulary::{Refusal, Violation};

use crate::refusal::AccessRefusal;

/// How many violations one answer names; who sends more has more to look at than a list.
const MOST: usize = 50;

/// What is wrong with an input.
#[derive(Debug, Default)]
pub(crate) struct Violations(Vec<Violation>);

impl Violations {
    /// Notes that something is wrong at this JSON Pointer.
    pub(crate) fn add(&mut self, pointer: impl Into<String>, reason: impl Display) {
        if self.0.len() < MOST {
            self.0.push(Violation { pointer: pointer.into(), reason: reason.to_string() });
        }
    }

    /// Notes it unless what must hold does.
    pub(crate) fn check(&mut self, holds: bool, pointer: impl Into<String>, reason: &'static str) {
        if !holds {
            self.add(pointer, reason);
        }
    }

    /// Notes what went wrong and goes on without the value.
    pub(crate) fn take<T, E: Display>(&mut self, result: Result<T, E>, pointer: impl Into<String>) -> Option<T> {
        result.map_err(|error| self.add(pointer, error)).ok()
    }

    /// Whether nothing is wrong.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The refusal that names it all.
    pub(crate) fn refuse(self) -> Refusal {
        let fold = |refusal: Refusal, each: Violation| refusal.violation(each.pointer, each.reason);
        self.0.into_iter().fold(AccessRefusal::InputInvalid.refuse(), fold)
    }

    /// Nothing, or the refusal that names what is wrong.
    pub(crate) fn done(self) -> Result<(), Refusal> {
        if self.is_empty() { Ok(()) } else { Err(self.refuse()) }
    }
}

impl Display for Violations {
    /// For the log: where, and why.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, each) in self.0.iter().enumerate() {
            let gap = if index == 0 { "" } else { "; " };
            write!(f, "{gap}{}: {}", each.pointer, each.reason)?;
        }
        Ok(())
    }
}
