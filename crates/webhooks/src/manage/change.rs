//! Changing a subscription, and retiring it.

use lockgate_access::Violations;
use lockgate_access::registry::EventKind;
use lockgate_access::scope::Scope;
use lockgate_store::{Change, values};
use lockgate_vault::Act;
use lockgate_vocabulary::{Fault, Stop};
use serde::Deserialize;

use super::record::SubscriptionRecord;
use crate::refusal::WebhookRefusal;
use crate::resolve;
use crate::rows::subscriptions as rows;
use crate::spec::{EndpointSpec, Handoff, SubscriptionSpec};
use crate::subscription::Status;
use crate::webhooks::Webhooks;

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
            let mut inner = Violations::below("/spec");
            resolve::subscription(spec, self.access.danger_networks(), &mut inner);
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
        if status == Status::Retired {
            step = self.telling(step, act, EventKind::IntegrationConnectionRetired, id);
        }
        let deed = Self::deed(act, "subscription.change", id)
            .with("name", old.name.as_str())
            .with("status", status.as_str())
            .with("spec", change.spec.is_some());
        self.commit(step, &deed).await?;
        if status == Status::Pending {
            self.challenge(act, id).await;
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
        self.challenge(act, record.subscription).await;
        self.record_of(tenant, &record.subscription.to_string()).await
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
    let moved = endpoint(spec).is_some() && endpoint(spec) != endpoint(&old.spec);
    let wanted = match wanted {
        None => before,
        Some(word) => {
            let known = Status::parse(word).filter(|status| *status != Status::Pending);
            wrong.check(known.is_some(), "/status", "active, paused or retired");
            known.unwrap_or(before)
        }
    };
    match wanted {
        Status::Active | Status::Paused | Status::Pending if moved => Ok(Status::Pending),
        Status::Active if before == Status::Pending && endpoint(spec).is_some() => {
            Err(WebhookRefusal::EndpointUnverified.into())
        }
        status => Ok(status),
    }
}

/// The endpoint's URL, where deliveries are pushed.
fn endpoint(spec: &SubscriptionSpec) -> Option<&str> {
    let spec: &EndpointSpec = match spec {
        SubscriptionSpec::Outbound(outbound) => &outbound.endpoint,
        SubscriptionSpec::Inbound(inbound) => match &inbound.handoff {
            Handoff::Push(endpoint) => endpoint,
            Handoff::Nats | Handoff::Pull => return None,
        },
    };
    Some(&spec.url)
}

fn same_kind(new: &SubscriptionSpec, old: &SubscriptionSpec) -> bool {
    match (new, old) {
        (SubscriptionSpec::Inbound(new), SubscriptionSpec::Inbound(old)) => new.scheme == old.scheme,
        (SubscriptionSpec::Outbound(_), SubscriptionSpec::Outbound(_)) => true,
        _ => false,
    }
}
