//! `GET /v1/subscriptions`: lists the tenant's subscriptions.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use lockgate_access::registry::{Page, PageAsk};
use lockgate_webhooks::manage::SubscriptionRecord;

use crate::admin::Parts;
use crate::answer::Answer;
use crate::input::Asked;

/// The tenant's subscriptions.
#[utoipa::path(
    get,
    path = "/v1/subscriptions",
    tag = "subscriptions",
    operation_id = "list_subscriptions",
    params(
        ("limit" = Option<u32>, Query, description = "Rows at the most, 1 to 1,000; 100 by default."),
        ("cursor" = Option<String>, Query, description = "The `next` of the page before."),
    ),
    responses(
        (status = 200, description = "The tenant's subscriptions.", body = Page<SubscriptionRecord>),
    ),
)]
pub(crate) async fn list(
    State(parts): State<Arc<Parts>>,
    Asked(operator, ask): Asked<PageAsk>,
) -> Answer<Json<Page<SubscriptionRecord>>> {
    Ok(Json(parts.webhooks.subscriptions(operator.act(), &ask).await?))
}
