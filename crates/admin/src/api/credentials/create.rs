//! `POST /v1/credentials`: takes a credential in, for one connection, which becomes active by it.

use std::sync::Arc;

use axum::extract::State;
use lockgate_vault::{NewCredential, Sensitivity};
use lockgate_vocabulary::{Name, Secret, Timestamp};
use serde::Deserialize;
use utoipa::ToSchema;

use super::CredentialRecord;
use crate::admin::Parts;
use crate::answer::{Answer, Created};
use crate::input::Input;
use crate::operator::Operator;

/// A credential that is to be taken in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateCredential {
    /// Its name, unique in the tenant.
    #[schema(value_type = String)]
    name: Name,
    /// The one connection that it is for: id or name.
    connection: String,
    /// Who answers for it: a person or a team.
    owner: String,
    /// `low`, `medium`, `high` or `critical`; `high` by default.
    #[serde(default = "high")]
    #[schema(value_type = String)]
    sensitivity: Sensitivity,
    /// After how many days it should be rotated, 1 to 3,650.
    #[serde(default)]
    cadence_days: Option<u32>,
    /// Seconds after which the vendor no longer accepts it.
    #[serde(default)]
    expires_in: Option<u64>,
    /// Whether its values stay until the end of the recovery window, whoever wants them gone. It cannot be taken off.
    #[serde(default)]
    purge_protected: bool,
    /// The other vault that is to keep the value and that of every later version: the name of a section
    /// `[vault.backends.NAME]`. The gateway itself keeps it by default.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    backend: Option<Name>,
    /// The value. It is accepted once and never returned.
    #[serde(deserialize_with = "crate::input::secret")]
    #[schema(value_type = String, write_only)]
    secret: Secret,
}

const fn high() -> Sensitivity {
    Sensitivity::High
}

/// The credential that was taken in, without its value.
#[utoipa::path(
    post,
    path = "/v1/credentials",
    tag = "credentials",
    operation_id = "create_credential",
    request_body = CreateCredential,
    responses((status = 201, description = "The credential that was taken in, without its value.", body = CredentialRecord)),
)]
pub(crate) async fn create(
    State(parts): State<Arc<Parts>>,
    operator: Operator,
    Input(new): Input<CreateCredential>,
) -> Answer<Created<CredentialRecord>> {
    let ends = |seconds: u64| -> Timestamp { parts.clock.now().after(std::time::Duration::from_secs(seconds)) };
    let credential = NewCredential {
        name: new.name,
        connection: super::connection(&parts, operator.tenant(), &new.connection)?,
        owner: new.owner,
        sensitivity: new.sensitivity,
        cadence_days: new.cadence_days,
        expires_at: new.expires_in.map(ends),
        purge_protected: new.purge_protected,
        backend: new.backend,
    };
    let view = parts.custodian.create(operator.act(), credential, new.secret).await?;
    parts.access.settle().await;
    Ok(Created(view.into()))
}
