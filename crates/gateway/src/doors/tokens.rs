//! The issuer's endpoints: tokens, revocation, introspection, metadata, keys.
//!
//! Errors have the form that OAuth clients know (RFC 6749 section 5.2), not that of other refusals.

use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Response, StatusCode};
use lockgate_access::tokens::{Denied, OauthError, Posted};
use lockgate_vocabulary::{Arrival, Stop};

use super::answer::json;
use super::refuse::Refused;
use super::{Door, DoorBody, Visit, form, headers};
use crate::routes::Serves;

const NO_STORE: &str = "no-store";
const SHARED: &str = "public, max-age=300";

impl Door {
    /// Answers what was posted to one of the three endpoints.
    pub(super) async fn tokens(&self, serves: Serves, visit: Visit) -> Response<DoorBody> {
        let Visit { parts, body, arrival } = visit;
        let done = match form::read(&parts.headers, body).await {
            Ok(form) => {
                let authorization = parts.headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
                self.posted(serves, Posted { authorization, form: &form }, &arrival).await
            }
            Err(refusal) => Err(Stop::from(refusal).into()),
        };
        let mut response = match done {
            Ok(body) => json(StatusCode::OK, body, NO_STORE),
            Err(Denied { caller, stop }) => {
                let refused = Refused {
                    door: "token",
                    arrival: &arrival,
                    method: &parts.method,
                    caller: caller.as_deref(),
                    run: None,
                    connection: None,
                    target: None,
                };
                self.oauth_error(&refused, stop).await
            }
        };
        headers::mark(response.headers_mut(), None, &arrival);
        response
    }

    async fn posted(&self, serves: Serves, posted: Posted<'_>, arrival: &Arrival) -> Result<Bytes, Denied> {
        let tokens = self.access.tokens();
        let directory = || self.access.directory().map_err(Stop::from);
        match serves {
            Serves::Token => Ok(tokens.issue(&*directory()?, &posted, arrival).await?.body.into()),
            Serves::Introspect => Ok(tokens.introspect(&*directory()?, &posted, arrival).await?.into()),
            // RFC 7009 section 2.2: the status says it all.
            _ => self.access.revoke(&posted, arrival).await.map(|()| Bytes::new()),
        }
    }

    async fn oauth_error(&self, refused: &Refused<'_>, stop: Stop) -> Response<DoorBody> {
        let stop = self.record(refused, stop).await;
        // Counted and, where it is our fault, logged as every other; shown in another form.
        drop(self.show(&stop, refused.arrival));
        let error = OauthError::of(&stop);
        let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = json(status, error.body(), NO_STORE);
        if let Some(challenge) = error.challenge {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Stop::Refused(refusal) = &stop
            && let Some(wait) = refusal.wait()
        {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
        }
        response
    }

    /// The issuer's metadata.
    pub(super) fn metadata(&self) -> Response<DoorBody> {
        json(StatusCode::OK, self.access.tokens().metadata().to_string(), SHARED)
    }

    /// The issuer's keys.
    pub(super) fn keys(&self) -> Response<DoorBody> {
        json(StatusCode::OK, self.access.tokens().jwks().to_string(), SHARED)
    }
}
