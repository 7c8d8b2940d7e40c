//! The room as one value.

use std::sync::Arc;
use std::time::Duration;

use lockgate_access::{Access, AccessRefusal};
use lockgate_audit::{Audit, Deed};
use lockgate_egress::{Egress, Pace, Tally};
use lockgate_store::{Applied, ApplyFailure, Change, Row, Statement, Store, Value};
use lockgate_traffic::Traffic;
use lockgate_vault::webhook::WebhookSecrets;
use lockgate_vault::{Act, Vault};
use lockgate_vocabulary::{Clock, Entropy, Fault, Refusal, Stop, TenantId};
use tokio::sync::{Notify, watch};

use crate::book::Book;
use crate::broker::Broker;
use crate::config::Config;
use crate::courier::{Courier, CourierParts};
use crate::ground::Ground;
use crate::parcel::Room;
use crate::refusal::WebhookRefusal;
use crate::rows::deliveries;
use crate::subscription::{SecretPurpose, Status, Subscription};

/// For how long the store's word on what waits counts. There may be much of it.
const WAITING_PACE: Pace = Pace { near: Duration::from_secs(15), far: Duration::from_secs(600), rest: 50 };

fn waiting_full() -> Refusal {
    WebhookRefusal::WaitingFull.refuse().retry_after(Duration::from_secs(60))
}

/// What the room is made of.
#[derive(Clone)]
pub struct Parts {
    /// Who asks, and whether a tenant may do anything.
    pub access: Arc<Access>,
    /// How much.
    pub traffic: Traffic,
    /// The record.
    pub audit: Audit,
    /// What seals, verifies and signs.
    pub vault: Vault,
    /// What outlives a request.
    pub store: Store,
    /// The way to endpoints.
    pub egress: Egress,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
}

/// Webhooks, in and out.
pub struct Webhooks {
    pub(crate) access: Arc<Access>,
    pub(crate) traffic: Traffic,
    pub(crate) audit: Audit,
    pub(crate) vault: Vault,
    pub(crate) store: Store,
    pub(crate) egress: Egress,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) config: Config,
    /// Where endpoints may be.
    pub(crate) ground: Arc<Ground>,
    pub(crate) book: Arc<Book>,
    /// The gateway's broker, where it has one.
    pub(crate) broker: Option<Arc<Broker>>,
    /// Bytes of bodies that are in memory.
    pub(crate) room: Room,
    /// Bytes of deliveries that wait.
    pub(crate) backlog: Tally,
    /// Told when something is to be passed on.
    pub(crate) wake: Arc<Notify>,
    /// Ends the task that follows the epoch, when it is dropped.
    _following: watch::Sender<()>,
}

impl Webhooks {
    /// Reads the book of subscriptions and follows the epoch from then on. It must run inside a tokio runtime.
    pub async fn open(config: &Config, parts: Parts) -> Result<Self, Fault> {
        let Parts { access, traffic, audit, vault, store, egress, clock, entropy } = parts;
        let ground = Arc::new(Ground::new(config, access.danger_networks())?);
        let broker = config.nats.as_ref().map(Broker::open).transpose()?.map(Arc::new);
        let (book, following) = Book::open(store.clone(), Arc::clone(&clock), Arc::clone(&ground)).await?;
        Ok(Self {
            access,
            traffic,
            audit,
            vault,
            store,
            egress,
            clock,
            entropy,
            config: config.clone(),
            ground,
            book,
            broker,
            room: Room::new(config.body_bytes_per_tenant, config.body_bytes),
            backlog: Tally::new(
                config.waiting_bytes_per_tenant,
                &deliveries::WAITING_BYTES,
                waiting_full,
                WAITING_PACE,
            ),
            wake: Arc::new(Notify::new()),
            _following: following,
        })
    }

    /// Who passes on what is kept. It does nothing until it is started.
    pub fn courier(self: &Arc<Self>) -> Courier {
        let (book, access, signer) = (Arc::clone(&self.book), Arc::clone(&self.access), Arc::clone(self));
        // A tenant that may do nothing is told nothing either: its deliveries wait.
        let find = move |id| {
            let directory = access.directory()?;
            let found = book.page()?.find(id).cloned();
            Ok(found.map(|found| match directory.tenants.get(&found.tenant) {
                Some(tenant) if tenant.active => found,
                _ => Arc::new(Subscription { status: Status::Paused, ..Subscription::clone(&found) }),
            }))
        };
        let sign = move |subscription: &Subscription, id: &str, at: i64, body: &[u8]| {
            let secrets = signer.secrets(subscription, SecretPurpose::Sign)?;
            secrets.sign_standard(id, at, body).ok_or(Fault::broken("signing a delivery", "no secret signs"))
        };
        let parts = CourierParts {
            store: self.store.clone(),
            audit: self.audit.clone(),
            vault: self.vault.clone(),
            egress: self.egress.clone(),
            find: Arc::new(find),
            sign: Arc::new(sign),
            broker: self.broker.clone(),
            wake: Arc::clone(&self.wake),
            clock: Arc::clone(&self.clock),
            entropy: Arc::clone(&self.entropy),
        };
        Courier::new(self.config.courier(), parts)
    }

    /// Reads what changed now instead of when the epoch is noticed.
    pub async fn refresh(&self) -> Result<(), Fault> {
        self.book.refresh().await
    }

    /// Whether the book may be relied upon; for `/readyz`.
    pub fn is_fresh(&self) -> bool {
        self.book.is_fresh()
    }

    /// The live secrets of a subscription for one purpose. None of them leaves the vault's hand.
    pub(crate) fn secrets(&self, subscription: &Subscription, purpose: SecretPurpose) -> Result<WebhookSecrets, Fault> {
        let (id, now) = (subscription.id, self.clock.now());
        let sealed = match purpose {
            SecretPurpose::Verify => &subscription.verifying,
            SecretPurpose::Sign => &subscription.signing,
        };
        let live = sealed.iter().filter(|secret| secret.is_live(now));
        let live: Vec<_> = live
            .map(|secret| (secret.version, Subscription::secret_context(id, purpose, secret.version), &*secret.sealed))
            .collect();
        let live = live.iter().map(|(version, context, sealed)| (*version, context.as_slice(), *sealed));
        self.vault.webhook_secrets(subscription.tenant, live)
    }

    /// Rows of one tenant.
    pub(crate) async fn read(
        &self,
        tenant: TenantId,
        statement: &'static Statement,
        values: Vec<Value>,
    ) -> Result<Vec<Row>, Fault> {
        self.store.read(tenant, statement, values).await
    }

    /// The one row that an act is about. Another tenant's is not found, as one that never was is not.
    pub(crate) async fn one(
        &self,
        tenant: TenantId,
        statement: &'static Statement,
        values: Vec<Value>,
    ) -> Result<Row, Stop> {
        let rows = self.read(tenant, statement, values).await?;
        rows.into_iter().next().ok_or_else(|| AccessRefusal::ObjectUnknown.into())
    }

    /// An act of a caller's.
    pub(crate) fn deed(act: Act<'_>, action: &'static str, object: impl std::fmt::Display) -> Deed {
        Deed::new(act.caller.actor(), act.trace, action, object)
    }

    /// Applies a change of subscriptions with its record, and lets this node see it before it answers.
    pub(crate) async fn commit(&self, change: Change, deed: &Deed) -> Result<Applied, Stop> {
        let (statement, values) = self.audit.step(deed);
        let applied = self.store.apply(change.raising_epoch().step(statement, values)).await;
        let applied = applied.map_err(|failure| match failure {
            ApplyFailure::Conflict { .. } => Stop::from(AccessRefusal::NameTaken),
            ApplyFailure::Unmet { .. } => AccessRefusal::StatusConflict.into(),
            ApplyFailure::Fault(fault) => fault.into(),
        })?;
        // The change holds whatever comes of this; a failed reading is made good when the epoch is followed.
        if let Err(fault) = self.book.refresh().await {
            tracing::warn!(%fault, "a change was not loaded yet");
        }
        self.wake.notify_one();
        Ok(applied)
    }
}
