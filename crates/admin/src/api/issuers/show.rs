//! `GET /v1/issuers/{id}`: shows an issuer.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use lockgate_access::registry::IssuerRecord;

use crate::admin::Parts;
use crate::answer::Answer;
use crate::input::Named;
use crate::operator::Operator;

/// The issuer.
#[utoipa::path(
    get,
    path = "/v1/issuers/{id}",
    tag = "issuers",
    operation_id = "show_issuer",
    params(("id" = String, Path, description = "Its URL, percent-encoded.")),
    responses((status = 200, description = "The issuer.", body = IssuerRecord)),
)]
pub(crate) async fn show(
    State(parts): State<Arc<Parts>>,
    operator: Operator,
    Named(url): Named,
) -> Answer<Json<IssuerRecord>> {
    Ok(Json(operator.registry(&parts.access).issuer(&url).await?))
}
