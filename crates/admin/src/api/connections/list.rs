//! `GET /v1/connections`: lists the tenant's connections.

use crate::admin::Parts;
use crate::answer::Answer;
use crate::input::Asked;
use crate::operator::Operator;
use axum::Json;
use axum::extract::State;
use lockgate_access::registry::{ConnectionRecord, Page, PageAsk};
use std::sync::Arc;

/// The tenant's connections.
#[utoipa::path(
    get,
    path = "/v1/connections",
    tag = "connections",
    operation_id = "list_connections",
    params(("limit" = Option<u32>, Query, description = "Rows at the most, 1 to 1,000; 100 by default."), ("cursor" = Option<String>, Query, description = "The `next` of the page before.")),
    responses((status = 200, description = "The tenant's connections.", body = Page<ConnectionRecord>)),
)]
pub(crate) async fn list(
    State(parts): State<Arc<Parts>>,
    operator: Operator,
    Asked(ask): Asked<PageAsk>,
) -> Answer<Json<Page<ConnectionRecord>>> {
    Ok(Json(operator.registry(&parts.access).connections(&ask).await?))
}
