//! `GET /v1/providers`: lists the tenant's own providers; the catalogue is shown by name.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use lockgate_access::registry::{Page, PageAsk, ProviderRecord};

use crate::admin::Parts;
use crate::answer::Answer;
use crate::input::Asked;
use crate::operator::Operator;
use crate::page::PageQuery;

/// The tenant's own providers.
#[utoipa::path(
    get,
    path = "/v1/providers",
    tag = "providers",
    operation_id = "list_provider",
    params(PageQuery),
    responses((status = 200, description = "The tenant's own providers.", body = Page<ProviderRecord>)),
)]
pub(crate) async fn list(
    State(parts): State<Arc<Parts>>,
    operator: Operator,
    Asked(ask): Asked<PageAsk>,
) -> Answer<Json<Page<ProviderRecord>>> {
    Ok(Json(operator.registry(&parts.access).providers(&ask).await?))
}
