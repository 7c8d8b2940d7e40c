//! `GET /v1/credentials/{id}`: shows a credential with its versions, never a value. The reading is recorded.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::{CredentialRecord, VersionRecord};
use crate::admin::Parts;
use crate::answer::Answer;
use crate::input::Named;
use crate::operator::Operator;

/// A credential with its versions.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CredentialDetail {
    #[serde(flatten)]
    credential: CredentialRecord,
    /// Its versions, newest first.
    versions: Vec<VersionRecord>,
}

/// The credential.
#[utoipa::path(
    get,
    path = "/v1/credentials/{id}",
    tag = "credentials",
    operation_id = "show_credential",
    params(("id" = String, Path, description = "Its id or name.")),
    responses((status = 200, description = "The credential.", body = CredentialDetail)),
)]
pub(crate) async fn show(
    State(parts): State<Arc<Parts>>,
    operator: Operator,
    Named(id): Named,
) -> Answer<Json<CredentialDetail>> {
    let id = super::credential(&parts, &operator, &id).await?;
    let (view, versions) = parts.custodian.show(operator.act(), id).await?;
    let versions = versions.into_iter().map(Into::into).collect();
    Ok(Json(CredentialDetail { credential: view.into(), versions }))
}
