//! What the hot path needs of the vault's tables, in memory: tenants' keys, and active credentials as
//! they are sealed.
//!
//! A credential is opened for each call and wiped after it. That costs about 1 µs (two AEAD openings of
//! short texts), well below what a cache of open values would have to save to be worth having values in
//! the clear lie in memory between calls, where a core dump or a swapped page could show them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use lockgate_access::directory::Connection;
use lockgate_store::{EPOCH_HOLDS, Row};
use lockgate_vocabulary::{CredentialId, Fault, Refusal, Stop, TenantId, Timestamp};

use crate::binding::Binding;
use crate::custody::{Custody, REFERENCE, Reference};
use crate::equip::Loan;
use crate::refusal::VaultRefusal;
use crate::seal::{Place, TenantKey, Unopened, key_version, open_envelope};

/// What a credential's seal says it is for.
pub(crate) const CREDENTIAL: &str = "credential";

/// The same of a reference to another vault. What was sealed as the one never opens as the other.
pub(crate) const CREDENTIAL_REFERENCE: &str = "credential reference";

/// The keys of one tenant.
#[derive(Default)]
struct TenantKeys {
    newest: Option<Arc<TenantKey>>,
    older: Vec<Arc<TenantKey>>,
}

/// The current version of a credential.
pub(crate) struct Held {
    active: bool,
    expires_at: Option<Timestamp>,
    version: u32,
    /// How often its account was connected by a person.
    series: u32,
    /// The binding and the sealed value, as they are stored.
    record: Box<[u8]>,
    /// When it was lent to a call last, in microseconds since 1970, and up to when the store knows of it.
    used: AtomicI64,
    told: AtomicI64,
}

/// That a version was lent to a call, and when last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Used {
    pub(crate) tenant: TenantId,
    pub(crate) credential: CredentialId,
    pub(crate) version: u32,
    pub(crate) at: Timestamp,
}

/// A moment: by the calendar, and by the clock that nobody sets.
pub(crate) type Moment = (Timestamp, Duration);

/// Which version of which credential, and how often its account was connected by a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lendable {
    pub(crate) credential: CredentialId,
    pub(crate) version: u32,
    pub(crate) series: u32,
}

/// What is known of a credential.
struct Known {
    /// The epoch of the row that says so.
    changed: i64,
    /// None where that row could not be read.
    held: Option<Arc<Held>>,
}

/// The vault's tables in memory.
#[derive(Default)]
pub(crate) struct Keyring {
    keys: RwLock<HashMap<TenantId, TenantKeys>>,
    credentials: RwLock<HashMap<(TenantId, CredentialId), Known>>,
    /// What is known of the use of versions that were replaced since it was last told.
    replaced: Mutex<Vec<Used>>,
    loaded: AtomicU64,
    /// Since when the store's epoch is ahead, by the clock's elapsed time; none while it is not.
    behind_since: Mutex<Option<Duration>>,
}

impl Keyring {
    /// The epoch that the keyring shows.
    pub(crate) fn loaded(&self) -> u64 {
        self.loaded.load(Ordering::Acquire)
    }

    /// Says that everything up to this epoch is in, which was the newest one at `asked_at`. Where there is a
    /// newer one by now, that came after it.
    pub(crate) fn set_loaded(&self, epoch: u64, asked_at: Duration, newest: impl FnOnce() -> u64) {
        let mut behind_since = self.behind_since.lock().unwrap_or_else(PoisonError::into_inner);
        let loaded = self.loaded.fetch_max(epoch, Ordering::AcqRel).max(epoch);
        // INVARIANT: the newest epoch is read under the lock, so a rise that it does not show yet is noted
        // after this and not lost.
        *behind_since = (newest() > loaded).then(|| behind_since.map_or(asked_at, |since| since.max(asked_at)));
    }

    /// Notes that the store's epoch rose, so that the time behind it runs whether anybody calls or not.
    pub(crate) fn note_rise(&self, epoch: u64, elapsed: Duration) {
        let mut behind_since = self.behind_since.lock().unwrap_or_else(PoisonError::into_inner);
        if self.loaded() < epoch {
            behind_since.get_or_insert(elapsed);
        }
    }

    /// Whether what it shows may be relied on: it follows the store's epoch, or has been behind for no
    /// longer than an epoch holds.
    pub(crate) fn is_fresh(&self, epoch: u64, elapsed: Duration) -> bool {
        if self.loaded() >= epoch {
            return true;
        }
        // Who comes before the rise was noted notes it.
        self.note_rise(epoch, elapsed);
        let behind_since = *self.behind_since.lock().unwrap_or_else(PoisonError::into_inner);
        behind_since.is_none_or(|since| elapsed.saturating_sub(since) <= EPOCH_HOLDS)
    }

    /// Takes in a tenant's key.
    pub(crate) fn add_key(&self, tenant: TenantId, key: TenantKey) {
        let key = Arc::new(key);
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        let of_tenant = keys.entry(tenant).or_default();
        of_tenant.older.retain(|other| other.version() != key.version());
        match &of_tenant.newest {
            Some(newest) if newest.version() > key.version() => of_tenant.older.push(key),
            Some(newest) if newest.version() < key.version() => {
                of_tenant.older.push(newest.clone());
                of_tenant.newest = Some(key);
            }
            _ => of_tenant.newest = Some(key),
        }
    }

    /// The tenant's key that seals from now on.
    pub(crate) fn newest_key(&self, tenant: TenantId) -> Option<Arc<TenantKey>> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.get(&tenant)?.newest.clone()
    }

    /// The tenant's key that these bytes were sealed under.
    pub(crate) fn key_of(&self, tenant: TenantId, sealed: &[u8]) -> Result<Arc<TenantKey>, Unopened> {
        let version = key_version(sealed)?;
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let of_tenant = keys.get(&tenant).ok_or(Unopened::NoKey(version))?;
        let known = of_tenant.newest.iter().chain(&of_tenant.older);
        known.into_iter().find(|key| key.version() == version).cloned().ok_or(Unopened::NoKey(version))
    }

    /// Takes in credentials as [`crate::rows::CREDENTIALS_ALL`] gives them.
    ///
    /// A row that cannot be read is told of, and what was known by its name is forgotten: it may say that the
    /// credential was revoked. So it stops its own connection and no other.
    ///
    /// INVARIANT: what is known is never replaced by an older row. Two may read at once, and the one that
    /// read before a revocation may come here after the one that read it.
    pub(crate) fn add_credentials(&self, rows: &[Row]) {
        let mut read = Vec::with_capacity(rows.len());
        for row in rows {
            let held = Held::read(row).map_err(|fault| tracing::error!(%fault, "a credential's row cannot be read"));
            match (row.parsed(0), row.parsed(1)) {
                (Ok(tenant), Ok(credential)) => {
                    // A row that does not say when it changed may say anything: nothing replaces it.
                    let changed = row.int(6).unwrap_or(i64::MAX);
                    read.push(((tenant, credential), Known { changed, held: held.ok().map(Arc::new) }));
                }
                _ => tracing::error!("a credential's row does not say whose it is"),
            }
        }
        let mut credentials = self.credentials.write().unwrap_or_else(PoisonError::into_inner);
        let mut replaced = self.replaced.lock().unwrap_or_else(PoisonError::into_inner);
        for (place, known) in read {
            if credentials.get(&place).is_none_or(|present| present.changed <= known.changed) {
                let before = credentials.insert(place, known).and_then(|before| before.held);
                // INVARIANT: whoever was lent it noted that under the other side of this lock, so no use is lost.
                replaced.extend(before.and_then(|held| held.untold(place)));
            }
        }
    }

    /// Uses that the store does not know of yet. They count as untold until [`Keyring::told`] says otherwise.
    pub(crate) fn untold(&self) -> Vec<Used> {
        let credentials = self.credentials.read().unwrap_or_else(PoisonError::into_inner);
        let held = credentials.iter().filter_map(|(place, known)| Some((*place, known.held.as_ref()?)));
        let mut untold: Vec<Used> = held.filter_map(|(place, held)| held.untold(place)).collect();
        untold.extend(self.replaced.lock().unwrap_or_else(PoisonError::into_inner).iter());
        untold
    }

    /// The store knows of these.
    pub(crate) fn told(&self, told: &[Used]) {
        let credentials = self.credentials.read().unwrap_or_else(PoisonError::into_inner);
        for used in told {
            let known = credentials.get(&(used.tenant, used.credential)).and_then(|known| known.held.as_ref());
            if let Some(held) = known.filter(|held| held.version == used.version) {
                held.told.fetch_max(used.at.as_micros(), Ordering::Relaxed);
            }
        }
        let mut replaced = self.replaced.lock().unwrap_or_else(PoisonError::into_inner);
        replaced.retain(|used| !told.contains(used));
    }

    /// Opens the connection's credential, for something else than to send it to the vendor in a call. One that another
    /// vault keeps is in `custody`.
    pub(crate) fn lend(&self, connection: &Connection, custody: &Custody, at: Moment) -> Result<Loan, LendFailure> {
        self.opened(connection, custody, at, |_| ())
    }

    /// Opens the connection's credential for one call, and notes that it was used.
    pub(crate) fn lend_to_call(
        &self,
        connection: &Connection,
        custody: &Custody,
        at: Moment,
    ) -> Result<Loan, LendFailure> {
        self.opened(connection, custody, at, |held| held.used.store(at.0.as_micros(), Ordering::Relaxed))
    }

    fn opened(
        &self,
        connection: &Connection,
        custody: &Custody,
        (now, elapsed): Moment,
        note: impl FnOnce(&Held),
    ) -> Result<Loan, LendFailure> {
        let credential = connection.credential.ok_or(VaultRefusal::CredentialAbsent)?;
        let held = self.held(connection.tenant, credential, |held| {
            held.demand(now)?;
            note(held);
            Ok(())
        })?;
        self.open(connection, (credential, &held), custody, elapsed)
    }

    /// Which version of its credential the connection would be lent, and how often its account was connected, without
    /// opening it: for what only asks whether an access token is there.
    pub(crate) fn would_lend(&self, connection: &Connection, now: Timestamp) -> Result<Lendable, LendFailure> {
        let credential = connection.credential.ok_or(VaultRefusal::CredentialAbsent)?;
        let held = self.held(connection.tenant, credential, |held| held.demand(now))?;
        let (binding, _) = Binding::split(&held.record).ok_or(LendFailure::Unopened(Unopened::Malformed))?;
        if !binding.holds_for(connection) {
            return Err(VaultRefusal::BindingMoved.into());
        }
        Ok(Lendable { credential, version: held.version, series: held.series })
    }

    /// Opens the connection's credential whether it may be used or not: to tell its vendor that what was had with it
    /// is over.
    pub(crate) fn lend_to_leave(
        &self,
        connection: &Connection,
        custody: &Custody,
        elapsed: Duration,
    ) -> Result<Loan, LendFailure> {
        let credential = connection.credential.ok_or(VaultRefusal::CredentialAbsent)?;
        let held = self.held(connection.tenant, credential, |_| Ok(()))?;
        self.open(connection, (credential, &held), custody, elapsed)
    }

    /// What is known of a credential, once `note` has seen it under the lock.
    fn held(
        &self,
        tenant: TenantId,
        credential: CredentialId,
        note: impl FnOnce(&Held) -> Result<(), VaultRefusal>,
    ) -> Result<Arc<Held>, LendFailure> {
        let credentials = self.credentials.read().unwrap_or_else(PoisonError::into_inner);
        let known = credentials.get(&(tenant, credential));
        let held = known.and_then(|known| known.held.clone()).ok_or(LendFailure::NotLoaded)?;
        note(&held)?;
        Ok(held)
    }

    /// Opens one version of a credential for the connection as it is now.
    pub(crate) fn open(
        &self,
        connection: &Connection,
        (credential, held): (CredentialId, &Held),
        custody: &Custody,
        elapsed: Duration,
    ) -> Result<Loan, LendFailure> {
        let (binding, sealed) = Binding::split(&held.record).ok_or(LendFailure::Unopened(Unopened::Malformed))?;
        if !binding.holds_for(connection) {
            return Err(VaultRefusal::BindingMoved.into());
        }
        let (version, series) = (held.version, held.series);
        if sealed.starts_with(REFERENCE) {
            let key = (connection.tenant, credential, version);
            let value = custody.lend(key, binding.context(), elapsed).map_err(LendFailure::Elsewhere)?;
            return Ok(Loan { credential, version, series, value });
        }
        let key = self.key_of(connection.tenant, sealed).map_err(LendFailure::Unopened)?;
        let reference = credential.as_u128().to_be_bytes();
        let place = Place {
            tenant: connection.tenant,
            purpose: CREDENTIAL,
            reference: &reference,
            version,
            context: binding.context(),
        };
        let value = open_envelope(&key, &place, sealed).map_err(LendFailure::Unopened)?;
        Ok(Loan { credential, version, series, value })
    }

    fn known(&self, tenant: TenantId, credential: CredentialId) -> Option<Arc<Held>> {
        let credentials = self.credentials.read().unwrap_or_else(PoisonError::into_inner);
        credentials.get(&(tenant, credential)).and_then(|known| known.held.clone())
    }

    /// The connection's credential as it is known.
    pub(crate) fn held_of(&self, connection: &Connection) -> Option<(CredentialId, Arc<Held>)> {
        let credential = connection.credential?;
        Some((credential, self.known(connection.tenant, credential)?))
    }

    /// Every active credential whose value another vault keeps.
    pub(crate) fn all_referenced(&self) -> Vec<(TenantId, CredentialId, Arc<Held>)> {
        let credentials = self.credentials.read().unwrap_or_else(PoisonError::into_inner);
        let all = credentials.iter().filter_map(|((tenant, credential), known)| {
            let held = known.held.as_ref().filter(|held| held.active && held.reference().is_some())?;
            Some((*tenant, *credential, Arc::clone(held)))
        });
        all.collect()
    }

    /// Opens the reference to another vault, and gives what the value is bound to with it.
    pub(crate) fn referenced<'a>(
        &self,
        tenant: TenantId,
        credential: CredentialId,
        held: &'a Held,
    ) -> Result<(Binding<'a>, Reference), Unopened> {
        let (binding, sealed) = held.reference().ok_or(Unopened::Malformed)?;
        let key = self.key_of(tenant, sealed)?;
        let id = credential.as_u128().to_be_bytes();
        let (purpose, version) = (CREDENTIAL_REFERENCE, held.version);
        let place = Place { tenant, purpose, reference: &id, version, context: binding.context() };
        let opened = open_envelope(&key, &place, sealed)?;
        let reference = Reference::from_bytes(opened.expose()).ok_or(Unopened::Malformed)?;
        Ok((binding, reference))
    }

    /// Where the credential's value is, where another vault keeps it, and which version of ours it is.
    pub(crate) fn reference_of(
        &self,
        tenant: TenantId,
        credential: CredentialId,
    ) -> Result<Option<(Reference, u32)>, LendFailure> {
        let held = self.known(tenant, credential).ok_or(LendFailure::NotLoaded)?;
        if held.reference().is_none() {
            return Ok(None);
        }
        let opened = self.referenced(tenant, credential, &held).map_err(LendFailure::Unopened)?;
        Ok(Some((opened.1, held.version)))
    }
}

/// Why a credential was not lent.
#[derive(Debug)]
pub(crate) enum LendFailure {
    /// It may not be used.
    Refused(VaultRefusal),
    /// Another vault keeps it, and it is not held.
    Elsewhere(Refusal),
    /// The connection names a credential that is not in memory yet.
    NotLoaded,
    /// Its seal did not open.
    Unopened(Unopened),
}

impl LendFailure {
    /// How a story ends by it.
    pub(crate) fn stop(self) -> Stop {
        match self {
            Self::Refused(refusal) => refusal.into(),
            Self::Elsewhere(refusal) => refusal.into(),
            Self::NotLoaded => Fault::unavailable("lending a credential", "it is not in memory yet").into(),
            Self::Unopened(reason) => Fault::broken("opening a credential", reason).into(),
        }
    }
}

impl From<VaultRefusal> for LendFailure {
    fn from(refusal: VaultRefusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Held {
    /// Which version it is.
    pub(crate) fn version(&self) -> u32 {
        self.version
    }

    /// The binding and the sealed reference, where another vault keeps the value.
    pub(crate) fn reference(&self) -> Option<(Binding<'_>, &[u8])> {
        let (binding, sealed) = Binding::split(&self.record)?;
        Some((binding, sealed.strip_prefix(REFERENCE)?))
    }

    fn read(row: &Row) -> Result<Self, Fault> {
        let active = row.text(2)? == "active";
        let version = u32::try_from(row.int(4)?).map_err(|error| Fault::broken("reading a version", error))?;
        // A destroyed version has nothing sealed; it is never active.
        let record = row.opt_bytes(5)?.unwrap_or_default();
        let series = u32::try_from(row.int(7)?).map_err(|error| Fault::broken("reading a series", error))?;
        let (used, told) = (AtomicI64::new(0), AtomicI64::new(0));
        Ok(Self { active, expires_at: row.opt_moment(3)?, version, series, record: record.into(), used, told })
    }

    /// A version that is not the one in use, as it is stored.
    pub(crate) fn apart(version: u32, record: &[u8]) -> Self {
        let (used, told) = (AtomicI64::new(0), AtomicI64::new(0));
        Self { active: true, expires_at: None, version, series: 0, record: record.into(), used, told }
    }

    /// Its last use, where the store does not know of it.
    fn untold(&self, (tenant, credential): (TenantId, CredentialId)) -> Option<Used> {
        let used = self.used.load(Ordering::Relaxed);
        let at = Timestamp::from_micros(used);
        (used > self.told.load(Ordering::Relaxed)).then_some(Used { tenant, credential, version: self.version, at })
    }

    /// Demands that it may be used now.
    fn demand(&self, now: Timestamp) -> Result<(), VaultRefusal> {
        if !self.active {
            return Err(VaultRefusal::CredentialRevoked);
        }
        if self.expires_at.is_some_and(|end| end <= now) {
            return Err(VaultRefusal::CredentialExpired);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
