//! A person connects the account that a connection is for: `POST`, `GET /v1/connections/{id}/connect` and what ends it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use lockgate_vault::{Finish, NewSession, SessionView};
use lockgate_vocabulary::{Secret, SessionId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::own;
use crate::admin::Parts;
use crate::answer::{Answer, Created};
use crate::input::{Asked, Input, Named};
use crate::operator::Operator;

/// A connect session that is to be opened.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OpenConnect {
    /// Whose account it is going to be: your own name for the user who will end it, 1 to 200 characters. It is kept as
    /// a keyed digest alone.
    subject: String,
    /// Where the user's browser goes in the end: an https URL, or one of this machine, at most 1,024 bytes. `session`
    /// and `confirm`, or `error`, are added to its query.
    return_to: String,
    /// Whether it takes the place of another subject's account, whose tokens are revoked then; false by default.
    #[serde(default)]
    replace: bool,
}

/// A connect session that was opened.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OpenedConnect {
    /// Its id.
    #[schema(value_type = String)]
    session: SessionId,
    /// Where the user's browser is sent, once. Give it to that user alone.
    url: String,
    /// The redirect URI that has to be registered at the vendor for this connection.
    redirect_uri: String,
    /// When it is over (RFC 3339): ten minutes after it was opened.
    expires_at: String,
}

/// Opens a connect session for one user.
#[utoipa::path(
    post,
    path = "/v1/connections/{id}/connect",
    tag = "connections",
    operation_id = "open_connect_session",
    params(("id" = String, Path, description = "Its id or name.")),
    request_body = OpenConnect,
    responses(
        (status = 201, description = "The session; its link is for that user's browser.", body = OpenedConnect),
        (status = 409, description = "The provider wants no person, the connection has no credential, or its account is another subject's."),
        (status = 429, description = "The tenant has 1,000 sessions under way."),
    ),
)]
pub(crate) async fn open(
    State(parts): State<Arc<Parts>>,
    operator: Operator,
    Named(id): Named,
    Input(new): Input<OpenConnect>,
) -> Answer<Created<OpenedConnect>> {
    let connection = own(&parts, &operator, &id)?;
    let new = NewSession { subject: new.subject, return_to: new.return_to, replace: new.replace };
    let opened = parts.connector.open(operator.act(), connection, new).await?;
    Ok(Created(OpenedConnect {
        session: opened.session,
        url: opened.url,
        redirect_uri: opened.redirect_uri,
        expires_at: opened.expires_at.to_string(),
    }))
}

/// Which session.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct WhichSession {
    /// Its id.
    #[param(value_type = String)]
    session: SessionId,
}

/// How a connect session stands.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConnectSession {
    /// Its id.
    #[schema(value_type = String)]
    session: SessionId,
    /// `open`, `begun`, `returned`, `redeeming`, `done`, `failed` or `expired`.
    state: &'static str,
    /// Why it failed.
    code: Option<String>,
    /// When it was opened (RFC 3339).
    created_at: String,
    /// When it is over (RFC 3339).
    expires_at: String,
    /// When it ended (RFC 3339).
    ended_at: Option<String>,
}

impl From<SessionView> for ConnectSession {
    fn from(view: SessionView) -> Self {
        Self {
            session: view.session,
            state: view.state,
            code: view.code,
            created_at: view.created_at.to_string(),
            expires_at: view.expires_at.to_string(),
            ended_at: view.ended_at.map(|moment| moment.to_string()),
        }
    }
}

/// Shows a connect session, until a day after it was over.
#[utoipa::path(
    get,
    path = "/v1/connections/{id}/connect",
    tag = "connections",
    operation_id = "show_connect_session",
    params(("id" = String, Path, description = "Its connection's id or name."), WhichSession),
    responses((status = 200, description = "How it stands.", body = ConnectSession)),
)]
pub(crate) async fn show(
    State(parts): State<Arc<Parts>>,
    Asked(operator, which): Asked<WhichSession>,
    Named(id): Named,
) -> Answer<Json<ConnectSession>> {
    let connection = own(&parts, &operator, &id)?;
    Ok(Json(parts.connector.show(operator.act(), connection, which.session).await?.into()))
}

/// How a connect session is ended.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FinishConnect {
    /// The session that the browser brought back.
    #[schema(value_type = String)]
    session: SessionId,
    /// Whom you see in that browser, by your own sign-in, and by nothing that the browser says of the session.
    subject: String,
    /// What the browser brought back with it.
    #[serde(deserialize_with = "crate::input::secret")]
    #[schema(value_type = String, write_only)]
    confirm: Secret,
}

/// Ends a connect session for the user who began it: the vendor's code is redeemed, and the connection becomes active.
#[utoipa::path(
    post,
    path = "/v1/connections/{id}/connect/finish",
    tag = "connections",
    operation_id = "finish_connect_session",
    params(("id" = String, Path, description = "Its connection's id or name.")),
    request_body = FinishConnect,
    responses(
        (status = 200, description = "It is done.", body = ConnectSession),
        (status = 403, description = "Whoever ends it is not who began it. The session is over."),
        (status = 409, description = "The session is over."),
        (status = 502, description = "The vendor did not give tokens. The session is over."),
        (status = 503, description = "The vendor did not answer to the code. The session is over."),
    ),
)]
pub(crate) async fn finish(
    State(parts): State<Arc<Parts>>,
    operator: Operator,
    Named(id): Named,
    Input(input): Input<FinishConnect>,
) -> Answer<Json<ConnectSession>> {
    let connection = own(&parts, &operator, &id)?;
    let finish = Finish { subject: input.subject, confirm: input.confirm };
    Ok(Json(parts.connector.finish(operator.act(), connection, input.session, finish).await?.into()))
}
