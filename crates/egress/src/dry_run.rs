//! Everything but the deed: what would be sent, and under which rules.
//!
//! Every stage up to the wire has run, the credential was found and placed; nothing is sent. The caller
//! sees names and never a value that it did not send itself.

use bytes::Bytes;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use lockgate_access::spec::AuthPlacement;
use lockgate_audit::Outcome;
use lockgate_vocabulary::Stop;
use serde_json::{Value, json};

use crate::call::Proofs;
use crate::reply::{Answer, Reply, ReplyBody};
use crate::request::Compose;
use crate::run::Run;

/// The transcript as a reply. The run is closed as succeeded: everything that was asked for was done.
pub(crate) fn reply(mut run: Box<Run>, proofs: Proofs) -> Reply {
    let id = run.id();
    match transcript(&run, &proofs) {
        Ok(transcript) => {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            let body = Bytes::from(transcript.to_string());
            run.passed_on(body.len());
            run.close(Outcome::Succeeded, Some(200), None);
            let answer = Answer { status: StatusCode::OK, headers, body: ReplyBody::whole(body), operation: None };
            Reply::answered(id, proofs.permit, answer)
        }
        Err(stop) => {
            let code = match &stop {
                Stop::Refused(refusal) => Some(refusal.code()),
                Stop::Fault(_) => None,
            };
            run.close(Outcome::Refused, None, code);
            Reply::stopped(id, proofs.permit, stop)
        }
    }
}

fn transcript(run: &Run, proofs: &Proofs) -> Result<Value, Stop> {
    let (grant, order) = (&run.grant, &run.order);
    let (connection, endpoint) = (grant.connection(), grant.endpoint());
    let compose =
        Compose { grant, order, target: &proofs.target, hop: None, vendor_key: None, trace: order.arrival.trace };
    let mut parts = compose.parts()?;
    let url = parts.uri.to_string();
    run.inner.parts.access.still_holds(grant)?;
    // The credential is fetched and placed, as it would be, and dropped with the request. No access token is had.
    let lent = run.inner.parts.vault.appraise(grant, &mut parts)?;
    let mut names: Vec<&str> = parts.headers.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    Ok(json!({
        "dry_run": true,
        "run": run.id(),
        "connection": connection.name,
        "endpoint": endpoint.path.as_str(),
        "operation": grant.operation().as_str(),
        "request": {
            "method": parts.method.as_str(),
            "url": url,
            "headers": names,
            "body_bytes": order.body.length(),
            "credential": placement(&connection.provider.auth, lent),
        },
        "rules": {
            "repeated_when_safe": endpoint.idempotent,
            "retries": connection.settings.retries,
            "redirects_followed": connection.settings.redirects.follow,
            "bulk": endpoint.bulk,
            "answer_has_schema": endpoint.answer.schema.is_some(),
            "fallback": endpoint.fallback.is_some(),
        },
        "passed": ["authorized", "admitted", "entered", "vetted", "recorded", "equipped"],
    }))
}

fn placement(auth: &AuthPlacement, lent: bool) -> Value {
    if !lent {
        return Value::Null;
    }
    match auth {
        AuthPlacement::Bearer => json!({ "placement": "bearer", "name": "authorization" }),
        AuthPlacement::OAuth(_) => json!({ "placement": "oauth", "name": "authorization" }),
        AuthPlacement::Basic => json!({ "placement": "basic", "name": "authorization" }),
        AuthPlacement::Header { name, .. } => json!({ "placement": "header", "name": name }),
        AuthPlacement::Query { name } => json!({ "placement": "query", "name": name }),
        AuthPlacement::None => Value::Null,
    }
}
