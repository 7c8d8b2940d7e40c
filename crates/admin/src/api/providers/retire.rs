//! `DELETE /v1/providers/{id}`: takes a provider of the tenant's own away.

use std::sync::Arc;

use axum::extract::State;

use crate::admin::Parts;
use crate::answer::{Answer, Done};
use crate::input::Named;
use crate::operator::Operator;

/// It is gone for new connections.
#[utoipa::path(
    delete,
    path = "/v1/providers/{id}",
    tag = "providers",
    operation_id = "retire_provider",
    params(("id" = String, Path, description = "Its id or name.")),
    responses((status = 204, description = "It is gone for new connections.")),
)]
pub(crate) async fn retire(State(parts): State<Arc<Parts>>, operator: Operator, Named(id): Named) -> Answer<Done> {
    operator.registry(&parts.access).retire_provider(&id).await?;
    Ok(Done)
}
