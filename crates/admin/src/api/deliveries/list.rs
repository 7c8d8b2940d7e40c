//! `GET /v1/deliveries`: lists and searches the tenant's deliveries, the newest first.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use lockgate_access::registry::Page;
use lockgate_webhooks::manage::{DeliveriesAsk, DeliveryRecord};

use crate::admin::Parts;
use crate::answer::Answer;
use crate::input::Asked;

/// The tenant's deliveries, the newest first.
#[utoipa::path(
    get,
    path = "/v1/deliveries",
    tag = "deliveries",
    operation_id = "list_deliveries",
    params(
        ("subscription" = Option<String>, Query, description = "Only those of this subscription, by id or name."),
        ("state" = Option<String>, Query, description = "Only those in this state: `waiting`, `leased`, `delivered`, `dead`, `quarantined` or `replayed`."),
        ("event_type" = Option<String>, Query, description = "Only those that tell of this type of event."),
        ("provider_id" = Option<String>, Query, description = "Only those that the provider calls so."),
        ("since" = Option<String>, Query, description = "Only those received at this moment or later (RFC 3339)."),
        ("until" = Option<String>, Query, description = "Only those received before this moment (RFC 3339)."),
        ("limit" = Option<u32>, Query, description = "Rows at the most, 1 to 1,000; 100 by default."),
        ("cursor" = Option<String>, Query, description = "The `next` of the page before."),
    ),
    responses(
        (status = 200, description = "The tenant's deliveries, the newest first.", body = Page<DeliveryRecord>),
    ),
)]
pub(crate) async fn list(
    State(parts): State<Arc<Parts>>,
    Asked(operator, ask): Asked<DeliveriesAsk>,
) -> Answer<Json<Page<DeliveryRecord>>> {
    Ok(Json(parts.webhooks.deliveries(operator.act(), &ask).await?))
}
