//! `POST /v1/api-keys`: makes an API key or a client credential, and shows its text once.

use std::sync::Arc;

use axum::extract::State;
use lockgate_access::registry::NewKey;

use super::MadeKeyRecord;
use crate::admin::Parts;
use crate::answer::{Answer, Created};
use crate::input::Input;
use crate::operator::Operator;

/// The key that was made, with its text.
#[utoipa::path(
    post,
    path = "/v1/api-keys",
    tag = "api-keys",
    operation_id = "create_api_key",
    request_body = NewKey,
    responses((status = 201, description = "The key that was made, with its text.", body = MadeKeyRecord)),
)]
pub(crate) async fn create(
    State(parts): State<Arc<Parts>>,
    operator: Operator,
    Input(new): Input<NewKey>,
) -> Answer<Created<MadeKeyRecord>> {
    let made = operator.registry(&parts.access).create_key(new).await?;
    Ok(Created(MadeKeyRecord::show(made)?))
}
