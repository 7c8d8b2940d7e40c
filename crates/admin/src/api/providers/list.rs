//! `GET /v1/providers`: lists the providers that the tenant may use.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use lockgate_access::registry::{ListedProvider, Page, PageAsk};

use crate::admin::Parts;
use crate::answer::Answer;
use crate::input::Asked;
use crate::page::PageQuery;

/// The tenant's own providers, then the catalogue's, each marked by its `origin`.
#[utoipa::path(
    get,
    path = "/v1/providers",
    tag = "providers",
    operation_id = "list_provider",
    params(PageQuery),
    responses((status = 200, description = "The tenant's own providers, then the catalogue's.", body = Page<ListedProvider>)),
)]
pub(crate) async fn list(
    State(parts): State<Arc<Parts>>,
    Asked(operator, ask): Asked<PageAsk>,
) -> Answer<Json<Page<ListedProvider>>> {
    Ok(Json(operator.registry(&parts.access).listed_providers(&ask).await?))
}
