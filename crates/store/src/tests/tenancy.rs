//! The walls between tenants: the text of the statements, and row security behind it.

use tokio_postgres::Client;

use super::place::{COUNT, DELETE_ALL, NAMES, RENAME, count, insert, names, tenant};
use super::{Place, on_each_engine};
use crate::engine::postgres_line;
use crate::{ApplyFailure, Change, EngineConfig, Statement, values};

on_each_engine![
    shows_and_changes_one_tenants_rows_only,
    keeps_the_reaches_apart,
    binds_the_tenant_anew_in_every_change_of_a_commit,
];

async fn shows_and_changes_one_tenants_rows_only(place: Place) {
    let store = place.open().await;
    for (number, name) in [(1, "same"), (2, "same"), (2, "theirs")] {
        store.apply(insert(tenant(number), name)).await.unwrap();
    }
    assert_eq!(names(&store, tenant(1)).await, ["same"]);
    assert_eq!(names(&store, tenant(3)).await, [""; 0]);
    let theirs = Change::of(tenant(1)).step(&RENAME, values!["theirs", "mine"]).expecting(1);
    assert!(matches!(store.apply(theirs).await, Err(ApplyFailure::Unmet { step: 0 })));
    let mut all = Change::of(tenant(1)).step(&DELETE_ALL, values![]).expecting(1);
    all = all.step(&NAMES, values![]).expecting(0);
    store.apply(all).await.unwrap();
    assert_eq!(names(&store, tenant(2)).await, ["same", "theirs"]);
    assert_eq!(count(&store).await, 2);
}

async fn keeps_the_reaches_apart(place: Place) {
    let store = place.open().await;
    assert!(store.read(tenant(1), &COUNT, values![]).await.is_err());
    assert!(store.survey(&NAMES, values![]).await.is_err());
}

async fn binds_the_tenant_anew_in_every_change_of_a_commit(place: Place) {
    static TENANTS: Statement =
        Statement::house("test.tenants", "SELECT DISTINCT tenant FROM providers ORDER BY tenant");
    let store = place.open().await;
    let read_back = |number: u128| {
        let own = Change::of(tenant(number)).step(&NAMES, values![]).expecting(1);
        insert(tenant(number), "x").and(own)
    };
    let across = Change::house().step(&TENANTS, values![]).expecting(3);
    let within =
        Change::of(tenant(9)).step(&NAMES, values![]).expecting(0).step(&TENANTS, values![]).step(&NAMES, values![]);
    let batch = vec![read_back(1), read_back(2), within.expecting(0), read_back(3), across];
    let outcomes = store.engine().commit(batch).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
}

/// A raw connection as a role of this place's installation, as an attacker inside the gateway would have.
async fn raw(place: &Place, role: &str) -> Client {
    let EngineConfig::Postgres(config) = &place.config.engine else { panic!("this is a test of PostgreSQL") };
    let client = postgres_line::login(config).await;
    let become_role = format!("SET ROLE {role}; SET search_path = {}", config.schema);
    client.batch_execute(&become_role).await.unwrap();
    client
}

async fn number(client: &Client, sql: &str) -> i64 {
    client.query_one(sql, &[]).await.unwrap().get(0)
}

fn code(outcome: Result<(), tokio_postgres::Error>) -> String {
    outcome.expect_err("it must be refused").code().map(|code| code.code().to_owned()).unwrap_or_default()
}

#[tokio::test]
async fn row_security_hides_every_other_row_from_the_runtime_role() {
    let Some(place) = Place::postgres() else { return };
    let store = place.open().await;
    for number in [1, 2, 2] {
        store.apply(insert(tenant(number), &super::place::unique())).await.unwrap();
    }
    let client = raw(&place, "lockgate_runtime").await;
    let all = "SELECT COUNT(*) FROM providers";
    assert_eq!(number(&client, all).await, 0, "without a tenant there is nothing");
    client.batch_execute("SET lockgate.tenant = ''").await.unwrap();
    assert_eq!(number(&client, all).await, 0, "nobody is not a tenant");
    client.batch_execute(&format!("SET lockgate.tenant = '{}'", tenant(1))).await.unwrap();
    assert_eq!(number(&client, all).await, 1);
    assert_eq!(number(&client, "SELECT COUNT(*) FROM providers WHERE tenant <> ''").await, 1);
    assert_eq!(client.execute("UPDATE providers SET status = 'x'", &[]).await.unwrap(), 1);
    let moved = format!("UPDATE providers SET tenant = '{}'", tenant(2));
    assert_eq!(code(client.batch_execute(&moved).await), "42501", "a row cannot be given away");
    assert_eq!(client.execute("DELETE FROM providers", &[]).await.unwrap(), 1);
    assert_eq!(names(&store, tenant(2)).await.len(), 2);
    let foreign = format!("INSERT INTO outbox (tenant, entry, body, created_at) VALUES ('{}', 'e', '', 1)", tenant(2));
    assert_eq!(code(client.batch_execute(&foreign).await), "42501");
}

#[tokio::test]
async fn row_security_stands_on_every_table_of_tenants() {
    let Some(place) = Place::postgres() else { return };
    let _store = place.open().await;
    let client = raw(&place, "lockgate_owner").await;
    let open = "SELECT COUNT(*) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant'
        WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'
        AND NOT (c.relrowsecurity AND c.relforcerowsecurity)";
    assert_eq!(number(&client, open).await, 0);
    let walled = "SELECT COUNT(*) FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relrowsecurity";
    assert_eq!(number(&client, walled).await, crate::migrate::tenant_tables().len() as i64);
    assert_eq!(number(&client, "SELECT COUNT(*) FROM tenants").await, 0, "even the owner is bound");
}

#[tokio::test]
async fn the_runtime_role_has_no_more_than_it_needs() {
    let Some(place) = Place::postgres() else { return };
    let _store = place.open().await;
    let client = raw(&place, "lockgate_runtime").await;
    assert_eq!(number(&client, "SELECT value FROM house").await, 1);
    for refused in [
        "UPDATE house SET value = 9",
        "SELECT * FROM signing_keys",
        "DELETE FROM migrations",
        "TRUNCATE providers",
        "ALTER TABLE providers DISABLE ROW LEVEL SECURITY",
        "CREATE TABLE mine (x BIGINT)",
        "DROP POLICY lockgate_runtime ON providers",
    ] {
        assert_eq!(code(client.batch_execute(refused).await), "42501", "{refused}");
    }
    let own = "SELECT COUNT(*) FROM pg_class WHERE relowner = 'lockgate_runtime'::regrole";
    assert_eq!(number(&client, own).await, 0, "it owns nothing");
    let weak = "SELECT COUNT(*) FROM pg_roles WHERE rolname LIKE 'lockgate\\_%'
        AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcanlogin)";
    assert_eq!(number(&client, weak).await, 0);
}

#[tokio::test]
async fn a_temporary_table_cannot_stand_in_for_one_of_ours() {
    let Some(place) = Place::postgres() else { return };
    let store = place.open().await;
    static SHADOW: Statement = Statement::house("test.shadow", "SELECT COUNT(*) FROM providers");
    let EngineConfig::Postgres(config) = &place.config.engine else { return };
    let client = postgres_line::session(config, "lockgate_house").await;
    client
        .batch_execute("CREATE TEMPORARY TABLE providers (x BIGINT); INSERT INTO pg_temp.providers VALUES (1)")
        .await
        .unwrap();
    assert_eq!(number(&client, SHADOW.sql).await, 0);
    assert_eq!(store.survey(&SHADOW, values![]).await.unwrap()[0].int(0).unwrap(), 0);
}
