//! What the snapshot is made of. These reach across tenants: the snapshot holds every tenant, each in
//! a view of its own.
//!
//! Of each table there is one statement for all rows, page by page along the key, and one for those
//! that changed after an epoch. One statement for both would leave it to the planner which index it
//! walks, and the wrong one sorts the whole table for each page.

use lockgate_store::Statement;

/// Rows of one page.
pub(crate) const PAGE_ROWS: i64 = 4_000;

/// One table of the snapshot.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source {
    /// All rows behind a key: `$1` is the tenant, `$2` the key within it, `$3` how many.
    pub(crate) all: &'static Statement,
    /// Those that changed after epoch `$1` and not after epoch `$2`.
    pub(crate) since: &'static Statement,
}

macro_rules! source {
    ($source:ident, $all:ident, $since:ident, $table:literal, $key:literal, $columns:literal) => {
        pub(crate) static $all: Statement = Statement::house(
            concat!("directory.", $table, ".all"),
            concat!(
                "SELECT ",
                $columns,
                " FROM ",
                $table,
                " WHERE (tenant, ",
                $key,
                ") > ($1, $2) ORDER BY tenant, ",
                $key,
                " LIMIT $3"
            ),
        );
        pub(crate) static $since: Statement = Statement::house(
            concat!("directory.", $table, ".since"),
            concat!("SELECT ", $columns, " FROM ", $table, " WHERE changed > $1 AND changed <= $2 ORDER BY changed"),
        );
        pub(crate) static $source: Source = Source { all: &$all, since: &$since };
    };
}

source!(TENANTS, TENANTS_ALL, TENANTS_SINCE, "tenants", "tenant", "tenant, tenant, name, alias, status");
source!(
    PRINCIPALS,
    PRINCIPALS_ALL,
    PRINCIPALS_SINCE,
    "principals",
    "principal",
    "tenant, principal, name, kind, roles, scopes, endpoints, addresses, status, expires_at"
);
source!(
    KEYS,
    KEYS_ALL,
    KEYS_SINCE,
    "keys",
    "key",
    "tenant, key, principal, kind, verifier, jwks, scopes, endpoints, addresses, expires_at, revoked_at"
);
source!(REVOKED, REVOKED_ALL, REVOKED_SINCE, "revoked_tokens", "jti", "tenant, jti, expires_at");
source!(ISSUERS, ISSUERS_ALL, ISSUERS_SINCE, "issuers", "issuer", "tenant, issuer, spec, status, changed");
source!(
    PROVIDERS,
    PROVIDERS_ALL,
    PROVIDERS_SINCE,
    "providers",
    "provider",
    "tenant, provider, name, spec, status, changed"
);
source!(
    CONNECTIONS,
    CONNECTIONS_ALL,
    CONNECTIONS_SINCE,
    "connections",
    "connection",
    "tenant, connection, name, provider, spec, credential, status, changed"
);
