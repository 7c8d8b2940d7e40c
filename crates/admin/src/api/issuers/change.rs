//! `PATCH /v1/issuers/{id}`: changes an issuer, or ends it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use lockgate_access::registry::{ChangeIssuer, IssuerRecord};

use crate::admin::Parts;
use crate::answer::Answer;
use crate::input::{Input, Named};
use crate::operator::Operator;

/// The issuer as it is now.
#[utoipa::path(
    patch,
    path = "/v1/issuers/{id}",
    tag = "issuers",
    operation_id = "change_issuer",
    params(("id" = String, Path, description = "Its URL, percent-encoded.")),
    request_body = ChangeIssuer,
    responses((status = 200, description = "The issuer as it is now.", body = IssuerRecord)),
)]
pub(crate) async fn change(
    State(parts): State<Arc<Parts>>,
    operator: Operator,
    Named(url): Named,
    Input(change): Input<ChangeIssuer>,
) -> Answer<Json<IssuerRecord>> {
    Ok(Json(operator.registry(&parts.access).change_issuer(&url, change).await?))
}
