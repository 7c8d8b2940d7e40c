//! Changing a subscription, and retiring it.

use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use lockgate_access::Violations;
use lockgate_access::registry::EventKind;
use lockgate_access::scope::Scope;
use lockgate_store::{Change, Statement, Value, values};
use lockgate_vault::Act;
use lockgate_vocabulary::{Fault, Stop, SubscriptionId, TenantId};
use serde::Deserialize;

use super::record::SubscriptionRecord;
use crate::refusal::WebhookRefusal;
use crate::resolve;
use crate::rows::subscriptions as rows;
use crate::setting::SettingSpec;
use crate::spec::{Handoff, SubscriptionSpec};
use crate::subscription::Status;
use crate::webhooks::Webhooks;

/// After how long every node has learnt of a change.
const LEARNT: Duration = Duration::from_secs(5);

/// A change of a subscription.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ChangeSubscription {
    /// Its settings from now on, all of them. Neither its direction nor its scheme changes.
    pub spec: Option<SubscriptionSpec>,
    /// `active`, `paused`, or `retired`, which is for good.
    pub status: Option<String>,
    /// Why it is paused or retired: at most 200 letters.
    pub reason: Option<String>,
}

impl Webhooks {
    /// Changes a subscription, by id or name. An endpoint that is another one than before has to answer its
    /// challenge first.
    pub async fn change_subscription(
        &self,
        act: Act<'_>,
        id_or_name: &str,
        change: ChangeSubscription,
    ) -> Result<SubscriptionRecord, Stop> {
        self.access.demand(act.caller, Scope::SubscriptionsWrite)?;
        let tenant = act.caller.tenant();
        let old = self.usable(tenant, id_or_name).await?;
        let mut wrong = Violations::default();
        if let Some(spec) = &change.spec {
            wrong.check(same_kind(spec, &old.spec), "/spec", "neither the direction nor the scheme changes");
            // Whoever changes by what deliveries are verified changes a credential.
            if vouching(spec) != vouching(&old.spec) {
                self.access.demand(act.caller, Scope::CredentialsRotate)?;
            }
            if approves(&old.spec) && !approves(spec) {
                self.access.demand(act.caller, Scope::ApprovalsDecide)?;
            }
            let mut inner = Violations::below("/spec");
            let resolved = resolve::subscription(spec, self.ground.of(tenant), &mut inner);
            if let Some(resolved) = &resolved {
                resolve::listed(resolved, &mut inner);
            }
            wrong.join(inner);
            self.check_broker(spec, &mut wrong);
        }
        let spec = change.spec.as_ref().unwrap_or(&old.spec);
        let status = after(&old, spec, change.status.as_deref(), &mut wrong)?;
        let letters = change.reason.as_deref().unwrap_or_default();
        let plain = letters.chars().count() <= 200 && !letters.chars().any(char::is_control);
        wrong.check(plain, "/reason", "at most 200 letters, and no control characters");
        wrong.done()?;
        let held = matches!(status, Status::Paused | Status::Retired);
        let reason = if held { change.reason.clone().or_else(|| old.reason.clone()) } else { None };
        let written = serde_json::to_string(spec).map_err(|error| Fault::broken("writing a subscription", error))?;
        let id = old.subscription;
        let row = values![id, written, status.as_str(), reason, old.changed];
        let mut step = Change::of(tenant).step(&rows::UPDATE, row).expecting(1);
        let rerouted = reroute(&old.spec, spec);
        if let Some(statement) = rerouted {
            step = step.step(statement, self.rerouting(id, statement));
        }
        if status == Status::Retired {
            step = self.telling(step, act, EventKind::IntegrationConnectionRetired, id);
        }
        let deed = Self::deed(act, "subscription.change", id)
            .with("name", old.name.as_str())
            .with("status", status.as_str())
            .with("spec", change.spec.is_some())
            .with("verification", vouching(spec) != vouching(&old.spec))
            .with("replay_approval", approves(spec));
        self.commit(step, &deed).await?;
        if let Some(statement) = rerouted {
            self.reroute_later(tenant, id, statement);
        }
        if status == Status::Pending {
            self.challenge_at_once(act, id).await;
        }
        self.record_of(tenant, &id.to_string()).await
    }

    /// Asks a pending subscription's endpoint for its challenge again.
    pub async fn verify_subscription(&self, act: Act<'_>, id_or_name: &str) -> Result<SubscriptionRecord, Stop> {
        self.access.demand(act.caller, Scope::SubscriptionsWrite)?;
        let tenant = act.caller.tenant();
        let record = self.usable(tenant, id_or_name).await?;
        if record.status()? != Status::Pending {
            return Ok(record);
        }
        self.challenge(act, record.subscription).await?;
        self.record_of(tenant, &record.subscription.to_string()).await
    }
}

impl Webhooks {
    fn rerouting(&self, id: SubscriptionId, statement: &'static Statement) -> Vec<Value> {
        if *statement == rows::NOW_HANDED_ON { values![id, self.clock.now()] } else { values![id] }
    }

    /// A node that learns of the change a moment later may keep deliveries for the old way until then.
    fn reroute_later(&self, tenant: TenantId, id: SubscriptionId, statement: &'static Statement) {
        let (store, clock) = (self.store.clone(), Arc::clone(&self.clock));
        let (values, wake) = (self.rerouting(id, statement), Arc::clone(&self.wake));
        tokio::spawn(async move {
            clock.sleep(LEARNT).await;
            let change = Change::of(tenant).step(statement, values);
            if let Err(failure) = store.apply(change).await {
                tracing::error!(%failure, subscription = %id, "deliveries of the old way were not moved to the new one");
            }
            wake.notify_one();
        });
    }
}

/// The statement that moves what waits from one way to the other, where the way was changed.
fn reroute(old: &SubscriptionSpec, new: &SubscriptionSpec) -> Option<&'static Statement> {
    let fetched = |spec: &SubscriptionSpec| matches!(spec, SubscriptionSpec::Inbound(inbound) if inbound.handoff == Handoff::Pull);
    match (fetched(old), fetched(new)) {
        (true, false) => Some(&rows::NOW_HANDED_ON),
        (false, true) => Some(&rows::NOW_FETCHED),
        _ => None,
    }
}

/// Where the change leads.
fn after(
    old: &SubscriptionRecord,
    spec: &SubscriptionSpec,
    wanted: Option<&str>,
    wrong: &mut Violations,
) -> Result<Status, Stop> {
    let before = old.status()?;
    let unverified = spec.endpoint().is_some_and(|url| old.verified.as_deref() != Some(url));
    let moved = unverified && spec.endpoint() != old.spec.endpoint();
    let wanted = match wanted {
        None => before,
        Some(word) => {
            let known = Status::parse(word).filter(|status| *status != Status::Pending);
            wrong.check(known.is_some(), "/status", "active, paused or retired");
            known.unwrap_or(before)
        }
    };
    match wanted {
        Status::Active | Status::Pending if moved => Ok(Status::Pending),
        // INVARIANT: whatever way a subscription took, it is active only with an endpoint that said yes.
        Status::Active if unverified && before == Status::Pending => Err(WebhookRefusal::EndpointUnverified.into()),
        // Its endpoint became another one while it was paused, and is asked now.
        Status::Active if unverified => Ok(Status::Pending),
        Status::Pending if !unverified => Ok(Status::Active),
        status => Ok(status),
    }
}

/// By what a provider's deliveries are verified, beside secrets.
fn vouching(spec: &SubscriptionSpec) -> Option<(&SettingSpec, &[IpNet], bool)> {
    match spec {
        SubscriptionSpec::Inbound(inbound) => Some((&inbound.setting, &inbound.addresses, inbound.published_addresses)),
        SubscriptionSpec::Outbound(_) => None,
    }
}

fn approves(spec: &SubscriptionSpec) -> bool {
    match spec {
        SubscriptionSpec::Inbound(inbound) => inbound.delivery.replay_approval,
        SubscriptionSpec::Outbound(outbound) => outbound.delivery.replay_approval,
    }
}

fn same_kind(new: &SubscriptionSpec, old: &SubscriptionSpec) -> bool {
    match (new, old) {
        (SubscriptionSpec::Inbound(new), SubscriptionSpec::Inbound(old)) => new.scheme == old.scheme,
        (SubscriptionSpec::Outbound(_), SubscriptionSpec::Outbound(_)) => true,
        _ => false,
    }
}
