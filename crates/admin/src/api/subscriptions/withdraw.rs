//! `POST /v1/subscriptions/{id}/secrets/withdraw`: ends a secret at once.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use lockgate_access::Violations;
use lockgate_webhooks::manage::SubscriptionRecord;
use lockgate_webhooks::subscription::SecretPurpose;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::admin::Parts;
use crate::answer::Answer;
use crate::input::{Input, Named};
use crate::operator::Operator;

/// Which secret.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WithdrawSecret {
    /// `verify` or `sign`.
    purpose: String,
    /// Its version within its purpose.
    version: u32,
}

/// The subscription without the secret.
#[utoipa::path(
    post,
    path = "/v1/subscriptions/{id}/secrets/withdraw",
    tag = "subscriptions",
    operation_id = "withdraw_subscription_secret",
    params(("id" = String, Path, description = "Its id or name.")),
    request_body = WithdrawSecret,
    responses(
        (status = 200, description = "The subscription without the secret.", body = SubscriptionRecord),
        (status = 409, description = "It is the last secret that vouches."),
    ),
)]
pub(crate) async fn withdraw(
    State(parts): State<Arc<Parts>>,
    operator: Operator,
    Named(id): Named,
    Input(which): Input<WithdrawSecret>,
) -> Answer<Json<SubscriptionRecord>> {
    let Some(purpose) = SecretPurpose::parse(&which.purpose) else {
        let mut wrong = Violations::default();
        wrong.add("/purpose", "verify or sign");
        return Err(wrong.refuse().into());
    };
    Ok(Json(parts.webhooks.withdraw_secret(operator.act(), &id, purpose, which.version).await?))
}
