//! `GET /v1/principals`: lists the tenant's principals.

use crate::admin::Parts;
use crate::answer::Answer;
use crate::input::Asked;
use axum::Json;
use axum::extract::State;
use lockgate_access::registry::{Page, PageAsk, PrincipalRecord};
use std::sync::Arc;

/// The tenant's principals.
#[utoipa::path(
    get,
    path = "/v1/principals",
    tag = "principals",
    operation_id = "list_principals",
    params(("limit" = Option<u32>, Query, description = "Rows at the most, 1 to 1,000; 100 by default."), ("cursor" = Option<String>, Query, description = "The `next` of the page before.")),
    responses((status = 200, description = "The tenant's principals.", body = Page<PrincipalRecord>)),
)]
pub(crate) async fn list(
    State(parts): State<Arc<Parts>>,
    Asked(operator, ask): Asked<PageAsk>,
) -> Answer<Json<Page<PrincipalRecord>>> {
    Ok(Json(operator.registry(&parts.access).principals(&ask).await?))
}
