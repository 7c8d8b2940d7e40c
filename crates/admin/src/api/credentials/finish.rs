//! `POST /v1/credentials/{id}/versions/finish`: puts a staged version to use that passed its verification.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::CredentialRecord;
use crate::admin::Parts;
use crate::answer::Answer;
use crate::input::{Input, Named};
use crate::operator::Operator;

/// Which version.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FinishRotation {
    /// Its number.
    version: u32,
    /// Uses it without asking the vendor; only where the provider declares no way to ask.
    #[serde(default)]
    danger_unverified: bool,
}

/// The credential as it is now.
#[utoipa::path(
    post,
    path = "/v1/credentials/{id}/versions/finish",
    tag = "credentials",
    operation_id = "finish_credential_rotation",
    params(("id" = String, Path, description = "Its id or name.")),
    request_body = FinishRotation,
    responses(
        (status = 200, description = "The credential as it is now.", body = CredentialRecord),
        (status = 409, description = "It did not pass a verification within the last day."),
    ),
)]
pub(crate) async fn finish(
    State(parts): State<Arc<Parts>>,
    operator: Operator,
    Named(id): Named,
    Input(asked): Input<FinishRotation>,
) -> Answer<Json<CredentialRecord>> {
    let id = super::credential(&parts, &operator, &id).await?;
    let view = parts.custodian.finish(operator.act(), id, asked.version, asked.danger_unverified).await?;
    parts.access.settle().await;
    Ok(Json(view.into()))
}
