//! `POST /v1/deliveries/replay`: plays deliveries again: some, or those of a time.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use lockgate_webhooks::replay::{ReplayAsk, Replayed};

use crate::admin::Parts;
use crate::answer::Answer;
use crate::input::Input;
use crate::operator::Operator;

/// What was played again, or the approval that it waits for.
#[utoipa::path(
    post,
    path = "/v1/deliveries/replay",
    tag = "deliveries",
    operation_id = "replay_deliveries",
    request_body = ReplayAsk,
    responses(
        (status = 200, description = "What was played again, or the approval that it waits for.", body = Replayed),
    ),
)]
pub(crate) async fn replay(
    State(parts): State<Arc<Parts>>,
    operator: Operator,
    Input(ask): Input<ReplayAsk>,
) -> Answer<Json<Replayed>> {
    Ok(Json(parts.webhooks.replay(operator.act(), ask).await?))
}
