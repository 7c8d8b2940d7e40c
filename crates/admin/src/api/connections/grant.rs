//! What a person granted: `GET /v1/connections/{id}/grant`, and `POST /v1/connections/{id}/disconnect`, which ends it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use lockgate_vault::RevokedToken;
use lockgate_vocabulary::ConnectionId;
use serde::Serialize;
use utoipa::ToSchema;

use super::own;
use crate::admin::Parts;
use crate::answer::Answer;
use crate::input::Named;
use crate::operator::Operator;

/// How the account that a person connected stands.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Grant {
    /// `none`, `held`, `ended` by the vendor, `unknown`: the answer to the last refresh was lost, or `elsewhere`: it was
    /// granted for where the connection led before.
    state: &'static str,
    /// What the vendor says that it granted, where it says so.
    scope: Option<String>,
    /// How many times the vendor gave tokens since the account was connected.
    number: u64,
    /// Since when nobody knows what came of the last refresh (RFC 3339).
    unknown_since: Option<String>,
}

/// Shows how the connection's account stands.
#[utoipa::path(
    get,
    path = "/v1/connections/{id}/grant",
    tag = "connections",
    operation_id = "show_grant",
    params(("id" = String, Path, description = "Its id or name.")),
    responses(
        (status = 200, description = "How it stands.", body = Grant),
        (status = 409, description = "The provider wants no person, or the connection has no credential."),
    ),
)]
pub(crate) async fn show(State(parts): State<Arc<Parts>>, operator: Operator, Named(id): Named) -> Answer<Json<Grant>> {
    let connection = own(&parts, &operator, &id)?;
    let view = parts.connector.grant(operator.act(), connection).await?;
    Ok(Json(Grant {
        state: view.state,
        scope: view.scope,
        number: view.number,
        unknown_since: view.unknown_since.map(|moment| moment.to_string()),
    }))
}

/// What became of each token.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Disconnected {
    /// The connection.
    #[schema(value_type = String)]
    connection: ConnectionId,
    /// Each token that there was.
    tokens: Vec<RevokedTokenRecord>,
}

/// A token and what became of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RevokedTokenRecord {
    /// `refresh_token` or `access_token`.
    token: &'static str,
    /// `revoked`, `already_invalid`, `unsupported` where the vendor has no way to do it, `unknown` where the answer to
    /// the last refresh was lost and there may be a later one, or `failed`: it may be good until it ends, so have it
    /// revoked in the vendor's own console.
    result: &'static str,
}

impl From<RevokedToken> for RevokedTokenRecord {
    fn from(revoked: RevokedToken) -> Self {
        Self { token: revoked.token, result: revoked.result.as_str() }
    }
}

/// Revokes the account's tokens at the vendor, then takes them away here.
#[utoipa::path(
    post,
    path = "/v1/connections/{id}/disconnect",
    tag = "connections",
    operation_id = "disconnect_account",
    params(("id" = String, Path, description = "Its id or name.")),
    responses(
        (status = 200, description = "Nothing is left here; what became of each token at the vendor.", body = Disconnected),
        (status = 409, description = "The provider has no tokens."),
    ),
)]
pub(crate) async fn disconnect(
    State(parts): State<Arc<Parts>>,
    operator: Operator,
    Named(id): Named,
) -> Answer<Json<Disconnected>> {
    let connection = own(&parts, &operator, &id)?;
    let done = parts.connector.disconnect(operator.act(), connection).await?;
    Ok(Json(Disconnected { connection: done.connection, tokens: done.tokens.into_iter().map(Into::into).collect() }))
}
