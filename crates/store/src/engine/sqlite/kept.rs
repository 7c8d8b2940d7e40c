//! The statements that the connection that writes has prepared, found by where their text stands.
//!
//! A text is a constant of the program, so its address tells it as surely as its letters do, and is
//! looked up without reading them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use rusqlite::{Connection, PrepFlags};

use super::super::{Answer, Arguments, Failure};
use super::PREPARED;
use super::run::{self, classify};
use crate::statement::Statement;

/// A connection with its statements.
pub(super) struct Kept<'c> {
    connection: &'c Connection,
    prepared: HashMap<*const str, Prepared<'c>>,
}

struct Prepared<'c> {
    statement: rusqlite::Statement<'c>,
    /// Which argument goes to each of SQLite's places.
    numbers: Box<[Option<usize>]>,
}

impl<'c> Kept<'c> {
    pub(super) fn on(connection: &'c Connection) -> Self {
        Self { connection, prepared: HashMap::new() }
    }

    pub(super) fn connection(&self) -> &'c Connection {
        self.connection
    }

    /// Runs a statement to its end.
    pub(super) fn run(&mut self, statement: &'static Statement, given: Arguments<'_>) -> Result<Answer, Failure> {
        let kept = self.prepared(statement.sql).map_err(|error| classify(statement.name, error))?;
        let numbers = &kept.numbers;
        let number = |_: &rusqlite::Statement<'_>, place: usize| numbers.get(place.checked_sub(1)?).copied().flatten();
        let answer = run::with(&mut kept.statement, statement.name, given, number);
        // What was bound may be large, and nobody's business any more.
        kept.statement.clear_bindings();
        answer
    }

    /// Runs a command that has no arguments and no answer.
    pub(super) fn command(&mut self, sql: &'static str) -> rusqlite::Result<()> {
        self.prepared(sql)?.statement.raw_execute().map(drop)
    }

    fn prepared(&mut self, sql: &'static str) -> rusqlite::Result<&mut Prepared<'c>> {
        let address = std::ptr::from_ref(sql);
        if self.prepared.len() >= PREPARED && !self.prepared.contains_key(&address) {
            self.prepared.clear();
        }
        match self.prepared.entry(address) {
            Entry::Occupied(found) => Ok(found.into_mut()),
            Entry::Vacant(place) => {
                let flags = PrepFlags::SQLITE_PREPARE_PERSISTENT;
                let statement = self.connection.prepare_with_flags(sql.trim(), flags)?;
                let numbers = (1..=statement.parameter_count()).map(|place| run::number(&statement, place)).collect();
                Ok(place.insert(Prepared { statement, numbers }))
            }
        }
    }
}
