//! `PATCH /v1/connections/{id}`: changes a connection, or retires it.

use crate::admin::Parts;
use crate::answer::Answer;
use crate::input::{Input, Named};
use crate::operator::Operator;
use crate::schemas;
use axum::Json;
use axum::extract::State;
use lockgate_access::registry::{ChangeConnection, ConnectionRecord};
use lockgate_access::scope::Scope;
use lockgate_vault::VaultRefusal;
use lockgate_vocabulary::Stop;
use std::sync::Arc;

/// The connection as it is now.
#[utoipa::path(
    patch,
    path = "/v1/connections/{id}",
    tag = "connections",
    operation_id = "change_connections",
    params(("id" = String, Path, description = "Its id or name.")),
    request_body = ChangeConnection,
    responses((status = 200, description = "The connection as it is now.", body = ConnectionRecord)),
)]
pub(crate) async fn change(
    State(parts): State<Arc<Parts>>,
    operator: Operator,
    Named(id): Named,
    Input(change): Input<ChangeConnection>,
) -> Answer<Json<ConnectionRecord>> {
    operator.may(&parts.access, Scope::ConnectionsWrite)?;
    let endpoints = change.spec.as_ref().and_then(|spec| spec.endpoints.as_deref());
    if change.status.as_deref() == Some("retired") {
        // No person's grant outlives its connection. Nothing is there to disconnect where the vendor has no tokens.
        let connection = super::own(&parts, &operator, &id)?;
        match parts.connector.disconnect(operator.act(), connection).await {
            Ok(_) => {}
            Err(Stop::Refused(refusal)) if refusal.code() == VaultRefusal::ConnectUnsupported.info().code => {}
            Err(stop) => return Err(stop.into()),
        }
    }
    schemas::demand(operator.act().caller.tenant(), endpoints.unwrap_or_default(), "/spec/endpoints").await?;
    Ok(Json(operator.registry(&parts.access).change_connection(&id, change).await?))
}
