//! Playing deliveries again: one, some, or those of a time.
//!
//! A delivery that is played again is a new one: it has an identifier of its own, so that nobody's dedupe
//! swallows it, and says which one it plays. It needs an elevated scope and a reason, is recorded with its
//! operator, and waits for somebody else's approval where its subscription says so. A run of plays has a
//! number, and each delivery is played once in it, however often the run is begun again after a crash.

use lockgate_access::registry::{Event, EventKind};
use lockgate_access::scope::Scope;
use lockgate_access::{AccessRefusal, Violations};
use lockgate_store::{ApplyFailure, Change, values};
use lockgate_vault::Act;
use lockgate_vocabulary::{ApprovalId, DeliveryId, Fault, Stop, SubscriptionId, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::Duration;

use crate::envelope::Envelope;
use crate::keep::NewDelivery;
use crate::manage::moment;
use crate::refusal::WebhookRefusal;
use crate::rows::deliveries as rows;
use crate::subscription::{Status, Subscription};
use crate::webhooks::Webhooks;

/// Deliveries of one run.
const MOST: usize = 1_000;

/// How long a run remembers what it played.
const REMEMBERED: Duration = Duration::from_secs(7 * 86_400);

/// What is to be played again: the deliveries that are named, or those of a subscription in a time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ReplayAsk {
    /// These deliveries, at most 1,000.
    #[schema(value_type = Vec<String>)]
    pub deliveries: Vec<DeliveryId>,
    /// Those of this subscription, by id or name, the oldest 1,000 of them.
    pub subscription: Option<String>,
    /// Of the subscription: those received at this moment or later (RFC 3339).
    pub since: Option<String>,
    /// Of the subscription: those received before this moment (RFC 3339).
    pub until: Option<String>,
    /// Of the subscription: those in this state; `dead` by default, or `delivered`.
    pub state: Option<String>,
    /// Why, for whoever reads the trail: 1 to 200 letters.
    pub reason: String,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Replayed {
    /// Each delivery that was played again, and the new one that plays it.
    #[schema(value_type = Vec<Object>)]
    pub played: Vec<Played>,
    /// The approval that it waits for.
    #[schema(value_type = Option<String>)]
    pub approval: Option<ApprovalId>,
    /// Whether more deliveries of the time are left; then the same is asked again.
    pub more: bool,
}

/// A delivery that was played again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Played {
    /// The one that was.
    #[schema(value_type = String)]
    pub delivery: DeliveryId,
    /// The one that plays it.
    #[schema(value_type = String)]
    pub replay: DeliveryId,
}

/// A run of plays: what makes each of its plays one, and what is told of it.
pub(crate) struct Run<'a> {
    pub(crate) nonce: String,
    pub(crate) reason: &'a str,
}

impl Webhooks {
    /// Plays deliveries again, or asks for an approval to.
    pub async fn replay(&self, act: Act<'_>, ask: ReplayAsk) -> Result<Replayed, Stop> {
        self.access.demand(act.caller, Scope::DeliveriesReplay)?;
        check(&ask)?;
        let tenant = act.caller.tenant();
        let (chosen, more) = self.chosen(tenant, &ask).await?;
        let mut guarded = false;
        for id in &chosen {
            guarded |= self.playable(tenant, *id).await?.onward.replay_approval;
        }
        if guarded {
            let fixed = ReplayAsk { deliveries: chosen, reason: ask.reason, ..ReplayAsk::default() };
            let approval = self.request_replay(act, &fixed).await?;
            return Ok(Replayed { played: Vec::new(), approval: Some(approval), more });
        }
        let nonce = DeliveryId::generate(&*self.clock, &*self.entropy).to_string();
        let run = Run { nonce, reason: &ask.reason };
        Ok(Replayed { played: self.play(act, &chosen, &run).await?, approval: None, more })
    }

    /// The deliveries that are asked for, and whether there are more than one run takes.
    async fn chosen(&self, tenant: TenantId, ask: &ReplayAsk) -> Result<(Vec<DeliveryId>, bool), Stop> {
        let Some(named) = &ask.subscription else {
            let each: BTreeSet<DeliveryId> = ask.deliveries.iter().copied().collect();
            return Ok((each.into_iter().collect(), false));
        };
        let mut wrong = Violations::default();
        let since = moment(ask.since.as_deref(), "/since", &mut wrong).unwrap_or(Timestamp::from_micros(0));
        let until = moment(ask.until.as_deref(), "/until", &mut wrong).unwrap_or(Timestamp::from_micros(i64::MAX));
        wrong.done()?;
        let subscription = self.record_of(tenant, named).await?.subscription;
        let state = ask.state.as_deref().unwrap_or("dead");
        let most = i64::try_from(MOST).unwrap_or(i64::MAX);
        let values = values![subscription, state, since, until, most.saturating_add(1)];
        let found = self.read(tenant, &rows::OF_A_TIME, values).await?;
        let more = found.len() > MOST;
        let chosen = found.iter().take(MOST).map(|row| row.parsed(0)).collect::<Result<_, Fault>>()?;
        Ok((chosen, more))
    }

    /// The subscription of a delivery that may be played again.
    async fn playable(&self, tenant: TenantId, id: DeliveryId) -> Result<std::sync::Arc<Subscription>, Stop> {
        let row = self.one(tenant, &rows::ONE, values![id]).await?;
        let subscription: SubscriptionId = row.parsed(1)?;
        let page = self.book.page()?;
        let found = page.find(subscription).filter(|found| found.tenant == tenant);
        let found = found.ok_or(AccessRefusal::ObjectUnknown)?;
        if found.status == Status::Retired {
            return Err(WebhookRefusal::SubscriptionRetired.into());
        }
        if matches!(row.text(2)?, "waiting" | "leased") {
            return Err(WebhookRefusal::DeliveryUnderWay.into());
        }
        Ok(std::sync::Arc::clone(found))
    }

    /// Plays each of these once in this run.
    pub(crate) async fn play(&self, act: Act<'_>, chosen: &[DeliveryId], run: &Run<'_>) -> Result<Vec<Played>, Stop> {
        let mut played = Vec::with_capacity(chosen.len());
        for id in chosen {
            let subscription = self.playable(act.caller.tenant(), *id).await?;
            played.extend(self.play_one(act, *id, &subscription, run).await?);
        }
        self.wake.notify_one();
        Ok(played)
    }

    async fn play_one(
        &self,
        act: Act<'_>,
        of: DeliveryId,
        subscription: &Subscription,
        run: &Run<'_>,
    ) -> Result<Option<Played>, Stop> {
        let tenant = subscription.tenant;
        let (told, held) =
            (self.one(tenant, &rows::ONE, values![of]).await?, self.one(tenant, &rows::ENVELOPE, values![of]).await?);
        let envelope = Envelope::open(&self.vault, tenant, of, held.bytes(0)?)?;
        let (id, now) = (DeliveryId::generate(&*self.clock, &*self.entropy), self.clock.now());
        let digest = <[u8; 32]>::try_from(held.bytes(1)?).map_err(|_| Fault::violated("a digest has 32 bytes"))?;
        let claim = self.vault.digest(tenant, "webhook.replay", format!("{} {of}", run.nonce).as_bytes());
        let row = NewDelivery {
            id,
            subscription: subscription.id,
            state: "waiting",
            event_type: told.opt_text(3)?,
            provider_id: told.opt_text(4)?,
            key: told.opt_int(5)?.and_then(|key| u32::try_from(key).ok()),
            digest,
            size: envelope.body.len(),
            sealed: envelope.seal(&self.vault, tenant, id)?,
            order_key: held.opt_text(2)?.map(str::to_owned),
            replay_of: Some(of),
            due_at: subscription.onward.way.is_ours().then_some(now),
            refused: None,
            at: now,
            forget_at: None,
        };
        let event = Event::new(EventKind::WebhookDeliveryReplayed, tenant, id)
            .by(act.caller.actor(), act.trace)
            .with("replay_of", of.to_string())
            .with("subscription", subscription.id.to_string());
        let deed = Self::deed(act, "delivery.replay", id)
            .with("replay_of", of.to_string())
            .with("subscription", subscription.id.to_string())
            .with("reason", run.reason);
        let (event, telling) = event.step(&*self.clock, &*self.entropy);
        let (record, recording) = self.audit.step(&deed);
        let change = Change::of(tenant)
            .step(&rows::CLAIM, values![claim, id, digest, now.after(REMEMBERED), now])
            .expecting(1)
            .step(&rows::INSERT, row.values())
            .step(&rows::REPLAYED, values![of, now.after(subscription.onward.keep)])
            .step(event, telling)
            .step(record, recording);
        match self.store.apply(change).await {
            Ok(_) => Ok(Some(Played { delivery: of, replay: id })),
            // This run played it before.
            Err(ApplyFailure::Unmet { step: 0 }) => Ok(None),
            Err(failure) => Err(failure.into_fault("playing a delivery again").into()),
        }
    }
}

fn check(ask: &ReplayAsk) -> Result<(), Stop> {
    let mut wrong = Violations::default();
    let one_way = ask.deliveries.is_empty() == ask.subscription.is_some();
    wrong.check(one_way, "/deliveries", "either the deliveries or a subscription, and one of them");
    wrong.check(ask.deliveries.len() <= MOST, "/deliveries", "at most 1,000");
    let known = matches!(ask.state.as_deref(), None | Some("dead" | "delivered"));
    wrong.check(known, "/state", "dead or delivered");
    let letters = ask.reason.chars().count();
    let plain = (1..=200).contains(&letters) && !ask.reason.chars().any(char::is_control);
    wrong.check(plain, "/reason", "1 to 200 letters, and no control characters");
    Ok(wrong.done()?)
}
