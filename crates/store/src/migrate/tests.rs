//! Which migrations a database still needs, and which databases are refused.

use super::*;

const fn migration(number: i64, script: &'static str) -> Migration {
    Migration { number, name: "test", script }
}

const KNOWN: &[Migration] = &[migration(1, "a"), migration(2, "b"), migration(3, "c")];

fn needs(had: &[(i64, &str)]) -> Result<Vec<i64>, String> {
    let had: Vec<(i64, String)> = had.iter().map(|(number, script)| (*number, (*script).to_owned())).collect();
    let missing = missing(KNOWN, &had).map_err(|fault| fault.to_string())?;
    Ok(missing.iter().map(|migration| migration.number).collect())
}

#[test]
fn from_every_earlier_schema_the_rest_is_needed() {
    assert_eq!(needs(&[]), Ok(vec![1, 2, 3]));
    assert_eq!(needs(&[(1, "a")]), Ok(vec![2, 3]));
    assert_eq!(needs(&[(1, "a"), (2, "b")]), Ok(vec![3]));
    assert_eq!(needs(&[(1, "a"), (2, "b"), (3, "c")]), Ok(vec![]));
}

#[test]
fn a_history_that_is_not_ours_is_refused() {
    assert!(needs(&[(1, "a"), (2, "b"), (3, "c"), (4, "d")]).unwrap_err().contains("newer version"));
    assert!(needs(&[(1, "a"), (2, "other")]).unwrap_err().contains("migration 2"));
    assert!(needs(&[(2, "b")]).unwrap_err().contains("migration 2"), "the first is missing in the middle");
    assert!(needs(&[(1, "a "), (2, "b")]).is_err(), "a blank more is another text");
}

#[test]
fn migrations_are_numbered_in_order() {
    for (place, migration) in MIGRATIONS.iter().enumerate() {
        assert_eq!(migration.number, place as i64 + 1);
        assert!(!migration.script.trim().is_empty() && !migration.name.is_empty());
    }
}

#[test]
fn tables_of_tenants_are_told_from_the_houses() {
    let tables = tenant_tables();
    assert_eq!(tables.len(), 26);
    for table in ["tenants", "principals", "keys", "connections", "credential_versions", "outbox", "escalations"] {
        assert!(tables.contains(&table), "{table}");
    }
    assert!(!tables.contains(&"house") && !tables.contains(&"signing_keys"));
}

/// The key of a table of tenants begins with the tenant, so that no look-up by key leads across.
#[test]
fn the_tenant_is_first_in_every_key() {
    for migration in MIGRATIONS {
        for table in migration.script.split("CREATE TABLE ").skip(1) {
            let (name, columns) = table.split_once('(').unwrap();
            if tenant_tables().contains(&name.trim()) {
                let alone = columns.trim_start().starts_with("tenant TEXT NOT NULL PRIMARY KEY");
                assert!(alone || columns.contains("PRIMARY KEY (tenant, "), "{name}");
            }
        }
    }
}
