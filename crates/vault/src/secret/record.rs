//! What may be known of a credential: everything but its value.

use lockgate_store::Row;
use lockgate_vocabulary::{CredentialId, Fault, Name, Timestamp};
use serde::{Deserialize, Serialize, Serializer};

/// How much harm a credential could do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sensitivity {
    /// Reads what is public anyway.
    Low,
    /// Reads what is not public.
    Medium,
    /// Changes things, or reads personal data.
    High,
    /// Moves money, or administers the vendor's account.
    Critical,
}

impl Sensitivity {
    /// The word for it in rows and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Low, Self::Medium, Self::High, Self::Critical].into_iter().find(|class| class.as_str() == word)
    }
}

/// What may be known of a credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CredentialView {
    /// Its id.
    pub id: CredentialId,
    /// Its name.
    pub name: Name,
    /// Who answers for it.
    pub owner: String,
    /// How much harm it could do.
    pub sensitivity: Sensitivity,
    /// After how many days it should be rotated.
    pub cadence_days: Option<u32>,
    /// When it ends.
    #[serde(serialize_with = "rfc3339_opt")]
    pub expires_at: Option<Timestamp>,
    /// When the next rotation is due by its cadence.
    #[serde(serialize_with = "rfc3339_opt")]
    pub rotation_due_at: Option<Timestamp>,
    /// `active` or `revoked`.
    pub status: String,
    /// The version that is in use.
    pub current_version: u32,
    /// The fingerprint of that version.
    pub fingerprint: String,
    /// When the credential was taken in.
    #[serde(serialize_with = "rfc3339")]
    pub created_at: Timestamp,
    /// When the version in use was taken in.
    #[serde(serialize_with = "rfc3339")]
    pub version_created_at: Timestamp,
}

/// What may be known of one version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VersionView {
    /// Its number, from 1.
    pub version: u32,
    /// Its fingerprint.
    pub fingerprint: String,
    /// `current`, `staged`, `previous`, `revoked` or `destroyed`.
    pub status: String,
    /// When it was taken in.
    #[serde(serialize_with = "rfc3339")]
    pub created_at: Timestamp,
    /// When its value was destroyed.
    #[serde(serialize_with = "rfc3339_opt")]
    pub destroyed_at: Option<Timestamp>,
}

const DAY_MICROS: i64 = 86_400 * 1_000_000;

impl CredentialView {
    pub(super) fn read(row: &Row) -> Result<Self, Fault> {
        let cadence_days = row.opt_int(4)?.and_then(|days| u32::try_from(days).ok());
        let version_created_at = row.moment(10)?;
        let due = |days: u32| version_created_at.as_micros().saturating_add(i64::from(days).saturating_mul(DAY_MICROS));
        let sensitivity = Sensitivity::parse(row.text(3)?);
        Ok(Self {
            id: row.parsed(0)?,
            name: row.parsed(1)?,
            owner: row.text(2)?.to_owned(),
            sensitivity: sensitivity.ok_or(Fault::violated("a stored sensitivity is one of the four"))?,
            cadence_days,
            expires_at: row.opt_moment(5)?,
            rotation_due_at: cadence_days.map(|days| Timestamp::from_micros(due(days))),
            status: row.text(6)?.to_owned(),
            current_version: version_of(row.int(7)?)?,
            created_at: row.moment(8)?,
            fingerprint: row.text(9)?.to_owned(),
            version_created_at,
        })
    }

    pub(super) fn is_active(&self) -> bool {
        self.status == "active"
    }
}

impl VersionView {
    pub(super) fn read(row: &Row) -> Result<Self, Fault> {
        Ok(Self {
            version: version_of(row.int(0)?)?,
            fingerprint: row.text(1)?.to_owned(),
            status: row.text(2)?.to_owned(),
            created_at: row.moment(3)?,
            destroyed_at: row.opt_moment(4)?,
        })
    }
}

fn version_of(number: i64) -> Result<u32, Fault> {
    u32::try_from(number).map_err(|error| Fault::broken("reading a version", error))
}

/// Writes a moment as RFC 3339, as all answers do.
fn rfc3339<S: Serializer>(moment: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(moment)
}

/// The same for a moment that may be absent.
fn rfc3339_opt<S: Serializer>(moment: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match moment {
        Some(moment) => serializer.collect_str(moment),
        None => serializer.serialize_none(),
    }
}
