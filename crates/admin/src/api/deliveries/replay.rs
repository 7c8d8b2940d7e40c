//! `POST /v1/deliveries/replay`: plays deliveries again: some, or those of a time.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use lockgate_webhooks::replay::{ReplayAsk, Replayed};

use crate::admin::Parts;
use crate::answer::Answer;
use crate::input::Input;
use crate::operator::Operator;

/// What was played again, or the approval that it waits for. One delivery that cannot be played keeps no other from
/// it: it stands in `failed` with its code, and the answer is 200 all the same. At most 1,000 are looked at; where
/// more are left, the same is asked again with the answer's `cursor`. Without a `nonce` of its own, asking again
/// plays again; with one, each delivery is played once in 7 days. What is in quarantine is played only if it is
/// named by its id with `quarantined`, and always waits for another operator's approval.
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
