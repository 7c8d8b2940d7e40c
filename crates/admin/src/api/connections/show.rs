//! `GET /v1/connections/{id}`: shows a connection.

use crate::admin::Parts;
use crate::answer::Answer;
use crate::input::Named;
use crate::operator::Operator;
use axum::Json;
use axum::extract::State;
use lockgate_access::registry::ConnectionRecord;
use std::sync::Arc;

/// The connection.
#[utoipa::path(
    get,
    path = "/v1/connections/{id}",
    tag = "connections",
    operation_id = "show_connections",
    params(("id" = String, Path, description = "Its id or name.")),
    responses((status = 200, description = "The connection.", body = ConnectionRecord)),
)]
pub(crate) async fn show(
    State(parts): State<Arc<Parts>>,
    operator: Operator,
    Named(id): Named,
) -> Answer<Json<ConnectionRecord>> {
    Ok(Json(operator.registry(&parts.access).connection(&id).await?))
}
