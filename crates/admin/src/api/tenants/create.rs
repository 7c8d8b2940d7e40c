//! `POST /v1/tenants`: makes a tenant with its first operator, and shows that operator's key once.

use std::sync::Arc;

use axum::extract::State;
use lockgate_access::registry::{NewTenant, PrincipalRecord, TenantRecord};
use serde::Serialize;
use utoipa::ToSchema;

use crate::admin::Parts;
use crate::answer::{Answer, Created};
use crate::api::api_keys::MadeKeyRecord;
use crate::input::Input;
use crate::operator::Operator;

/// A tenant that was made.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MadeTenantRecord {
    /// The tenant.
    tenant: TenantRecord,
    /// Its first operator.
    operator: PrincipalRecord,
    /// The operator's key, whose text is shown this once.
    key: MadeKeyRecord,
}

/// The tenant, its first operator and that operator's key.
#[utoipa::path(
    post,
    path = "/v1/tenants",
    tag = "tenants",
    operation_id = "create_tenant",
    request_body = NewTenant,
    responses((status = 201, description = "The tenant, its first operator and that operator's key.", body = MadeTenantRecord)),
)]
pub(crate) async fn create(
    State(parts): State<Arc<Parts>>,
    operator: Operator,
    Input(new): Input<NewTenant>,
) -> Answer<Created<MadeTenantRecord>> {
    let made = operator.registry(&parts.access).create_tenant(new).await?;
    Ok(Created(MadeTenantRecord { tenant: made.tenant, operator: made.operator, key: MadeKeyRecord::show(made.key)? }))
}
