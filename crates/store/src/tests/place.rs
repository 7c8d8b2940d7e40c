//! A place for one test's database: a folder, or a schema of its own on the shared server.

use std::path::PathBuf;
use std::sync::Arc;

use lockgate_vocabulary::{RunId, SystemClock, SystemEntropy, TenantId};
use tempfile::TempDir;

use crate::engine::Engine;
use crate::{Change, Config, EPOCH_POLL, EngineConfig, Statement, Store, values};
use lockgate_testkit::ManualClock;

pub(crate) struct Place {
    pub(crate) config: Config,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) folder: TempDir,
}

#[expect(clippy::disallowed_methods, reason = "tests are told by their environment where the servers are")]
fn told(name: &str) -> Option<String> {
    let value = std::env::var(name).ok();
    if value.is_none() {
        println!("skipped: {name} is not set (scripts/services sets it)");
    }
    value
}

/// The Redis server for tests.
pub(crate) fn redis() -> Option<String> {
    told("LOCKGATE_TEST_REDIS")
}

/// The same server's address under TLS, and the authority of its certificate.
pub(crate) fn redis_tls() -> Option<(String, PathBuf)> {
    Some((told("LOCKGATE_TEST_REDIS_TLS")?, told("LOCKGATE_TEST_REDIS_CA")?.into()))
}

/// Twenty-six digits that nothing else has.
pub(crate) fn unique() -> String {
    RunId::generate(&SystemClock::new(), &SystemEntropy).to_string().split_off(4)
}

/// A clock that stands still until the test moves it.
pub(crate) fn still_clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new())
}

impl Place {
    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = Config::sqlite(folder.path().join("store.db"));
        Self { config, clock: still_clock(), folder }
    }

    pub(crate) fn postgres() -> Option<Self> {
        let config = Config::postgres(told("LOCKGATE_TEST_POSTGRES")?, format!("t_{}", unique()));
        Some(Self { config, clock: still_clock(), folder: tempfile::tempdir().unwrap() })
    }

    pub(crate) async fn open(&self) -> Store {
        self.try_open().await.unwrap()
    }

    pub(crate) async fn try_open(&self) -> Result<Store, lockgate_vocabulary::Fault> {
        Store::open(&self.config, self.clock.clone()).await
    }

    /// Lets a poll's time go by once this many nodes wait for it: who has not lain down yet would sleep
    /// from then on, and nobody would wake it.
    pub(crate) async fn poll(&self, nodes: usize) {
        while self.clock.sleepers() < nodes {
            tokio::task::yield_now().await;
        }
        self.clock.advance(EPOCH_POLL);
    }

    pub(crate) fn is_sqlite(&self) -> bool {
        matches!(self.config.engine, EngineConfig::Sqlite(_))
    }
}

/// Runs SQL on SQLite's writing connection.
pub(crate) async fn meddle(store: &Store, sql: &'static str) {
    match store.engine() {
        Engine::Sqlite(engine) => engine.meddle(sql).await.unwrap(),
        Engine::Postgres(_) => panic!("only the embedded engine is meddled with"),
    }
}

pub(crate) fn tenant(number: u128) -> TenantId {
    TenantId::from_u128(number)
}

// A few statements on tables of the schema, as a room would have them.

pub(crate) static INSERT: Statement = Statement::tenant(
    "test.insert",
    "INSERT INTO providers (tenant, provider, name, spec, status, created_at, changed)
     VALUES ($1, $2, $3, $4, 'active', $5, (SELECT value FROM house WHERE name = 'epoch'))",
);
pub(crate) static BY_NAME: Statement = Statement::tenant(
    "test.by_name",
    "SELECT provider, spec, created_at, changed FROM providers WHERE tenant = $1 AND name = $2",
);
pub(crate) static NAMES: Statement =
    Statement::tenant("test.names", "SELECT name FROM providers WHERE tenant = $1 ORDER BY name");
pub(crate) static RENAME: Statement =
    Statement::tenant("test.rename", "UPDATE providers SET name = $3 WHERE tenant = $1 AND name = $2");
pub(crate) static DELETE_ALL: Statement =
    Statement::tenant("test.delete_all", "DELETE FROM providers WHERE tenant = $1");
pub(crate) static COUNT: Statement = Statement::house("test.count", "SELECT COUNT(*) FROM providers");

/// A change that inserts one row of this name.
pub(crate) fn insert(tenant: TenantId, name: &str) -> Change {
    Change::of(tenant).step(&INSERT, values![format!("prv_{name}"), name, "{}", 5_i64])
}

pub(crate) async fn names(store: &Store, tenant: TenantId) -> Vec<String> {
    let rows = store.read(tenant, &NAMES, values![]).await.unwrap();
    rows.iter().map(|row| row.text(0).unwrap().to_owned()).collect()
}

pub(crate) async fn count(store: &Store) -> i64 {
    store.survey(&COUNT, values![]).await.unwrap()[0].int(0).unwrap()
}
