//! `GET /v1/events`: the feed of the tenant's events, oldest first. It has no end: read on with `next`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use lockgate_access::registry::{FeedPage, PageAsk};

use crate::admin::Parts;
use crate::answer::Answer;
use crate::input::Asked;
use crate::page::PageQuery;

/// The tenant's events in CloudEvents' JSON format, oldest first.
#[utoipa::path(
    get,
    path = "/v1/events",
    tag = "events",
    operation_id = "list_events",
    params(PageQuery),
    responses((status = 200, description = "The tenant's events, oldest first.", body = crate::page::Listed<Object>)),
)]
pub(crate) async fn list(
    State(parts): State<Arc<Parts>>,
    Asked(operator, ask): Asked<PageAsk>,
) -> Answer<Json<FeedPage>> {
    Ok(Json(operator.registry(&parts.access).events(&ask).await?))
}
