//! `POST /v1/subscriptions/{id}/secrets`: adds a secret; the older ones end after an overlap.

use std::sync::Arc;

use axum::extract::State;
use lockgate_webhooks::manage::NewSecret;
use serde::Deserialize;
use utoipa::ToSchema;

use super::MadeRecord;
use crate::admin::Parts;
use crate::answer::{Answer, Created};
use crate::input::{Input, Named, OneSecret};
use crate::operator::Operator;

/// A secret that is to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddSecret {
    /// The provider's secret, by which its deliveries are verified. It is accepted once and never returned.
    /// Without it, the secret that we sign with is made anew and shown once.
    #[serde(default)]
    #[schema(value_type = Option<String>, write_only)]
    secret: Option<OneSecret>,
    /// Hours for which the older secrets go on; 24 by default, at most 720. At 0 they end at once.
    #[serde(default)]
    overlap_hours: Option<u32>,
}

/// The subscription with the new secret.
#[utoipa::path(
    post,
    path = "/v1/subscriptions/{id}/secrets",
    tag = "subscriptions",
    operation_id = "add_subscription_secret",
    params(("id" = String, Path, description = "Its id or name.")),
    request_body = AddSecret,
    responses((status = 201, description = "The subscription with the new secret.", body = MadeRecord)),
)]
pub(crate) async fn rotate(
    State(parts): State<Arc<Parts>>,
    operator: Operator,
    Named(id): Named,
    Input(new): Input<AddSecret>,
) -> Answer<Created<MadeRecord>> {
    let secret = new.secret.map(OneSecret::into_inner);
    let wanted = NewSecret { overlap_hours: new.overlap_hours };
    let added = parts.webhooks.add_secret(operator.act(), &id, wanted, secret).await?;
    Ok(Created(MadeRecord::show(added.record, added.signing_secret)?))
}
