//! `POST /v1/escalations/{id}/resolve`: says what was found out about a run at the vendor.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use lockgate_access::registry::{EscalationRecord, ResolveEscalation};

use crate::admin::Parts;
use crate::answer::Answer;
use crate::input::{Input, Named};
use crate::operator::Operator;

/// The escalation, resolved. The same again changes nothing.
#[utoipa::path(
    post,
    path = "/v1/escalations/{id}/resolve",
    tag = "escalations",
    operation_id = "resolve_escalation",
    params(("id" = String, Path, description = "The run of which nobody knew the outcome.")),
    request_body = ResolveEscalation,
    responses(
        (status = 200, description = "The escalation, resolved.", body = EscalationRecord),
        (status = 409, description = "Something else was found out about this run already."),
    ),
)]
pub(crate) async fn resolve(
    State(parts): State<Arc<Parts>>,
    operator: Operator,
    run: Named,
    Input(resolve): Input<ResolveEscalation>,
) -> Answer<Json<EscalationRecord>> {
    Ok(Json(operator.registry(&parts.access).resolve_escalation(run.id()?, resolve).await?))
}
