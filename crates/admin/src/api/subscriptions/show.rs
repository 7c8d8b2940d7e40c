//! `GET /v1/subscriptions/{id}`: shows a subscription, with what is told of its secrets.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use lockgate_webhooks::manage::SubscriptionRecord;

use crate::admin::Parts;
use crate::answer::Answer;
use crate::input::Named;
use crate::operator::Operator;

/// The subscription.
#[utoipa::path(
    get,
    path = "/v1/subscriptions/{id}",
    tag = "subscriptions",
    operation_id = "show_subscription",
    params(
        ("id" = String, Path, description = "Its id or name."),
    ),
    responses(
        (status = 200, description = "The subscription.", body = SubscriptionRecord),
    ),
)]
pub(crate) async fn show(
    State(parts): State<Arc<Parts>>,
    operator: Operator,
    Named(id): Named,
) -> Answer<Json<SubscriptionRecord>> {
    Ok(Json(parts.webhooks.subscription(operator.act(), &id).await?))
}
