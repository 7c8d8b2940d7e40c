//! A credential's tokens as they are kept for all nodes: sealed, in one row.
//!
//! Whoever asks a vendor takes the row's lease and writes down that it asks before it does, in one change. So one node
//! asks at a time, and an attempt of which nobody knows what came of it shows in the row, whatever happened to its
//! node.

use std::sync::Arc;
use std::time::Duration;

use lockgate_access::directory::Connection;
use lockgate_store::{ApplyFailure, Change, Row, values};
use lockgate_vocabulary::{CredentialId, Fault, Secret, TenantId, Timestamp};
use zeroize::Zeroizing;

use super::request::{Got, WITHIN};
use super::shelf::Fresh;
use crate::binding::Binding;
use crate::dpop::DpopKey;
use crate::equip::Loan;
use crate::rows;
use crate::vault::Vault;

/// What the seal says it is for.
const PURPOSE: &str = "vendor.tokens";

/// How long a lease holds: as long as an answer may take, and time to keep it.
pub(super) const LEASE: Duration = WITHIN.saturating_add(Duration::from_secs(5));

/// The same for two answers, of which none is missed.
pub(crate) const LONG_LEASE: Duration = WITHIN.saturating_mul(3);

/// For how long an ended lease is looked at before it is taken over. Whoever has it and cannot reach the store tries
/// again more often, and has tokens that the vendor takes.
const TAKEN_OVER: Duration = Duration::from_secs(2);

/// The longest rest between two attempts of which nobody knows what came of them, and the first.
const REST: Duration = Duration::from_secs(1);
const REST_MOST: Duration = Duration::from_secs(60);

/// Whether there are tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeptState {
    /// None were had yet, or the account was disconnected.
    None,
    /// There are.
    Held,
    /// The vendor ended them.
    Ended,
}

/// The row.
pub(crate) struct Kept {
    pub(crate) series: u32,
    pub(crate) number: u64,
    pub(super) version: u32,
    pub(crate) state: KeptState,
    had_at: Option<Timestamp>,
    ends_at: Option<Timestamp>,
    /// Since when nobody knows what came of an attempt, where no lease is out.
    pub(crate) asked_at: Option<Timestamp>,
    leased_until: Option<Timestamp>,
    pub(super) fence: i64,
    /// How many attempts were unknown, and until when nobody asks again.
    tries: u32,
    rest_until: Option<Timestamp>,
    /// A digest of whose account it is.
    pub(crate) subject: Vec<u8>,
    pub(crate) scope: Option<String>,
    sealed: Vec<u8>,
}

/// What was sealed.
pub(crate) struct Pair {
    pub(crate) access: Secret,
    pub(crate) refresh: Option<Secret>,
    /// What the access token is bound to, where it is.
    pub(crate) key: Option<Arc<DpopKey>>,
}

/// Tokens to be sealed.
#[derive(Clone, Copy)]
pub(crate) struct TokensToSeal<'a> {
    pub(crate) access: &'a Secret,
    pub(crate) refresh: Option<&'a Secret>,
    pub(crate) key: Option<&'a DpopKey>,
}

/// That the key of the access token follows its length.
const BOUND: u32 = 1 << 31;

/// Bytes of such a key's private half.
const KEY_BYTES: usize = 32;

/// That this node asks.
pub(crate) struct Lease {
    pub(crate) fence: i64,
    pub(crate) series: u32,
    pub(crate) number: i64,
    /// Since when the attempt before is unknown, where it is, and how many were.
    pub(crate) unknown_since: Option<Timestamp>,
    tries: u32,
    /// For how long the vendor wants to be left alone.
    pub(super) retry_after: Duration,
}

/// How long somebody waits for a lease that another one has.
#[derive(Default)]
pub(crate) struct Patience {
    /// The lease that was over when it was looked at, and since when.
    seen: Option<(i64, Duration)>,
}

impl Patience {
    /// Whether the lease may be taken now.
    pub(crate) fn is_over(&mut self, kept: &Kept, now: Timestamp, elapsed: Duration) -> bool {
        match (kept.leased_until, self.seen) {
            (None, _) => true,
            (Some(until), _) if now < until => false,
            (Some(_), Some((fence, since))) if fence == kept.fence => elapsed.saturating_sub(since) >= TAKEN_OVER,
            (Some(_), _) => {
                self.seen = Some((kept.fence, elapsed));
                false
            }
        }
    }
}

impl Kept {
    /// The row of a credential that has none yet.
    fn none(series: u32) -> Self {
        Self {
            series,
            number: 0,
            version: 0,
            state: KeptState::None,
            had_at: None,
            ends_at: None,
            asked_at: None,
            leased_until: None,
            fence: 0,
            tries: 0,
            rest_until: None,
            subject: Vec::new(),
            scope: None,
            sealed: Vec::new(),
        }
    }

    /// A row with nothing but this in it.
    #[cfg(test)]
    pub(super) fn sealed((series, number): (u32, u64), sealed: Vec<u8>) -> Self {
        Self { number, state: KeptState::Held, sealed, ..Self::none(series) }
    }

    fn read(row: &Row) -> Result<Self, Fault> {
        let short = |column| row.int(column).and_then(|value| u32::try_from(value).map_err(unsound));
        let state = match row.text(3)? {
            "held" => KeptState::Held,
            "ended" => KeptState::Ended,
            _ => KeptState::None,
        };
        Ok(Self {
            series: short(0)?,
            number: u64::try_from(row.int(1)?).map_err(unsound)?,
            version: short(2)?,
            state,
            had_at: row.opt_moment(4)?,
            ends_at: row.opt_moment(5)?,
            asked_at: row.opt_moment(6)?,
            leased_until: row.opt_moment(7)?,
            fence: row.int(8)?,
            tries: short(9)?,
            rest_until: row.opt_moment(10)?,
            subject: row.opt_bytes(11)?.unwrap_or_default().to_vec(),
            scope: row.opt_text(12)?.map(str::to_owned),
            sealed: row.opt_bytes(13)?.unwrap_or_default().to_vec(),
        })
    }

    /// Whether somebody asks at this moment.
    pub(crate) fn is_leased(&self, now: Timestamp) -> bool {
        self.leased_until.is_some_and(|until| now < until)
    }

    /// Whether nobody knows what came of the last attempt.
    pub(crate) fn is_unknown(&self, now: Timestamp) -> bool {
        self.asked_at.is_some() && !self.is_leased(now)
    }

    /// For how long nobody asks again yet, on any node.
    pub(super) fn rests(&self, now: Timestamp) -> Option<Duration> {
        self.rest_until.filter(|until| now < *until).map(|until| until.since(now))
    }

    /// Whether its tokens were had at this moment.
    pub(crate) fn is_had_at(&self, moment: Timestamp) -> bool {
        self.had_at == Some(moment)
    }

    /// Whether there are no tokens.
    pub(crate) fn is_empty(&self) -> bool {
        self.state != KeptState::Held
    }

    /// How old the token is and how long it lives, where it has not ended.
    pub(super) fn times(&self, now: Timestamp) -> Option<(Duration, Duration)> {
        let (had, ends) = self.had_at.zip(self.ends_at)?;
        (now < ends).then(|| (now.since(had), ends.since(had)))
    }
}

fn unsound(error: std::num::TryFromIntError) -> Fault {
    Fault::broken("reading kept tokens", error)
}

impl Vault {
    /// What is kept for a credential whose account was connected so often.
    pub(crate) async fn kept(&self, tenant: TenantId, credential: CredentialId, series: u32) -> Result<Kept, Fault> {
        let rows = self.inner.store.read(tenant, &rows::TOKENS_READ, values![credential]).await?;
        rows.first().map_or_else(|| Ok(Kept::none(series)), Kept::read)
    }

    /// Takes the lease for so long and writes down that it is asked; nothing where somebody else was quicker, or
    /// where taking it took so long that what is asked would outlast it.
    pub(crate) async fn lease(
        &self,
        tenant: TenantId,
        (credential, version): (CredentialId, u32),
        kept: &Kept,
        lasts: Duration,
    ) -> Result<Option<Lease>, Fault> {
        let (clock, now) = (&self.inner.clock, self.inner.clock.now());
        if kept.is_leased(now) {
            return Ok(None);
        }
        let values = values![credential, kept.series, version, now, now.after(lasts), kept.fence];
        let change = Change::of(tenant).step(&rows::TOKENS_LEASE, values).expecting(1);
        let lease = Lease {
            fence: kept.fence + 1,
            series: kept.series,
            number: i64::try_from(kept.number).map_err(unsound)?,
            unknown_since: kept.asked_at,
            tries: kept.tries,
            retry_after: Duration::ZERO,
        };
        match self.inner.store.apply(change).await {
            Ok(_) if clock.now().since(now) <= LEASE - WITHIN => Ok(Some(lease)),
            Ok(_) => {
                let change = self.release_step(tenant, credential, &lease, lease.unknown_since, None)?;
                self.inner.store.apply(change).await.map_err(|failure| failure.into_fault("ending a lease"))?;
                Ok(None)
            }
            Err(ApplyFailure::Unmet { .. }) => Ok(None),
            Err(failure) => Err(failure.into_fault("leasing tokens")),
        }
    }

    /// The step that ends a lease that brought nothing. Where nobody knows what came of it, nobody asks for a while,
    /// twice as long each time.
    pub(crate) fn release_step(
        &self,
        tenant: TenantId,
        credential: CredentialId,
        lease: &Lease,
        asked_at: Option<Timestamp>,
        code: Option<&str>,
    ) -> Result<Change, Fault> {
        let tries = if asked_at.is_some() { lease.tries.saturating_add(1) } else { 0 };
        let unknown = if asked_at.is_some() { REST } else { Duration::ZERO };
        let rest = unknown.saturating_mul(1 << tries.saturating_sub(1).min(6)).min(REST_MOST).max(lease.retry_after);
        let rests = asked_at.is_some() || !lease.retry_after.is_zero();
        let rest_until = rests.then(|| self.inner.clock.now().after(rest));
        let values = values![credential, lease.fence, lease.series, lease.number, asked_at, tries, rest_until, code];
        Ok(Change::of(tenant).step(&rows::TOKENS_RELEASE, values))
    }

    /// The step that ends tokens: their row has this state and series from then on.
    pub(crate) fn end_step(
        &self,
        tenant: TenantId,
        credential: CredentialId,
        lease: &Lease,
        (state, code, series): (&str, Option<&str>, u32),
    ) -> Change {
        let values = values![credential, lease.fence, lease.series, lease.number, state, code, series];
        Change::of(tenant).raising_epoch().step(&rows::TOKENS_END, values).expecting(1)
    }

    /// Opens what is kept, for the connection as it is. It does not open for one that was re-pointed since.
    pub(crate) fn open_pair(
        &self,
        connection: &Connection,
        credential: CredentialId,
        kept: &Kept,
    ) -> Result<Pair, Fault> {
        let context = self.context(connection, credential, (kept.series, kept.number));
        let whole = self.unseal(connection.tenant, PURPOSE, &context, &kept.sealed)?;
        let bytes = whole.expose();
        let torn = || Fault::violated("kept tokens are two texts with the length of the first before them");
        let (length, rest) = bytes.split_first_chunk::<4>().ok_or_else(torn)?;
        let length = u32::from_be_bytes(*length);
        let key_bytes = if length & BOUND == 0 { 0 } else { KEY_BYTES };
        let (key, rest) = rest.split_at_checked(key_bytes).ok_or_else(torn)?;
        let length = usize::try_from(length & !BOUND).map_err(unsound)?;
        let (access, refresh) = rest.split_at_checked(length).ok_or_else(torn)?;
        let refresh = (!refresh.is_empty()).then(|| Secret::new(refresh.to_vec()));
        let key = if key.is_empty() { None } else { Some(Arc::new(DpopKey::restore(key)?)) };
        Ok(Pair { access: Secret::new(access.to_vec()), refresh, key })
    }

    /// Seals tokens under the number that they get: length(4) access refresh, with the key between length and access
    /// token where the highest bit of the length says so.
    pub(crate) fn seal_pair(
        &self,
        connection: &Connection,
        credential: CredentialId,
        place: (u32, u64),
        tokens: TokensToSeal<'_>,
    ) -> Result<Vec<u8>, Fault> {
        let (access, refresh) = (tokens.access.expose(), tokens.refresh.map(Secret::expose).unwrap_or_default());
        let key = tokens.key.map(|key| key.private().expose()).unwrap_or_default();
        let length = u32::try_from(access.len()).map_err(unsound)? | if key.is_empty() { 0 } else { BOUND };
        let mut plain = Zeroizing::new(Vec::with_capacity(4 + key.len() + access.len() + refresh.len()));
        plain.extend_from_slice(&length.to_be_bytes());
        plain.extend_from_slice(key);
        plain.extend_from_slice(access);
        plain.extend_from_slice(refresh);
        self.seal(connection.tenant, PURPOSE, &self.context(connection, credential, place), &plain)
    }

    /// The step that keeps an answer in the place of what was kept.
    pub(super) fn keep_step(
        &self,
        connection: &Connection,
        loan: &Loan,
        (kept, refresh): (&Kept, Option<&Secret>),
        got: &Got,
        had_at: Timestamp,
    ) -> Result<Change, Fault> {
        let place = (kept.series, kept.number + 1);
        let tokens = TokensToSeal { access: &got.access, refresh, key: got.key.as_deref() };
        let sealed = self.seal_pair(connection, loan.credential, place, tokens)?;
        let number = i64::try_from(kept.number).map_err(unsound)?;
        let values = values![
            loan.credential,
            kept.series,
            number,
            loan.version,
            had_at,
            had_at.after(got.lives),
            got.scope.as_deref(),
            sealed
        ];
        Ok(Change::of(connection.tenant).step(&rows::TOKENS_KEEP, values).expecting(1))
    }

    /// INVARIANT: what was had at one endpoint is never sent to another one: the binding says where the credential
    /// goes, and is part of what the seal authenticates.
    fn context(&self, connection: &Connection, credential: CredentialId, (series, number): (u32, u64)) -> Vec<u8> {
        let mut context = Vec::with_capacity(16 + 4 + 8 + 32);
        context.extend_from_slice(&credential.as_u128().to_be_bytes());
        context.extend_from_slice(&series.to_be_bytes());
        context.extend_from_slice(&number.to_be_bytes());
        context.extend_from_slice(&self.bound_to(connection));
        context
    }

    /// A digest of where the connection's credential goes.
    pub(crate) fn bound_to(&self, connection: &Connection) -> [u8; 32] {
        self.inner.digests.digest(connection.tenant, PURPOSE, Binding::of(connection).context())
    }
}

impl Kept {
    /// What is on the shelf of this, once it is opened.
    pub(super) fn fresh(&self, pair: Pair, (age, lives): (Duration, Duration)) -> Fresh {
        Fresh { number: self.number, value: pair.access, key: pair.key, age, lives }
    }
}

#[cfg(test)]
mod tests;
