//! Migrates the schema, makes the roles and puts up row security, in one transaction at a time per
//! database.
//!
//! A login that may not become the owner role only looks: it goes on where nothing is missing, and
//! says so where something is.

use lockgate_vocabulary::{Fault, Timestamp};
use tokio_postgres::Client;

use super::line::Line;
use super::run::classify;
use crate::config::PostgresConfig;
use crate::migrate::{HAD, HISTORY, MIGRATIONS, Migration, REMEMBER, missing};

const DOING: &str = "migrating the database";

/// The lock that lets one node migrate at a time ("lkgt" as a number).
const LOCK: &str = "SELECT pg_advisory_xact_lock(1818978164)";

/// Hands the configured names to the scripts below, which quote them where they use them.
const NAMES: &str = "SELECT
    set_config('lockgate.schema', $1, true), set_config('lockgate.login', $2, true),
    set_config('lockgate.owner_role', $3, true), set_config('lockgate.runtime_role', $4, true),
    set_config('lockgate.house_role', $5, true)";

/// Whether this login may become the owner role, or make it.
const MAY_OWN: &str = "SELECT CASE WHEN EXISTS (SELECT FROM pg_roles WHERE rolname = $1)
    THEN pg_has_role(session_user, $1, 'MEMBER')
    ELSE (SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = session_user) END";

const BECOME: &str = "SELECT set_config('role', $1, true), set_config('search_path', quote_ident($2), true)";

pub(super) async fn migrate(config: &PostgresConfig, now: Timestamp) -> Result<(), Fault> {
    let runtime = Line::of(&config.url, config.password_file.as_deref(), config)?;
    let owner = match &config.owner_url {
        Some(url) => Line::of(url, config.owner_password_file.as_deref(), config)?,
        None => runtime.clone(),
    };
    let dialled = owner.dial().await;
    let (client, task) = dialled.map_err(|error| Fault::unavailable(super::CONNECTING, error))?;
    let migrated = migrate_over(&client, config, runtime.login(), MIGRATIONS, now).await;
    drop(client);
    // The connection's task ends by itself once its client is gone.
    let _ = task.await;
    migrated
}

/// Migrates over one connection. A transaction that is not committed goes with the connection.
pub(super) async fn migrate_over(
    client: &Client,
    config: &PostgresConfig,
    login: &str,
    known: &[Migration],
    now: Timestamp,
) -> Result<(), Fault> {
    let failed = |error| classify(DOING, error).into_fault(DOING);
    let roles = &config.roles;
    client
        .batch_execute("BEGIN; SET LOCAL statement_timeout = '60s'; SET LOCAL lock_timeout = '60s'")
        .await
        .map_err(failed)?;
    client.execute(LOCK, &[]).await.map_err(failed)?;
    let may_own: bool =
        client.query_one(MAY_OWN, &[&roles.owner]).await.and_then(|row| row.try_get(0)).map_err(failed)?;
    if !may_own {
        return look(client, config, known).await;
    }
    let names = [&config.schema, login, &roles.owner, &roles.runtime, &roles.house];
    let [schema, login, owner, runtime, house] = names;
    client.query_one(NAMES, &[&schema, &login, &owner, &runtime, &house]).await.map_err(failed)?;
    client.batch_execute(include_str!("roles.sql")).await.map_err(failed)?;
    client.query_one(BECOME, &[&owner, &schema]).await.map_err(failed)?;
    client.batch_execute(HISTORY).await.map_err(failed)?;
    for migration in missing(known, &had(client).await?)? {
        client.batch_execute(migration.script).await.map_err(failed)?;
        let remembered = (migration.number, migration.name, migration.script, now.as_micros());
        client
            .execute(REMEMBER, &[&remembered.0, &remembered.1, &remembered.2, &remembered.3])
            .await
            .map_err(failed)?;
    }
    client.batch_execute(include_str!("walls.sql")).await.map_err(failed)?;
    client.batch_execute("COMMIT").await.map_err(failed)
}

/// Sees whether anything is missing, as a login that could not change it.
async fn look(client: &Client, config: &PostgresConfig, known: &[Migration]) -> Result<(), Fault> {
    let failed = |error| classify(DOING, error).into_fault(DOING);
    client.query_one(BECOME, &[&config.roles.runtime, &config.schema]).await.map_err(failed)?;
    let there = "SELECT to_regclass('migrations') IS NOT NULL";
    let there: bool = client.query_one(there, &[]).await.and_then(|row| row.try_get(0)).map_err(failed)?;
    let had = if there { had(client).await? } else { Vec::new() };
    if !missing(known, &had)?.is_empty() {
        return Err(Fault::broken(DOING, "the schema must be migrated by a login of the owner role: set `owner_url`"));
    }
    client.batch_execute("ROLLBACK").await.map_err(failed)
}

async fn had(client: &Client) -> Result<Vec<(i64, String)>, Fault> {
    let failed = |error| classify(DOING, error).into_fault(DOING);
    let rows = client.query(HAD, &[]).await.map_err(failed)?;
    rows.iter().map(|row| Ok((row.try_get(0).map_err(failed)?, row.try_get(1).map_err(failed)?))).collect()
}
