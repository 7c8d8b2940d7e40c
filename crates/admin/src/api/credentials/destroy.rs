//! `POST /v1/credentials/{id}/versions/destroy`: destroys the value of a version that nothing uses any more.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::VersionRecord;
use crate::admin::Parts;
use crate::answer::Answer;
use crate::input::{Input, Named};
use crate::operator::Operator;

/// Which version, and since when nothing may have used it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DestroyVersion {
    /// Its number.
    version: u32,
    /// Since when nothing has used it, two minutes back at the least (RFC 3339).
    unused_since: String,
}

/// The version without its value.
#[utoipa::path(
    post,
    path = "/v1/credentials/{id}/versions/destroy",
    tag = "credentials",
    operation_id = "destroy_credential_version",
    params(("id" = String, Path, description = "Its id or name.")),
    request_body = DestroyVersion,
    responses(
        (status = 200, description = "The version without its value.", body = VersionRecord),
        (status = 409, description = "It is used, or was used since; the detail says when it was used last."),
    ),
)]
pub(crate) async fn destroy(
    State(parts): State<Arc<Parts>>,
    operator: Operator,
    Named(id): Named,
    Input(asked): Input<DestroyVersion>,
) -> Answer<Json<VersionRecord>> {
    let id = super::credential(&parts, &operator, &id).await?;
    let unused_since = super::moment(&asked.unused_since, "/unused_since")?;
    Ok(Json(parts.custodian.destroy(operator.act(), id, asked.version, unused_since).await?.into()))
}
