//! Every SQL statement of this room, by what it is for.

use lockgate_store::Statement;

use crate::tokens::rows as tokens;

pub(crate) mod connections;
pub(crate) mod directory;
pub(crate) mod escalations;
pub(crate) mod events;
pub(crate) mod issuers;
pub(crate) mod keys;
pub(crate) mod principals;
pub(crate) mod providers;
pub(crate) mod tenants;

/// All of them, for the test that prepares each on every engine.
pub const STATEMENTS: &[&Statement] = &[
    &connections::COUNT,
    &connections::LARGE_BYTES,
    &connections::CREDENTIAL,
    &connections::GRANT,
    &connections::HOLD_CREDENTIAL,
    &connections::HOLD_GRANT,
    &connections::INSERT,
    &connections::NAMED,
    &connections::OF_PROVIDER,
    &connections::ONE,
    &connections::PAGE,
    &connections::TOUCH_OF_PROVIDER,
    &connections::UPDATE,
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
    &escalations::FORGET,
    &escalations::ONE,
    &escalations::PAGE,
    &escalations::RESOLVE,
    &events::FORGET,
    &events::INSERT,
    &events::PAGE,
    &issuers::COUNT,
    &issuers::INSERT,
    &issuers::ONE,
    &issuers::PAGE,
    &issuers::UPDATE,
    &keys::COUNT,
    &keys::INSERT,
    &keys::LIVE_OF_CLIENT,
    &keys::ONE,
    &keys::PAGE,
    &keys::PAGE_OF,
    &keys::REVOKE,
    &keys::USE_BYTES,
    &principals::COUNT,
    &principals::INSERT,
    &principals::NAMED,
    &principals::ONE,
    &principals::PAGE,
    &principals::UPDATE,
    &providers::COUNT,
    &providers::HOLD,
    &providers::INSERT,
    &providers::NAMED,
    &providers::ONE,
    &providers::PAGE,
    &providers::RETIRE,
    &providers::UPDATE,
    &tenants::INSERT,
    &tenants::NAMED,
    &tenants::ONE,
    &tenants::PAGE,
    &tenants::UPDATE,
    &tokens::ASSERTION_USE,
    &tokens::REVOCATIONS_EXPIRE,
    &tokens::SIGNING_KEYS,
    &tokens::SIGNING_KEYS_EXPIRE,
    &tokens::SIGNING_KEY_ADD,
    &tokens::SIGNING_KEY_FIRST,
    &tokens::SIGNING_KEY_MOVE,
    &tokens::SIGNING_KEY_RETIRE,
    &tokens::TOKEN_REVOKE,
];

#[cfg(test)]
mod tests;
