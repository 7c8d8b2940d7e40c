//! Tokens are revoked at their vendor (RFC 7009), and what became of each is told.

use lockgate_access::directory::Connection;
use lockgate_access::spec::TokenSpec;
use lockgate_audit::Deed;
use lockgate_vocabulary::{ErrandAnswer, Secret};
use serde::Deserialize;

use super::Connector;
use crate::token::Pair;

/// What became of a token at its vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upstream {
    /// The vendor says that it is revoked (RFC 7009 section 2.2).
    Revoked,
    /// The vendor knew it no more.
    AlreadyInvalid,
    /// The vendor revokes none of its kind, or the provider names no endpoint for it.
    Unsupported,
    /// The answer to the last refresh was lost: the vendor revoked this one, and there may be a later one.
    Unknown,
    /// The vendor did not do it, or could not be asked: it may be good until it ends.
    Failed,
}

impl Upstream {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::AlreadyInvalid => "already_invalid",
            Self::Unsupported => "unsupported",
            Self::Unknown => "unknown",
            Self::Failed => "failed",
        }
    }
}

/// A token and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokedToken {
    /// `refresh_token` or `access_token`.
    pub token: &'static str,
    /// What became of it.
    pub result: Upstream,
}

impl Connector {
    /// Revokes the refresh token first: whoever has it has others (RFC 7009 section 2.1).
    pub(super) async fn revoked(
        &self,
        connection: &Connection,
        spec: &TokenSpec,
        secret: &Secret,
        pair: &Pair,
    ) -> Vec<RevokedToken> {
        let tokens = [("refresh_token", pair.refresh.as_ref()), ("access_token", Some(&pair.access))];
        let mut told = Vec::new();
        for (token, value) in tokens {
            // An access token that was none came with a refresh token that is kept for itself.
            let Some(value) = value.filter(|value| !value.is_empty()) else { continue };
            let answer = match self.vault().inner.client(connection, spec, secret).revocation((token, value)) {
                None => {
                    told.push(RevokedToken { token, result: Upstream::Unsupported });
                    continue;
                }
                Some(Ok(order)) => self.tokens.errand.run(order).await,
                Some(Err(failure)) => Err(failure),
            };
            let result = match answer {
                Ok(answer) => judged(&answer),
                Err(failure) => {
                    tracing::warn!(?failure, connection = %connection.id, "a token was not revoked at its vendor");
                    Upstream::Failed
                }
            };
            told.push(RevokedToken { token, result });
        }
        told
    }
}

/// The record with what became of each.
pub(super) fn telling(deed: Deed, tokens: &[RevokedToken]) -> Deed {
    tokens.iter().fold(deed, |deed, each| deed.with(each.token, each.result.as_str()))
}

/// What the vendor says of a revocation (RFC 7009 section 2.2).
fn judged(answer: &ErrandAnswer) -> Upstream {
    #[derive(Deserialize)]
    struct Said {
        error: String,
    }
    if matches!(answer.status, 200 | 204) {
        return Upstream::Revoked;
    }
    let said = serde_json::from_slice::<Said>(&answer.body).ok().filter(|_| (400..500).contains(&answer.status));
    match said.as_ref().map(|said| said.error.as_str()) {
        Some("invalid_token" | "invalid_grant") => Upstream::AlreadyInvalid,
        Some("unsupported_token_type") => Upstream::Unsupported,
        _ => Upstream::Failed,
    }
}
