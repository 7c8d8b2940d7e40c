//! `GET /v1/tenants/{id}`: shows a tenant.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use lockgate_access::registry::TenantRecord;

use crate::admin::Parts;
use crate::answer::Answer;
use crate::input::Named;
use crate::operator::Operator;

/// The tenant.
#[utoipa::path(
    get,
    path = "/v1/tenants/{id}",
    tag = "tenants",
    operation_id = "show_tenant",
    params(("id" = String, Path, description = "Its id.")),
    responses((status = 200, description = "The tenant.", body = TenantRecord)),
)]
pub(crate) async fn show(State(parts): State<Arc<Parts>>, operator: Operator, id: Named) -> Answer<Json<TenantRecord>> {
    Ok(Json(operator.registry(&parts.access).tenant_record(id.id()?).await?))
}
