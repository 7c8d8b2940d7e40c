//! `GET /v1/audit`: lists entries of the tenant's trail on this node, newest first. Reading it is recorded.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use lockgate_access::scope::Scope;
use lockgate_audit::{Deed, Filter, Order};
use lockgate_vocabulary::Fault;
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::IntoParams;

use crate::admin::Parts;
use crate::answer::Answer;
use crate::input::Asked;
use crate::page::{Listed, cursor, size, unfit};

/// Kinds of entries.
const KINDS: &[&str] = &["opened", "attempt", "closed", "refused", "deed"];

/// Which entries are asked for.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EntriesQuery {
    /// Only of this kind: `opened`, `attempt`, `closed`, `refused` or `deed`.
    kind: Option<String>,
    /// Rows at the most, 1 to 1,000; 100 by default.
    limit: Option<u32>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

/// Entries of the tenant's trail, byte for byte as they are hashed.
#[utoipa::path(
    get,
    path = "/v1/audit",
    tag = "audit",
    operation_id = "list_entries",
    params(EntriesQuery),
    responses((status = 200, description = "Entries of the tenant's trail.", body = Listed<Object>)),
)]
pub(crate) async fn list(
    State(parts): State<Arc<Parts>>,
    Asked(operator, ask): Asked<EntriesQuery>,
) -> Answer<Json<Listed<Box<RawValue>>>> {
    operator.may(&parts.access, Scope::AuditRead)?;
    if ask.kind.as_deref().is_some_and(|kind| !KINDS.contains(&kind)) {
        return Err(unfit("kind", "opened, attempt, closed, refused or deed").into());
    }
    let (from, rows) = (cursor(ask.cursor.as_deref())?, usize::try_from(size(ask.limit)?).unwrap_or(usize::MAX));
    let (actor, tenant) = (operator.caller.actor(), operator.tenant());
    parts.audit.record(Deed::new(actor, operator.trace, "audit.read", tenant)).await?;
    let kind = ask.kind.map(String::into_boxed_str);
    let filter = Filter { order: Order::NewestFirst, kind, ..Filter::default() };
    let page = parts.audit.entries(Some(tenant), filter, from, rows).await?;
    let lines = page.items.into_iter().map(|record| RawValue::from_string(record.line.into()));
    let items = lines.collect::<Result<_, _>>().map_err(|error| Fault::broken("reading the trail", error))?;
    Ok(Json(Listed { items, next: page.next.map(|cursor| cursor.to_string()) }))
}
