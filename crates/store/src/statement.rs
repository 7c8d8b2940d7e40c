//! A statement: one SQL text for both engines, and how far it may reach.
//!
//! Each room keeps its statements as constants in its `rows.rs`. Nothing is ever concatenated into
//! one: what comes from outside goes in as a bound value. Not here: running it.
//!
//! The dialect is what SQLite and PostgreSQL share: `$1` for arguments, `ON CONFLICT`, `RETURNING`,
//! `BIGINT` for numbers and times, `TEXT` for words and JSON, `BYTEA` for bytes. Two traps: a sum of
//! numbers needs `CAST(SUM(x) AS BIGINT)` on PostgreSQL, and a bare argument in a place without a type
//! needs `CAST($2 AS TEXT)`.

mod flaw;

pub use flaw::Flaw;

/// How far a statement may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reach {
    /// One tenant's rows. `$1` is the tenant, which the store binds itself; the caller's arguments
    /// start at `$2`.
    Tenant,
    /// The house's own rows, or rows of every tenant. The list of these is closed and reviewed.
    House,
}

/// One SQL text.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Statement {
    /// What it is called in logs and faults, such as `connections.by_name`.
    pub name: &'static str,
    /// The text, the same on both engines.
    pub sql: &'static str,
    /// How far it may reach.
    pub reach: Reach,
}

impl Statement {
    /// A statement on one tenant's rows; `$1` is the tenant.
    pub const fn tenant(name: &'static str, sql: &'static str) -> Self {
        Self { name, sql, reach: Reach::Tenant }
    }

    /// A statement of the closed list that reaches beyond one tenant.
    pub const fn house(name: &'static str, sql: &'static str) -> Self {
        Self { name, sql, reach: Reach::House }
    }

    /// What is wrong with the text, if anything is: see [`Flaw`].
    pub fn flaw(&self) -> Option<Flaw> {
        flaw::find(self)
    }
}
