//! The room as one value: who are you, and may you.
//!
//! It keeps the snapshot that everything is judged by, and refuses while that cannot be relied upon.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use http::Method;
use ipnet::IpNet;
use lockgate_audit::Audit;
use lockgate_store::Store;
use lockgate_vocabulary::{Arrival, Clock, Entropy, Errand, Fault, Stop, TenantId, TraceId};
use tokio::sync::watch;

use crate::authn::Presented;
use crate::authn::identity::Identity;
use crate::authz::{self, Ask, Grant};
use crate::caller::Caller;
use crate::catalog::Catalog;
use crate::config::{Config, Quotas, Retention};
use crate::directory::keeper::Keeper;
use crate::directory::{Directory, Provider, mixup};
use crate::refusal::AccessRefusal;
use crate::registry::Registry;
use crate::scope::Scope;
use crate::tokens::{Denied, Grounds, Posted, SealKeys, Tokens};

/// How long it is until the signing keys are read again that could not be read.
const RETRY: Duration = Duration::from_millis(100);

/// What the room stands on.
pub struct Foundation {
    /// Where rows are.
    pub store: Store,
    /// Where acts are recorded.
    pub audit: Audit,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
    /// What signing keys are sealed with.
    pub seal: SealKeys,
    /// How issuers' keys are fetched.
    pub errand: Arc<dyn Errand>,
}

/// Identifies callers and authorizes what they ask for, from one snapshot in memory.
pub struct Access {
    keeper: Arc<Keeper>,
    identity: Arc<Identity>,
    catalog: Catalog,
    store: Store,
    audit: Audit,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    danger_networks: Box<[IpNet]>,
    audience: Box<str>,
    quotas: Quotas,
    retention: Retention,
    /// Ends the tasks that follow the epoch, when it is dropped.
    _following: watch::Sender<()>,
}

impl Access {
    /// Loads the snapshot, makes the first signing keys where there are none, and follows the epoch from
    /// then on. It must run inside a tokio runtime.
    pub async fn open(config: &Config, foundation: Foundation) -> Result<Self, Fault> {
        let Foundation { store, audit, clock, entropy, seal, errand } = foundation;
        let retention = config.retention()?;
        let catalog = Catalog::compiled()?;
        let grounds = Grounds {
            store: store.clone(),
            audit: Some(audit.clone()),
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
            seal,
        };
        let identity = Arc::new(Identity::open(config, grounds, errand).await?);
        let danger_networks: Box<[IpNet]> = config.danger_private_networks.as_slice().into();
        let keeper = Keeper::open(store.clone(), Arc::clone(&clock), catalog.clone(), &danger_networks).await?;
        let keeper = Arc::new(keeper);
        let (following, gone) = watch::channel(());
        tokio::spawn(Arc::clone(&keeper).follow(gone));
        tokio::spawn(follow_keys(Arc::downgrade(&identity), keeper.watch(), Arc::clone(&clock)));
        Ok(Self {
            keeper,
            identity,
            catalog,
            store,
            audit,
            clock,
            entropy,
            danger_networks,
            audience: config.tokens.audience().into(),
            quotas: config.quotas,
            retention,
            _following: following,
        })
    }

    /// What is known at this moment. Refused while the snapshot may have been passed by: whoever looks
    /// somebody up in it would take who was revoked for who is not.
    pub fn directory(&self) -> Result<Arc<Directory>, Fault> {
        self.demand_fresh()?;
        Ok(self.keeper.current_full())
    }

    /// Demands that the provider shares no endpoint with another one that the tenant may use, unless it shares all
    /// of them: otherwise a code could get to the wrong vendor.
    pub fn demand_unmixed(&self, tenant: TenantId, provider: &Provider) -> Result<(), Stop> {
        let directory = self.directory()?;
        let own = directory.tenants.get(&tenant).into_iter().flat_map(|view| view.providers.values());
        let listed = self.catalog.vendors().map(|vendor| &vendor.resolved);
        let Some((other, what)) = mixup::mixed(provider, own.chain(listed).map(|each| &*each.provider)) else {
            return Ok(());
        };
        let detail = format!("It shares with the provider `{}` {}.", other.name, what.as_str());
        Err(AccessRefusal::ProviderMixed.refuse().detail(detail).into())
    }

    /// The vendors that every tenant may use.
    pub const fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// How much each tenant may have.
    pub const fn quotas(&self) -> &Quotas {
        &self.quotas
    }

    /// Our own tokens: issued, looked into, revoked.
    pub fn tokens(&self) -> &Tokens {
        &self.identity.tokens
    }

    /// Takes back a token of the client's own, and lets this node see it before it answers.
    pub async fn revoke(&self, posted: &Posted<'_>, arrival: &Arrival) -> Result<(), Denied> {
        let directory = self.directory().map_err(Stop::from)?;
        if self.tokens().revoke(&directory, posted, arrival).await? {
            self.settle().await;
        }
        Ok(())
    }

    /// Who presents this. Refused while the snapshot may have been passed by.
    pub async fn identify(&self, presented: Presented<'_>, arrival: &Arrival) -> Result<Caller, Stop> {
        let directory = self.directory()?;
        self.identity.identify(&directory, presented, arrival).await
    }

    /// Judges a call. It looks at memory alone.
    pub fn authorize(&self, caller: &Caller, ask: &Ask) -> Result<Grant, Stop> {
        authz::authorize(caller, ask)
    }

    /// Demands a scope, for what is no call.
    pub fn demand(&self, caller: &Caller, scope: Scope) -> Result<(), Stop> {
        authz::demand(caller, scope)
    }

    /// Judges anew, right before the wire, whether what was granted is granted still: the caller's key or
    /// token, the principal, the scopes, the connection and its endpoints.
    pub fn still_holds(&self, grant: &Grant) -> Result<(), Stop> {
        self.demand_fresh()?;
        let directory = self.keeper.current();
        authz::still_holds(grant, &directory, &self.identity, self.clock.now())
    }

    /// Whether a redirect of a granted call may take the credential to this path below the connection's
    /// base: the caller must be allowed to call a declared endpoint there itself, at this moment.
    pub fn may_lead(&self, grant: &Grant, method: &Method, path: &str) -> Result<bool, Stop> {
        self.demand_fresh()?;
        Ok(authz::may_lead(grant, &self.keeper.current(), method, path))
    }

    /// The registry in this caller's hands, within this trace.
    pub const fn registry<'a>(&'a self, caller: &'a Caller, trace: TraceId) -> Registry<'a> {
        Registry::new(self, caller, trace)
    }

    /// Whether the snapshot may be relied upon; for `/readyz`.
    pub fn is_fresh(&self) -> bool {
        self.keeper.is_fresh() && self.tokens().is_fresh()
    }

    /// Loads what changed now instead of when the epoch is noticed.
    pub async fn refresh(&self) -> Result<(), Fault> {
        self.keeper.refresh().await
    }

    /// Told of each new snapshot's epoch.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.keeper.watch()
    }

    /// Lets this node see a change before it answers for it. The change holds whatever comes of this; a
    /// failed load is made good when the epoch is followed, and nothing is let through until then.
    pub async fn settle(&self) {
        if let Err(fault) = self.keeper.refresh().await {
            tracing::warn!(%fault, "a change was not loaded yet");
        }
    }

    fn demand_fresh(&self) -> Result<(), Fault> {
        if self.is_fresh() {
            return Ok(());
        }
        Err(Fault::unavailable("relying on the directory", "the epoch is not confirmed, or not loaded yet"))
    }

    pub(crate) const fn retention(&self) -> Retention {
        self.retention
    }

    pub(crate) const fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) const fn audit(&self) -> &Audit {
        &self.audit
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    pub(crate) fn entropy(&self) -> &dyn Entropy {
        &*self.entropy
    }

    /// Private networks that the configuration opens to what tenants declare.
    pub fn danger_networks(&self) -> &[IpNet] {
        &self.danger_networks
    }

    pub(crate) fn audience(&self) -> &str {
        &self.audience
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("epoch", &self.keeper.current().epoch).finish_non_exhaustive()
    }
}

/// Reads the signing keys anew with each snapshot, for as long as anybody identifies callers by them. What cannot be
/// read is tried again, and nobody is identified meanwhile: a key may have been withdrawn.
async fn follow_keys(identity: Weak<Identity>, mut snapshots: watch::Receiver<u64>, clock: Arc<dyn Clock>) {
    while snapshots.changed().await.is_ok() {
        let Some(followed) = identity.upgrade() else { return };
        followed.tokens.note_change();
        drop(followed);
        loop {
            let Some(identity) = identity.upgrade() else { return };
            let Err(fault) = identity.tokens.reload().await else { break };
            tracing::error!(%fault, "the signing keys were not read anew");
            drop(identity);
            clock.sleep(RETRY).await;
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
