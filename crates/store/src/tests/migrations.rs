//! Migrations on real databases: forward, once, whoever starts at the same time, and never over a
//! database that is not what we think it is.

use super::place::{count, insert, meddle, names, tenant};
use super::{Place, on_each_engine};
use crate::engine::postgres_line;
use crate::{EngineConfig, PostgresConfig, Statement, Store, values};

on_each_engine![
    go_forward_once,
    go_forward_from_the_first_schema,
    are_safe_when_many_nodes_start_at_once,
    refuse_a_text_that_was_changed,
    refuse_a_database_of_a_newer_version,
    make_every_table_and_index,
];

static HISTORY: Statement = Statement::house("test.history", "SELECT number, name FROM migrations ORDER BY number");

/// Runs SQL behind the store's back.
async fn behind(place: &Place, store: Store, sql: &'static str) {
    match &place.config.engine {
        EngineConfig::Sqlite(_) => {
            meddle(&store, sql).await;
            store.close().await.unwrap();
        }
        EngineConfig::Postgres(config) => {
            let client = postgres_line::session(config, "lockgate_owner").await;
            client.batch_execute(sql).await.unwrap();
        }
    }
}

async fn go_forward_once(place: Place) {
    for round in 0..3 {
        let store = place.open().await;
        assert_eq!(count(&store).await, round);
        store.apply(insert(tenant(1), &format!("n{round}"))).await.unwrap();
        store.close().await.unwrap();
    }
}

/// Makes a database again what it was after its first migration.
const BACK_TO_THE_FIRST: &str = "DELETE FROM migrations WHERE number > 1; DROP TABLE checkpoints;
    DROP INDEX outbox_aside; ALTER TABLE outbox DROP COLUMN mac; ALTER TABLE outbox DROP COLUMN aside_at;
    DROP INDEX escalations_page; DROP INDEX escalations_resolved; ALTER TABLE escalations DROP COLUMN finding;
    ALTER TABLE escalations DROP COLUMN note; ALTER TABLE escalations DROP COLUMN resolved_by;
    DROP TABLE subscription_secrets; DROP TABLE subscriptions; DROP TABLE deliveries; DROP TABLE attempts;
    DROP TABLE claims; DROP TABLE endpoints; DROP TABLE event_cursors; DROP TABLE approvals;
    DROP TABLE vendor_tokens; DROP TABLE connect_sessions; ALTER TABLE credentials DROP COLUMN series;
    DROP TABLE rotations; DROP INDEX credential_versions_alike; DROP INDEX credentials_recoverable;
    DROP INDEX credentials_tell; DROP INDEX credentials_unplanned;
    ALTER TABLE credential_versions DROP COLUMN last_used_at;
    ALTER TABLE credential_versions DROP COLUMN retired_at;
    ALTER TABLE credential_versions DROP COLUMN status_before;
    ALTER TABLE credentials DROP COLUMN purge_protected; ALTER TABLE credentials DROP COLUMN revoked_at;
    ALTER TABLE credentials DROP COLUMN revoked_by; ALTER TABLE credentials DROP COLUMN recover_until;
    ALTER TABLE credentials DROP COLUMN compromised_at; ALTER TABLE credentials DROP COLUMN compromised_since;
    ALTER TABLE credentials DROP COLUMN rotation_tell_at; ALTER TABLE credentials DROP COLUMN rotation_told_at";

async fn go_forward_from_the_first_schema(place: Place) {
    let store = place.open().await;
    store.apply(insert(tenant(1), "kept")).await.unwrap();
    behind(&place, store, BACK_TO_THE_FIRST).await;
    let store = place.open().await;
    assert_eq!(names(&store, tenant(1)).await, ["kept"], "what was there stays");
    static TOLD: Statement = Statement::house("test.checkpoints", "SELECT COUNT(*) FROM checkpoints");
    assert_eq!(store.survey(&TOLD, values![]).await.unwrap()[0].int(0).unwrap(), 0);
}

async fn are_safe_when_many_nodes_start_at_once(place: Place) {
    let opening = (0..6).map(|_| place.try_open());
    let stores = futures_util::future::join_all(opening).await;
    for (number, store) in stores.into_iter().enumerate() {
        store.unwrap().apply(insert(tenant(1), &format!("n{number}"))).await.unwrap();
    }
    assert_eq!(names(&place.open().await, tenant(1)).await.len(), 6);
}

async fn refuse_a_text_that_was_changed(place: Place) {
    let store = place.open().await;
    behind(&place, store, "UPDATE migrations SET script = script || ' '").await;
    let fault = place.try_open().await.err().unwrap();
    assert!(!fault.is_unavailable());
    assert!(fault.to_string().contains("migration 1"), "{fault}");
}

async fn refuse_a_database_of_a_newer_version(place: Place) {
    let store = place.open().await;
    behind(&place, store, "INSERT INTO migrations VALUES (9999, 'future', 'SELECT 1', 1)").await;
    let fault = place.try_open().await.err().unwrap();
    assert!(fault.to_string().contains("newer version"), "{fault}");
}

async fn make_every_table_and_index(place: Place) {
    let store = place.open().await;
    for table in crate::migrate::tenant_tables() {
        // Only tests may put a text together; the names come from our own migrations.
        let sql = format!("SELECT COUNT(*) FROM {table} WHERE tenant = 'x'");
        let statement = Box::leak(Box::new(Statement::house("test.table", Box::leak(sql.into_boxed_str()))));
        assert_eq!(store.survey(statement, values![]).await.unwrap()[0].int(0).unwrap(), 0, "{table}");
    }
    if place.is_sqlite() {
        let rows = store.survey(&HISTORY, values![]).await.unwrap();
        assert_eq!((rows[0].int(0).unwrap(), rows[0].text(1).unwrap()), (1, "first"));
        static SLOW: Statement = Statement::house(
            "test.plan",
            "SELECT COUNT(*) FROM sqlite_schema WHERE type = 'index' AND name LIKE '%_changed'",
        );
        let indexed = store.survey(&SLOW, values![]).await.unwrap()[0].int(0).unwrap();
        assert_eq!(indexed, 13, "every table that a snapshot reads is found by its epoch");
    }
}

#[tokio::test]
async fn a_database_that_is_not_ours_is_left_alone() {
    let place = Place::sqlite();
    let EngineConfig::Sqlite(config) = &place.config.engine else { return };
    let other = rusqlite::Connection::open(&config.path).unwrap();
    other.execute_batch("CREATE TABLE photos (id INTEGER); INSERT INTO photos VALUES (7)").unwrap();
    let fault = place.try_open().await.err().unwrap();
    assert!(fault.to_string().contains("not one of Lockgate's"), "{fault}");
    let left: i64 = other.query_row("SELECT COUNT(*) FROM sqlite_schema", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 1);
}

fn postgres(place: &Place) -> PostgresConfig {
    match &place.config.engine {
        EngineConfig::Postgres(config) => config.clone(),
        EngineConfig::Sqlite(_) => panic!("this is a test of PostgreSQL"),
    }
}

#[tokio::test]
async fn a_login_that_may_not_migrate_goes_on_with_a_schema_that_is_ready() {
    let Some(mut place) = Place::postgres() else { return };
    let config = postgres(&place);
    let login = format!("l_{}", super::place::unique());
    let owner = postgres_line::login(&config).await;
    owner.batch_execute(&format!("CREATE ROLE {login} LOGIN")).await.unwrap();
    let poor_url = config.url.replace("lockgate@", &format!("{login}@"));
    let rich_url = config.url.clone();
    if let EngineConfig::Postgres(config) = &mut place.config.engine {
        config.url = poor_url;
    }
    assert!(place.try_open().await.is_err(), "nothing is there and it may make nothing");
    if let EngineConfig::Postgres(config) = &mut place.config.engine {
        config.owner_url = Some(rich_url);
    }
    place.open().await.apply(insert(tenant(1), "a")).await.unwrap();
    if let EngineConfig::Postgres(config) = &mut place.config.engine {
        config.owner_url = None;
    }
    let store = place.open().await;
    store.apply(insert(tenant(1), "b").raising_epoch()).await.unwrap();
    assert_eq!(names(&store, tenant(1)).await, ["a", "b"]);
    let behind = postgres_line::session(&config, "lockgate_owner").await;
    behind.batch_execute("DELETE FROM migrations").await.unwrap();
    let fault = place.try_open().await.err().unwrap();
    assert!(fault.to_string().contains("owner_url"), "{fault}");
}

#[tokio::test]
async fn roles_that_could_climb_over_the_walls_are_refused() {
    let Some(mut place) = Place::postgres() else { return };
    let roles = crate::RolesConfig {
        owner: format!("o_{}", super::place::unique()),
        runtime: format!("r_{}", super::place::unique()),
        house: format!("h_{}", super::place::unique()),
    };
    let config = postgres(&place);
    if let EngineConfig::Postgres(config) = &mut place.config.engine {
        config.roles = roles.clone();
    }
    let store = place.open().await;
    store.apply(insert(tenant(1), "own-roles")).await.unwrap();
    let admin = postgres_line::login(&config).await;
    admin.batch_execute(&format!("GRANT {} TO {}", roles.house, roles.runtime)).await.unwrap();
    let fault = place.try_open().await.err().unwrap();
    assert!(fault.to_string().contains("mightier"), "{fault}");
    admin.batch_execute(&format!("REVOKE {} FROM {}", roles.house, roles.runtime)).await.unwrap();
    admin.batch_execute(&format!("ALTER ROLE {} CREATEROLE", roles.runtime)).await.unwrap();
    let fault = place.try_open().await.err().unwrap();
    assert!(fault.to_string().contains("bypass row security"), "{fault}");
}

#[tokio::test]
async fn a_name_is_a_name_whatever_it_holds() {
    let Some(mut place) = Place::postgres() else { return };
    let odd = |what: &str| format!("{what}\"; -- '{}", super::place::unique().split_off(6));
    if let EngineConfig::Postgres(config) = &mut place.config.engine {
        config.schema = odd("The Schema");
        config.roles = crate::RolesConfig { owner: odd("O"), runtime: odd("R"), house: odd("H") };
    }
    for round in 0..2 {
        let store = place.open().await;
        store.apply(insert(tenant(1), &format!("n{round}")).raising_epoch()).await.unwrap();
        assert_eq!(count(&store).await, round + 1);
    }
    for name in [String::new(), "n".repeat(64)] {
        if let EngineConfig::Postgres(config) = &mut place.config.engine {
            config.schema = name;
        }
        assert!(!place.try_open().await.err().unwrap().is_unavailable());
    }
}

#[tokio::test]
async fn a_wall_that_fell_is_put_up_again() {
    let Some(place) = Place::postgres() else { return };
    place.open().await;
    let owner = postgres_line::session(&postgres(&place), "lockgate_owner").await;
    let fall = "DROP POLICY lockgate_runtime ON providers; ALTER TABLE keys NO FORCE ROW LEVEL SECURITY;
        ALTER TABLE events DISABLE ROW LEVEL SECURITY; REVOKE INSERT ON providers FROM lockgate_runtime";
    owner.batch_execute(fall).await.unwrap();
    let store = place.open().await;
    store.apply(insert(tenant(1), "a")).await.unwrap();
    assert_eq!(names(&store, tenant(2)).await, [""; 0]);
    let open = "SELECT COUNT(*) FROM pg_class WHERE relname IN ('keys', 'events', 'providers')
        AND relnamespace = current_schema()::regnamespace AND NOT (relrowsecurity AND relforcerowsecurity)";
    assert_eq!(owner.query_one(open, &[]).await.unwrap().get::<_, i64>(0), 0);
}
