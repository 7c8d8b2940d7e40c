//! `POST /v1/subscriptions`: establishes a subscription, and shows the secret that we sign with once.

use std::sync::Arc;

use axum::extract::State;
use lockgate_vocabulary::Secret;
use lockgate_webhooks::manage::NewSubscription;
use lockgate_webhooks::spec::SubscriptionSpec;
use serde::Deserialize;
use utoipa::ToSchema;

use super::MadeRecord;
use crate::admin::Parts;
use crate::answer::{Answer, Created};
use crate::input::{Input, OneSecret};
use crate::operator::Operator;

/// A subscription that is to be established.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateSubscription {
    /// Its name, unique in the tenant. It stays.
    name: String,
    /// Its settings.
    spec: SubscriptionSpec,
    /// The provider's secrets, the current one first. They are accepted once and never returned.
    #[serde(default)]
    #[schema(value_type = Vec<String>, write_only)]
    secrets: Vec<OneSecret>,
}

/// The subscription that was established.
#[utoipa::path(
    post,
    path = "/v1/subscriptions",
    tag = "subscriptions",
    operation_id = "create_subscription",
    request_body = CreateSubscription,
    responses((status = 201, description = "The subscription that was established.", body = MadeRecord)),
)]
pub(crate) async fn create(
    State(parts): State<Arc<Parts>>,
    operator: Operator,
    Input(new): Input<CreateSubscription>,
) -> Answer<Created<MadeRecord>> {
    let secrets: Vec<Secret> = new.secrets.into_iter().map(OneSecret::into_inner).collect();
    let wanted = NewSubscription { name: new.name, spec: new.spec };
    let made = parts.webhooks.create_subscription(operator.act(), wanted, secrets).await?;
    Ok(Created(MadeRecord::show(made.record, made.signing_secret)?))
}
