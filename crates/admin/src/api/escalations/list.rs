//! `GET /v1/escalations`: lists the tenant's escalations, newest first.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use lockgate_access::registry::{EscalationRecord, EscalationsAsk, Page};

use crate::admin::Parts;
use crate::answer::Answer;
use crate::input::Asked;

/// The tenant's escalations, newest first.
#[utoipa::path(
    get,
    path = "/v1/escalations",
    tag = "escalations",
    operation_id = "list_escalations",
    params(
        ("state" = Option<String>, Query, description = "Only those that are `open` or `resolved`."),
        ("limit" = Option<u32>, Query, description = "Rows at the most, 1 to 1,000; 100 by default."),
        ("cursor" = Option<String>, Query, description = "The `next` of the page before."),
    ),
    responses((status = 200, description = "The tenant's escalations, newest first.", body = Page<EscalationRecord>)),
)]
pub(crate) async fn list(
    State(parts): State<Arc<Parts>>,
    Asked(operator, ask): Asked<EscalationsAsk>,
) -> Answer<Json<Page<EscalationRecord>>> {
    Ok(Json(operator.registry(&parts.access).escalations(&ask).await?))
}
