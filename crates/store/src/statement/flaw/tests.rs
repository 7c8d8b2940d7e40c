//! Statements that are sound, and every way in which one is not.

use super::*;

fn flaw(sql: &'static str) -> Option<Flaw> {
    Statement::tenant("test", sql).flaw()
}

#[test]
fn sound_statements_have_no_flaw() {
    for sql in [
        "SELECT name FROM providers WHERE tenant = $1 AND name = $2",
        "SELECT name FROM providers WHERE name = $2 AND (status = 'a' OR status = 'b') AND tenant = $1",
        "SELECT p.name FROM keys k JOIN principals p ON p.tenant = k.tenant AND p.principal = k.principal
         WHERE k.tenant = $1",
        "SELECT name FROM providers WHERE tenant = $1 AND name IN (SELECT name FROM connections WHERE tenant = $1)",
        "INSERT INTO providers (tenant, name) VALUES ($1, $2)",
        "INSERT INTO providers (name, tenant) VALUES ($2, $1), ($3, $1)",
        "INSERT INTO providers (tenant, name, changed)
         VALUES ($1, LOWER($2), (SELECT value FROM house WHERE name = 'epoch'))",
        "INSERT INTO providers (tenant, name) SELECT $1, name FROM connections WHERE tenant = $1",
        "INSERT INTO idempotency (tenant, caller) VALUES ($1, $2) ON CONFLICT (tenant, caller) DO UPDATE
         SET state = excluded.state WHERE idempotency.expires_at <= $3 OR idempotency.state = ';' RETURNING run",
        "UPDATE providers SET name = $2, changed = (SELECT value FROM house WHERE name = 'epoch') WHERE tenant = $1",
        "DELETE FROM providers WHERE tenant = $1",
        "WITH mine AS (SELECT name FROM providers WHERE tenant = $1) SELECT name FROM mine",
        "select NAME from PROVIDERS where TENANT = $1",
    ] {
        assert_eq!(flaw(sql), None, "{sql}");
    }
}

#[test]
fn a_statement_that_does_not_bind_the_tenant_is_flawed() {
    for sql in [
        "SELECT name FROM providers",
        "SELECT name FROM providers WHERE name = $1",
        "SELECT name FROM providers WHERE tenant = $2 AND name = $1",
        "SELECT name FROM providers WHERE tenant <> $1",
        "SELECT name FROM providers WHERE 'tenant = $1' = $1",
        "SELECT p.name FROM keys k JOIN principals p ON p.principal = k.principal WHERE k.tenant = $1",
        "SELECT name FROM providers, connections WHERE providers.tenant = $1",
        "SELECT name FROM providers WHERE tenant = $1 UNION SELECT name FROM connections",
        "SELECT tenant = $1 FROM providers",
        "INSERT INTO providers (name) VALUES ($1)",
        "INSERT INTO providers (tenant, name) VALUES ($2, $1)",
        "INSERT INTO providers (tenant, name) VALUES ($1, $2), ($2, $2)",
        "INSERT INTO providers (tenant, name) VALUES ($1 || $2, $2)",
        "INSERT INTO providers VALUES ($1, $2)",
        "INSERT INTO providers (tenant, name) SELECT tenant, $1 FROM connections WHERE tenant = $1",
        "INSERT INTO providers (tenant, name) SELECT $1, name FROM connections",
        "UPDATE providers SET name = $1",
        "DELETE FROM providers WHERE name = $1",
        "SELECT $1",
        "SELECT value FROM house WHERE name = $1",
    ] {
        assert_eq!(flaw(sql), Some(Flaw::TenantUnbound), "{sql}");
    }
}

#[test]
fn an_or_beside_the_tenant_is_flawed() {
    for sql in [
        "SELECT name FROM providers WHERE tenant = $1 OR name = $2",
        "SELECT name FROM providers WHERE (tenant = $1 OR name = $2)",
        "SELECT name FROM providers WHERE (tenant = $1) OR name = $2",
        "SELECT name FROM providers WHERE name = $2 OR name = $3 AND tenant = $1",
    ] {
        assert_eq!(flaw(sql), Some(Flaw::TenantOptional), "{sql}");
    }
}

#[test]
fn a_tenant_is_never_set() {
    assert_eq!(flaw("UPDATE providers SET tenant = $1"), Some(Flaw::TenantMoved));
    assert_eq!(flaw("UPDATE providers SET tenant = $2 WHERE tenant = $1"), Some(Flaw::TenantMoved));
}

#[test]
fn tables_of_no_tenant_are_the_houses() {
    let sql = "SELECT k.kid FROM signing_keys k JOIN providers p ON p.name = k.kid WHERE p.tenant = $1";
    assert_eq!(flaw(sql), Some(Flaw::BeyondTenant));
    assert_eq!(Statement::house("test", "SELECT kid FROM signing_keys").flaw(), None);
}

#[test]
fn only_rows_are_read_and_written() {
    for sql in [
        "",
        "DROP TABLE providers",
        "PRAGMA query_only = OFF",
        "SET ROLE postgres",
        "SELECT set_config('lockgate.tenant', $1, true)",
        "SELECT current_setting('lockgate.tenant')",
        "COMMIT",
    ] {
        assert_eq!(Statement::house("test", sql).flaw(), Some(Flaw::NotOfRows), "{sql}");
    }
    let two = "DELETE FROM providers WHERE tenant = $1; DELETE FROM keys WHERE tenant = $1";
    assert_eq!(flaw(two), Some(Flaw::Several));
}

#[test]
fn arguments_are_numbered_without_a_gap() {
    assert_eq!(flaw("SELECT name FROM providers WHERE tenant = $1 AND name = $3"), Some(Flaw::ArgumentSkipped));
    assert_eq!(
        Statement::house("test", "SELECT name FROM providers WHERE name = $2").flaw(),
        Some(Flaw::ArgumentSkipped)
    );
    assert_eq!(Statement::house("test", "SELECT '$2', name FROM providers WHERE name = $1").flaw(), None);
}

#[test]
fn every_flaw_is_told_in_words_of_its_own() {
    let all = [
        Flaw::ArgumentSkipped,
        Flaw::BeyondTenant,
        Flaw::NotOfRows,
        Flaw::Several,
        Flaw::TenantUnbound,
        Flaw::TenantOptional,
        Flaw::TenantMoved,
    ];
    let told: std::collections::HashSet<String> = all.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), all.len());
}

proptest::proptest! {
    /// Whatever stands in a text, reading it ends and does not panic.
    #[test]
    fn any_text_is_read(words in proptest::collection::vec("[a-z$0-9(),.;='_ ]{0,8}|tenant|select|from|where|or|insert into|values", 0..40)) {
        let sql: &'static str = Box::leak(words.join(" ").into_boxed_str());
        Statement::tenant("test", sql).flaw();
    }
}
