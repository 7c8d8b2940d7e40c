//! The errors of the token endpoint in the form that OAuth clients know (RFC 6749 section 5.2).

use lockgate_vocabulary::{Stop, limit};
use serde_json::json;

use crate::AccessRefusal;

/// An error as an OAuth client reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OauthError {
    /// The HTTP status.
    pub status: u16,
    /// The registered error.
    pub error: &'static str,
    /// What the client's developer reads.
    pub description: String,
    /// The `WWW-Authenticate`, where the status is 401.
    pub challenge: Option<&'static str>,
}

/// Which registered error each refusal is.
const ERRORS: &[(AccessRefusal, &str)] = &[
    (AccessRefusal::ClientInvalid, "invalid_client"),
    (AccessRefusal::ClientPaced, "temporarily_unavailable"),
    (AccessRefusal::ClientThrottled, "temporarily_unavailable"),
    (AccessRefusal::GrantMalformed, "invalid_request"),
    (AccessRefusal::GrantScope, "invalid_scope"),
    (AccessRefusal::GrantTarget, "invalid_target"),
    (AccessRefusal::GrantUnauthorized, "unauthorized_client"),
    (AccessRefusal::GrantUnsupported, "unsupported_grant_type"),
];

impl OauthError {
    /// The error that this is for an OAuth client. What the client cannot help is a server error.
    pub fn of(stop: &Stop) -> Self {
        let (status, error, description) = match stop {
            Stop::Refused(refusal) => {
                let known = ERRORS.iter().find(|(known, _)| known.info() == refusal.info());
                let fallback = if refusal.status() >= 500 { "temporarily_unavailable" } else { "invalid_request" };
                let title = refusal.info().title;
                let description = refusal.told().map_or_else(|| title.to_owned(), |told| format!("{title} ({told})"));
                (refusal.status(), known.map_or(fallback, |(_, error)| *error), description)
            }
            Stop::Fault(fault) if fault.is_unavailable() => (503, "temporarily_unavailable", String::new()),
            Stop::Fault(_) => (500, "server_error", String::new()),
        };
        let challenge = (status == 401).then_some(r#"Basic realm="lockgate""#);
        Self { status, error, description: plain(&description), challenge }
    }

    /// The JSON body. It goes out with `Cache-Control: no-store`.
    pub fn body(&self) -> String {
        if self.description.is_empty() {
            return json!({"error": self.error}).to_string();
        }
        json!({"error": self.error, "error_description": self.description}).to_string()
    }
}

/// The characters that a description may have (RFC 6749 section 5.2).
fn plain(text: &str) -> String {
    let allowed = |c: &char| matches!(c, ' '..='!' | '#'..='[' | ']'..='~');
    text.chars().filter(allowed).take(limit::CREDENTIAL_BYTES).collect()
}

#[cfg(test)]
mod tests;
