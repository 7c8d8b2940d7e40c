//! `PATCH /v1/principals/{id}`: changes a principal, or ends it.

use crate::admin::Parts;
use crate::answer::Answer;
use crate::input::{Input, Named};
use crate::operator::Operator;
use axum::Json;
use axum::extract::State;
use lockgate_access::registry::{ChangePrincipal, PrincipalRecord};
use std::sync::Arc;

/// The principal as it is now.
#[utoipa::path(
    patch,
    path = "/v1/principals/{id}",
    tag = "principals",
    operation_id = "change_principals",
    params(("id" = String, Path, description = "Its id or name.")),
    request_body = ChangePrincipal,
    responses((status = 200, description = "The principal as it is now.", body = PrincipalRecord)),
)]
pub(crate) async fn change(
    State(parts): State<Arc<Parts>>,
    operator: Operator,
    Named(id): Named,
    Input(change): Input<ChangePrincipal>,
) -> Answer<Json<PrincipalRecord>> {
    Ok(Json(operator.registry(&parts.access).change_principal(&id, change).await?))
}
