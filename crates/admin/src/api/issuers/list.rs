//! `GET /v1/issuers`: lists the external issuers whose tokens are accepted.

use crate::admin::Parts;
use crate::answer::Answer;
use crate::input::Asked;
use axum::Json;
use axum::extract::State;
use lockgate_access::registry::{IssuerRecord, Page, PageAsk};
use std::sync::Arc;

/// The issuers.
#[utoipa::path(
    get,
    path = "/v1/issuers",
    tag = "issuers",
    operation_id = "list_issuers",
    params(("limit" = Option<u32>, Query, description = "Rows at the most, 1 to 1,000; 100 by default."), ("cursor" = Option<String>, Query, description = "The `next` of the page before.")),
    responses((status = 200, description = "The issuers.", body = Page<IssuerRecord>)),
)]
pub(crate) async fn list(
    State(parts): State<Arc<Parts>>,
    Asked(operator, ask): Asked<PageAsk>,
) -> Answer<Json<Page<IssuerRecord>>> {
    Ok(Json(operator.registry(&parts.access).issuers(&ask).await?))
}
