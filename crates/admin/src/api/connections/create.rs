//! `POST /v1/connections`: makes a connection; it is pending until it has a credential.

use crate::admin::Parts;
use crate::answer::{Answer, Created};
use crate::input::Input;
use crate::operator::Operator;
use crate::schemas;
use axum::extract::State;
use lockgate_access::registry::{ConnectionRecord, NewConnection};
use lockgate_access::scope::Scope;
use std::sync::Arc;

/// The connection that was made.
#[utoipa::path(
    post,
    path = "/v1/connections",
    tag = "connections",
    operation_id = "create_connections",
    request_body = NewConnection,
    responses((status = 201, description = "The connection that was made.", body = ConnectionRecord)),
)]
pub(crate) async fn create(
    State(parts): State<Arc<Parts>>,
    operator: Operator,
    Input(new): Input<NewConnection>,
) -> Answer<Created<ConnectionRecord>> {
    operator.may(&parts.access, Scope::ConnectionsWrite)?;
    let endpoints = new.spec.endpoints.as_deref();
    schemas::demand(operator.act().caller.tenant(), endpoints.unwrap_or_default(), "/spec/endpoints").await?;
    Ok(Created(operator.registry(&parts.access).create_connection(new).await?))
}
