//! `GET /v1/signing-keys`: lists the keys that verify our own access tokens, for operators of the house.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::SigningKeyList;
use crate::admin::Parts;
use crate::answer::Answer;
use crate::operator::Operator;

/// The keys.
#[utoipa::path(
    get,
    path = "/v1/signing-keys",
    tag = "signing-keys",
    operation_id = "list_signing_keys",
    responses((status = 200, description = "The keys.", body = SigningKeyList)),
)]
pub(crate) async fn list(State(parts): State<Arc<Parts>>, operator: Operator) -> Answer<Json<SigningKeyList>> {
    Ok(Json(SigningKeyList { items: operator.registry(&parts.access).signing_keys()? }))
}
