//! `GET /v1/approvals`: lists what waits for somebody's decision, and what was decided.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use lockgate_access::registry::Page;
use lockgate_webhooks::approval::{ApprovalRecord, ApprovalsAsk};

use crate::admin::Parts;
use crate::answer::Answer;
use crate::input::Asked;

/// Approvals, the newest first.
#[utoipa::path(
    get,
    path = "/v1/approvals",
    tag = "approvals",
    operation_id = "list_approvals",
    params(
        ("state" = Option<String>, Query, description = "Only those in this state: `pending`, `approved`, `denied` or `done`."),
        ("limit" = Option<u32>, Query, description = "Rows at the most, 1 to 1,000; 100 by default."),
        ("cursor" = Option<String>, Query, description = "The `next` of the page before."),
    ),
    responses(
        (status = 200, description = "Approvals, the newest first.", body = Page<ApprovalRecord>),
    ),
)]
pub(crate) async fn list(
    State(parts): State<Arc<Parts>>,
    Asked(operator, ask): Asked<ApprovalsAsk>,
) -> Answer<Json<Page<ApprovalRecord>>> {
    Ok(Json(parts.webhooks.approvals(operator.act(), &ask).await?))
}
