//! Credentials: what vendors accept from us. A value goes in and never comes out.

use std::sync::Arc;

use lockgate_access::AccessRefusal;
use lockgate_vault::{CredentialView, Sensitivity, VersionView};
use lockgate_vocabulary::{ConnectionId, CredentialId, Name, TenantId};
use serde::Serialize;
use utoipa::ToSchema;

use crate::admin::Parts;
use crate::answer::{Answer, present};
use crate::operator::Operator;

pub(crate) mod create;
pub(crate) mod list;
pub(crate) mod revoke;
pub(crate) mod rotate;
pub(crate) mod show;

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
    /// When the next rotation is due by its cadence (RFC 3339).
    rotation_due_at: Option<String>,
    /// `active` or `revoked`.
    status: String,
    /// The version that is in use.
    current_version: u32,
    /// The fingerprint of that version: it tells equal values of one tenant, and nothing else.
    fingerprint: String,
    /// When the credential was taken in (RFC 3339).
    created_at: String,
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
            status: view.status,
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
}

impl From<VersionView> for VersionRecord {
    fn from(view: VersionView) -> Self {
        Self {
            version: view.version,
            fingerprint: view.fingerprint,
            status: view.status,
            created_at: view.created_at.to_string(),
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
