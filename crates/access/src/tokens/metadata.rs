//! What this gateway says of its token endpoint (RFC 8414).

use serde_json::json;

use super::assertion::ASSERTION_ALGORITHMS;
use crate::scope::Scope;

/// The document of `/.well-known/oauth-authorization-server`.
pub(crate) fn metadata(issuer: &str) -> String {
    let base = issuer.strip_suffix('/').unwrap_or(issuer);
    let methods = ["client_secret_basic", "client_secret_post", "private_key_jwt"];
    let algorithms: Vec<&str> = ASSERTION_ALGORITHMS.each().map(|algorithm| algorithm.as_str()).collect();
    let scopes: Vec<&str> = Scope::ALL.iter().map(|scope| scope.as_str()).collect();
    json!({
        "issuer": issuer,
        "token_endpoint": format!("{base}/oauth/token"),
        "revocation_endpoint": format!("{base}/oauth/revoke"),
        "introspection_endpoint": format!("{base}/oauth/introspect"),
        "jwks_uri": format!("{base}/.well-known/jwks.json"),
        "grant_types_supported": ["client_credentials"],
        // There is no authorization endpoint, so there are no response types; the member is demanded.
        "response_types_supported": [],
        "scopes_supported": scopes,
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": algorithms,
        "revocation_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_signing_alg_values_supported": algorithms,
        "introspection_endpoint_auth_methods_supported": methods,
        "introspection_endpoint_auth_signing_alg_values_supported": algorithms,
    })
    .to_string()
}
