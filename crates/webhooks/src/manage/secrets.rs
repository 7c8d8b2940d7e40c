//! A subscription's secrets: added, so that the old one ends after an overlap, and withdrawn at once.

use std::time::Duration;

use lockgate_access::Violations;
use lockgate_access::registry::{Event, EventKind};
use lockgate_access::scope::Scope;
use lockgate_audit::Deed;
use lockgate_store::{Change, values};
use lockgate_vault::Act;
use lockgate_vocabulary::{Fault, Secret, Stop, SubscriptionId, TenantId};
use serde::Deserialize;

use super::record::SubscriptionRecord;
use crate::refusal::WebhookRefusal;
use crate::resolve;
use crate::rows::subscriptions as rows;
use crate::subscription::{SecretPurpose, Subscription, Way};
use crate::webhooks::Webhooks;

/// Hours for which an old secret goes on where nothing is said, and at the most.
const OVERLAP: u32 = 24;
const OVERLAP_MOST: u32 = 24 * 30;

/// Secrets of one purpose that vouch at the same time.
const LIVE_MOST: usize = 8;

/// A secret that is to be added. Its value comes beside it, or is made here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NewSecret {
    /// Hours for which the older secrets go on; 24 by default, at most 720. At 0 they end at once.
    pub overlap_hours: Option<u32>,
}

/// A secret that was added.
#[derive(Debug)]
pub struct AddedSecret {
    /// The subscription with it.
    pub record: SubscriptionRecord,
    /// The secret, where it was made here. It is shown once.
    pub signing_secret: Option<Secret>,
}

impl Webhooks {
    /// Adds a secret. With a value it is the provider's, by which its deliveries are verified from now on;
    /// without one we make the secret by which ours are signed.
    pub async fn add_secret(
        &self,
        act: Act<'_>,
        id_or_name: &str,
        new: NewSecret,
        given: Option<Secret>,
    ) -> Result<AddedSecret, Stop> {
        self.access.demand(act.caller, Scope::CredentialsRotate)?;
        let tenant = act.caller.tenant();
        let record = self.usable(tenant, id_or_name).await?;
        let mut wrong = Violations::default();
        let resolved = resolve::subscription(&record.spec, self.ground.of(tenant), &mut wrong);
        wrong.done()?;
        let resolved = resolved.ok_or(Fault::violated("a specification without a fault is resolved"))?;
        let purpose = if given.is_some() { SecretPurpose::Verify } else { SecretPurpose::Sign };
        let mut wrong = Violations::default();
        let hours = new.overlap_hours.unwrap_or(OVERLAP);
        wrong.check(hours <= OVERLAP_MOST, "/overlap_hours", "at most 720");
        match &given {
            Some(secret) => wrong.check(
                resolved.side.takes(secret),
                "/secret",
                "not a secret as the scheme's provider writes it; one that we sign with is made here (`signing`)",
            ),
            None => wrong.check(
                matches!(resolved.onward.way, Way::Push(_)),
                "/secret",
                "nothing is signed by us here: deliveries are fetched; give the provider's secret",
            ),
        }
        let live = record.of(purpose).filter(|secret| secret.live).count();
        wrong.check(
            hours == 0 || live < LIVE_MOST,
            "/overlap_hours",
            "8 secrets vouch already; withdraw one first, or let the older ones end at once with 0",
        );
        wrong.done()?;
        let version = next_version(&record, purpose)?;
        let made = if given.is_none() { Some(self.vault.generate_webhook_secret()) } else { None };
        let kept = given.as_ref().or(made.as_ref()).ok_or(Fault::violated("a secret is given or made"))?;
        self.vault.prepare(tenant).await?;
        let id = record.subscription;
        let ends = self.clock.now().after(Duration::from_secs(u64::from(hours) * 3_600));
        let change =
            Change::of(tenant).step(&rows::SECRET_ENDS, values![id, purpose.as_str(), i64::from(version), ends]);
        let change = self.with_secret(change, (tenant, id), (purpose, version), kept)?;
        let deed = Self::secret_deed(act, "subscription.secret.add", id, (purpose, version));
        self.commit(self.telling(change, act, EventKind::CredentialRotated, id), &deed).await?;
        Ok(AddedSecret { record: self.record_of(tenant, &id.to_string()).await?, signing_secret: made })
    }

    /// Withdraws a secret at once. The last that vouches stays.
    pub async fn withdraw_secret(
        &self,
        act: Act<'_>,
        id_or_name: &str,
        purpose: SecretPurpose,
        version: u32,
    ) -> Result<SubscriptionRecord, Stop> {
        self.access.demand(act.caller, Scope::CredentialsRotate)?;
        let tenant = act.caller.tenant();
        let record = self.usable(tenant, id_or_name).await?;
        let wanted = i64::from(version);
        let known = record.of(purpose).find(|secret| secret.version == wanted);
        known.ok_or(WebhookRefusal::SecretUnknown)?;
        if !record.of(purpose).any(|secret| secret.live && secret.version != wanted) {
            return Err(WebhookRefusal::SecretLast.into());
        }
        let id = record.subscription;
        let change = Change::of(tenant)
            .step(&rows::TOUCH, values![id, record.changed])
            .expecting(1)
            .step(&rows::SECRET_WITHDRAW, values![id, purpose.as_str(), wanted, self.clock.now()])
            .expecting(1);
        let deed = Self::secret_deed(act, "subscription.secret.withdraw", id, (purpose, version));
        self.commit(self.telling(change, act, EventKind::CredentialRevoked, id), &deed).await?;
        self.record_of(tenant, &id.to_string()).await
    }

    /// Adds the step that keeps a secret.
    pub(crate) fn with_secret(
        &self,
        change: Change,
        (tenant, id): (TenantId, SubscriptionId),
        (purpose, version): (SecretPurpose, u32),
        secret: &Secret,
    ) -> Result<Change, Fault> {
        let context = Subscription::secret_context(id, purpose, version);
        let (sealed, fingerprint) = self.vault.keep_webhook_secret(tenant, &context, secret)?;
        let row = values![id, purpose.as_str(), i64::from(version), sealed, fingerprint, self.clock.now()];
        Ok(change.step(&rows::SECRET_ADD, row).expecting(1))
    }

    /// A subscription that may be changed.
    pub(crate) async fn usable(&self, tenant: TenantId, id_or_name: &str) -> Result<SubscriptionRecord, Stop> {
        let record = self.record_of(tenant, id_or_name).await?;
        if record.status()? == crate::subscription::Status::Retired {
            return Err(WebhookRefusal::SubscriptionRetired.into());
        }
        Ok(record)
    }

    /// Adds an event about a subscription.
    pub(crate) fn telling(&self, change: Change, act: Act<'_>, kind: EventKind, id: SubscriptionId) -> Change {
        let event = Event::new(kind, act.caller.tenant(), id).by(act.caller.actor(), act.trace);
        let (told, telling) = event.with("subscription", id.to_string()).step(&*self.clock, &*self.entropy);
        change.step(told, telling)
    }

    fn secret_deed(
        act: Act<'_>,
        action: &'static str,
        id: SubscriptionId,
        (purpose, version): (SecretPurpose, u32),
    ) -> Deed {
        Self::deed(act, action, id).with("purpose", purpose.as_str()).with("version", i64::from(version))
    }
}

fn next_version(record: &SubscriptionRecord, purpose: SecretPurpose) -> Result<u32, Fault> {
    let newest = record.of(purpose).map(|secret| secret.version).max().unwrap_or(0);
    u32::try_from(newest.saturating_add(1)).map_err(|error| Fault::broken("counting a secret's versions", error))
}
