//! `POST /v1/providers`: adds a provider of the tenant's own.

use std::sync::Arc;

use axum::extract::State;
use lockgate_access::registry::ProviderRecord;
use lockgate_access::scope::Scope;
use lockgate_access::spec::ProviderSpec;

use crate::admin::Parts;
use crate::answer::{Answer, Created};
use crate::input::Input;
use crate::operator::Operator;
use crate::schemas;

/// The provider that was added.
#[utoipa::path(
    post,
    path = "/v1/providers",
    tag = "providers",
    operation_id = "create_provider",
    request_body = ProviderSpec,
    responses((status = 201, description = "The provider that was added.", body = ProviderRecord)),
)]
pub(crate) async fn create(
    State(parts): State<Arc<Parts>>,
    operator: Operator,
    Input(spec): Input<ProviderSpec>,
) -> Answer<Created<ProviderRecord>> {
    operator.may(&parts.access, Scope::ProvidersWrite)?;
    schemas::demand(operator.act().caller.tenant(), &spec.endpoints, "/endpoints").await?;
    Ok(Created(operator.registry(&parts.access).create_provider(spec).await?))
}
