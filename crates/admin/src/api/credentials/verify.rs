//! `POST /v1/credentials/{id}/versions/verify`: asks the vendor whether it takes a staged version.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::RotationRecord;
use crate::admin::Parts;
use crate::answer::Answer;
use crate::input::{Input, Named};
use crate::operator::Operator;

/// Which version.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VerifyVersion {
    /// Its number.
    version: u32,
}

/// The rotation: the vendor took the version.
#[utoipa::path(
    post,
    path = "/v1/credentials/{id}/versions/verify",
    tag = "credentials",
    operation_id = "verify_credential_version",
    params(("id" = String, Path, description = "Its id or name.")),
    request_body = VerifyVersion,
    responses(
        (status = 200, description = "The rotation: the vendor took the version.", body = RotationRecord),
        (status = 409, description = "The vendor did not take it, or it is being verified just now."),
        (status = 503, description = "The vendor could not be asked."),
    ),
)]
pub(crate) async fn verify(
    State(parts): State<Arc<Parts>>,
    operator: Operator,
    Named(id): Named,
    Input(asked): Input<VerifyVersion>,
) -> Answer<Json<RotationRecord>> {
    let id = super::credential(&parts, &operator, &id).await?;
    Ok(Json(parts.custodian.verify(operator.act(), id, asked.version).await?.into()))
}
