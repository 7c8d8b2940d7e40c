//! `PATCH /v1/subscriptions/{id}`: changes a subscription, pauses or retires it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use lockgate_webhooks::manage::{ChangeSubscription, SubscriptionRecord};

use crate::admin::Parts;
use crate::answer::Answer;
use crate::input::{Input, Named};
use crate::operator::Operator;

/// The subscription as it is now.
#[utoipa::path(
    patch,
    path = "/v1/subscriptions/{id}",
    tag = "subscriptions",
    operation_id = "change_subscription",
    params(
        ("id" = String, Path, description = "Its id or name."),
    ),
    request_body = ChangeSubscription,
    responses(
        (status = 200, description = "The subscription as it is now.", body = SubscriptionRecord),
    ),
)]
pub(crate) async fn change(
    State(parts): State<Arc<Parts>>,
    operator: Operator,
    Named(id): Named,
    Input(change): Input<ChangeSubscription>,
) -> Answer<Json<SubscriptionRecord>> {
    Ok(Json(parts.webhooks.change_subscription(operator.act(), &id, change).await?))
}
