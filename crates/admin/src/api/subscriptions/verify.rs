//! `POST /v1/subscriptions/{id}/verify`: asks a pending subscription's endpoint for its challenge again.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use lockgate_webhooks::manage::SubscriptionRecord;

use crate::admin::Parts;
use crate::answer::Answer;
use crate::input::Named;
use crate::operator::Operator;

/// The subscription, active if its endpoint answered.
#[utoipa::path(
    post,
    path = "/v1/subscriptions/{id}/verify",
    tag = "subscriptions",
    operation_id = "verify_subscription",
    params(
        ("id" = String, Path, description = "Its id or name."),
    ),
    responses(
        (status = 200, description = "The subscription, active if its endpoint answered.", body = SubscriptionRecord),
    ),
)]
pub(crate) async fn verify(
    State(parts): State<Arc<Parts>>,
    operator: Operator,
    Named(id): Named,
) -> Answer<Json<SubscriptionRecord>> {
    Ok(Json(parts.webhooks.verify_subscription(operator.act(), &id).await?))
}
