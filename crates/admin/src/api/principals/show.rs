//! `GET /v1/principals/{id}`: shows a principal.

use crate::admin::Parts;
use crate::answer::Answer;
use crate::input::Named;
use crate::operator::Operator;
use axum::Json;
use axum::extract::State;
use lockgate_access::registry::PrincipalRecord;
use std::sync::Arc;

/// The principal.
#[utoipa::path(
    get,
    path = "/v1/principals/{id}",
    tag = "principals",
    operation_id = "show_principals",
    params(("id" = String, Path, description = "Its id or name.")),
    responses((status = 200, description = "The principal.", body = PrincipalRecord)),
)]
pub(crate) async fn show(
    State(parts): State<Arc<Parts>>,
    operator: Operator,
    Named(id): Named,
) -> Answer<Json<PrincipalRecord>> {
    Ok(Json(operator.registry(&parts.access).principal(&id).await?))
}
