//! `GET /v1/connections/{id}`: shows a connection.

use super::state::ShownConnection;
use crate::admin::Parts;
use crate::answer::Answer;
use crate::input::Named;
use crate::operator::Operator;
use axum::Json;
use axum::extract::State;
use std::sync::Arc;

/// The connection, and how it stands on this node.
#[utoipa::path(
    get,
    path = "/v1/connections/{id}",
    tag = "connections",
    operation_id = "show_connections",
    params(("id" = String, Path, description = "Its id or name.")),
    responses((status = 200, description = "The connection.", body = ShownConnection)),
)]
pub(crate) async fn show(
    State(parts): State<Arc<Parts>>,
    operator: Operator,
    Named(id): Named,
) -> Answer<Json<ShownConnection>> {
    let record = operator.registry(&parts.access).connection(&id).await?;
    Ok(Json(ShownConnection::of(record, &parts, operator.tenant())))
}
