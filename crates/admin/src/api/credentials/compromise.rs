//! `POST /v1/credentials/{id}/compromise`: revokes a credential that others know, raises the alarm, and says what used it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use lockgate_vault::Compromise;
use lockgate_vocabulary::ConnectionId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::CredentialRecord;
use super::uses::UsesRecord;
use crate::admin::Parts;
use crate::answer::Answer;
use crate::api::connections::grant::RevokedTokenRecord;
use crate::input::{Input, Named};
use crate::operator::Operator;

/// What is reported.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReportCompromise {
    /// What happened, for the record.
    reason: String,
    /// Since when others may have known it (RFC 3339).
    since: String,
    /// When it was reported, where that was before now; from then the hour runs (RFC 3339).
    #[serde(default)]
    reported_at: Option<String>,
}

/// What was done about a credential that others know.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CompromisedRecord {
    /// The credential, with the report and the hour in which it is to be revoked.
    credential: CredentialRecord,
    /// The connections that run nothing until they have another.
    #[schema(value_type = Vec<String>)]
    degraded: Vec<ConnectionId>,
    /// What became at the vendor of the tokens that were had with it, where there were any.
    tokens: Vec<RevokedTokenRecord>,
    /// The calls that used it since then, on this node; null for who may not read runs.
    uses: Option<UsesRecord>,
}

/// What was done, and the calls that used it.
#[utoipa::path(
    post,
    path = "/v1/credentials/{id}/compromise",
    tag = "credentials",
    operation_id = "report_compromised_credential",
    params(("id" = String, Path, description = "Its id or name.")),
    request_body = ReportCompromise,
    responses(
        (status = 200, description = "What was done, and the calls that used it.", body = CompromisedRecord),
    ),
)]
pub(crate) async fn compromise(
    State(parts): State<Arc<Parts>>,
    operator: Operator,
    Named(id): Named,
    Input(asked): Input<ReportCompromise>,
) -> Answer<Json<CompromisedRecord>> {
    let id = super::credential(&parts, &operator, &id).await?;
    let report = Compromise {
        since: super::moment(&asked.since, "/since")?,
        reported_at: asked.reported_at.as_deref().map(|text| super::moment(text, "/reported_at")).transpose()?,
        reason: asked.reason,
    };
    let done = parts.custodian.compromise(operator.act(), id, report).await?;
    parts.access.settle().await;
    let tokens = parts.connector.let_go(operator.act(), &done.degraded).await?.into_iter().map(Into::into).collect();
    Ok(Json(CompromisedRecord {
        tokens,
        credential: done.credential.into(),
        degraded: done.degraded,
        uses: done.uses.map(Into::into),
    }))
}
