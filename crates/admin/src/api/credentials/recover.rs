//! `POST /v1/credentials/{id}/recover`: brings a revoked credential back within its recovery window.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use lockgate_vocabulary::{ConnectionId, CredentialId};
use serde::Serialize;
use utoipa::ToSchema;

use crate::admin::Parts;
use crate::answer::Answer;
use crate::input::Named;
use crate::operator::Operator;

/// A credential that was brought back.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecoveredRecord {
    /// The credential.
    #[schema(value_type = String)]
    credential: CredentialId,
    /// The connections that run again: those that had no other credential in between.
    #[schema(value_type = Vec<String>)]
    revived: Vec<ConnectionId>,
}

/// The credential, and the connections that run again.
#[utoipa::path(
    post,
    path = "/v1/credentials/{id}/recover",
    tag = "credentials",
    operation_id = "recover_credential",
    params(("id" = String, Path, description = "Its id or name.")),
    responses(
        (status = 200, description = "The credential, and the connections that run again.", body = RecoveredRecord),
        (status = 409, description = "It is in use, its window is over, or it was compromised."),
    ),
)]
pub(crate) async fn recover(
    State(parts): State<Arc<Parts>>,
    operator: Operator,
    Named(id): Named,
) -> Answer<Json<RecoveredRecord>> {
    let id = super::credential(&parts, &operator, &id).await?;
    let recovered = parts.custodian.recover(operator.act(), id).await?;
    parts.access.settle().await;
    Ok(Json(RecoveredRecord { credential: recovered.credential, revived: recovered.revived }))
}
