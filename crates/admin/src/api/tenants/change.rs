//! `PATCH /v1/tenants/{id}`: renames, suspends or resumes a tenant.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use lockgate_access::registry::{ChangeTenant, TenantRecord};

use crate::admin::Parts;
use crate::answer::Answer;
use crate::input::{Input, Named};
use crate::operator::Operator;

/// The tenant as it is now.
#[utoipa::path(
    patch,
    path = "/v1/tenants/{id}",
    tag = "tenants",
    operation_id = "change_tenant",
    params(("id" = String, Path, description = "Its id.")),
    request_body = ChangeTenant,
    responses((status = 200, description = "The tenant as it is now.", body = TenantRecord)),
)]
pub(crate) async fn change(
    State(parts): State<Arc<Parts>>,
    operator: Operator,
    id: Named,
    Input(change): Input<ChangeTenant>,
) -> Answer<Json<TenantRecord>> {
    Ok(Json(operator.registry(&parts.access).change_tenant(id.id()?, change).await?))
}
