//! Subscriptions: doors in for providers' deliveries, and ways out for the tenant's events.

use lockgate_vocabulary::{Fault, Secret};
use lockgate_webhooks::manage::SubscriptionRecord;
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer::Answer;

pub(crate) mod change;
pub(crate) mod create;
pub(crate) mod list;
pub(crate) mod rotate;
pub(crate) mod show;
pub(crate) mod verify;
pub(crate) mod withdraw;

/// A subscription, with the secret that was made by this very request.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MadeRecord {
    #[serde(flatten)]
    subscription: SubscriptionRecord,
    /// The secret that we sign with (`whsec_…`), shown this once; absent where nothing is pushed.
    #[serde(skip_serializing_if = "Option::is_none")]
    signing_secret: Option<String>,
}

impl MadeRecord {
    /// Shows the secret that this very request made.
    pub(crate) fn show(subscription: SubscriptionRecord, made: Option<Secret>) -> Answer<Self> {
        let text = |secret: Secret| String::from_utf8(secret.expose().to_vec());
        let signing_secret = made.map(text).transpose();
        let signing_secret = signing_secret.map_err(|_| Fault::violated("the text of a secret is text"))?;
        Ok(Self { subscription, signing_secret })
    }
}
