//! One statement on one connection: its arguments encoded, its rows read, its error told.

use bytes::BytesMut;
use deadpool_postgres::ClientWrapper;
use futures_util::TryStreamExt;
use lockgate_vocabulary::Fault;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use super::super::{Answer, Arguments, Failure};
use crate::statement::Statement;
use crate::value::{Row, Value};

/// Sets the tenant for the transaction that is open.
pub(super) static BIND_TENANT: Statement =
    Statement::house("session.bind_tenant", "SELECT set_config('lockgate.tenant', $1, true)");

/// Sets the tenant and the role for the transaction that is open.
pub(super) static BIND_TENANT_AND_ROLE: Statement = Statement::house(
    "session.bind_tenant_and_role",
    "SELECT set_config('lockgate.tenant', $1, true), set_config('role', $2, true)",
);

/// A statement that the connection has prepared.
pub(super) struct Prepared {
    statement: &'static Statement,
    prepared: tokio_postgres::Statement,
}

impl Prepared {
    pub(super) async fn of(client: &ClientWrapper, statement: &'static Statement) -> Result<Self, Fault> {
        let prepared = client.prepare_cached(statement.sql).await;
        let prepared = prepared.map_err(|error| classify(statement.name, error).into_fault(statement.name))?;
        Ok(Self { statement, prepared })
    }

    pub(super) fn statement(&self) -> &'static Statement {
        self.statement
    }

    /// Runs it to its end. The request goes out when this is first polled.
    pub(super) async fn run(&self, client: &ClientWrapper, given: Arguments<'_>) -> Result<Answer, Failure> {
        if given.count() != self.prepared.params().len() {
            return Err(Fault::violated("a statement is given as many arguments as it has").into());
        }
        let failed = |error| classify(self.statement.name, error);
        let arguments: Vec<&Value> = given.all().collect();
        let stream = client.query_raw(&self.prepared, arguments).await.map_err(failed)?;
        let mut stream = std::pin::pin!(stream);
        let mut rows = Vec::new();
        while let Some(row) = stream.try_next().await.map_err(failed)? {
            rows.push(read(&row)?);
        }
        Ok(Answer { rows, touched: stream.rows_affected().unwrap_or(0) })
    }
}

impl ToSql for Value {
    fn to_sql(&self, wanted: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(number) => match *wanted {
                Type::INT8 => number.to_sql(wanted, out),
                Type::INT4 => i32::try_from(*number)?.to_sql(wanted, out),
                Type::INT2 => i16::try_from(*number)?.to_sql(wanted, out),
                Type::BOOL => (*number != 0).to_sql(wanted, out),
                _ => Err(format!("a number was given where {wanted} is wanted").into()),
            },
            Self::Text(text) if <&str as ToSql>::accepts(wanted) => text.as_str().to_sql(wanted, out),
            Self::Text(_) => Err(format!("a text was given where {wanted} is wanted").into()),
            Self::Bytes(bytes) if *wanted == Type::BYTEA => bytes.as_slice().to_sql(wanted, out),
            Self::Bytes(_) => Err(format!("bytes were given where {wanted} is wanted").into()),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

fn read(row: &tokio_postgres::Row) -> Result<Row, Failure> {
    let values = row.columns().iter().enumerate().map(|(place, column)| {
        let value = match *column.type_() {
            Type::INT8 => row.try_get::<_, Option<i64>>(place).map(Value::from),
            Type::INT4 => row.try_get::<_, Option<i32>>(place).map(|number| Value::from(number.map(i64::from))),
            Type::INT2 => row.try_get::<_, Option<i16>>(place).map(|number| Value::from(number.map(i64::from))),
            Type::BOOL => row.try_get::<_, Option<bool>>(place).map(Value::from),
            Type::BYTEA => row.try_get::<_, Option<Vec<u8>>>(place).map(Value::from),
            _ => row.try_get::<_, Option<String>>(place).map(Value::from),
        };
        value.map_err(|error| Failure::Fault(Fault::broken("reading a stored row", error)))
    });
    values.collect::<Result<_, _>>().map(Row::new)
}

/// What it means that a command of a transaction failed.
pub(super) fn lost(error: tokio_postgres::Error) -> Fault {
    classify(super::WRITING, error).into_fault(super::WRITING)
}

/// What an error of PostgreSQL's means to us, told by its code.
pub(super) fn classify(doing: &'static str, error: tokio_postgres::Error) -> Failure {
    let Some(code) = error.code().cloned() else {
        // Without a code the line is at fault, unless the driver could not encode an argument.
        let passing =
            error.is_closed() || std::error::Error::source(&error).is_some_and(|source| source.is::<std::io::Error>());
        let fault = if passing { Fault::unavailable(doing, error) } else { Fault::broken(doing, error) };
        return Failure::Fault(fault);
    };
    if code == SqlState::UNIQUE_VIOLATION {
        return Failure::Conflict;
    }
    if [SqlState::T_R_DEADLOCK_DETECTED, SqlState::T_R_SERIALIZATION_FAILURE, SqlState::LOCK_NOT_AVAILABLE]
        .contains(&code)
    {
        return Failure::Entangled(Fault::unavailable(doing, error));
    }
    // Classes of codes: 08 the line, 53 no room, 57 an operator steps in, 58 the system; and a server
    // or a role that may only read for now.
    let passing = ["08", "53", "57", "58"].iter().any(|class| code.code().starts_with(class))
        || code == SqlState::READ_ONLY_SQL_TRANSACTION;
    Failure::Fault(if passing { Fault::unavailable(doing, error) } else { Fault::broken(doing, error) })
}
