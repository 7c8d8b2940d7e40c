//! One statement on one connection: its arguments bound, its rows read, its error told.

use lockgate_vocabulary::Fault;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, ToSql, ffi};

use super::super::{Answer, Arguments, Failure};
use crate::statement::Statement;
use crate::value::{Row, Value};

/// Runs a statement to its end.
pub(super) fn run(connection: &Connection, statement: &Statement, given: Arguments<'_>) -> Result<Answer, Failure> {
    let prepared = connection.prepare_cached(statement.sql);
    let mut prepared = prepared.map_err(|error| classify(statement.name, error))?;
    with(&mut prepared, statement.name, given, number)
}

/// Runs a prepared statement to its end. `number` tells which argument goes to a place.
pub(super) fn with(
    prepared: &mut rusqlite::Statement<'_>,
    name: &'static str,
    given: Arguments<'_>,
    number: impl Fn(&rusqlite::Statement<'_>, usize) -> Option<usize>,
) -> Result<Answer, Failure> {
    let failed = |error| classify(name, error);
    bind(prepared, given, number)?;
    let columns = prepared.column_count();
    if columns == 0 {
        let touched = prepared.raw_execute().map_err(failed)?;
        return Ok(Answer { rows: Vec::new(), touched: touched as u64 });
    }
    let mut found = prepared.raw_query();
    let mut rows = Vec::new();
    while let Some(row) = found.next().map_err(failed)? {
        let values = (0..columns).map(|column| value(row.get_ref(column).map_err(failed)?));
        rows.push(Row::new(values.collect::<Result<_, Failure>>()?));
    }
    let touched = rows.len() as u64;
    Ok(Answer { rows, touched })
}

/// The number of the argument that goes to this place. SQLite numbers `$n` by where it first stands in
/// the text, so the number is read from the name.
pub(super) fn number(prepared: &rusqlite::Statement<'_>, place: usize) -> Option<usize> {
    prepared.parameter_name(place)?.strip_prefix('$')?.parse().ok()
}

/// Binds every argument to the place that carries its number.
fn bind(
    prepared: &mut rusqlite::Statement<'_>,
    given: Arguments<'_>,
    number: impl Fn(&rusqlite::Statement<'_>, usize) -> Option<usize>,
) -> Result<(), Failure> {
    const DOING: &str = "binding a statement's arguments";
    let mut highest = 0;
    for place in 1..=prepared.parameter_count() {
        let number = number(prepared, place);
        let argument = number.and_then(|number| given.numbered(number));
        let (Some(number), Some(argument)) = (number, argument) else {
            return Err(Fault::violated("a statement is given as many arguments as it has").into());
        };
        highest = highest.max(number);
        prepared.raw_bind_parameter(place, argument).map_err(|error| classify(DOING, error))?;
    }
    if highest != given.count() {
        return Err(Fault::violated("a statement is given as many arguments as it has").into());
    }
    Ok(())
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

fn value(found: ValueRef<'_>) -> Result<Value, Failure> {
    Ok(match found {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Int(number),
        ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
        ValueRef::Text(text) => {
            let text = std::str::from_utf8(text).map_err(|error| Fault::broken("reading a stored text", error))?;
            Value::Text(text.to_owned())
        }
        ValueRef::Real(_) => return Err(Fault::violated("no statement answers with a fraction").into()),
    })
}

/// What an error of SQLite's means to us.
pub(super) fn classify(doing: &'static str, error: rusqlite::Error) -> Failure {
    use ErrorCode::{
        CannotOpen, DatabaseBusy, DatabaseLocked, DiskFull, FileLockingProtocolFailed, OutOfMemory, ReadOnly,
        SystemIoFailure,
    };
    if let rusqlite::Error::SqliteFailure(code, _) = &error {
        let unique = [ffi::SQLITE_CONSTRAINT_UNIQUE, ffi::SQLITE_CONSTRAINT_PRIMARYKEY, ffi::SQLITE_CONSTRAINT_ROWID];
        if unique.contains(&code.extended_code) {
            return Failure::Conflict;
        }
        let passing = matches!(
            code.code,
            CannotOpen
                | DatabaseBusy
                | DatabaseLocked
                | DiskFull
                | FileLockingProtocolFailed
                | OutOfMemory
                | ReadOnly
                | SystemIoFailure
        );
        if passing {
            return Failure::Fault(Fault::unavailable(doing, error));
        }
    }
    Failure::Fault(Fault::broken(doing, error))
}

/// The same for an error while opening.
pub(super) fn opening(error: rusqlite::Error) -> Fault {
    classify(super::OPENING, error).into_fault(super::OPENING)
}
