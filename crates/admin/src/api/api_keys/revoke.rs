//! `DELETE /v1/api-keys/{id}`: makes a key worthless on every node, for good.

use std::sync::Arc;

use axum::extract::State;

use crate::admin::Parts;
use crate::answer::{Answer, Done};
use crate::input::Named;
use crate::operator::Operator;

/// The key is worthless from now on.
#[utoipa::path(
    delete,
    path = "/v1/api-keys/{id}",
    tag = "api-keys",
    operation_id = "revoke_api_key",
    params(("id" = String, Path, description = "Its id.")),
    responses((status = 204, description = "The key is worthless from now on.")),
)]
pub(crate) async fn revoke(State(parts): State<Arc<Parts>>, operator: Operator, id: Named) -> Answer<Done> {
    operator.registry(&parts.access).revoke_key(id.id()?).await?;
    Ok(Done)
}
