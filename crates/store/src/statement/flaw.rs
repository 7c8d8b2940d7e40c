//! What can be wrong with a statement's text.

use std::fmt;

use super::{Reach, Statement};

/// Why a statement must not be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// It reaches a tenant's rows and does not bind the tenant.
    TenantUnbound,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TenantUnbound => "it reaches a tenant's rows and does not bind the tenant",
        })
    }
}

pub(super) fn find(statement: &Statement) -> Option<Flaw> {
    let bound = statement.sql.contains("$1");
    (statement.reach == Reach::Tenant && !bound).then_some(Flaw::TenantUnbound)
}
