//! `GET /v1/backends`: which other vaults there are, and whether each would answer now. The reading is recorded.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use lockgate_vault::BackendView;
use lockgate_vocabulary::Name;
use serde::Serialize;
use utoipa::ToSchema;

use crate::admin::Parts;
use crate::answer::Answer;
use crate::operator::Operator;

/// What may be known of a back end. Where it is and how the gateway is let in is the house's affair.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BackendRecord {
    /// The name that credentials know it by.
    #[schema(value_type = String)]
    name: Name,
    /// `kv2`, `aws-secrets-manager` or `azure-key-vault`.
    kind: &'static str,
    /// `ready` or `failing`, as the node that answers sees it.
    status: &'static str,
    /// Why it would not answer: a code of `refusals.md`.
    code: Option<&'static str>,
    /// When it was asked, at most ten seconds ago (RFC 3339).
    checked_at: String,
    /// Since when the node has had nothing but failures of it (RFC 3339).
    failing_since: Option<String>,
}

impl From<BackendView> for BackendRecord {
    fn from(view: BackendView) -> Self {
        Self {
            name: view.name,
            kind: view.kind,
            status: if view.code.is_none() { "ready" } else { "failing" },
            code: view.code,
            checked_at: view.checked_at.to_string(),
            failing_since: view.failing_since.map(|moment| moment.to_string()),
        }
    }
}

/// Every back end, by name.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BackendList {
    /// The back ends.
    items: Vec<BackendRecord>,
}

/// The back ends.
#[utoipa::path(
    get,
    path = "/v1/backends",
    tag = "backends",
    operation_id = "list_backends",
    responses((status = 200, description = "The back ends.", body = BackendList)),
)]
pub(crate) async fn list(State(parts): State<Arc<Parts>>, operator: Operator) -> Answer<Json<BackendList>> {
    let known = parts.custodian.backends(operator.act()).await?;
    Ok(Json(BackendList { items: known.into_iter().map(Into::into).collect() }))
}
