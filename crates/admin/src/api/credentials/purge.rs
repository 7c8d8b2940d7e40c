//! `POST /v1/credentials/{id}/purge`: destroys all values of a revoked credential before its recovery window is over,
//! also what another vault keeps of it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::CredentialRecord;
use crate::admin::Parts;
use crate::answer::Answer;
use crate::input::Named;
use crate::operator::Operator;

/// The credential without its values.
#[utoipa::path(
    post,
    path = "/v1/credentials/{id}/purge",
    tag = "credentials",
    operation_id = "purge_credential",
    params(("id" = String, Path, description = "Its id or name.")),
    responses(
        (status = 200, description = "The credential without its values.", body = CredentialRecord),
        (status = 403, description = "Whoever revoked it does not purge it."),
        (status = 409, description = "It is in use, or protected."),
        (status = 503, description = "The vault that keeps its values did not destroy them. It stays `purging`; ask again."),
    ),
)]
pub(crate) async fn purge(
    State(parts): State<Arc<Parts>>,
    operator: Operator,
    Named(id): Named,
) -> Answer<Json<CredentialRecord>> {
    let id = super::credential(&parts, &operator, &id).await?;
    Ok(Json(parts.custodian.purge(operator.act(), id).await?.into()))
}
