//! Credentials: what vendors accept from us. A value goes in and never comes out.

use std::sync::Arc;

use lockgate_access::AccessRefusal;
use lockgate_vault::{CompromiseView, CredentialView, RotationView, Sensitivity, VersionView};
use lockgate_vocabulary::{ConnectionId, CredentialId, Name, TenantId, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use crate::admin::Parts;
use crate::answer::{Answer, present};
use crate::operator::Operator;
use crate::refusal::AdminRefusal;

pub(crate) mod compromise;
pub(crate) mod create;
pub(crate) mod destroy;
pub(crate) mod finish;
pub(crate) mod list;
pub(crate) mod purge;
pub(crate) mod recover;
pub(crate) mod revoke;
pub(crate) mod roll_back;
pub(crate) mod rotate;
pub(crate) mod show;
pub(crate) mod uses;
pub(crate) mod verify;

/// What a person is told where a value is not a credential's own.
const SHARED: &str = "Another credential of the tenant has the same value: give each service one of its own.";

/// What may be known of a credential.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CredentialRecord {
    /// Its id.
    #[schema(value_type = String)]
    id: CredentialId,
    /// Its name.
    #[schema(value_type = String)]
    name: Name,
    /// Who answers for it.
    owner: String,
    /// `low`, `medium`, `high` or `critical`.
    #[schema(value_type = String)]
    sensitivity: Sensitivity,
    /// After how many days it should be rotated.
    cadence_days: Option<u32>,
    /// When it ends (RFC 3339).
    expires_at: Option<String>,
    /// When the next rotation is due, by its cadence or because it ends (RFC 3339).
    rotation_due_at: Option<String>,
    /// Whether it is due.
    rotation_due: bool,
    /// The rotation that was attempted last, whatever became of it.
    last_rotation: Option<RotationRecord>,
    /// When it was lent to a call last, at most a minute late (RFC 3339).
    last_used_at: Option<String>,
    /// Which version that was.
    last_used_version: Option<u32>,
    /// Other credentials of the tenant with the same value, in use or staged.
    #[schema(value_type = Vec<String>)]
    shared_with: Vec<CredentialId>,
    /// `active`, `revoked`, `purging` while another vault has not destroyed its values yet, or `purged`.
    status: String,
    /// Which vault keeps its values; none once they are destroyed.
    backend: Option<BackendOfRecord>,
    /// When the value in use was put into another vault or fetched from there last, by the node that answers (RFC 3339).
    fetched_at: Option<String>,
    /// Whether its values stay until the end of the recovery window, whoever wants them gone.
    purge_protected: bool,
    /// When it was revoked (RFC 3339).
    revoked_at: Option<String>,
    /// Until when it may be recovered (RFC 3339).
    recover_until: Option<String>,
    /// That it was reported as compromised.
    compromise: Option<CompromiseRecord>,
    /// The version that is in use.
    current_version: u32,
    /// The fingerprint of that version: it tells equal values of one tenant, and nothing else.
    fingerprint: String,
    /// When the credential was taken in (RFC 3339).
    created_at: String,
    /// What somebody should know of it.
    warnings: Vec<&'static str>,
}

/// The vault that keeps a credential's values.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BackendOfRecord {
    /// `embedded` for the gateway's own, else the name of the other one.
    name: String,
    /// `embedded`, `kv2`, `aws-secrets-manager` or `azure-key-vault`; none where this node's configuration does not
    /// name it.
    kind: Option<&'static str>,
}

/// A rotation: who asked for it, and how it stands.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RotationRecord {
    /// The version that is to be used.
    version: u32,
    /// `staged`, `verifying`, `verified`, `failed`, `finished`, or `restored` where somebody went back to it.
    state: &'static str,
    /// When that was reached (RFC 3339).
    at: String,
    /// The principal who asked for it.
    by: String,
    /// Its name.
    by_name: String,
    /// When they did (RFC 3339).
    asked_at: String,
    /// From when on it is verified and finished by itself (RFC 3339).
    finish_at: Option<String>,
    /// How often the vendor was asked.
    tries: i64,
    /// Why it failed.
    code: Option<String>,
    /// What the vendor answered then.
    vendor_status: Option<u16>,
    /// Whether the version is in use without the vendor having been asked.
    danger_unverified: bool,
}

impl From<RotationView> for RotationRecord {
    fn from(view: RotationView) -> Self {
        Self {
            version: view.version,
            state: view.state.as_str(),
            at: view.at.to_string(),
            by: view.by,
            by_name: view.by_name,
            asked_at: view.asked_at.to_string(),
            finish_at: view.finish_at.map(|moment| moment.to_string()),
            tries: view.tries,
            code: view.code,
            vendor_status: view.vendor_status,
            danger_unverified: view.danger_unverified,
        }
    }
}

/// A report that others know a credential.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CompromiseRecord {
    /// When it was reported (RFC 3339).
    reported_at: String,
    /// Since when others may have known it (RFC 3339).
    since: String,
    /// By when it is to be revoked: an hour after the report (RFC 3339).
    revoke_by: String,
    /// Whether it was revoked by then.
    within_the_hour: bool,
}

impl From<CompromiseView> for CompromiseRecord {
    fn from(view: CompromiseView) -> Self {
        Self {
            reported_at: view.reported_at.to_string(),
            since: view.since.to_string(),
            revoke_by: view.revoke_by.to_string(),
            within_the_hour: view.within_the_hour,
        }
    }
}

impl From<CredentialView> for CredentialRecord {
    fn from(view: CredentialView) -> Self {
        Self {
            id: view.id,
            name: view.name,
            owner: view.owner,
            sensitivity: view.sensitivity,
            cadence_days: view.cadence_days,
            expires_at: view.expires_at.map(|moment| moment.to_string()),
            rotation_due_at: view.rotation_due_at.map(|moment| moment.to_string()),
            rotation_due: view.rotation_due,
            last_rotation: view.last_rotation.map(Into::into),
            last_used_at: view.last_used_at.map(|moment| moment.to_string()),
            last_used_version: view.last_used_version,
            warnings: if view.shared_with.is_empty() { Vec::new() } else { vec![SHARED] },
            shared_with: view.shared_with,
            purge_protected: view.purge_protected,
            revoked_at: view.revoked_at.map(|moment| moment.to_string()),
            recover_until: view.recover_until.map(|moment| moment.to_string()),
            compromise: view.compromise.map(Into::into),
            status: view.status,
            backend: view.backend.map(|of| BackendOfRecord { name: of.name, kind: of.kind }),
            fetched_at: view.fetched_at.map(|moment| moment.to_string()),
            current_version: view.current_version,
            fingerprint: view.fingerprint,
            created_at: view.created_at.to_string(),
        }
    }
}

/// What may be known of one version of a credential.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VersionRecord {
    /// Its number, from 1.
    version: u32,
    /// Its fingerprint.
    fingerprint: String,
    /// `current`, `staged`, `previous`, `revoked` or `destroyed`.
    status: String,
    /// When it was taken in (RFC 3339).
    created_at: String,
    /// When it was lent to a call last, at most a minute late (RFC 3339).
    last_used_at: Option<String>,
    /// Since when another version is used in its place (RFC 3339).
    retired_at: Option<String>,
    /// When its value was destroyed (RFC 3339).
    destroyed_at: Option<String>,
}

impl From<VersionView> for VersionRecord {
    fn from(view: VersionView) -> Self {
        Self {
            version: view.version,
            fingerprint: view.fingerprint,
            status: view.status,
            created_at: view.created_at.to_string(),
            last_used_at: view.last_used_at.map(|moment| moment.to_string()),
            retired_at: view.retired_at.map(|moment| moment.to_string()),
            destroyed_at: view.destroyed_at.map(|moment| moment.to_string()),
        }
    }
}

/// The connection of the caller's tenant with this id or name.
pub(crate) fn connection(parts: &Arc<Parts>, tenant: TenantId, id_or_name: &str) -> Answer<ConnectionId> {
    let directory = parts.access.directory()?;
    let view = present(directory.tenants.get(&tenant), AccessRefusal::ConnectionUnknown)?;
    let by_id = id_or_name.parse().ok().filter(|id| view.connections.contains_key(id));
    let found = by_id.or_else(|| view.names.get(id_or_name).copied());
    present(found, AccessRefusal::ConnectionUnknown)
}

/// The credential of the caller's tenant with this id or name.
async fn credential(parts: &Arc<Parts>, operator: &Operator, id_or_name: &str) -> Answer<CredentialId> {
    match id_or_name.parse() {
        Ok(id) => Ok(id),
        Err(_) => Ok(parts.custodian.named(operator.act(), id_or_name).await?),
    }
}

/// A moment of a body as RFC 3339 writes it.
fn moment(text: &str, pointer: &'static str) -> Answer<Timestamp> {
    let read = text.parse::<Timestamp>();
    Ok(read.map_err(|wrong| AdminRefusal::InputInvalid.refuse().violation(pointer, wrong.to_string()))?)
}
