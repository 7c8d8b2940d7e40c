//! A rotation as it is kept: one version on its way into use, and what became of it.

use std::time::Duration;

use lockgate_store::{Row, values};
use lockgate_vocabulary::{CredentialId, Fault, Stop, TenantId, Timestamp};
use serde::Serialize;

use super::record::{rfc3339, rfc3339_opt, version_of};
use super::{Custodian, RotationState};
use crate::refusal::VaultRefusal;
use crate::rows;

/// For how long a passed verification counts.
pub(super) const HOLDS: Duration = Duration::from_secs(86_400);

/// A rotation: who asked for it, and how it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RotationView {
    /// The version that is to be used.
    pub version: u32,
    /// How it stands.
    pub state: RotationState,
    /// Whether the version is in use without the vendor having been asked.
    pub danger_unverified: bool,
    /// The principal who asked for it.
    pub by: String,
    /// Its name.
    pub by_name: String,
    /// When they did.
    #[serde(serialize_with = "rfc3339")]
    pub asked_at: Timestamp,
    /// From when on it is verified and finished by itself.
    #[serde(serialize_with = "rfc3339_opt")]
    pub finish_at: Option<Timestamp>,
    /// How often the vendor was asked.
    pub tries: i64,
    /// Why it failed.
    pub code: Option<String>,
    /// What the vendor answered.
    pub vendor_status: Option<u16>,
    /// When its state was reached.
    #[serde(serialize_with = "rfc3339")]
    pub at: Timestamp,
    #[serde(skip)]
    pub(super) credential: CredentialId,
    #[serde(skip)]
    pub(super) expires_at: Option<Timestamp>,
}

impl RotationView {
    pub(super) fn read(row: &Row) -> Result<Self, Fault> {
        let state = RotationState::parse(row.text(2)?);
        Ok(Self {
            credential: row.parsed(0)?,
            version: version_of(row.int(1)?)?,
            state: state.ok_or(Fault::violated("a stored rotation has one of the states"))?,
            danger_unverified: row.int(3)? != 0,
            by: row.text(4)?.to_owned(),
            by_name: row.text(5)?.to_owned(),
            asked_at: row.moment(6)?,
            expires_at: row.opt_moment(7)?,
            finish_at: row.opt_moment(8)?,
            tries: row.int(9)?,
            code: row.opt_text(10)?.map(str::to_owned),
            vendor_status: row.opt_int(11)?.and_then(|status| u16::try_from(status).ok()),
            at: row.moment(12)?,
        })
    }

    /// Whether it passed, and not too long ago.
    pub(super) fn is_passed(&self, now: Timestamp) -> bool {
        self.state == RotationState::Verified && now < self.at.after(HOLDS)
    }
}

/// Proof that the vendor took exactly this version within the last day. Only [`Custodian::passed`] makes it, and the
/// change that puts the version to use holds for this very try alone.
#[derive(Debug)]
pub(super) struct Passed {
    version: u32,
    tries: i64,
}

impl Passed {
    pub(super) const fn version(&self) -> u32 {
        self.version
    }

    pub(super) const fn tries(&self) -> i64 {
        self.tries
    }
}

impl Custodian {
    /// The rotation to this version.
    pub(super) async fn rotation(
        &self,
        tenant: TenantId,
        id: CredentialId,
        version: u32,
    ) -> Result<RotationView, Stop> {
        let rows = self.vault.inner.store.read(tenant, &rows::ROTATION_OF, values![id, version]).await?;
        let row = rows.first().ok_or(VaultRefusal::VersionUnfit)?;
        Ok(RotationView::read(row)?)
    }

    /// Demands that the version has passed its verification of late.
    pub(super) async fn passed(&self, tenant: TenantId, id: CredentialId, version: u32) -> Result<Passed, Stop> {
        let rotation = self.rotation(tenant, id, version).await?;
        if !rotation.is_passed(self.vault.inner.clock.now()) {
            return Err(VaultRefusal::VersionUnverified.into());
        }
        Ok(Passed { version, tries: rotation.tries })
    }
}
