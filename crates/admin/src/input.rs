//! What is asked for: strict JSON bodies and strict queries.
//!
//! A body may carry a credential's value, so it is read into one buffer that is wiped, and [`secret`] takes
//! a value out of it without a copy in between. What the sockets' own buffers held is beyond us.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts as RequestParts;
use http_body::Body as _;
use lockgate_access::AccessRefusal;
use lockgate_inspect::json;
use lockgate_inspect::media_type::MediaType;
use serde::de::DeserializeOwned;
use zeroize::{Zeroize, Zeroizing};

use crate::admin::Parts;
use crate::answer::{Answer, Stopped, present};
use crate::operator::Operator;
use crate::page::unfit;
use crate::refusal::AdminRefusal;

mod flaw;
mod secret;
mod strict;

use strict::Strict;

pub(crate) use secret::{OneSecret, secret};

/// Bytes of a request body at the most.
const BODY_BYTES: usize = 1024 * 1024;

/// A JSON body: the right media type, well-formed in one reading only, of the right shape.
#[derive(Debug)]
pub(crate) struct Input<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Arc<Parts>> for Input<T> {
    type Rejection = Stopped;

    async fn from_request(request: Request, _: &Arc<Parts>) -> Result<Self, Stopped> {
        let media_type = request.headers().get(CONTENT_TYPE).map(|value| MediaType::parse(value.as_bytes()));
        if !matches!(&media_type, Some(Ok(media_type)) if media_type.is_plain_json()) {
            return Err(AdminRefusal::MediaType.into());
        }
        let body = whole(request.into_body()).await.ok_or(AdminRefusal::BodyTooLarge)?;
        json::check(&body, &json::Limits::default()).map_err(|_| AdminRefusal::BodyMalformed)?;
        let mut text = serde_json::Deserializer::from_slice(&body);
        serde_path_to_error::deserialize(Strict(&mut text)).map(Self).map_err(|error| {
            let said = error.inner().to_string();
            AdminRefusal::InputInvalid
                .refuse()
                .violation(flaw::pointer(error.path(), &said), flaw::reason(&said))
                .into()
        })
    }
}

/// The whole body; nothing where it is too large or breaks off. Buffers that it outgrew are wiped too.
async fn whole(body: Body) -> Option<Zeroizing<Vec<u8>>> {
    let (mut body, mut text) = (pin!(body), Zeroizing::new(Vec::new()));
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        let Ok(data) = frame.ok()?.into_data() else { continue };
        let length = text.len() + data.len();
        if length > BODY_BYTES {
            return None;
        }
        if length > text.capacity() {
            let mut larger = Zeroizing::new(Vec::with_capacity(length.next_power_of_two()));
            larger.extend_from_slice(&text);
            text = larger;
        }
        text.extend_from_slice(&data);
        if let Ok(mut ours) = data.try_into_mut() {
            ours.as_mut().zeroize();
        }
    }
    Some(text)
}

/// Who asks, with a query of no parameter but those of `T`. Whoever asks where there is no such thing is an
/// [`Operator`] alone, who may have no query.
#[derive(Debug)]
pub(crate) struct Asked<T>(pub(crate) Operator, pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<Arc<Parts>> for Asked<T> {
    type Rejection = Stopped;

    async fn from_request_parts(request: &mut RequestParts, parts: &Arc<Parts>) -> Result<Self, Stopped> {
        let operator = Operator::arrived(request, parts).await?;
        let read = axum::extract::Query::try_from_uri(&request.uri);
        read.map(|query: axum::extract::Query<T>| Self(operator, query.0))
            .map_err(|_| unfit("query", "a parameter is unknown or malformed").into())
    }
}

/// The object that a path names. What is no text names nothing.
#[derive(Debug)]
pub(crate) struct Named(pub(crate) String);

impl FromRequestParts<Arc<Parts>> for Named {
    type Rejection = Stopped;

    async fn from_request_parts(request: &mut RequestParts, parts: &Arc<Parts>) -> Result<Self, Stopped> {
        let read = axum::extract::Path::<String>::from_request_parts(request, parts).await;
        read.map(|path| Self(path.0)).map_err(|_| AccessRefusal::ObjectUnknown.into())
    }
}

impl Named {
    /// The identifier that it is; a text that is none names nothing.
    pub(crate) fn id<T: std::str::FromStr>(&self) -> Answer<T> {
        present(self.0.parse().ok(), AccessRefusal::ObjectUnknown)
    }
}
