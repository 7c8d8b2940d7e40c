//! Declared endpoints and uses, from what was written down to what a call is matched with.

use std::sync::Arc;

use lockgate_vocabulary::limit::BULK_BODY_BYTES;

use super::fallback::fallback as resolve;
use super::{Endpoint, Use};
use crate::scope::{Subject, is_reserved_name};
use crate::spec::{AnswerSpec, DeclaredUse, EndpointSpec, Operation};
use crate::template::PathTemplate;
use crate::violations::Violations;

/// Endpoints of one connection or provider.
const ENDPOINTS_MOST: usize = 512;

/// Declared uses of one principal or key.
const USES_MOST: usize = 256;

/// Media types of one answer.
const MEDIA_TYPES_MOST: usize = 16;

/// Bytes of one answer's schema. Whether it holds, who compiles schemas says.
const SCHEMA_BYTES: usize = 64 * 1024;

/// What a connection or provider declares, the most exact template first.
pub(crate) fn endpoints(specs: Vec<EndpointSpec>, at: &str, wrong: &mut Violations) -> Arc<[Arc<Endpoint>]> {
    wrong.check(specs.len() <= ENDPOINTS_MOST, at, "at most 512 endpoints");
    let mut resolved: Vec<Arc<Endpoint>> = Vec::with_capacity(specs.len().min(ENDPOINTS_MOST));
    for (index, spec) in specs.into_iter().take(ENDPOINTS_MOST).enumerate() {
        let at = format!("{at}/{index}");
        let Some(endpoint) = endpoint(spec, &at, wrong) else { continue };
        let same = |other: &Arc<Endpoint>| other.method == endpoint.method && other.path.same_shape(&endpoint.path);
        wrong.check(!resolved.iter().any(same), at, "another endpoint has this method and path already");
        resolved.push(Arc::new(endpoint));
    }
    resolved.sort_by(|a, b| a.path.by_exactness(&b.path).then_with(|| a.method.as_str().cmp(b.method.as_str())));
    resolved.into()
}

fn endpoint(spec: EndpointSpec, at: &str, wrong: &mut Violations) -> Option<Endpoint> {
    let method = method(&spec.method, &format!("{at}/method"), wrong);
    let path = wrong.take(spec.path.parse::<PathTemplate>(), format!("{at}/path"));
    answer(&spec.answer, at, wrong);
    let (method, path) = (method?, path?);
    let operation = spec.operation.unwrap_or_else(|| usual_operation(&method));
    // Reading changes nothing, whatever its method, so that it may be repeated.
    let idempotent = spec.idempotent || method.is_idempotent() || operation == Operation::Read;
    let fallback = spec.fallback.and_then(|fallback| resolve(fallback, operation, &spec.answer, at, wrong));
    Some(Endpoint { method, path, operation, bulk: spec.bulk, idempotent, answer: spec.answer, fallback })
}

fn method(text: &str, at: &str, wrong: &mut Violations) -> Option<http::Method> {
    let plain = (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_uppercase());
    // Neither reaches a resource of the vendor's: one opens a tunnel, the other shows our credential.
    let forbidden = matches!(text, "CONNECT" | "TRACE");
    wrong.check(plain && !forbidden, at, "a method is upper case, and neither CONNECT nor TRACE");
    http::Method::from_bytes(text.as_bytes()).ok().filter(|_| plain && !forbidden)
}

fn usual_operation(method: &http::Method) -> Operation {
    match method.as_str() {
        "GET" | "HEAD" | "OPTIONS" => Operation::Read,
        "DELETE" => Operation::Delete,
        _ => Operation::Write,
    }
}

fn answer(spec: &AnswerSpec, at: &str, wrong: &mut Violations) {
    let at = format!("{at}/answer");
    let size = spec.most_bytes.is_none_or(|most| (1..=BULK_BODY_BYTES).contains(&most));
    wrong.check(size, format!("{at}/most_bytes"), "1 to 100,000,000 bytes");
    let media = spec.media_types.len() <= MEDIA_TYPES_MOST && spec.media_types.iter().all(|each| is_media_type(each));
    wrong.check(
        media,
        format!("{at}/media_types"),
        "at most 16 media types such as application/json, without parameters",
    );
    let Some(schema) = &spec.schema else { return };
    let object = schema.is_object() || schema.is_boolean();
    let small = schema.to_string().len() <= SCHEMA_BYTES;
    wrong.check(object && small, format!("{at}/schema"), "a JSON Schema of at most 64 KiB");
}

pub(super) fn is_media_type(text: &str) -> bool {
    let token = |part: &str| {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"!#$&^_.+-".contains(&byte);
        (1..=127).contains(&part.len()) && part.bytes().all(plain)
    };
    text.split_once('/').is_some_and(|(kind, subtype)| token(kind) && token(subtype))
}

/// What a principal or a key declares that it uses.
pub(crate) fn uses(declared: Vec<DeclaredUse>, at: &str, wrong: &mut Violations) -> Arc<[Use]> {
    wrong.check(declared.len() <= USES_MOST, at, "at most 256 declared uses");
    let each = declared.into_iter().take(USES_MOST).enumerate();
    each.filter_map(|(index, declared)| declared_use(declared, &format!("{at}/{index}"), wrong)).collect()
}

fn declared_use(declared: DeclaredUse, at: &str, wrong: &mut Violations) -> Option<Use> {
    let connection = Subject::parse(&declared.connection).filter(|_| !is_reserved_name(&declared.connection));
    if connection.is_none() {
        wrong.add(format!("{at}/connection"), "not the name or id of a connection");
    }
    let path = wrong.take(declared.path.parse::<PathTemplate>(), format!("{at}/path"));
    let any = declared.method == "*";
    let method = if any { None } else { method(&declared.method, &format!("{at}/method"), wrong) };
    let (connection, path) = (connection?, path?);
    (any || method.is_some()).then_some(Use { connection, method, path })
}

#[cfg(test)]
mod tests;
