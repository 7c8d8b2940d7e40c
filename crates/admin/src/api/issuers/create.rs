//! `POST /v1/issuers`: accepts an external issuer's tokens from now on.

use crate::admin::Parts;
use crate::answer::{Answer, Created};
use crate::input::Input;
use crate::operator::Operator;
use axum::extract::State;
use lockgate_access::registry::{IssuerRecord, NewIssuer};
use std::sync::Arc;

/// The issuer that was taken in.
#[utoipa::path(
    post,
    path = "/v1/issuers",
    tag = "issuers",
    operation_id = "create_issuers",
    request_body = NewIssuer,
    responses((status = 201, description = "The issuer that was taken in.", body = IssuerRecord)),
)]
pub(crate) async fn create(
    State(parts): State<Arc<Parts>>,
    operator: Operator,
    Input(new): Input<NewIssuer>,
) -> Answer<Created<IssuerRecord>> {
    Ok(Created(operator.registry(&parts.access).create_issuer(new).await?))
}
