//! Every SQL statement of this room, by what it is for.

use lockgate_store::Statement;

pub(crate) mod directory;

/// All of them, for the test that prepares each on every engine.
pub const STATEMENTS: &[&Statement] = &[
    &directory::CONNECTIONS_ALL,
    &directory::CONNECTIONS_SINCE,
    &directory::ISSUERS_ALL,
    &directory::ISSUERS_SINCE,
    &directory::KEYS_ALL,
    &directory::KEYS_SINCE,
    &directory::PRINCIPALS_ALL,
    &directory::PRINCIPALS_SINCE,
    &directory::PROVIDERS_ALL,
    &directory::PROVIDERS_SINCE,
    &directory::REVOKED_ALL,
    &directory::REVOKED_SINCE,
    &directory::TENANTS_ALL,
    &directory::TENANTS_SINCE,
];
