//! `GET /v1/tenants`: lists tenants, for operators of the house.

use crate::admin::Parts;
use crate::answer::Answer;
use crate::input::Asked;
use axum::Json;
use axum::extract::State;
use lockgate_access::registry::{Page, PageAsk, TenantRecord};
use std::sync::Arc;

/// The tenants.
#[utoipa::path(
    get,
    path = "/v1/tenants",
    tag = "tenants",
    operation_id = "list_tenants",
    params(("limit" = Option<u32>, Query, description = "Rows at the most, 1 to 1,000; 100 by default."), ("cursor" = Option<String>, Query, description = "The `next` of the page before.")),
    responses((status = 200, description = "The tenants.", body = Page<TenantRecord>)),
)]
pub(crate) async fn list(
    State(parts): State<Arc<Parts>>,
    Asked(operator, ask): Asked<PageAsk>,
) -> Answer<Json<Page<TenantRecord>>> {
    Ok(Json(operator.registry(&parts.access).tenants(&ask).await?))
}
