//! `GET /v1/dead-letters`: lists and searches what was given up or put into quarantine.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use lockgate_access::registry::Page;
use lockgate_webhooks::manage::{DeliveriesAsk, DeliveryRecord};

use crate::admin::Parts;
use crate::answer::Answer;
use crate::input::Asked;

/// Dead letters, the newest first.
#[utoipa::path(
    get,
    path = "/v1/dead-letters",
    tag = "dead-letters",
    operation_id = "list_dead_letters",
    params(
        ("subscription" = Option<String>, Query, description = "Only those of this subscription, by id or name."),
        ("cause" = Option<String>, Query, description = "Only those for this cause: `endpoint`, `pipeline` or `conflict`."),
        ("event_type" = Option<String>, Query, description = "Only those that tell of this type of event."),
        ("provider_id" = Option<String>, Query, description = "Only those that the provider calls so."),
        ("since" = Option<String>, Query, description = "Only those received at this moment or later (RFC 3339)."),
        ("until" = Option<String>, Query, description = "Only those received before this moment (RFC 3339)."),
        ("limit" = Option<u32>, Query, description = "Rows at the most, 1 to 1,000; 100 by default."),
        ("cursor" = Option<String>, Query, description = "The `next` of the page before."),
    ),
    responses(
        (status = 200, description = "Dead letters, the newest first.", body = Page<DeliveryRecord>),
    ),
)]
pub(crate) async fn list(
    State(parts): State<Arc<Parts>>,
    Asked(operator, ask): Asked<DeliveriesAsk>,
) -> Answer<Json<Page<DeliveryRecord>>> {
    Ok(Json(parts.webhooks.dead_letters(operator.act(), &ask).await?))
}
