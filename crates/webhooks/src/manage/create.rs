//! Establishing a subscription.

use lockgate_access::registry::{Event, EventKind};
use lockgate_access::scope::Scope;
use lockgate_access::{Quotas, Violations};
use lockgate_store::{Change, values};
use lockgate_vault::Act;
use lockgate_vocabulary::{Fault, Name, Secret, Stop, SubscriptionId};
use serde::Deserialize;

use super::record::SubscriptionRecord;
use crate::resolve::{self, Resolved};
use crate::rows::subscriptions as rows;
use crate::scheme::Need;
use crate::spec::{Handoff, SubscriptionSpec};
use crate::subscription::{SecretPurpose, Side, Status, Way};
use crate::webhooks::Webhooks;

/// Ways out of one tenant: each event is kept for all of them in one change.
const WAYS_OUT_MOST: u32 = 100;

/// Secrets that a subscription is established with.
const SECRETS_MOST: usize = 8;

/// A subscription that is to be established. Its secrets come beside it.
#[derive(Debug, Clone, PartialEq, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSubscription {
    /// Its name, unique in the tenant. It stays.
    pub name: String,
    /// Its settings.
    pub spec: SubscriptionSpec,
}

/// A subscription that was established.
#[derive(Debug)]
pub struct MadeSubscription {
    /// What is told of it from now on.
    pub record: SubscriptionRecord,
    /// The secret by which we sign what we push, where we do. It is shown once.
    pub signing_secret: Option<Secret>,
}

impl Webhooks {
    /// Establishes a subscription. One that pushes waits until its endpoint has answered its challenge.
    pub async fn create_subscription(
        &self,
        act: Act<'_>,
        new: NewSubscription,
        secrets: Vec<Secret>,
    ) -> Result<MadeSubscription, Stop> {
        self.access.demand(act.caller, Scope::SubscriptionsWrite)?;
        let tenant = act.caller.tenant();
        let mut wrong = Violations::default();
        let name = new.name.parse::<Name>();
        wrong.check(name.is_ok(), "/name", "1 to 63 lower-case letters, digits and hyphens, beginning with a letter");
        let mut inner = Violations::below("/spec");
        let resolved = resolve::subscription(&new.spec, self.ground.of(tenant), &mut inner);
        if let Some(resolved) = &resolved {
            resolve::listed(resolved, &mut inner);
        }
        wrong.join(inner);
        self.check_broker(&new.spec, &mut wrong);
        let (Some(resolved), Ok(name)) = (resolved, name) else { return Err(wrong.refuse().into()) };
        check_secrets(&resolved, &secrets, &mut wrong);
        wrong.done()?;
        let held = self.one(tenant, &rows::COUNT, Vec::new()).await?.int(0)?;
        Quotas::demand(held, self.config.subscriptions_per_tenant, "subscriptions")?;

        if matches!(resolved.side, Side::Outbound { .. }) {
            let ways = self.one(tenant, &rows::WAYS_OUT, Vec::new()).await?.int(0)?;
            Quotas::demand(ways, WAYS_OUT_MOST, "subscriptions that tell events")?;
        }

        let id = SubscriptionId::generate(&*self.clock, &*self.entropy);
        let pushes = matches!(resolved.onward.way, Way::Push(_));
        let status = if pushes { Status::Pending } else { Status::Active };
        let spec = serde_json::to_string(&new.spec).map_err(|error| Fault::broken("writing a subscription", error))?;
        let row = values![id, &name, new.spec.direction(), spec, status.as_str(), self.clock.now()];
        let mut change = Change::of(tenant).step(&rows::INSERT, row);
        self.vault.prepare(tenant).await?;
        for (version, secret) in (1u32..).zip(&secrets) {
            change = self.with_secret(change, (tenant, id), (SecretPurpose::Verify, version), secret)?;
        }
        let signing_secret = if pushes { Some(self.vault.generate_webhook_secret()) } else { None };
        if let Some(secret) = &signing_secret {
            change = self.with_secret(change, (tenant, id), (SecretPurpose::Sign, 1), secret)?;
        }
        let event = Event::new(EventKind::WebhookSubscribed, tenant, id)
            .by(act.caller.actor(), act.trace)
            .with("name", name.as_str())
            .with("direction", new.spec.direction());
        let (told, telling) = event.step(&*self.clock, &*self.entropy);
        let deed = Self::deed(act, "subscription.create", id)
            .with("name", name.as_str())
            .with("direction", new.spec.direction())
            .with("status", status.as_str());
        self.commit(change.step(told, telling), &deed).await?;
        if pushes {
            self.challenge_at_once(act, id).await;
        }
        Ok(MadeSubscription { record: self.record_of(tenant, &id.to_string()).await?, signing_secret })
    }
}

impl Webhooks {
    /// What is published needs a broker to publish to.
    pub(crate) fn check_broker(&self, spec: &SubscriptionSpec, wrong: &mut Violations) {
        let publishes = matches!(spec, SubscriptionSpec::Inbound(spec) if spec.handoff == Handoff::Nats);
        let fits = !publishes || self.broker.is_some();
        wrong.check(fits, "/spec/handoff", "the gateway's configuration names no NATS server");
    }
}

/// A scheme that verifies by a secret is given one; a way out is given none, because ours is made here.
fn check_secrets(resolved: &Resolved, secrets: &[Secret], wrong: &mut Violations) {
    let (least, told) = match resolved.side.secrets() {
        Need::Must => (1, "1 to 8 of the provider's secrets"),
        Need::May | Need::Never => (0, "at most 8"),
    };
    let fits = (least..=SECRETS_MOST).contains(&secrets.len());
    wrong.check(fits, "/secrets", told);
    for (index, secret) in secrets.iter().enumerate() {
        let fits = resolved.side.takes(secret);
        wrong.check(
            fits,
            format!("/secrets/{index}"),
            "not a secret as the scheme's provider writes it (`whsec_` and base64 for Standard Webhooks)",
        );
    }
}
