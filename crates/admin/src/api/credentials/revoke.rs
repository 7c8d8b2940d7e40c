//! `POST /v1/credentials/{id}/revoke`: makes a credential unusable; its connection is degraded at once.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use lockgate_vocabulary::{ConnectionId, CredentialId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::admin::Parts;
use crate::answer::Answer;
use crate::api::connections::grant::RevokedTokenRecord;
use crate::input::{Input, Named};
use crate::operator::Operator;

/// Why it is revoked.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Revoke {
    /// For the record.
    reason: String,
}

/// A credential that was revoked.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RevokedRecord {
    /// The credential.
    #[schema(value_type = String)]
    credential: CredentialId,
    /// The connections that run nothing until they have a credential again.
    #[schema(value_type = Vec<String>)]
    degraded: Vec<ConnectionId>,
    /// What became at the vendor of the tokens that were had with it, where there were any.
    tokens: Vec<RevokedTokenRecord>,
}

/// The credential, and what depended on it.
#[utoipa::path(
    post,
    path = "/v1/credentials/{id}/revoke",
    tag = "credentials",
    operation_id = "revoke_credential",
    params(("id" = String, Path, description = "Its id or name.")),
    request_body = Revoke,
    responses((status = 200, description = "The credential, and what depended on it.", body = RevokedRecord)),
)]
pub(crate) async fn revoke(
    State(parts): State<Arc<Parts>>,
    operator: Operator,
    Named(id): Named,
    Input(revoke): Input<Revoke>,
) -> Answer<Json<RevokedRecord>> {
    let id = super::credential(&parts, &operator, &id).await?;
    let revoked = parts.custodian.revoke(operator.act(), id, &revoke.reason).await?;
    parts.access.settle().await;
    // It is lent to nobody by now, here and on every node; what its vendor gave for it is ended there as well.
    let tokens = parts.connector.let_go(operator.act(), &revoked.degraded).await?.into_iter().map(Into::into).collect();
    Ok(Json(RevokedRecord { credential: revoked.credential, degraded: revoked.degraded, tokens }))
}
