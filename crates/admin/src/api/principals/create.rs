//! `POST /v1/principals`: makes a principal.

use crate::admin::Parts;
use crate::answer::{Answer, Created};
use crate::input::Input;
use crate::operator::Operator;
use axum::extract::State;
use lockgate_access::registry::{NewPrincipal, PrincipalRecord};
use std::sync::Arc;

/// The principal that was made.
#[utoipa::path(
    post,
    path = "/v1/principals",
    tag = "principals",
    operation_id = "create_principals",
    request_body = NewPrincipal,
    responses((status = 201, description = "The principal that was made.", body = PrincipalRecord)),
)]
pub(crate) async fn create(
    State(parts): State<Arc<Parts>>,
    operator: Operator,
    Input(new): Input<NewPrincipal>,
) -> Answer<Created<PrincipalRecord>> {
    Ok(Created(operator.registry(&parts.access).create_principal(new).await?))
}
