//! Schemas of answers, tried out before they are written down.
//!
//! The registry knows the shape of what is declared; whether a schema holds, only compiling it tells. What
//! all schemas of one request cost together is bounded before the first is compiled, and compiling is done
//! beside the requests, two requests at a time and one of each tenant. What was written down before a rule was narrowed refuses
//! the calls that need it.

use std::sync::LazyLock;

use lockgate_access::AccessRefusal;
use lockgate_access::spec::EndpointSpec;
use lockgate_egress::Turns;
use lockgate_inspect::schema::{Schema, size_of};
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

/// Demands that every schema of the tenant's endpoints holds. `at` is where the endpoints stand in the request.
pub(crate) async fn demand(tenant: TenantId, endpoints: &[EndpointSpec], at: &'static str) -> Answer<()> {
    let declared = endpoints.iter().enumerate();
    let schemas: Vec<(usize, Value)> =
        declared.filter_map(|(index, endpoint)| Some((index, endpoint.answer.schema.clone()?))).collect();
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

fn tried(schemas: &[(usize, Value)], at: &str) -> Vec<Violation> {
    let (mut parts, mut patterns) = (0u64, 0u64);
    for (_, schema) in schemas {
        // One that has no size is told of below, where it is compiled.
        let Ok(size) = size_of(schema) else { continue };
        parts = parts.saturating_add(size.parts);
        patterns = patterns.saturating_add(size.patterns);
    }
    if parts > PARTS || patterns > PATTERNS {
        let reason = "its schemas have more than 50,000 parts or 512 patterns together".to_owned();
        return vec![Violation { pointer: at.to_owned(), reason }];
    }
    let flawed = schemas.iter().filter_map(|(index, schema)| {
        let flaw = Schema::compile(schema).err()?;
        Some(Violation { pointer: format!("{at}/{index}/answer/schema"), reason: flaw.to_string() })
    });
    flawed.take(TOLD).collect()
}

#[cfg(test)]
mod tests;
