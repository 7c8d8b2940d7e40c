//! `GET /v1/credentials/{id}/uses`: the calls that a credential was lent to, as this node's trail has them.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use lockgate_audit::OtherLog;
use lockgate_vault::Uses;
use lockgate_vocabulary::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::admin::Parts;
use crate::answer::Answer;
use crate::api::runs::RunRecord;
use crate::input::{Asked, Named};
use crate::page::{cursor, unfit};

/// How far one looks back who does not say.
const USUAL: Duration = Duration::from_secs(86_400);

/// Which calls are asked for.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct UsesQuery {
    /// Since when (RFC 3339); a day back where it is absent.
    since: Option<String>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

/// Calls that used a credential.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UsesRecord {
    /// Calls that were lent it, the newest first, and calls under way on its connections: those have no outcome.
    items: Vec<RunRecord>,
    /// The `cursor` of the next page; null if this is the last. A page may be empty though there is another one.
    next: Option<String>,
    /// The node whose trail these are in.
    node: String,
    /// The nodes that share the store and may have more: each has its trail for itself and has to be asked itself.
    not_covered: Vec<OtherTrail>,
}

/// The trail of another node.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OtherTrail {
    /// The node.
    node: String,
    /// When its trail was last heard to have grown (RFC 3339).
    heard_at: String,
}

impl From<OtherLog> for OtherTrail {
    fn from(log: OtherLog) -> Self {
        Self { node: log.node, heard_at: log.heard_at.to_string() }
    }
}

impl From<Uses> for UsesRecord {
    fn from(uses: Uses) -> Self {
        let items = uses.items.into_iter().map(Into::into).collect();
        let not_covered = uses.elsewhere.into_iter().map(Into::into).collect();
        Self { items, next: uses.next.map(|cursor| cursor.to_string()), node: uses.node, not_covered }
    }
}

/// The calls.
#[utoipa::path(
    get,
    path = "/v1/credentials/{id}/uses",
    tag = "credentials",
    operation_id = "list_credential_uses",
    params(("id" = String, Path, description = "Its id or name."), UsesQuery),
    responses((status = 200, description = "The calls.", body = UsesRecord)),
)]
pub(crate) async fn uses(
    State(parts): State<Arc<Parts>>,
    Named(id): Named,
    Asked(operator, ask): Asked<UsesQuery>,
) -> Answer<Json<UsesRecord>> {
    let since = match ask.since.as_deref().map(str::parse::<Timestamp>) {
        None => parts.clock.now().before(USUAL),
        Some(read) => read.map_err(|wrong| unfit("since", &wrong.to_string()))?,
    };
    let id = super::credential(&parts, &operator, &id).await?;
    let cursor = cursor(ask.cursor.as_deref())?;
    Ok(Json(parts.custodian.uses(operator.act(), id, since, cursor).await?.into()))
}
