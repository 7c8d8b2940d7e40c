//! `GET /v1/api-keys/{id}`: shows a key, never its text.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use lockgate_access::registry::KeyRecord;

use crate::admin::Parts;
use crate::answer::Answer;
use crate::input::Named;
use crate::operator::Operator;

/// The key.
#[utoipa::path(
    get,
    path = "/v1/api-keys/{id}",
    tag = "api-keys",
    operation_id = "show_api_key",
    params(("id" = String, Path, description = "Its id.")),
    responses((status = 200, description = "The key.", body = KeyRecord)),
)]
pub(crate) async fn show(State(parts): State<Arc<Parts>>, operator: Operator, id: Named) -> Answer<Json<KeyRecord>> {
    Ok(Json(operator.registry(&parts.access).key(id.id()?).await?))
}
