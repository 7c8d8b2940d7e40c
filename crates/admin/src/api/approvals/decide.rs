//! `POST /v1/approvals/{id}/decide`: decides what waits; what is approved is done at once.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use lockgate_webhooks::approval::{Decided, Decision};

use crate::admin::Parts;
use crate::answer::Answer;
use crate::input::{Input, Named};
use crate::operator::Operator;

/// The approval, and what was done. It waits for a decision for a day. What was approved and broke off is gone on
/// with by approving it again within a day of the decision; no delivery is played twice by that.
#[utoipa::path(
    post,
    path = "/v1/approvals/{id}/decide",
    tag = "approvals",
    operation_id = "decide_approval",
    params(
        ("id" = String, Path, description = "Its id."),
    ),
    request_body = Decision,
    responses(
        (status = 200, description = "The approval, and what was done.", body = Decided),
        (status = 403, description = "Whoever asked does not decide."),
        (status = 409, description = "It was decided already, or is over; or a subscription was changed since it was asked for."),
    ),
)]
pub(crate) async fn decide(
    State(parts): State<Arc<Parts>>,
    operator: Operator,
    approval: Named,
    Input(decision): Input<Decision>,
) -> Answer<Json<Decided>> {
    Ok(Json(parts.webhooks.decide(operator.act(), approval.id()?, decision).await?))
}
