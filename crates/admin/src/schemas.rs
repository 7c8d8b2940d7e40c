//! Schemas of answers, tried out before they are written down.
//!
//! The registry knows the shape of what is declared; whether a schema holds, only compiling it tells. What
//! all schemas of one request cost together is bounded before the first is compiled, and compiling is done
//! beside the requests, two requests at a time and one of each tenant. What was written down before a rule was
//! narrowed refuses the calls that need it. An endpoint's fallback is held to its schema here as well, because
//! nobody checks it when it is given.

use std::sync::LazyLock;

use lockgate_access::AccessRefusal;
use lockgate_access::spec::EndpointSpec;
use lockgate_egress::Turns;
use lockgate_inspect::json::Limits;
use lockgate_inspect::schema::{Misfit, Schema, size_of};
use lockgate_vocabulary::{TenantId, Violation};
use serde_json::Value;

use crate::answer::Answer;

/// Parts that the schemas of one request have together.
const PARTS: u64 = 50_000;

/// Patterns that the schemas of one request have together.
const PATTERNS: u64 = 512;

/// Violations that are told at once.
const TOLD: usize = 50;

/// Whose turn it is to compile. A turn lasts until the work is over, also where nobody waits for it any more.
static TURNS: LazyLock<Turns> = LazyLock::new(|| Turns::new(2, 1));

/// A schema, and what is held to it at once.
struct Declared {
    /// Which endpoint declares it.
    index: usize,
    schema: Value,
    fallback: Option<String>,
}

impl Declared {
    fn of(index: usize, endpoint: &EndpointSpec) -> Option<Self> {
        let fallback = endpoint.fallback.as_ref().map(|fallback| fallback.body.clone());
        Some(Self { index, schema: endpoint.answer.schema.clone()?, fallback })
    }

    /// What is wrong with it.
    fn flaw(&self, at: &str) -> Option<Violation> {
        let at = format!("{at}/{}", self.index);
        let schema = match Schema::compile(&self.schema) {
            Ok(schema) => schema,
            Err(flaw) => return Some(Violation { pointer: format!("{at}/answer/schema"), reason: flaw.to_string() }),
        };
        let body = self.fallback.as_ref()?;
        let reason = match schema.check_light(body.as_bytes(), &Limits::default()) {
            Some(Ok(())) => return None,
            Some(Err(Misfit::Violations(_))) => "it does not follow the endpoint's answer.schema",
            Some(Err(Misfit::TooCostly)) | None => "checking it against the endpoint's answer.schema takes too long",
        };
        Some(Violation { pointer: format!("{at}/fallback/body"), reason: reason.to_owned() })
    }
}

/// Demands that every schema of the tenant's endpoints holds. `at` is where the endpoints stand in the request.
pub(crate) async fn demand(tenant: TenantId, endpoints: &[EndpointSpec], at: &'static str) -> Answer<()> {
    let declared = endpoints.iter().enumerate();
    let schemas: Vec<Declared> = declared.filter_map(|(index, endpoint)| Declared::of(index, endpoint)).collect();
    if schemas.is_empty() {
        return Ok(());
    }
    let wrong = TURNS.run(tenant, move || tried(&schemas, at)).await?;
    if wrong.is_empty() {
        return Ok(());
    }
    let refusal = AccessRefusal::InputInvalid.refuse();
    Err(wrong.into_iter().fold(refusal, |refusal, each| refusal.violation(each.pointer, each.reason)).into())
}

fn tried(schemas: &[Declared], at: &str) -> Vec<Violation> {
    let (mut parts, mut patterns) = (0u64, 0u64);
    for Declared { schema, .. } in schemas {
        // One that has no size is told of below, where it is compiled.
        let Ok(size) = size_of(schema) else { continue };
        parts = parts.saturating_add(size.parts);
        patterns = patterns.saturating_add(size.patterns);
    }
    if parts > PARTS || patterns > PATTERNS {
        let reason = "its schemas have more than 50,000 parts or 512 patterns together".to_owned();
        return vec![Violation { pointer: at.to_owned(), reason }];
    }
    schemas.iter().filter_map(|declared| declared.flaw(at)).take(TOLD).collect()
}

#[cfg(test)]
mod tests;
