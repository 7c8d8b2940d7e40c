//! `POST /v1/credentials/{id}/versions`: takes a new value in, which is used from then on.

use std::sync::Arc;

use axum::extract::State;
use lockgate_vocabulary::Secret;
use serde::Deserialize;
use utoipa::ToSchema;

use super::CredentialRecord;
use crate::admin::Parts;
use crate::answer::{Answer, Created};
use crate::input::{Input, Named};
use crate::operator::Operator;

/// A new value.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewVersion {
    /// The value. It is accepted once and never returned.
    #[serde(deserialize_with = "crate::input::secret")]
    #[schema(value_type = String, write_only)]
    secret: Secret,
}

/// The credential as it is now.
#[utoipa::path(
    post,
    path = "/v1/credentials/{id}/versions",
    tag = "credentials",
    operation_id = "rotate_credential",
    params(("id" = String, Path, description = "Its id or name.")),
    request_body = NewVersion,
    responses((status = 201, description = "The credential as it is now.", body = CredentialRecord)),
)]
pub(crate) async fn rotate(
    State(parts): State<Arc<Parts>>,
    operator: Operator,
    Named(id): Named,
    Input(new): Input<NewVersion>,
) -> Answer<Created<CredentialRecord>> {
    let id = super::credential(&parts, &operator, &id).await?;
    let view = parts.custodian.rotate(operator.act(), id, new.secret, None).await?;
    parts.access.settle().await;
    Ok(Created(view.into()))
}
