//! What is wrong with an input, collected: all of it at once, so that one answer is enough.

use std::fmt::Display;

use lockgate_vocabulary::{Refusal, Violation};

use crate::refusal::AccessRefusal;

/// How many violations one answer names; who sends more has more to look at than a list.
const MOST: usize = 50;

/// What is wrong with an input.
#[derive(Debug, Default)]
pub struct Violations {
    all: Vec<Violation>,
    below: &'static str,
}

impl Violations {
    /// For a part of an input: every pointer starts with this one.
    pub const fn below(pointer: &'static str) -> Self {
        Self { all: Vec::new(), below: pointer }
    }

    /// Takes over what is wrong with a part.
    pub fn join(&mut self, part: Self) {
        let room = MOST.saturating_sub(self.all.len());
        self.all.extend(part.all.into_iter().take(room));
    }

    /// Notes that something is wrong at this JSON Pointer.
    pub fn add(&mut self, pointer: impl Into<String>, reason: impl Display) {
        if self.all.len() < MOST {
            let pointer = pointer.into();
            let pointer = if self.below.is_empty() { pointer } else { [self.below, &pointer].concat() };
            self.all.push(Violation { pointer, reason: reason.to_string() });
        }
    }

    /// Notes it unless what must hold does.
    pub fn check(&mut self, holds: bool, pointer: impl Into<String>, reason: &'static str) {
        if !holds {
            self.add(pointer, reason);
        }
    }

    /// Notes what went wrong and goes on without the value.
    pub fn take<T, E: Display>(&mut self, result: Result<T, E>, pointer: impl Into<String>) -> Option<T> {
        result.map_err(|error| self.add(pointer, error)).ok()
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The refusal that names it all.
    pub fn refuse(self) -> Refusal {
        let fold = |refusal: Refusal, each: Violation| refusal.violation(each.pointer, each.reason);
        self.all.into_iter().fold(AccessRefusal::InputInvalid.refuse(), fold)
    }

    /// Nothing, or the refusal that names what is wrong.
    pub fn done(self) -> Result<(), Refusal> {
        if self.is_empty() { Ok(()) } else { Err(self.refuse()) }
    }
}

impl Display for Violations {
    /// For the log: where, and why.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, each) in self.all.iter().enumerate() {
            let gap = if index == 0 { "" } else { "; " };
            write!(f, "{gap}{}: {}", each.pointer, each.reason)?;
        }
        Ok(())
    }
}
