//! `GET /v1/approvals/{id}`: shows what waits for a decision, or was decided, with what is asked for.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use lockgate_webhooks::approval::ApprovalShown;

use crate::admin::Parts;
use crate::answer::Answer;
use crate::input::Named;
use crate::operator::Operator;

/// The approval with what is asked for: which deliveries, how many, and of which subscriptions. The reading is recorded.
#[utoipa::path(
    get,
    path = "/v1/approvals/{id}",
    tag = "approvals",
    operation_id = "show_approval",
    params(
        ("id" = String, Path, description = "Its id."),
    ),
    responses(
        (status = 200, description = "The approval, with what is asked for in `request`.", body = ApprovalShown),
    ),
)]
pub(crate) async fn show(
    State(parts): State<Arc<Parts>>,
    operator: Operator,
    approval: Named,
) -> Answer<Json<ApprovalShown>> {
    Ok(Json(parts.webhooks.approval(operator.act(), approval.id()?).await?))
}
