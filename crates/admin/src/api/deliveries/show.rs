//! `GET /v1/deliveries/{id}`: shows a delivery with every try and what it holds. The reading is recorded.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use lockgate_webhooks::manage::DeliveryShown;

use crate::admin::Parts;
use crate::answer::Answer;
use crate::input::Named;
use crate::operator::Operator;

/// The delivery.
#[utoipa::path(
    get,
    path = "/v1/deliveries/{id}",
    tag = "deliveries",
    operation_id = "show_delivery",
    params(
        ("id" = String, Path, description = "Its id."),
    ),
    responses(
        (status = 200, description = "The delivery.", body = DeliveryShown),
    ),
)]
pub(crate) async fn show(
    State(parts): State<Arc<Parts>>,
    operator: Operator,
    delivery: Named,
) -> Answer<Json<DeliveryShown>> {
    Ok(Json(parts.webhooks.delivery(operator.act(), delivery.id()?).await?))
}
