//! `GET /v1/connections`: lists the tenant's connections.

use super::state::ShownConnection;
use crate::admin::Parts;
use crate::answer::Answer;
use crate::input::Asked;
use axum::Json;
use axum::extract::State;
use lockgate_access::registry::{Page, PageAsk};
use std::sync::Arc;

/// The tenant's connections, and how each stands on this node.
#[utoipa::path(
    get,
    path = "/v1/connections",
    tag = "connections",
    operation_id = "list_connections",
    params(("limit" = Option<u32>, Query, description = "Rows at the most, 1 to 1,000; 100 by default."), ("cursor" = Option<String>, Query, description = "The `next` of the page before.")),
    responses((status = 200, description = "The tenant's connections.", body = Page<ShownConnection>)),
)]
pub(crate) async fn list(
    State(parts): State<Arc<Parts>>,
    Asked(operator, ask): Asked<PageAsk>,
) -> Answer<Json<Page<ShownConnection>>> {
    let Page { items, next } = operator.registry(&parts.access).connections(&ask).await?;
    let items = items.into_iter().map(|record| ShownConnection::of(record, &parts, operator.tenant())).collect();
    Ok(Json(Page { items, next }))
}
