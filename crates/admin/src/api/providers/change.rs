//! `PUT /v1/providers/{id}`: replaces a provider of the tenant's own.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use lockgate_access::registry::ProviderRecord;
use lockgate_access::scope::Scope;
use lockgate_access::spec::ProviderSpec;

use crate::admin::Parts;
use crate::answer::Answer;
use crate::input::{Input, Named};
use crate::operator::Operator;
use crate::schemas;

/// The provider as it is now.
#[utoipa::path(
    put,
    path = "/v1/providers/{id}",
    tag = "providers",
    operation_id = "change_provider",
    params(("id" = String, Path, description = "Its id or name.")),
    request_body = ProviderSpec,
    responses((status = 200, description = "The provider as it is now.", body = ProviderRecord)),
)]
pub(crate) async fn change(
    State(parts): State<Arc<Parts>>,
    operator: Operator,
    Named(id): Named,
    Input(spec): Input<ProviderSpec>,
) -> Answer<Json<ProviderRecord>> {
    operator.may(&parts.access, Scope::ProvidersWrite)?;
    schemas::demand(operator.act().caller.tenant(), &spec.endpoints, "/endpoints").await?;
    Ok(Json(operator.registry(&parts.access).change_provider(&id, spec).await?))
}
