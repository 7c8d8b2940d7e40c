//! `GET /v1/credentials`: lists the tenant's credentials, never their values. Each reading is recorded.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::CredentialRecord;
use crate::admin::Parts;
use crate::answer::Answer;
use crate::input::Asked;
use crate::page::{Listed, PageQuery, cursor};

/// The tenant's credentials.
#[utoipa::path(
    get,
    path = "/v1/credentials",
    tag = "credentials",
    operation_id = "list_credentials",
    params(PageQuery),
    responses((status = 200, description = "The tenant's credentials.", body = Listed<CredentialRecord>)),
)]
pub(crate) async fn list(
    State(parts): State<Arc<Parts>>,
    Asked(operator, ask): Asked<PageQuery>,
) -> Answer<Json<Listed<CredentialRecord>>> {
    let page = parts.custodian.list(operator.act(), cursor(ask.cursor.as_deref())?, ask.size()?).await?;
    let next = page.next.map(|id| id.to_string());
    Ok(Json(Listed { items: page.items.into_iter().map(Into::into).collect(), next }))
}
