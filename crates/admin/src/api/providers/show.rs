//! `GET /v1/providers/{id}`: shows a provider.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use lockgate_access::registry::ListedProvider;

use crate::admin::Parts;
use crate::answer::Answer;
use crate::input::Named;
use crate::operator::Operator;

/// The provider.
#[utoipa::path(
    get,
    path = "/v1/providers/{id}",
    tag = "providers",
    operation_id = "show_provider",
    params(("id" = String, Path, description = "Its id or name.")),
    responses((status = 200, description = "The provider.", body = ListedProvider)),
)]
pub(crate) async fn show(
    State(parts): State<Arc<Parts>>,
    operator: Operator,
    Named(id): Named,
) -> Answer<Json<ListedProvider>> {
    Ok(Json(operator.registry(&parts.access).provider(&id).await?))
}
