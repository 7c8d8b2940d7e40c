//! `POST /v1/signing-keys/{kid}/withdraw`: takes a key away for good, with every token that it signed.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::SigningKeyList;
use crate::admin::Parts;
use crate::answer::Answer;
use crate::input::Named;
use crate::operator::Operator;

/// The keys that are left.
#[utoipa::path(
    post,
    path = "/v1/signing-keys/{id}/withdraw",
    tag = "signing-keys",
    operation_id = "withdraw_signing_key",
    params(("id" = String, Path, description = "Its name, as tokens give it in `kid`.")),
    responses(
        (status = 200, description = "The keys that are left, a new one among them where it was needed.", body = SigningKeyList),
        (status = 403, description = "There is no such key, or the caller is none of the house's operators."),
        (status = 409, description = "The keys moved on in between."),
    ),
)]
pub(crate) async fn withdraw(
    State(parts): State<Arc<Parts>>,
    operator: Operator,
    Named(kid): Named,
) -> Answer<Json<SigningKeyList>> {
    Ok(Json(SigningKeyList { items: operator.registry(&parts.access).withdraw_signing_key(&kid).await? }))
}
