//! How a handler ends: with JSON, with nothing, or stopped.

use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use lockgate_vocabulary::{Refusal, Stop};
use serde::Serialize;

use crate::refusal::AdminRefusal;

/// Why a handler did not do it. The room turns it into an answer, in one place, once it is recorded.
#[derive(Debug, Clone)]
pub(crate) struct Stopped(Arc<Stop>);

impl Stopped {
    pub(crate) fn stop(&self) -> &Stop {
        &self.0
    }
}

impl<S: Into<Stop>> From<S> for Stopped {
    fn from(stop: S) -> Self {
        Self(Arc::new(stop.into()))
    }
}

impl IntoResponse for Stopped {
    fn into_response(self) -> Response {
        let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// What every handler returns.
pub(crate) type Answer<T> = Result<T, Stopped>;

/// Something new: 201 with what it is.
#[derive(Debug)]
pub(crate) struct Created<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        (StatusCode::CREATED, Json(self.0)).into_response()
    }
}

/// Done, and nothing to say: 204.
#[derive(Debug)]
pub(crate) struct Done;

impl IntoResponse for Done {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

/// Nothing is served at this path.
pub(crate) async fn nowhere() -> Stopped {
    AdminRefusal::PathUnknown.into()
}

/// The path is served, with other methods.
pub(crate) async fn wrong_method() -> Stopped {
    AdminRefusal::MethodNotAllowed.into()
}

/// A value that must be there once a check has passed.
pub(crate) fn present<T>(value: Option<T>, refusal: impl Into<Refusal>) -> Answer<T> {
    value.ok_or_else(|| Stop::Refused(refusal.into()).into())
}
