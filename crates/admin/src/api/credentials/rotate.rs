//! `POST /v1/credentials/{id}/versions`: takes a new value in, which is used once the vendor took it; or stages it.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use lockgate_vault::Rotation;
use lockgate_vocabulary::Secret;
use serde::Deserialize;
use utoipa::ToSchema;

use super::CredentialRecord;
use crate::admin::Parts;
use crate::answer::{Answer, Created};
use crate::input::{Input, Named};
use crate::operator::Operator;
use crate::refusal::AdminRefusal;

/// A new value.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewVersion {
    /// Takes it in without using it: `versions/verify` and `versions/finish` are the next steps.
    #[serde(default)]
    stage: bool,
    /// Of a staged version: seconds after which it is verified and finished by itself.
    #[serde(default)]
    finish_in: Option<u64>,
    /// Seconds after which the vendor no longer accepts it; the expiry so far stays where it is absent.
    #[serde(default)]
    expires_in: Option<u64>,
    /// Uses it without asking the vendor; only where the provider declares no way to ask.
    #[serde(default)]
    danger_unverified: bool,
    /// Says that calls may fail in between, where the provider cannot hold two live credentials.
    #[serde(default)]
    acknowledge_gap: bool,
    /// The value. It is accepted once and never returned.
    #[serde(deserialize_with = "crate::input::secret")]
    #[schema(value_type = String, write_only)]
    secret: Secret,
}

/// The credential as it is now.
#[utoipa::path(
    post,
    path = "/v1/credentials/{id}/versions",
    tag = "credentials",
    operation_id = "rotate_credential",
    params(("id" = String, Path, description = "Its id or name.")),
    request_body = NewVersion,
    responses(
        (status = 201, description = "The credential as it is now.", body = CredentialRecord),
        (status = 409, description = "The vendor did not take it, or may not be done without."),
        (status = 503, description = "The vendor could not be asked."),
    ),
)]
pub(crate) async fn rotate(
    State(parts): State<Arc<Parts>>,
    operator: Operator,
    Named(id): Named,
    Input(new): Input<NewVersion>,
) -> Answer<Created<CredentialRecord>> {
    let id = super::credential(&parts, &operator, &id).await?;
    let at = |seconds: u64| parts.clock.now().after(Duration::from_secs(seconds));
    let how = Rotation {
        expires_at: new.expires_in.map(at),
        finish_at: new.finish_in.map(at),
        danger_unverified: new.danger_unverified,
        acknowledge_gap: new.acknowledge_gap,
    };
    let wrong = match (new.stage, new.finish_in, new.danger_unverified) {
        (false, Some(_), _) => Some(("/finish_in", "is of a staged version alone")),
        (true, _, true) => Some(("/danger_unverified", "is said where a staged version is finished")),
        _ => None,
    };
    if let Some((pointer, reason)) = wrong {
        return Err(AdminRefusal::InputInvalid.refuse().violation(pointer, reason).into());
    }
    let view = match new.stage {
        true => parts.custodian.stage(operator.act(), id, new.secret, how).await?,
        false => parts.custodian.rotate(operator.act(), id, new.secret, how).await?,
    };
    parts.access.settle().await;
    Ok(Created(view.into()))
}
