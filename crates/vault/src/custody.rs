//! Values that another vault keeps, held here for as long as they may be lent.
//!
//! The store has a sealed [`Reference`] in the place of the sealed value: which back end, where, which version, and the
//! fingerprint that the value must have. The value is fetched ahead of use: at the start, when a version comes to be,
//! and again and again while it is in use. In between it is in memory alone, sealed under a key that this process made
//! for itself and tells nobody, and is opened for each call as a value of the store is.
//!
//! Where the back end is away, what is held is lent until it is too old; then calls are refused. Where the back end
//! says that a version is gone it is gone here as well.
//!
//! Each fetch is recorded, whatever came of it. In `end` what a back end keeps is deleted, recovered and purged; in
//! `health` back ends are asked how they are.

mod end;
mod health;
mod reference;
mod rounds;
mod slot;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use lockgate_access::directory::Connection;
use lockgate_audit::{Audit, Deed};
use lockgate_vocabulary::{Clock, CredentialId, Entropy, Fault, Name, Refusal, Secret, Stop, TenantId, Timestamp};

use crate::backend::{BackendFailure, BackendProblem, Prefix, SecretBackend, SecretPath, Surroundings, Version};
use crate::config::Config;
use crate::equip::Loan;
use crate::keyring::{Held, LendFailure};
use crate::refusal::VaultRefusal;
use crate::seal::{self, Place, TenantKey};
use crate::vault::Inner;

pub use health::BackendView;
pub(crate) use reference::{REFERENCE, Reference};
pub(crate) use rounds::keep;
use slot::{Failed, Slot};

/// What our own vault is called where others have the names of their sections.
pub(crate) const EMBEDDED: &str = "embedded";

/// What the seal of a held value says it is for.
const HELD: &str = "held credential";

/// For how long a first failure of a back end stands for all who ask, and the longest: it doubles each time.
const REST: Duration = Duration::from_secs(1);
const REST_MOST: Duration = Duration::from_secs(30);

/// For how long one version that was not had is not asked for again.
const ABSENCE: Duration = Duration::from_secs(10);

/// Which version of whose credential.
type Key = (TenantId, CredentialId, u32);

/// The back ends, and what is held of them.
pub(crate) struct Custody {
    backends: BTreeMap<Name, Attached>,
    /// It is made anew at each start and never leaves this process.
    key: TenantKey,
    slots: RwLock<HashMap<Key, Arc<Slot>>>,
    refresh: Duration,
    most_age: Duration,
    /// Where each fetch is recorded; there is one wherever there are back ends.
    trail: Option<Audit>,
}

/// One back end.
struct Attached {
    client: Arc<dyn SecretBackend>,
    kind: &'static str,
    prefix: Prefix,
    rest: Mutex<Option<Rest>>,
    /// Since when it has only failed.
    failing_since: Mutex<Option<Timestamp>>,
    /// What it answered last when it was asked how it is. Whoever has it asks.
    probed: tokio::sync::Mutex<Option<health::Probed>>,
}

/// Where a credential's value is kept, and when it was put there or fetched last by this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Whereabouts {
    pub(crate) name: String,
    /// None where the configuration does not say any more.
    pub(crate) kind: Option<&'static str>,
    pub(crate) fetched_at: Option<Timestamp>,
}

/// That a back end is left alone for now.
#[derive(Clone, Copy)]
struct Rest {
    until: Duration,
    holds: Duration,
    why: BackendFailure,
}

impl Custody {
    /// The back ends of this configuration. None of them is asked for anything yet.
    pub(crate) fn open(config: &Config, surroundings: &Surroundings, trail: Audit) -> Result<Self, Fault> {
        let attach = |(name, config): (&Name, &crate::config::BackendConfig)| {
            if name.as_str() == EMBEDDED {
                let taken = Fault::broken("naming a back end", "`embedded` is what the gateway's own vault is called");
                return Err(BackendProblem::of(name, &taken));
            }
            let client = config.open(surroundings).map_err(|fault| BackendProblem::of(name, &fault))?;
            Ok((name.clone(), Attached::new(client, config.kind(), config.prefix().clone())))
        };
        let backends = config.backends.iter().map(attach).collect::<Result<_, Fault>>()?;
        let custody = Self::of(backends, config.held.times(), surroundings.entropy.as_ref())?;
        Ok(Self { trail: Some(trail), ..custody })
    }

    /// One without back ends.
    pub(crate) fn none(entropy: &dyn Entropy) -> Result<Self, Fault> {
        Self::of(BTreeMap::new(), Config::default().held.times(), entropy)
    }

    fn of(
        backends: BTreeMap<Name, Attached>,
        (refresh, most_age): (Duration, Duration),
        entropy: &dyn Entropy,
    ) -> Result<Self, Fault> {
        let mut material = vec![0; 32];
        entropy.fill(&mut material);
        let key = TenantKey::new(1, &Secret::new(material)).ok_or(Fault::violated("a key has 32 bytes"))?;
        Ok(Self { backends, key, slots: RwLock::default(), refresh, most_age, trail: None })
    }

    /// Whether there is nothing to be held, which is so in most houses.
    pub(crate) fn is_idle(&self) -> bool {
        self.backends.is_empty()
    }

    /// The value, where it is held and not too old.
    pub(crate) fn lend(&self, key: Key, context: &[u8], now: Duration) -> Result<Secret, Refusal> {
        let Some(slot) = self.known_slot(key) else { return Err(self.untold().refuse()) };
        match slot.sealed(now, self.most_age) {
            Some(sealed) => {
                let reference = key.1.as_u128().to_be_bytes();
                // Somebody who changed what the credential is bound to in the store does not get it by that.
                seal::open_envelope(&self.key, &place(key, &reference, context), &sealed)
                    .map_err(|_| VaultRefusal::BindingMoved.refuse())
            }
            None => Err(slot.failed().unwrap_or_else(|| self.untold().refuse())),
        }
    }

    /// Why there is nothing, where nobody asked yet.
    fn untold(&self) -> VaultRefusal {
        if self.is_idle() { VaultRefusal::BackendUnknown } else { VaultRefusal::BackendUnreachable }
    }

    /// Holds a value that was just put or fetched.
    fn hold(
        &self,
        key: Key,
        context: &[u8],
        value: &Secret,
        entropy: &dyn Entropy,
        asked: Duration,
    ) -> Result<(), Fault> {
        let reference = key.1.as_u128().to_be_bytes();
        let sealed = seal::envelope(&self.key, &place(key, &reference, context), value.expose(), entropy)?;
        self.slot(key).put(sealed, asked);
        Ok(())
    }

    /// Forgets whatever is held of a credential that may not be used any more.
    pub(crate) fn forget(&self, tenant: TenantId, credential: CredentialId) {
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        slots.retain(|key, _| (key.0, key.1) != (tenant, credential));
    }

    fn known_slot(&self, key: Key) -> Option<Arc<Slot>> {
        self.slots.read().unwrap_or_else(PoisonError::into_inner).get(&key).cloned()
    }

    fn slot(&self, key: Key) -> Arc<Slot> {
        if let Some(slot) = self.known_slot(key) {
            return slot;
        }
        Arc::clone(self.slots.write().unwrap_or_else(PoisonError::into_inner).entry(key).or_default())
    }

    fn attached(&self, name: &str) -> Result<&Attached, Refusal> {
        self.backends.get(name).ok_or_else(|| VaultRefusal::BackendUnknown.refuse())
    }
}

impl Attached {
    fn new(client: Arc<dyn SecretBackend>, kind: &'static str, prefix: Prefix) -> Self {
        let (rest, failing_since, probed) = Default::default();
        Self { client, kind, prefix, rest, failing_since, probed }
    }

    /// Why the back end is left alone just now.
    fn resting(&self, now: Duration) -> Option<BackendFailure> {
        let rest = *self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        rest.filter(|rest| now < rest.until).map(|rest| rest.why)
    }

    /// Leaves it alone after this failure, or not any longer.
    fn note(&self, clock: &dyn Clock, failed: Option<BackendFailure>) {
        let mut rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(why) = failed else {
            *rest = None;
            self.note_standing(clock, true);
            return;
        };
        let holds = rest.map_or(REST, |rest| (rest.holds * 2).min(REST_MOST));
        let told = if let BackendFailure::Throttled(wait) = why { wait } else { Duration::ZERO };
        *rest = Some(Rest { until: clock.elapsed() + holds.max(told), holds, why });
        self.note_standing(clock, false);
    }

    /// Notes that it answered, or that it did not; since when it has only failed.
    fn note_standing(&self, clock: &dyn Clock, answered: bool) -> Option<Timestamp> {
        let mut since = self.failing_since.lock().unwrap_or_else(PoisonError::into_inner);
        *since = (!answered).then(|| since.unwrap_or_else(|| clock.now()));
        *since
    }
}

impl Inner {
    /// Sees to it that the connection's credential can be lent, where another vault holds it.
    pub(crate) async fn await_held(&self, connection: &Connection) -> Result<(), Stop> {
        if self.custody.is_idle() {
            return Ok(());
        }
        let Some((credential, held)) = self.keyring.held_of(connection) else { return Ok(()) };
        if held.reference().is_none() {
            return Ok(());
        }
        let slot = self.custody.slot((connection.tenant, credential, held.version()));
        if slot.sealed(self.clock.elapsed(), self.custody.most_age).is_some() {
            return Ok(());
        }
        let most_age = self.custody.most_age;
        self.fetch(connection.tenant, credential, &held, most_age).await
    }

    /// Opens a version that is not the one in use, as it is stored, wherever its value is.
    pub(crate) async fn lend_apart(
        &self,
        connection: &Connection,
        credential: CredentialId,
        (version, record): (u32, &[u8]),
    ) -> Result<Loan, Stop> {
        let held = Held::apart(version, record);
        if held.reference().is_some() {
            self.fetch(connection.tenant, credential, &held, self.custody.most_age).await?;
        }
        let opened = self.keyring.open(connection, (credential, &held), &self.custody, self.clock.elapsed());
        opened.map_err(LendFailure::stop)
    }

    /// Fetches a value unless one is held that is younger than this. It is had once for all who wait for it.
    async fn fetch(
        &self,
        tenant: TenantId,
        credential: CredentialId,
        held: &Held,
        younger: Duration,
    ) -> Result<(), Stop> {
        let key = (tenant, credential, held.version());
        let slot = self.custody.slot(key);
        let _turn = slot.turn.lock().await;
        let now = self.clock.elapsed();
        if slot.sealed(now, younger).is_some() {
            return Ok(());
        }
        if let Some(failed) = slot.failed_lately(now) {
            return Err(failed.into());
        }
        let fetched = self.fetched(key, held).await;
        if let Err(Stop::Refused(refusal)) = &fetched {
            tracing::warn!(code = refusal.code(), %credential, "a value was not fetched from its back end");
            slot.fail(Failed { until: now + ABSENCE, why: refusal.clone() });
        }
        fetched
    }

    async fn fetched(&self, key: Key, held: &Held) -> Result<(), Stop> {
        let (tenant, credential, _) = key;
        let (binding, reference) = self.keyring.referenced(tenant, credential, held).map_err(|reason| {
            tracing::error!(%credential, %reason, "a reference to a back end cannot be opened");
            VaultRefusal::BindingMoved.refuse()
        })?;
        let attached = self.custody.attached(&reference.backend)?;
        let (path, theirs) = reference.place().ok_or_else(|| VaultRefusal::BackendUnknown.refuse())?;
        if let Some(why) = attached.resting(self.clock.elapsed()) {
            return Err(told(why).into());
        }
        let asked = self.clock.elapsed();
        let got = self.asked(attached, (tenant, &reference), (path, theirs)).await;
        if got.as_ref().is_err_and(is_gone) {
            self.custody.slot(key).withdraw();
        }
        // INVARIANT: what was fetched is lent to nobody before the record of the fetch is kept.
        self.record_fetch(key, &reference.backend, got.as_ref().err()).await?;
        Ok(self.custody.hold(key, binding.context(), &got?, &*self.entropy, asked)?)
    }

    /// Asks for one version, and demands that it is the value that was put there.
    async fn asked(
        &self,
        attached: &Attached,
        (tenant, reference): (TenantId, &Reference),
        (path, theirs): (SecretPath, Version),
    ) -> Result<Secret, Refusal> {
        let got = attached.client.get(path, theirs).await;
        attached.note(&*self.clock, got.as_ref().err().copied().filter(|why| why.is_of_the_whole()));
        let value = got.map_err(told)?;
        let fingerprint = self.digests.fingerprint(tenant, &value).ok();
        if fingerprint.as_deref() == Some(&*reference.fingerprint) {
            Ok(value)
        } else {
            Err(VaultRefusal::BackendChanged.refuse())
        }
    }

    /// Records that a value was asked for, by the house itself, and what came of it.
    async fn record_fetch(&self, key: Key, backend: &str, failed: Option<&Refusal>) -> Result<(), Stop> {
        let Some(trail) = &self.custody.trail else { return Ok(()) };
        let (tenant, credential, version) = key;
        let deed = Deed::by_house(Some(tenant), "credential.fetch", credential)
            .with("version", i64::from(version))
            .with("backend", backend)
            .with("outcome", if failed.is_none() { "fetched" } else { "failed" })
            .with("code", failed.map_or("", Refusal::code));
        trail.record(deed).await.map(drop)
    }

    /// Where the credential's value is; nothing where that cannot be said just now.
    pub(crate) fn whereabouts(&self, tenant: TenantId, credential: CredentialId) -> Option<Whereabouts> {
        let Some((reference, version)) = self.keyring.reference_of(tenant, credential).ok()? else {
            return Some(Whereabouts { name: EMBEDDED.to_owned(), kind: Some(EMBEDDED), fetched_at: None });
        };
        let kind = self.custody.attached(&reference.backend).ok().map(|attached| attached.kind);
        let slot = self.custody.known_slot((tenant, credential, version));
        let age = slot.and_then(|slot| slot.age(self.clock.elapsed()));
        Some(Whereabouts { name: reference.backend, kind, fetched_at: age.map(|age| self.clock.now().before(age)) })
    }

    /// Puts a value into a back end as the next version of this credential's, and holds it. `before` is the reference
    /// of an earlier version, where there is one.
    pub(crate) async fn put_elsewhere(
        &self,
        (tenant, credential, version): Key,
        context: &[u8],
        value: &Secret,
        (backend, before): (&str, Option<&Reference>),
    ) -> Result<Reference, Stop> {
        let attached = self.custody.attached(backend).map_err(|unknown| match before {
            Some(_) => unknown,
            None => {
                let refusal = VaultRefusal::InputInvalid.refuse();
                refusal.violation("/backend", "names one of the sections [vault.backends.NAME]")
            }
        })?;
        let path = match before {
            Some(before) => before.place().ok_or_else(|| VaultRefusal::BackendUnknown.refuse())?.0,
            None => SecretPath::of(&attached.prefix, tenant, credential),
        };
        // A version that was put and never committed, because the gateway died in between, is no obstacle.
        let known = attached.client.versions(path.clone()).await.map_err(told)?;
        let newest = known.into_iter().find(|known| known.newest).map(|known| known.version);
        let fingerprint = self.digests.fingerprint(tenant, value)?;
        let asked = self.clock.elapsed();
        let copy = Secret::new(value.expose().to_vec());
        let theirs = attached.client.put(path.clone(), newest, copy).await.map_err(told)?;
        self.custody.hold((tenant, credential, version), context, value, &*self.entropy, asked)?;
        Ok(Reference::new(backend, &path, &theirs, fingerprint))
    }
}

/// Whether a back end has said that there is no such value any more.
fn is_gone(refusal: &Refusal) -> bool {
    let gone = [VaultRefusal::BackendChanged, VaultRefusal::BackendVersionAbsent];
    gone.iter().any(|gone| gone.info().code == refusal.code())
}

/// What a caller is told of a back end's failure; what was wrong with an answer is for the log.
fn told(why: BackendFailure) -> Refusal {
    match why {
        BackendFailure::Malformed(what) => tracing::warn!(what, "a back end's answer makes no sense"),
        BackendFailure::Throttled(wait) => return why.refusal().refuse().retry_after(wait),
        _ => {}
    }
    why.refusal().refuse()
}

fn place<'a>((tenant, _, version): Key, reference: &'a [u8], context: &'a [u8]) -> Place<'a> {
    Place { tenant, purpose: HELD, reference, version, context }
}
