//! `GET /v1/deliveries/{id}`: shows a delivery with every try, and what it holds to those who may have it anyway.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use lockgate_webhooks::manage::DeliveryShown;

use crate::admin::Parts;
use crate::answer::Answer;
use crate::input::Named;
use crate::operator::Operator;

/// The delivery with every try. What it holds, the `envelope`, is shown to callers alone that also have
/// `webhooks.deliveries.replay` or `webhooks.deliveries.ingest`, and that reading is recorded; it is null for others.
#[utoipa::path(
    get,
    path = "/v1/deliveries/{id}",
    tag = "deliveries",
    operation_id = "show_delivery",
    params(
        ("id" = String, Path, description = "Its id."),
    ),
    responses(
        (status = 200, description = "The delivery; `envelope` is null without `webhooks.deliveries.replay` or `webhooks.deliveries.ingest`.", body = DeliveryShown),
    ),
)]
pub(crate) async fn show(
    State(parts): State<Arc<Parts>>,
    operator: Operator,
    delivery: Named,
) -> Answer<Json<DeliveryShown>> {
    Ok(Json(parts.webhooks.delivery(operator.act(), delivery.id()?).await?))
}
