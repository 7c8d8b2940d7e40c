//! A credential's tokens as they are kept for all nodes: sealed, in one row.
//!
//! Whoever asks a vendor takes the row's lease and writes down that it asks before it does, in one change. So one node
//! asks at a time, and an attempt of which nobody knows what came of it shows in the row, whatever happened to its
//! node.

use std::time::Duration;

use lockgate_access::directory::Connection;
use lockgate_store::{ApplyFailure, Change, Row, values};
use lockgate_vocabulary::{CredentialId, Fault, Secret, TenantId, Timestamp};
use zeroize::Zeroizing;

use super::request::{Got, WITHIN};
use super::shelf::Fresh;
use crate::binding::Binding;
use crate::equip::Loan;
use crate::rows;
use crate::vault::Vault;

/// What the seal says it is for.
const PURPOSE: &str = "vendor.tokens";

/// How long a lease holds: as long as an answer may take, and time to keep it.
const LEASE: Duration = WITHIN.saturating_add(Duration::from_secs(5));

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
    pub(crate) scope: Option<String>,
    sealed: Vec<u8>,
}

/// What was sealed.
pub(crate) struct Pair {
    pub(crate) access: Secret,
    pub(crate) refresh: Option<Secret>,
}

/// That this node asks.
pub(crate) struct Lease {
    pub(crate) fence: i64,
    /// Since when the attempt before is unknown, where it is.
    pub(super) unknown_since: Option<Timestamp>,
}

impl Kept {
    /// The row of a credential that has none yet.
    fn none(loan: &Loan) -> Self {
        Self {
            series: loan.series,
            number: 0,
            version: loan.version,
            state: KeptState::None,
            had_at: None,
            ends_at: None,
            asked_at: None,
            leased_until: None,
            fence: 0,
            scope: None,
            sealed: Vec::new(),
        }
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
            scope: row.opt_text(9)?.map(str::to_owned),
            sealed: row.opt_bytes(11)?.unwrap_or_default().to_vec(),
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
    /// What is kept for what was lent.
    pub(crate) async fn kept(&self, tenant: TenantId, loan: &Loan) -> Result<Kept, Fault> {
        let rows = self.inner.store.read(tenant, &rows::TOKENS_READ, values![loan.credential]).await?;
        rows.first().map_or_else(|| Ok(Kept::none(loan)), Kept::read)
    }

    /// Takes the lease and writes down that it is asked; nothing where somebody else was quicker.
    pub(crate) async fn lease(&self, tenant: TenantId, loan: &Loan, kept: &Kept) -> Result<Option<Lease>, Fault> {
        let now = self.inner.clock.now();
        if kept.is_leased(now) {
            return Ok(None);
        }
        let values = values![loan.credential, loan.series, loan.version, now, now.after(LEASE), kept.fence];
        let change = Change::of(tenant).step(&rows::TOKENS_LEASE, values).expecting(1);
        match self.inner.store.apply(change).await {
            Ok(_) => Ok(Some(Lease { fence: kept.fence + 1, unknown_since: kept.asked_at })),
            Err(ApplyFailure::Unmet { .. }) => Ok(None),
            Err(failure) => Err(failure.into_fault("leasing tokens")),
        }
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
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(unsound)?;
        let (access, refresh) = rest.split_at_checked(length).ok_or_else(torn)?;
        let refresh = (!refresh.is_empty()).then(|| Secret::new(refresh.to_vec()));
        Ok(Pair { access: Secret::new(access.to_vec()), refresh })
    }

    /// Seals tokens under the number that they get.
    pub(crate) fn seal_pair(
        &self,
        connection: &Connection,
        credential: CredentialId,
        place: (u32, u64),
        (access, refresh): (&Secret, Option<&Secret>),
    ) -> Result<Vec<u8>, Fault> {
        let (access, refresh) = (access.expose(), refresh.map(Secret::expose).unwrap_or_default());
        let length = u32::try_from(access.len()).map_err(unsound)?;
        let mut plain = Zeroizing::new(Vec::with_capacity(4 + access.len() + refresh.len()));
        plain.extend_from_slice(&length.to_be_bytes());
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
        let sealed = self.seal_pair(connection, loan.credential, place, (&got.access, refresh))?;
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
        Fresh { number: self.number, value: pair.access, age, lives }
    }
}
