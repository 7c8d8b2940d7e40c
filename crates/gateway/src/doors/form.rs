//! Small bodies that are read whole before anything is done with them.

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use lockgate_access::AccessRefusal;
use lockgate_access::tokens::FORM_BYTES;
use lockgate_vocabulary::Refusal;

const MEDIA_TYPE: &str = "application/x-www-form-urlencoded";

/// The bytes of a form.
pub(super) async fn read(headers: &HeaderMap, body: Incoming) -> Result<Bytes, Refusal> {
    let told = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = told.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case(MEDIA_TYPE) {
        return Err(AccessRefusal::GrantMalformed.refuse().detail("the body is not application/x-www-form-urlencoded"));
    }
    let whole = Limited::new(body, FORM_BYTES).collect().await;
    whole
        .map(|body| body.to_bytes())
        .map_err(|_| AccessRefusal::GrantMalformed.refuse().detail("the body is too large or broke off"))
}
