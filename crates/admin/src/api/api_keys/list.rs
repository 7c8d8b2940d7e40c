//! `GET /v1/api-keys`: lists the tenant's keys, never their texts.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use lockgate_access::registry::{KeyRecord, Page, PageAsk};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::admin::Parts;
use crate::answer::Answer;
use crate::input::Asked;

/// Which keys are asked for.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct KeysQuery {
    /// Only of this principal: id or name.
    principal: Option<String>,
    /// Rows at the most, 1 to 1,000; 100 by default.
    limit: Option<u32>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

/// The keys.
#[utoipa::path(
    get,
    path = "/v1/api-keys",
    tag = "api-keys",
    operation_id = "list_api_keys",
    params(KeysQuery),
    responses((status = 200, description = "The keys.", body = Page<KeyRecord>)),
)]
pub(crate) async fn list(
    State(parts): State<Arc<Parts>>,
    Asked(operator, ask): Asked<KeysQuery>,
) -> Answer<Json<Page<KeyRecord>>> {
    let page = PageAsk { limit: ask.limit, cursor: ask.cursor };
    Ok(Json(operator.registry(&parts.access).keys(ask.principal.as_deref(), &page).await?))
}
