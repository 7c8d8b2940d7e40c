//! `GET /v1/approvals/{id}`: shows what waits for a decision, or was decided.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use lockgate_webhooks::approval::ApprovalRecord;

use crate::admin::Parts;
use crate::answer::Answer;
use crate::input::Named;
use crate::operator::Operator;

/// The approval.
#[utoipa::path(
    get,
    path = "/v1/approvals/{id}",
    tag = "approvals",
    operation_id = "show_approval",
    params(
        ("id" = String, Path, description = "Its id."),
    ),
    responses(
        (status = 200, description = "The approval.", body = ApprovalRecord),
    ),
)]
pub(crate) async fn show(
    State(parts): State<Arc<Parts>>,
    operator: Operator,
    approval: Named,
) -> Answer<Json<ApprovalRecord>> {
    Ok(Json(parts.webhooks.approval(operator.act(), approval.id()?).await?))
}
