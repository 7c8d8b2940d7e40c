//! `GET /v1/runs/{id}`: shows a run with its attempts.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use lockgate_access::AccessRefusal;
use lockgate_access::scope::Scope;

use super::RunRecord;
use crate::admin::Parts;
use crate::answer::{Answer, present};
use crate::input::Named;
use crate::operator::Operator;

/// The run.
#[utoipa::path(
    get,
    path = "/v1/runs/{id}",
    tag = "runs",
    operation_id = "show_run",
    params(("id" = String, Path, description = "Its id.")),
    responses((status = 200, description = "The run.", body = RunRecord)),
)]
pub(crate) async fn show(State(parts): State<Arc<Parts>>, operator: Operator, id: Named) -> Answer<Json<RunRecord>> {
    operator.may(&parts.access, Scope::RunsRead)?;
    let run = parts.audit.run(operator.tenant(), id.id()?).await?;
    Ok(Json(present(run, AccessRefusal::ObjectUnknown)?.into()))
}
