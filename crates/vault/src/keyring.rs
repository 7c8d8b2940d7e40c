//! What the hot path needs of the vault's tables, in memory: tenants' keys, and active credentials as
//! they are sealed.
//!
//! A credential is opened for each call and wiped after it. That costs about 1 µs (two AEAD openings of
//! short texts), well below what a cache of open values would have to save to be worth having values in
//! the clear lie in memory between calls, where a core dump or a swapped page could show them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
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
    /// The binding and the sealed value, as they are stored.
    record: Box<[u8]>,
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
        for (place, known) in read {
            if credentials.get(&place).is_none_or(|present| present.changed <= known.changed) {
                credentials.insert(place, known);
            }
        }
    }

    /// Opens the connection's credential for one call. One that another vault keeps is in `custody`.
    pub(crate) fn lend(
        &self,
        connection: &Connection,
        custody: &Custody,
        (now, elapsed): (Timestamp, Duration),
    ) -> Result<Loan, LendFailure> {
        let credential = connection.credential.ok_or(VaultRefusal::CredentialAbsent)?;
        let held = self.known(connection.tenant, credential).ok_or(LendFailure::NotLoaded)?;
        let (binding, sealed) = held.check(connection, now)?;
        if sealed.starts_with(REFERENCE) {
            let key = (connection.tenant, credential, held.version);
            let value = custody.lend(key, binding.context(), elapsed).map_err(LendFailure::Elsewhere)?;
            return Ok(Loan { credential, version: held.version, value, token: None });
        }
        let key = self.key_of(connection.tenant, sealed).map_err(LendFailure::Unopened)?;
        let reference = credential.as_u128().to_be_bytes();
        let place = Place {
            tenant: connection.tenant,
            purpose: CREDENTIAL,
            reference: &reference,
            version: held.version,
            context: binding.context(),
        };
        let value = open_envelope(&key, &place, sealed).map_err(LendFailure::Unopened)?;
        Ok(Loan { credential, version: held.version, value, token: None })
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

    /// Where the credential's value is, where another vault keeps it.
    pub(crate) fn reference_of(
        &self,
        tenant: TenantId,
        credential: CredentialId,
    ) -> Result<Option<Reference>, LendFailure> {
        let held = self.known(tenant, credential).ok_or(LendFailure::NotLoaded)?;
        if held.reference().is_none() {
            return Ok(None);
        }
        let opened = self.referenced(tenant, credential, &held).map_err(LendFailure::Unopened)?;
        Ok(Some(opened.1))
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
        Ok(Self { active, expires_at: row.opt_moment(3)?, version, record: record.into() })
    }

    /// The binding and the sealed value, if they may be used for this connection now.
    fn check(&self, connection: &Connection, now: Timestamp) -> Result<(Binding<'_>, &[u8]), LendFailure> {
        if !self.active {
            return Err(VaultRefusal::CredentialRevoked.into());
        }
        if self.expires_at.is_some_and(|end| end <= now) {
            return Err(VaultRefusal::CredentialExpired.into());
        }
        let parts = Binding::split(&self.record).ok_or(LendFailure::Unopened(Unopened::Malformed))?;
        if !parts.0.holds_for(connection) {
            return Err(VaultRefusal::BindingMoved.into());
        }
        Ok(parts)
    }
}

#[cfg(test)]
mod tests;
