//! Which migrations there are, and which of them a database still needs.
//!
//! They go forward only. A database remembers the whole text of each that it has had, so a text that
//! was changed afterwards, or a migration of a newer version, is seen and refused. Not here: running
//! them, which each engine does inside one transaction.

use std::sync::OnceLock;

use lockgate_vocabulary::Fault;

/// One step forward of the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Migration {
    pub(crate) number: i64,
    pub(crate) name: &'static str,
    pub(crate) script: &'static str,
}

/// Every migration, in order. A text that was released is never changed; a new one is added.
pub(crate) const MIGRATIONS: &[Migration] = &[
    Migration { number: 1, name: "first", script: include_str!("../migrations/0001_first.sql") },
    Migration { number: 2, name: "checkpoints", script: include_str!("../migrations/0002_checkpoints.sql") },
    Migration { number: 3, name: "outbox-mac", script: include_str!("../migrations/0003_outbox_mac.sql") },
    Migration { number: 4, name: "escalations", script: include_str!("../migrations/0004_escalations.sql") },
    Migration { number: 5, name: "webhooks", script: include_str!("../migrations/0005_webhooks.sql") },
    Migration { number: 6, name: "vendor tokens", script: include_str!("../migrations/0006_vendor_tokens.sql") },
    Migration { number: 7, name: "rotation", script: include_str!("../migrations/0007_rotation.sql") },
];

/// Where a database keeps what it has had.
pub(crate) const HISTORY: &str = "CREATE TABLE IF NOT EXISTS migrations (
    number BIGINT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    script TEXT NOT NULL,
    applied_at BIGINT NOT NULL
)";

/// What a database has had.
pub(crate) const HAD: &str = "SELECT number, script FROM migrations ORDER BY number";

/// Remembers one more.
pub(crate) const REMEMBER: &str = "INSERT INTO migrations (number, name, script, applied_at) VALUES ($1, $2, $3, $4)";

/// What a database still needs, or why it cannot be used.
pub(crate) fn missing<'a>(known: &'a [Migration], had: &[(i64, String)]) -> Result<&'a [Migration], Fault> {
    const DOING: &str = "comparing the database's migrations with ours";
    if had.len() > known.len() {
        return Err(Fault::broken(DOING, "the database was migrated by a newer version of Lockgate"));
    }
    let (old, new) = known.split_at(had.len());
    for (ours, (number, script)) in old.iter().zip(had) {
        if ours.number != *number || ours.script != script {
            let what =
                format!("migration {number} of the database is not our migration {}, {}", ours.number, ours.name);
            return Err(Fault::broken(DOING, what));
        }
    }
    Ok(new)
}

/// The tables that belong to tenants: those whose first column is `tenant`.
pub(crate) fn tenant_tables() -> &'static [&'static str] {
    static TABLES: OnceLock<Vec<&'static str>> = OnceLock::new();
    TABLES.get_or_init(|| {
        let scripts = MIGRATIONS.iter().flat_map(|migration| migration.script.split("CREATE TABLE ").skip(1));
        scripts
            .filter_map(|rest| {
                let (table, columns) = rest.split_once('(')?;
                columns.trim_start().starts_with("tenant ").then_some(table.trim())
            })
            .collect()
    })
}

#[cfg(test)]
mod tests;
