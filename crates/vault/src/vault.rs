//! The room as one value: seals and opens, digests, lends a credential to one request.

mod rekey;
mod rewrap;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use http::HeaderValue;
use http::request::Parts;
use lockgate_access::Grant;
use lockgate_access::directory::Connection;
use lockgate_access::spec::AuthPlacement;
use lockgate_audit::Audit;
use lockgate_store::{Change, Epoch, Row, Store, values};
use lockgate_vocabulary::{Clock, Entropy, Errand, Fault, Secret, Stop, TenantId};
use tokio::task::JoinSet;

use crate::backend::Surroundings;
use crate::client::{self, Identity};
use crate::config::Config;
use crate::custody::{self, Custody};
use crate::dpop::{self, DpopKey, DpopProof, ProofClaims};
use crate::equip::{self, Equipped, Loan};
use crate::fingerprint::Digests;
use crate::keyring::{Keyring, LendFailure, Lendable, Moment, Used};
use crate::refusal::VaultRefusal;
use crate::root_key::{self, RootKey, RootKeyProblem, UnwrapFailure, Wrapped};
use crate::rows;
use crate::scrub;
use crate::seal::{self, Place, StreamOpener, StreamSealer, TenantKey};
use crate::token::Shelf;

pub use rekey::Rekeyed;
pub use rewrap::{Rewrapped, wrappings};

/// The house itself as a tenant of the vault: what belongs to no tenant is sealed under its key.
pub const HOUSE: TenantId = TenantId::from_u128(0);

/// Uses that are told in one change.
const USES: usize = 1_000;

/// Keys that are unwrapped at once: whoever holds the root key elsewhere is asked for each by itself.
const UNWRAPPED_AT_ONCE: usize = 16;

/// How long the keyring waits before it asks the store again after a failure.
const RETRY: Duration = Duration::from_millis(100);

/// The vault. Cloning it gives another handle on the same one.
///
/// It lends and seals; it gives no credential out. Taking credentials in, rotating and revoking them is
/// the [`crate::Custodian`]'s.
#[derive(Clone)]
pub struct Vault {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) keyring: Keyring,
    pub(crate) digests: Digests,
    /// Access tokens, in memory alone.
    pub(crate) tokens: Shelf,
    /// Values that other vaults keep.
    pub(crate) custody: Custody,
    root_key: Arc<dyn RootKey>,
    epoch: Epoch,
    /// Up to which epoch every tenant has a key.
    completed: AtomicU64,
}

impl Vault {
    /// Reads the root key, opens every tenant's key with it and starts to follow the store's epoch. It
    /// must run inside a tokio runtime. A root key that did not seal this store is refused.
    pub async fn open(
        config: &Config,
        store: Store,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, Fault> {
        let custody = Custody::none(entropy.as_ref())?;
        let root_key = Arc::new(root_key::read(&config.source()?, entropy.clone())?);
        Self::opened(root_key, custody, store, clock, entropy).await
    }

    /// The same with the other vaults that the configuration names, and a root key that is held elsewhere, which are
    /// asked through `errand`. What is fetched of the other vaults is recorded in `audit`.
    pub async fn open_with(
        config: &Config,
        (store, audit): (Store, Audit),
        errand: Arc<dyn Errand>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, Fault> {
        let surroundings = Surroundings { errand, clock: clock.clone(), entropy: entropy.clone() };
        let custody = Custody::open(config, &surroundings, audit)?;
        let root_key = root_key::open(config, &surroundings)?;
        Self::opened(root_key, custody, store, clock, entropy).await
    }

    async fn opened(
        root_key: Arc<dyn RootKey>,
        custody: Custody,
        store: Store,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, Fault> {
        let epoch = store.epoch();
        let house = house_key(root_key.as_ref(), &store, clock.as_ref(), entropy.as_ref()).await?;
        let inner = Arc::new(Inner {
            store,
            clock,
            entropy,
            keyring: Keyring::default(),
            digests: Digests::new(&house)?,
            tokens: Shelf::default(),
            custody,
            root_key,
            epoch: epoch.clone(),
            completed: AtomicU64::new(0),
        });
        inner.refresh().await?;
        tokio::spawn(note_rises(Arc::downgrade(&inner), epoch.clone()));
        tokio::spawn(follow(Arc::downgrade(&inner), epoch.clone()));
        if !inner.custody.is_idle() {
            tokio::spawn(custody::keep(Arc::downgrade(&inner), epoch));
        }
        Ok(Self { inner })
    }

    /// Makes sure that the tenant has a key, so that [`Vault::seal`] can do without the store.
    pub async fn prepare(&self, tenant: TenantId) -> Result<(), Fault> {
        self.inner.prepare(tenant).await.map(drop)
    }

    /// Reads what changed in the store now instead of at the next epoch.
    pub async fn refresh(&self) -> Result<(), Fault> {
        self.inner.refresh().await?;
        self.inner.complete().await
    }

    /// Tells the store when credentials were lent to calls last, as far as it does not know: at most so many in one
    /// change, and nothing where there is nothing to tell.
    pub async fn tell_uses(&self) -> Result<(), Fault> {
        let untold = self.inner.keyring.untold();
        for some in untold.chunks(USES) {
            let step = |change: Change, used: &Used| {
                let values = values![used.tenant, used.credential, i64::from(used.version), used.at];
                change.step(&rows::VERSION_USED, values)
            };
            let change = some.iter().fold(Change::house(), step);
            self.inner.store.apply(change).await.map_err(|failure| failure.into_fault("telling of uses"))?;
            self.inner.keyring.told(some);
        }
        Ok(())
    }

    /// Seals bytes that open only for the same tenant, purpose and context. It asks no database.
    pub fn seal(&self, tenant: TenantId, purpose: &str, context: &[u8], plain: &[u8]) -> Result<Vec<u8>, Fault> {
        let key = self.inner.sealing_key(tenant)?;
        seal::message(&key, &place(tenant, purpose, context), plain, self.inner.entropy.as_ref())
    }

    /// Opens what [`Vault::seal`] sealed. Bytes that were changed or belong elsewhere are a fault.
    pub fn unseal(&self, tenant: TenantId, purpose: &str, context: &[u8], sealed: &[u8]) -> Result<Secret, Fault> {
        let key = self.inner.keyring.key_of(tenant, sealed).map_err(unopened)?;
        seal::open_message(&key, &place(tenant, purpose, context), sealed).map_err(unopened)
    }

    /// Starts to seal a stream, such as a spool, in chunks of 64 KiB.
    pub fn stream_sealer(&self, tenant: TenantId, purpose: &str, context: &[u8]) -> Result<StreamSealer, Fault> {
        let key = self.inner.sealing_key(tenant)?;
        StreamSealer::new(&key, &place(tenant, purpose, context), self.inner.entropy.as_ref())
    }

    /// Starts to open a stream, from its first [`StreamOpener::PRELUDE`] bytes.
    pub fn stream_opener(
        &self,
        tenant: TenantId,
        purpose: &str,
        context: &[u8],
        prelude: &[u8],
    ) -> Result<StreamOpener, Fault> {
        let key = self.inner.keyring.key_of(tenant, prelude).map_err(unopened)?;
        StreamOpener::new(&key, &place(tenant, purpose, context), prelude).map_err(unopened)
    }

    /// A keyed digest, for records and idempotency keys: equal for equal data of the same tenant and
    /// purpose, and nothing to anybody without the root key. It stays the same over the years.
    pub fn digest(&self, tenant: TenantId, purpose: &str, data: &[u8]) -> [u8; 32] {
        self.inner.digests.digest(tenant, purpose, data)
    }

    /// Puts the connection's credential into the request, as the last thing before it is sent.
    ///
    /// The request's target is absolute and lies below the connection's base, or nothing is lent.
    pub fn equip(&self, grant: &Grant, parts: &mut Parts) -> Result<Equipped, Stop> {
        let connection = grant.connection();
        if connection.tenant != grant.caller().tenant() {
            return Err(Fault::violated("a grant is for a connection of the caller's tenant").into());
        }
        self.inner.equip(connection, parts)
    }

    /// What the connection names itself by in handshakes with its vendor, where tokens are bound to that: the
    /// certificate and the private key of its credential as it is now.
    ///
    /// Where it leads has to be the connection's own base, or it is shown to nobody.
    pub fn identity(&self, grant: &Grant, (host, port): (&str, u16)) -> Result<Option<Identity>, Stop> {
        let connection = grant.connection();
        if connection.tenant != grant.caller().tenant() {
            return Err(Fault::violated("a grant is for a connection of the caller's tenant").into());
        }
        match &connection.provider.auth {
            AuthPlacement::OAuth(spec) if spec.certificate_bound => {
                if *connection.base.host != *host || connection.base.port != port || connection.base.plain {
                    return Err(VaultRefusal::OriginOutside.into());
                }
                self.inner.lend(connection).map(|loan| Some(Identity::of(&loan)))
            }
            _ => Ok(None),
        }
    }

    /// What would be lent, without lending it: for a request that is not sent. Of a connection whose vendor wants an
    /// access token none is had for it.
    pub fn appraise(&self, grant: &Grant, parts: &mut Parts) -> Result<bool, Stop> {
        let connection = grant.connection();
        if !matches!(connection.provider.auth, AuthPlacement::OAuth(_)) {
            return self.equip(grant, parts).map(|equipped| equipped.lent().is_some());
        }
        equip::check_origin(connection, parts)?;
        self.inner.lend(connection).map(|_| true)
    }

    /// The text without the connection's credential in any spelling, for what a vendor sent back. At most
    /// 8 KiB of it are kept.
    pub fn scrub(&self, grant: &Grant, text: &str) -> String {
        self.inner.scrub(grant.connection(), text)
    }
}

impl Inner {
    pub(crate) fn equip(&self, connection: &Connection, parts: &mut Parts) -> Result<Equipped, Stop> {
        equip::check_origin(connection, parts)?;
        let placement = &connection.provider.auth;
        if *placement == AuthPlacement::None {
            return equip::put(placement, None, parts);
        }
        // The credential is looked at for a token as well, so that one that was revoked, has ended or is bound elsewhere
        // lends none.
        let loan = self.lent(connection, Keyring::lend_to_call)?;
        if !matches!(placement, AuthPlacement::OAuth(_)) {
            return equip::put(placement, Some(&loan), parts);
        }
        let slot = self.tokens.slot(connection.tenant, loan.of());
        let token = slot.usable(self.clock.elapsed()).ok_or(VaultRefusal::TokenUnavailable)?;
        let value = token.sent().ok_or(VaultRefusal::SecretUnfit)?;
        let proof = match &token.key {
            Some(key) => Some(self.proof(key, token.value.expose(), slot.at_api.wanted(), parts)?),
            None => None,
        };
        Ok(equip::put_token((loan.credential, loan.version), (token.number, value), proof, parts))
    }

    /// The proof that this request is sent by whoever has the key to which its access token is bound.
    pub(crate) fn proof(
        &self,
        key: &DpopKey,
        token: &[u8],
        nonce: Option<HeaderValue>,
        parts: &Parts,
    ) -> Result<DpopProof, Fault> {
        let (method, target, now) = (&parts.method, dpop::target_of(&parts.uri), self.clock.now());
        let claims = ProofClaims { method, target, token: Some(token), nonce: nonce.as_ref(), now };
        let value = key.proof(&claims, self.entropy.as_ref())?;
        Ok(DpopProof { value, nonce })
    }

    pub(crate) fn scrub(&self, connection: &Connection, text: &str) -> String {
        if connection.provider.auth == AuthPlacement::None {
            return scrub::clipped(text).to_owned();
        }
        match self.lend(connection) {
            Ok(loan) if matches!(connection.provider.auth, AuthPlacement::OAuth(_)) => {
                // A client's secret is known to the vendor as well, and a call may have had an earlier token with it. A
                // private key is known to nobody.
                let slot = self.tokens.slot(connection.tenant, loan.of());
                let text = match client::secret_of(&connection.provider.auth, &loan.value) {
                    Some(secret) => scrub::scrub(text, secret, &AuthPlacement::Bearer),
                    None => scrub::clipped(text).to_owned(),
                };
                slot.known()
                    .into_iter()
                    .fold(text, |text, token| scrub::scrub(&text, token.value.expose(), &AuthPlacement::Bearer))
            }
            Ok(loan) => scrub::scrub(text, loan.value.expose(), &connection.provider.auth),
            // Without the credential nobody can say whether the text holds it.
            Err(_) => scrub::WITHHELD.to_owned(),
        }
    }

    /// Forgets tokens and held values of credentials that may not be used any more, and tokens of accounts that were
    /// connected anew or not at all, of rows as the keyring takes them in.
    fn forget_revoked(&self, rows: &[Row]) {
        for row in rows {
            let (Ok(tenant), Ok(credential)) = (row.parsed(0), row.parsed(1)) else { continue };
            let active = row.text(2).is_ok_and(|status| status == "active");
            let series = row.int(7).ok().and_then(|series| u32::try_from(series).ok()).filter(|_| active);
            self.tokens.keep_only(tenant, credential, series);
            if !active {
                self.custody.forget(tenant, credential);
            }
        }
    }

    pub(crate) fn lend(&self, connection: &Connection) -> Result<Loan, Stop> {
        self.lent(connection, Keyring::lend)
    }

    /// What the connection would be lent, without opening it.
    pub(crate) fn would_lend(&self, connection: &Connection) -> Result<Lendable, Stop> {
        self.lent(connection, |keyring, connection, _, (now, _)| keyring.would_lend(connection, now))
    }

    fn lent<T>(
        &self,
        connection: &Connection,
        lend: impl FnOnce(&Keyring, &Connection, &Custody, Moment) -> Result<T, LendFailure>,
    ) -> Result<T, Stop> {
        let epoch = self.epoch.value();
        if self.keyring.loaded() < epoch && !self.keyring.is_fresh(epoch, self.clock.elapsed()) {
            return Err(Fault::unavailable("lending a credential", "what changed could not be read for 2 s").into());
        }
        let moment = (self.clock.now(), self.clock.elapsed());
        lend(&self.keyring, connection, &self.custody, moment).map_err(LendFailure::stop)
    }

    fn sealing_key(&self, tenant: TenantId) -> Result<Arc<TenantKey>, Fault> {
        let none = || Fault::unavailable("sealing for a tenant", "its key is not in memory yet");
        self.keyring.newest_key(tenant).ok_or_else(none)
    }

    /// The tenant's newest key, made now where there is none.
    pub(crate) async fn prepare(&self, tenant: TenantId) -> Result<Arc<TenantKey>, Fault> {
        if let Some(key) = self.keyring.newest_key(tenant) {
            return Ok(key);
        }
        let root_key = self.root_key.as_ref();
        make_key(root_key, &self.store, tenant, self.clock.as_ref(), self.entropy.as_ref()).await?;
        let rows = self.store.read(tenant, &rows::KEYS_OF, vec![]).await?;
        self.add_keys(&rows).await?;
        self.keyring.newest_key(tenant).ok_or(Fault::violated("a key that was made is there"))
    }

    /// Reads what changed since the last time, or everything at the first.
    pub(crate) async fn refresh(&self) -> Result<(), Fault> {
        // INVARIANT: the epoch is read before the rows, so what changes in between is read again.
        let (asked_at, target) = (self.clock.elapsed(), self.epoch.value());
        match self.keyring.loaded() {
            0 => self.read_all().await?,
            since => {
                let since = i64::try_from(since).unwrap_or(i64::MAX);
                let keys = self.store.survey(&rows::KEYS_SINCE, values![since]).await?;
                self.add_keys(&keys).await?;
                let credentials = self.store.survey(&rows::CREDENTIALS_SINCE, values![since]).await?;
                self.keyring.add_credentials(&credentials);
                self.forget_revoked(&credentials);
            }
        }
        self.keyring.set_loaded(target, asked_at, || self.epoch.value());
        Ok(())
    }

    /// Makes a key for every tenant that came to be since the last time, so that sealing for it needs no
    /// database.
    pub(crate) async fn complete(&self) -> Result<(), Fault> {
        let target = self.epoch.value();
        let since = i64::try_from(self.completed.load(Ordering::Acquire)).unwrap_or(i64::MAX);
        let mut behind = String::new();
        loop {
            let page = values![since, &behind, rows::PAGE_ROWS];
            let page = self.store.survey(&rows::KEYS_MISSING, page).await?;
            for row in &page {
                self.prepare(row.parsed(0)?).await?;
            }
            let Some(last) = page.last() else { break };
            behind = last.text(0)?.to_owned();
        }
        self.completed.fetch_max(target, Ordering::AcqRel);
        Ok(())
    }

    async fn read_all(&self) -> Result<(), Fault> {
        let (mut tenant, mut version) = (String::new(), 0);
        loop {
            let page = self.store.survey(&rows::KEYS_ALL, values![tenant, version, rows::PAGE_ROWS]).await?;
            self.add_keys(&page).await?;
            let Some(last) = page.last() else { break };
            (tenant, version) = (last.text(0)?.to_owned(), last.int(1)?);
        }
        let (mut tenant, mut credential) = (String::new(), String::new());
        loop {
            let page = values![tenant, credential, rows::PAGE_ROWS];
            let page = self.store.survey(&rows::CREDENTIALS_ALL, page).await?;
            self.keyring.add_credentials(&page);
            self.forget_revoked(&page);
            let Some(last) = page.last() else { break };
            (tenant, credential) = (last.text(0)?.to_owned(), last.text(1)?.to_owned());
        }
        Ok(())
    }

    /// Takes keys in, some of them unwrapped at once. A root key that is not here at all is a mistake of the operator's,
    /// which a start refuses; wrapped bytes that were changed harm their own tenant alone.
    async fn add_keys(&self, rows: &[Row]) -> Result<(), Fault> {
        let (mut rest, mut under_way) = (rows.iter().cloned(), JoinSet::new());
        loop {
            for row in rest.by_ref().take(UNWRAPPED_AT_ONCE - under_way.len()) {
                let root_key = Arc::clone(&self.root_key);
                under_way.spawn(async move { (unwrapped(root_key.as_ref(), &row).await, row) });
            }
            let Some(done) = under_way.join_next().await else { return Ok(()) };
            let (unwrapped, row) = done.map_err(|error| Fault::broken("unwrapping tenants' keys", error))?;
            match unwrapped {
                Ok((tenant, key)) => self.keyring.add_key(tenant, key),
                Err(Unusable::Key(problem)) => {
                    tracing::error!(tenant = row.text(0)?, %problem, "a tenant's key cannot be unwrapped");
                }
                Err(Unusable::RootKey) => return Err(RootKeyProblem::Wrong.into()),
                Err(Unusable::Fault(fault)) => return Err(fault),
            }
        }
    }
}

/// Notes when the store's epoch rises, beside the readings that follow it: one that hangs must not hide that.
async fn note_rises(vault: Weak<Inner>, mut epoch: Epoch) {
    while let Some(value) = epoch.changed().await {
        let Some(inner) = vault.upgrade() else { return };
        inner.keyring.note_rise(value, inner.clock.elapsed());
    }
}

/// Follows the store's epoch until the vault or the store is gone.
async fn follow(vault: Weak<Inner>, mut epoch: Epoch) {
    loop {
        while let Some(inner) = vault.upgrade() {
            let followed = match inner.refresh().await {
                Ok(()) => inner.complete().await,
                failed => failed,
            };
            let Err(fault) = followed else { break };
            tracing::warn!(%fault, "the vault could not read what changed");
            let pause = inner.clock.sleep(RETRY);
            drop(inner);
            pause.await;
        }
        if vault.strong_count() == 0 || epoch.changed().await.is_none() {
            return;
        }
    }
}

fn place<'a>(tenant: TenantId, purpose: &'a str, context: &'a [u8]) -> Place<'a> {
    Place { tenant, purpose, reference: b"", version: 0, context }
}

/// A key that is not in memory may come yet; what was changed or never was ours stays so.
fn unopened(reason: seal::Unopened) -> Fault {
    const OPENING: &str = "opening what was sealed";
    match reason {
        seal::Unopened::NoKey(_) => Fault::unavailable(OPENING, reason),
        seal::Unopened::Malformed | seal::Unopened::Refused => Fault::broken(OPENING, reason),
    }
}

/// What a tenant's key is bound to when it is wrapped.
fn label(tenant: TenantId, version: i64) -> Vec<u8> {
    let mut label = b"lockgate tenant key v1".to_vec();
    label.extend_from_slice(&tenant.as_u128().to_be_bytes());
    label.extend_from_slice(&version.to_be_bytes());
    label
}

/// The house's first key, made at the first start. It is also what proves that the root key is the one
/// that sealed this store.
async fn house_key(
    root_key: &dyn RootKey,
    store: &Store,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
) -> Result<TenantKey, Fault> {
    if store.read(HOUSE, &rows::KEYS_OF, vec![]).await?.is_empty() {
        make_key(root_key, store, HOUSE, clock, entropy).await?;
    }
    let rows = store.read(HOUSE, &rows::KEYS_OF, vec![]).await?;
    let first = rows.first().ok_or(Fault::violated("the house's key is there once it was made"))?;
    unwrapped(root_key, first).await.map(|(_, key)| key).map_err(Unusable::into_fault)
}

/// Makes a tenant's first key. Where another node was quicker, its key stays.
async fn make_key(
    root_key: &dyn RootKey,
    store: &Store,
    tenant: TenantId,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
) -> Result<(), Fault> {
    let mut material = vec![0; 32];
    entropy.fill(&mut material);
    let wrapped = root_key.wrap(label(tenant, 1), Secret::new(material)).await?;
    let change = Change::of(tenant)
        .raising_epoch()
        .step(&rows::KEY_INSERT, values![1i64, wrapped.root_key, wrapped.bytes, clock.now()]);
    store.apply(change).await.map_err(|failure| failure.into_fault("keeping a tenant's new key"))?;
    Ok(())
}

/// Why a tenant's key is of no use.
enum Unusable {
    /// The root key that wrapped it is not here.
    RootKey,
    /// The row was changed, or never was a key.
    Key(&'static str),
    /// The store or the key service failed.
    Fault(Fault),
}

impl Unusable {
    fn into_fault(self) -> Fault {
        match self {
            Self::RootKey | Self::Key(_) => RootKeyProblem::Wrong.into(),
            Self::Fault(fault) => fault,
        }
    }
}

impl From<Fault> for Unusable {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

async fn unwrapped(root_key: &dyn RootKey, row: &Row) -> Result<(TenantId, TenantKey), Unusable> {
    let version = u32::try_from(row.int(1)?).map_err(|_| Unusable::Key("its version is no version"))?;
    let material = unwrapped_material(root_key, row).await?;
    let key = TenantKey::new(version, &material).ok_or(Unusable::Key("it does not have 32 bytes"))?;
    Ok((row.parsed(0)?, key))
}

async fn unwrapped_material(root_key: &dyn RootKey, row: &Row) -> Result<Secret, Unusable> {
    let label = label(row.parsed(0)?, row.int(1)?);
    let wrapped = Wrapped { root_key: row.text(2)?.to_owned(), bytes: row.bytes(3)?.to_vec() };
    root_key.unwrap(label, wrapped).await.map_err(|failure| match failure {
        UnwrapFailure::Absent => Unusable::RootKey,
        UnwrapFailure::Wrong => Unusable::Key("it was changed, or another root key wrapped it"),
        UnwrapFailure::Fault(fault) => Unusable::Fault(fault),
    })
}

#[cfg(test)]
mod tests;
