//! `GET /v1/runs`: lists the tenant's runs on this node, newest first.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use lockgate_access::scope::Scope;
use lockgate_audit::{Filter, Order, Outcome};
use serde::Deserialize;
use utoipa::IntoParams;

use super::RunRecord;
use crate::admin::Parts;
use crate::answer::Answer;
use crate::api::credentials::connection;
use crate::input::Asked;
use crate::page::{Listed, cursor, size, unfit};

/// Which runs are asked for.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RunsQuery {
    /// Only with this outcome: `succeeded`, `failed`, `refused` or `unknown`.
    outcome: Option<String>,
    /// Only of this connection: id or name.
    connection: Option<String>,
    /// Rows at the most, 1 to 1,000; 100 by default.
    limit: Option<u32>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

/// The tenant's runs, newest first.
#[utoipa::path(
    get,
    path = "/v1/runs",
    tag = "runs",
    operation_id = "list_runs",
    params(RunsQuery),
    responses((status = 200, description = "The tenant's runs, newest first.", body = Listed<RunRecord>)),
)]
pub(crate) async fn list(
    State(parts): State<Arc<Parts>>,
    Asked(operator, ask): Asked<RunsQuery>,
) -> Answer<Json<Listed<RunRecord>>> {
    operator.may(&parts.access, Scope::RunsRead)?;
    let outcome = match ask.outcome.as_deref().map(Outcome::parse) {
        Some(None) => return Err(unfit("outcome", "succeeded, failed, refused or unknown").into()),
        outcome => outcome.flatten(),
    };
    let named = ask.connection.as_deref();
    let connection = named.map(|name| connection(&parts, operator.tenant(), name)).transpose()?;
    let filter = Filter { order: Order::NewestFirst, outcome, connection, ..Filter::default() };
    let rows = usize::try_from(size(ask.limit)?).unwrap_or(usize::MAX);
    let page = parts.audit.runs(operator.tenant(), filter, cursor(ask.cursor.as_deref())?, rows).await?;
    let next = page.next.map(|cursor| cursor.to_string());
    Ok(Json(Listed { items: page.items.into_iter().map(Into::into).collect(), next }))
}
