//! The shared engine: three small pools on one server, each under a role of its own.
//!
//! INVARIANT: a statement that reaches one tenant runs as the runtime role with the tenant set for
//! that transaction alone, and row security hides every other row from it; only the closed list of
//! statements that reach further runs as the house's role. Connections that read cannot write.

mod line;
mod migrate;
mod pipeline;
mod plain;
mod plan;
mod run;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime};
use lockgate_vocabulary::{Fault, TenantId};

use super::{Arguments, Opening, Outcomes, Query};
use crate::change::Change;
use crate::config::{PostgresConfig, RolesConfig};
use crate::statement::{Reach, Statement};
use crate::value::{Row, Value};

use line::{Line, Session};
use pipeline::launch;
use run::{BIND_TENANT, Prepared};

/// How many changes one commit may hold: where they are kept apart, PostgreSQL keeps 64 savepoints of a
/// transaction where every other session finds them quickly.
pub(crate) const MOST_CHANGES: usize = 60;

/// How long to wait for a connection.
const WAIT: Duration = Duration::from_secs(5);

/// The longest name that PostgreSQL does not cut short.
const LONGEST_NAME: usize = 63;

const CONNECTING: &str = "connecting to PostgreSQL";

const WRITING: &str = "writing the database";

/// The shared engine.
#[derive(Clone)]
pub(crate) struct Postgres {
    shared: Arc<Shared>,
}

struct Shared {
    tenants: Pool,
    house: Pool,
    writers: Pool,
    roles: RolesConfig,
}

impl Postgres {
    pub(crate) async fn open(config: &PostgresConfig, opening: Opening) -> Result<Self, Fault> {
        if !(1..=64).contains(&config.readers) {
            return Err(Fault::broken(CONNECTING, "`readers` must be 1 to 64"));
        }
        let names = [&config.schema, &config.roles.owner, &config.roles.runtime, &config.roles.house];
        if !names.iter().all(|name| (1..=LONGEST_NAME).contains(&name.len())) {
            return Err(Fault::broken(CONNECTING, "the schema and each role have a name of 1 to 63 bytes"));
        }
        if let Opening::Migrating(now) = opening {
            migrate::migrate(config, now).await?;
        }
        let line = Line::of(&config.url, config.password_file.as_deref(), config)?;
        let pool = |role: &str, reads: bool, size: usize| {
            pool(line.with(Session { schema: config.schema.clone(), role: role.to_owned(), reads }), size)
        };
        let (runtime, house) = (config.roles.runtime.as_str(), config.roles.house.as_str());
        let shared = Shared {
            tenants: pool(runtime, true, config.readers)?,
            house: pool(house, true, config.readers)?,
            writers: pool(runtime, false, 1)?,
            roles: config.roles.clone(),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    pub(crate) async fn read(&self, query: Query) -> Result<Vec<Row>, Fault> {
        let tenant = query.tenant.map(Value::from);
        let given = Arguments::of(query.statement, tenant.as_ref(), &query.values)?;
        let rows = match query.tenant {
            Some(tenant) => self.read_as_tenant(tenant, query.statement, given).await,
            None => {
                let client = connection(&self.shared.house).await?;
                let prepared = Prepared::of(&client, query.statement).await?;
                prepared.run(&client, given).await.map_err(|failure| failure.into_fault(query.statement.name))
            }
        };
        rows.map(|answer| answer.rows)
    }

    /// Four messages in one round trip: the tenant is bound for this transaction and forgotten with it.
    async fn read_as_tenant(
        &self,
        tenant: TenantId,
        statement: &'static Statement,
        given: Arguments<'_>,
    ) -> Result<super::Answer, Fault> {
        let client = connection(&self.shared.tenants).await?;
        let prepared = Prepared::of(&client, statement).await?;
        let bind = Prepared::of(&client, &BIND_TENANT).await?;
        let bound = [Value::from(tenant)];
        let binding = Arguments::of(&BIND_TENANT, None, &bound)?;
        let begun = launch(client.batch_execute("BEGIN")).await;
        let bound = launch(bind.run(&client, binding)).await;
        let answer = launch(prepared.run(&client, given)).await;
        let ended = launch(client.batch_execute("COMMIT")).await;
        let begun = begun.land().await.map_err(|error| run::classify(statement.name, error));
        let bound = bound.land().await;
        let answer = answer.land().await;
        let ended = ended.land().await.map_err(|error| run::classify(statement.name, error));
        let outcome = begun.and(bound).and(answer).and_then(|answer| ended.map(|()| answer));
        outcome.map_err(|failure| failure.into_fault(statement.name))
    }

    pub(crate) async fn commit(&self, batch: Vec<Change>) -> Outcomes {
        writer::commit(&self.shared.writers, &self.shared.roles, &batch).await
    }

    pub(crate) async fn prepare(&self, statement: &'static Statement) -> Result<(), Fault> {
        let pool = match statement.reach {
            Reach::Tenant => &self.shared.tenants,
            Reach::House => &self.shared.house,
        };
        let client = connection(pool).await?;
        Prepared::of(&client, statement).await.map(drop)
    }

    pub(crate) fn close(&self) {
        self.shared.tenants.close();
        self.shared.house.close();
        self.shared.writers.close();
    }
}

fn pool(line: Line, size: usize) -> Result<Pool, Fault> {
    let config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = Manager::from_connect(line.server().clone(), line, config);
    Pool::builder(manager)
        .max_size(size)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(WAIT))
        .create_timeout(Some(WAIT))
        .recycle_timeout(Some(WAIT))
        .build()
        .map_err(|error| Fault::broken(CONNECTING, error))
}

async fn connection(pool: &Pool) -> Result<Object, Fault> {
    pool.get().await.map_err(|error| Fault::unavailable(CONNECTING, error))
}

#[cfg(test)]
pub(crate) mod tests;
