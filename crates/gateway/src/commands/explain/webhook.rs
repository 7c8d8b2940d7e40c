//! `lockgate explain webhook`: would this delivery be taken in? Signature, writing and age are judged as at
//! the door; whether it came before is not, for nothing is read from the store.

use clap::Args;
use lockgate_vocabulary::Timestamp;
use lockgate_webhooks::explain::{Explainer, SAMPLE_WEBHOOK};

/// Flags of `explain webhook`.
#[derive(Debug, Args)]
pub struct WebhookArgs {
    /// The moment at which the deliveries come, in Unix seconds.
    #[arg(long, value_name = "UNIX", allow_negative_numbers = true)]
    now: i64,
    /// PayPal's identifier of the webhook, for lines without `webhook_id`; that of PayPal's own published samples by
    /// default, with which vectors are signed.
    #[arg(long, value_name = "ID", default_value = SAMPLE_WEBHOOK)]
    webhook_id: String,
}

/// What is the same for every line.
pub fn explainer(args: WebhookArgs) -> Explainer {
    Explainer { now: Timestamp::from_secs(args.now), webhook_id: Some(args.webhook_id) }
}
