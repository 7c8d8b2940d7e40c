//! What may be known of a credential: everything but its value.

use std::time::Duration;

use lockgate_store::Row;
use lockgate_vocabulary::{CredentialId, Fault, Name, Timestamp};
use serde::{Deserialize, Serialize, Serializer};

use super::attempt::RotationView;

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
    /// When the next rotation is due, by its cadence or because it ends.
    #[serde(serialize_with = "rfc3339_opt")]
    pub rotation_due_at: Option<Timestamp>,
    /// Whether it is due.
    pub rotation_due: bool,
    /// The rotation that was attempted last, whatever became of it.
    pub last_rotation: Option<RotationView>,
    /// When it was lent to a call last, at most a minute late, and which version of it.
    #[serde(serialize_with = "rfc3339_opt")]
    pub last_used_at: Option<Timestamp>,
    /// That version.
    pub last_used_version: Option<u32>,
    /// Other credentials of the tenant with the same value, in use or staged.
    pub shared_with: Vec<CredentialId>,
    /// Whether its values stay until the end of the recovery window, whoever wants them gone.
    pub purge_protected: bool,
    /// When it was revoked.
    #[serde(serialize_with = "rfc3339_opt")]
    pub revoked_at: Option<Timestamp>,
    /// Until when it may be brought back.
    #[serde(serialize_with = "rfc3339_opt")]
    pub recover_until: Option<Timestamp>,
    /// That it was reported as compromised.
    pub compromise: Option<CompromiseView>,
    #[serde(skip)]
    pub(super) revoked_by: Option<String>,
    /// `active`, `revoked`, `purging` while another vault has not destroyed its values yet, or `purged`.
    pub status: String,
    /// Which vault keeps its values; none once they are destroyed.
    pub backend: Option<BackendOf>,
    /// When the value in use was put into another vault or fetched from there last, by the node that answers.
    #[serde(serialize_with = "rfc3339_opt")]
    pub fetched_at: Option<Timestamp>,
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

/// The vault that keeps a credential's values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BackendOf {
    /// `embedded` for the gateway's own, else the name of its section in the configuration.
    pub name: String,
    /// `embedded`, or what its section says that it is; none where this node's configuration does not name it.
    pub kind: Option<&'static str>,
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
    /// When it was lent to a call last, at most a minute late.
    #[serde(serialize_with = "rfc3339_opt")]
    pub last_used_at: Option<Timestamp>,
    /// Since when another version is used in its place.
    #[serde(serialize_with = "rfc3339_opt")]
    pub retired_at: Option<Timestamp>,
}

/// A report that others know a credential, and how the hour in which it is to be revoked stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CompromiseView {
    /// When it was reported.
    #[serde(serialize_with = "rfc3339")]
    pub reported_at: Timestamp,
    /// Since when they may have known it.
    #[serde(serialize_with = "rfc3339")]
    pub since: Timestamp,
    /// By when it is to be revoked.
    #[serde(serialize_with = "rfc3339")]
    pub revoke_by: Timestamp,
    /// Whether it was revoked by then.
    pub within_the_hour: bool,
}

/// How long a compromised credential may stay in use once it was reported.
pub(super) const HOUR: Duration = Duration::from_secs(3_600);

/// A day.
pub(super) const DAY: Duration = Duration::from_secs(86_400);
/// How long before its end a credential is to be replaced, at the most.
const LEAD: Duration = Duration::from_secs(14 * 86_400);

impl CredentialView {
    pub(super) fn read(row: &Row) -> Result<Self, Fault> {
        let cadence_days = row.opt_int(4)?.and_then(|days| u32::try_from(days).ok());
        let (version_created_at, expires_at) = (row.moment(10)?, row.opt_moment(5)?);
        let revoked_at = row.opt_moment(12)?;
        let compromise = row.opt_moment(15)?.map(|reported_at| CompromiseView {
            reported_at,
            since: row.opt_moment(16).ok().flatten().unwrap_or(reported_at),
            revoke_by: reported_at.after(HOUR),
            within_the_hour: revoked_at.is_some_and(|at| at <= reported_at.after(HOUR)),
        });
        let (sensitivity, status) = (Sensitivity::parse(row.text(3)?), row.text(6)?);
        Ok(Self {
            id: row.parsed(0)?,
            name: row.parsed(1)?,
            owner: row.text(2)?.to_owned(),
            sensitivity: sensitivity.ok_or(Fault::violated("a stored sensitivity is one of the four"))?,
            cadence_days,
            expires_at,
            rotation_due_at: due_at(version_created_at, cadence_days, expires_at),
            rotation_due: row.opt_moment(17)?.is_some(),
            last_rotation: None,
            last_used_at: None,
            last_used_version: None,
            shared_with: Vec::new(),
            purge_protected: row.int(11)? != 0,
            revoked_at,
            recover_until: row.opt_moment(14)?.filter(|_| status == "revoked"),
            compromise,
            revoked_by: row.opt_text(13)?.map(str::to_owned),
            status: status.to_owned(),
            backend: None,
            fetched_at: None,
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
            last_used_at: row.opt_moment(5)?,
            retired_at: row.opt_moment(6)?,
        })
    }
}

/// When a version that was taken in then is to be replaced: by its cadence, and long enough before its end that
/// there is time for it.
pub(super) fn due_at(
    taken_at: Timestamp,
    cadence_days: Option<u32>,
    expires_at: Option<Timestamp>,
) -> Option<Timestamp> {
    let by_cadence = cadence_days.map(|days| taken_at.after(DAY * days));
    let by_end = expires_at.map(|end| end.before(LEAD.min(end.since(taken_at) / 2)));
    [by_cadence, by_end].into_iter().flatten().min()
}

pub(super) fn version_of(number: i64) -> Result<u32, Fault> {
    u32::try_from(number).map_err(|error| Fault::broken("reading a version", error))
}

/// Writes a moment as RFC 3339, as all answers do.
pub(super) fn rfc3339<S: Serializer>(moment: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(moment)
}

/// The same for a moment that may be absent.
pub(super) fn rfc3339_opt<S: Serializer>(moment: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match moment {
        Some(moment) => serializer.collect_str(moment),
        None => serializer.serialize_none(),
    }
}
