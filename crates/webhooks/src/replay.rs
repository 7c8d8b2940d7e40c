//! Playing deliveries again: one, some, or those of a time.
//!
//! A delivery that is played again is a new one: it has an identifier of its own, so that nobody's dedupe
//! swallows it, and says which one it plays. It needs an elevated scope and a reason, is recorded with its
//! operator, and waits for somebody else's approval where its subscription says so, and always where it is in
//! quarantine. A run of plays has a nonce, and each delivery is played once in it, however often the run is begun
//! again. What cannot be played keeps nothing else from it.

use lockgate_access::registry::{Event, EventKind};
use lockgate_access::scope::Scope;
use lockgate_access::{AccessRefusal, Violations};
use lockgate_store::{ApplyFailure, Change, Row, values};
use lockgate_vault::Act;
use lockgate_vocabulary::{ApprovalId, DeliveryId, Fault, PrincipalId, Stop, SubscriptionId, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::approval::Wanted;
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
pub(crate) const REMEMBERED: Duration = Duration::from_secs(7 * 86_400);

/// Letters of a caller's own nonce.
const NONCE_MOST: usize = 64;

/// What is to be played again: the deliveries that are named, or those of a subscription in a time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, utoipa::ToSchema)]
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
    /// Of the subscription: those behind this delivery, the `cursor` of the answer before.
    #[schema(value_type = Option<String>)]
    pub cursor: Option<DeliveryId>,
    /// Whether the deliveries that are named may be in quarantine. They always wait for another operator's approval.
    pub quarantined: bool,
    /// Makes asking again harmless, 1 to 64 visible ASCII characters: under the same nonce of the same principal
    /// each delivery is played once in 7 days, and asking again tells the plays of the first time.
    pub nonce: Option<String>,
    /// Why, for whoever reads the trail: 1 to 200 letters.
    pub reason: String,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Replayed {
    /// Each delivery that was played again, and the new one that plays it.
    #[schema(value_type = Vec<Object>)]
    pub played: Vec<Played>,
    /// Each delivery that cannot be played, and why. The others are played all the same.
    #[schema(value_type = Vec<Object>)]
    pub failed: Vec<Failed>,
    /// The approval that the rest waits for.
    #[schema(value_type = Option<String>)]
    pub approval: Option<ApprovalId>,
    /// Whether more deliveries of the time are left.
    pub more: bool,
    /// The last delivery that was looked at, where more are left: the same is asked again with it.
    #[schema(value_type = Option<String>)]
    pub cursor: Option<DeliveryId>,
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

/// A delivery that cannot be played again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Failed {
    /// Which.
    #[schema(value_type = String)]
    pub delivery: DeliveryId,
    /// Why, as a code.
    pub code: &'static str,
}

/// A run of plays: what makes each of its plays one, and what is told of it.
pub(crate) struct Run<'a> {
    pub(crate) nonce: String,
    pub(crate) reason: &'a str,
    /// Whether it may play what is in quarantine, once it is approved.
    pub(crate) quarantined: bool,
    /// The approval that lets it, and who asked for it.
    pub(crate) approval: Option<(ApprovalId, PrincipalId)>,
}

/// A delivery that may be played again, with its row.
struct Playable {
    of: DeliveryId,
    told: Row,
    subscription: Arc<Subscription>,
    /// Its state, or that it was in quarantine before it was played for the first time.
    was: &'static str,
}

impl Playable {
    fn waits(&self) -> bool {
        self.subscription.onward.replay_approval || self.was == QUARANTINED
    }
}

const QUARANTINED: &str = "quarantined";

impl Webhooks {
    /// Plays deliveries again, or asks for an approval to.
    pub async fn replay(&self, act: Act<'_>, ask: ReplayAsk) -> Result<Replayed, Stop> {
        self.access.demand(act.caller, Scope::DeliveriesReplay)?;
        check(&ask)?;
        let tenant = act.caller.tenant();
        let (chosen, more) = self.chosen(tenant, &ask).await?;
        let cursor = chosen.last().copied().filter(|_| more);
        let (mut playable, mut failed, mut subscriptions) = (Vec::new(), Vec::new(), BTreeSet::new());
        let mut guarded = false;
        for id in chosen {
            match self.playable(tenant, id, ask.quarantined).await {
                Ok(found) => {
                    guarded |= found.waits();
                    subscriptions.insert(found.subscription.id);
                    playable.push(id);
                }
                Err(stop) => failed.push(failure(id, stop)?),
            }
        }
        // Whoever asked for what is not theirs to play stands in the trail.
        self.record_failed(act, &failed).await?;
        let nonce = ask.nonce.as_deref().map(|nonce| format!("own {} {nonce}", act.caller.actor().principal));
        if guarded {
            let wanted = Wanted { deliveries: playable, subscriptions, quarantined: ask.quarantined, nonce };
            let approval = Some(self.request_replay(act, wanted, &ask.reason).await?);
            return Ok(Replayed { played: Vec::new(), failed, approval, more, cursor });
        }
        let nonce = nonce.unwrap_or_else(|| DeliveryId::generate(&*self.clock, &*self.entropy).to_string());
        let run = Run { nonce, reason: &ask.reason, quarantined: false, approval: None };
        let (played, broken) = self.play(act, &playable, &run).await?;
        failed.extend(broken);
        Ok(Replayed { played, failed, approval: None, more, cursor })
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
        let behind = ask.cursor.map(|cursor| cursor.to_string()).unwrap_or_default();
        let most = i64::try_from(MOST).unwrap_or(i64::MAX);
        let values = values![subscription, state, since, until, behind, most.saturating_add(1)];
        let found = self.read(tenant, &rows::OF_A_TIME, values).await?;
        let more = found.len() > MOST;
        let chosen = found.iter().take(MOST).map(|row| row.parsed(0)).collect::<Result<_, Fault>>()?;
        Ok((chosen, more))
    }

    /// A delivery that may be played again.
    async fn playable(&self, tenant: TenantId, of: DeliveryId, quarantined: bool) -> Result<Playable, Stop> {
        let told = self.one(tenant, &rows::ONE, values![of]).await?;
        let id: SubscriptionId = told.parsed(1)?;
        let page = self.book.page()?;
        let found = page.find(id).filter(|found| found.tenant == tenant);
        let subscription = Arc::clone(found.ok_or(AccessRefusal::ObjectUnknown)?);
        if subscription.status == Status::Retired {
            return Err(WebhookRefusal::SubscriptionRetired.into());
        }
        // What came in conflict stays so when it was played once: every play of it needs a consent of its own.
        let was = match (told.text(2)?, told.opt_text(9)?) {
            ("waiting" | "leased", _) => return Err(WebhookRefusal::DeliveryUnderWay.into()),
            (QUARANTINED, _) | (_, Some("conflict")) => QUARANTINED,
            ("dead", _) => "dead",
            ("delivered", _) => "delivered",
            _ => "replayed",
        };
        if was == QUARANTINED && !quarantined {
            return Err(WebhookRefusal::DeliveryQuarantined.into());
        }
        Ok(Playable { of, told, subscription, was })
    }

    /// Plays each of these once in this run; what cannot be played keeps nothing else from it.
    pub(crate) async fn play(
        &self,
        act: Act<'_>,
        chosen: &[DeliveryId],
        run: &Run<'_>,
    ) -> Result<(Vec<Played>, Vec<Failed>), Stop> {
        let (mut played, mut failed) = (Vec::with_capacity(chosen.len()), Vec::new());
        for id in chosen {
            let done = match self.playable(act.caller.tenant(), *id, run.quarantined).await {
                Ok(found) => self.play_one(act, &found, run).await,
                Err(stop) => Err(stop),
            };
            match done {
                Ok(replay) => played.push(Played { delivery: *id, replay }),
                Err(stop) => failed.push(failure(*id, stop)?),
            }
        }
        self.wake.notify_one();
        self.record_failed(act, &failed).await?;
        Ok((played, failed))
    }

    /// Plays one, unless this run did before; the delivery that plays it.
    async fn play_one(&self, act: Act<'_>, found: &Playable, run: &Run<'_>) -> Result<DeliveryId, Stop> {
        let (tenant, of) = (found.subscription.tenant, found.of);
        self.backlog.demand(&self.store, tenant, &self.clock).await?;
        let (id, now) = (DeliveryId::generate(&*self.clock, &*self.entropy), self.clock.now());
        let row = self.replaying(found, id, now).await?;
        let size = row.size;
        let claim = self.vault.digest(tenant, "webhook.replay", format!("{} {of}", run.nonce).as_bytes());
        let change = Change::of(tenant)
            .step(&rows::CLAIM, values![claim, id, row.digest, now.after(REMEMBERED), now])
            .expecting(1)
            .step(&rows::INSERT, row.values())
            .step(&rows::REPLAYED, values![of, now.after(found.subscription.onward.keep)]);
        match self.store.apply(self.told_of_play(change, act, (found, id), run)).await {
            Ok(_) => {
                self.backlog.add(tenant, size);
                Ok(id)
            }
            // This run played it before.
            Err(ApplyFailure::Unmet { step: 0 }) => {
                Ok(self.one(tenant, &rows::CLAIMED, values![claim]).await?.parsed(0)?)
            }
            Err(failure) => Err(failure.into_fault("playing a delivery again").into()),
        }
    }

    /// The delivery that plays another one.
    async fn replaying<'a>(
        &self,
        found: &'a Playable,
        id: DeliveryId,
        now: Timestamp,
    ) -> Result<NewDelivery<'a>, Stop> {
        let (of, told, subscription) = (found.of, &found.told, &found.subscription);
        let tenant = subscription.tenant;
        let held = self.one(tenant, &rows::ENVELOPE, values![of]).await?;
        let envelope = Envelope::open(&self.vault, tenant, of, held.bytes(0)?).map_err(|fault| {
            tracing::error!(%fault, delivery = %of, "a kept delivery cannot be opened");
            WebhookRefusal::EnvelopeUnreadable
        })?;
        let digest = <[u8; 32]>::try_from(held.bytes(1)?).map_err(|_| Fault::violated("a digest has 32 bytes"))?;
        let sealed = envelope.seal(&self.vault, tenant, id)?;
        Ok(NewDelivery {
            event_type: told.opt_text(3)?,
            provider_id: told.opt_text(4)?,
            key: told.opt_int(5)?.and_then(|key| u32::try_from(key).ok()),
            order_key: held.opt_text(2)?.map(str::to_owned),
            replay_of: Some(of),
            ..NewDelivery::waiting((id, subscription, now), digest, (envelope.body.len(), sealed))
        })
    }

    /// Adds the event and the record of a play: which delivery, as what it was found, and with whose consent.
    fn told_of_play(
        &self,
        change: Change,
        act: Act<'_>,
        (found, id): (&Playable, DeliveryId),
        run: &Run<'_>,
    ) -> Change {
        let (of, subscription) = (found.of.to_string(), found.subscription.id.to_string());
        let mut event = Event::new(EventKind::WebhookDeliveryReplayed, found.subscription.tenant, id)
            .by(act.caller.actor(), act.trace)
            .with("replay_of", of.clone())
            .with("subscription", subscription.clone())
            .with("was", found.was);
        let mut deed = Self::deed(act, "delivery.replay", id)
            .with("replay_of", of)
            .with("subscription", subscription)
            .with("was", found.was)
            .with("reason", run.reason);
        if let Some((approval, requested_by)) = run.approval {
            let (approval, requested_by) = (approval.to_string(), requested_by.to_string());
            event = event.with("approval", approval.clone()).with("requested_by", requested_by.clone());
            deed = deed.with("approval", approval).with("requested_by", requested_by);
        }
        let (event, telling) = event.step(&*self.clock, &*self.entropy);
        let (record, recording) = self.audit.step(&deed);
        change.step(event, telling).step(record, recording)
    }

    /// Records that some were asked for that cannot be played: how many, the first of them, and why not.
    async fn record_failed(&self, act: Act<'_>, failed: &[Failed]) -> Result<(), Stop> {
        let Some(first) = failed.first() else { return Ok(()) };
        let deed = Self::deed(act, "delivery.replay_failed", first.delivery)
            .with("count", i64::try_from(failed.len()).unwrap_or(i64::MAX))
            .with("code", first.code);
        self.audit.record(deed).await.map(drop)
    }
}

/// Why one cannot be played. What broke in the house stops the whole run, which may be begun again.
fn failure(delivery: DeliveryId, stop: Stop) -> Result<Failed, Stop> {
    match stop {
        Stop::Refused(refusal) => Ok(Failed { delivery, code: refusal.code() }),
        fault @ Stop::Fault(_) => Err(fault),
    }
}

fn check(ask: &ReplayAsk) -> Result<(), Stop> {
    let mut wrong = Violations::default();
    let one_way = ask.deliveries.is_empty() == ask.subscription.is_some();
    wrong.check(one_way, "/deliveries", "either the deliveries or a subscription, and one of them");
    wrong.check(ask.deliveries.len() <= MOST, "/deliveries", "at most 1,000");
    let known = matches!(ask.state.as_deref(), None | Some("dead" | "delivered"));
    wrong.check(known, "/state", "dead or delivered");
    let by_time = ask.subscription.is_some();
    wrong.check(ask.cursor.is_none() || by_time, "/cursor", "deliveries that are named have no cursor");
    wrong.check(!(ask.quarantined && by_time), "/quarantined", "what is in quarantine is named by its id");
    let nonce = ask.nonce.as_deref().unwrap_or("none");
    let visible = (1..=NONCE_MOST).contains(&nonce.len()) && nonce.bytes().all(|byte| byte.is_ascii_graphic());
    wrong.check(visible, "/nonce", "1 to 64 visible ASCII characters");
    let letters = ask.reason.chars().count();
    let plain = (1..=200).contains(&letters) && !ask.reason.chars().any(char::is_control);
    wrong.check(plain, "/reason", "1 to 200 letters, and no control characters");
    Ok(wrong.done()?)
}
