//! `POST /v1/credentials/{id}/rollback`: goes back to a version that was used before.

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

/// Where to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RollBack {
    /// The version; the one that was used last where it is absent.
    #[serde(default)]
    version: Option<u32>,
    /// Says that calls may fail, where the provider cannot hold two live credentials.
    #[serde(default)]
    acknowledge_gap: bool,
}

/// The credential as it is now.
#[utoipa::path(
    post,
    path = "/v1/credentials/{id}/rollback",
    tag = "credentials",
    operation_id = "roll_back_credential",
    params(("id" = String, Path, description = "Its id or name.")),
    request_body = RollBack,
    responses(
        (status = 200, description = "The credential as it is now.", body = CredentialRecord),
    ),
)]
pub(crate) async fn roll_back(
    State(parts): State<Arc<Parts>>,
    operator: Operator,
    Named(id): Named,
    Input(asked): Input<RollBack>,
) -> Answer<Json<CredentialRecord>> {
    let id = super::credential(&parts, &operator, &id).await?;
    let view = parts.custodian.roll_back(operator.act(), id, asked.version, asked.acknowledge_gap).await?;
    parts.access.settle().await;
    Ok(Json(view.into()))
}
