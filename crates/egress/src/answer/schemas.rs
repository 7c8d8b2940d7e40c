//! Schemas of endpoints, compiled once, and answers that are checked against them.
//!
//! What takes longer than a moment, compiling a schema and judging a large answer, is done beside the calls
//! and in the tenant's own turn. A schema was checked when it was written down; one that does not hold any
//! more, because the rules are narrower than they were, refuses the calls that need it.

use std::sync::Arc;

use bytes::Bytes;
use lockgate_access::directory::Endpoint;
use lockgate_inspect::json::Limits;
use lockgate_inspect::schema::{Misfit, Schema};
use lockgate_vocabulary::{Refusal, Stop, TenantId};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::refusal::EgressRefusal;
use crate::run::Run;
use crate::turns::Turns;

/// Schemas that are expected to be remembered.
const REMEMBERED: usize = 1_024;

/// What remembered schemas may weigh: each one, and one for each of its patterns, which are what takes memory.
const WEIGHT: u64 = 4_096;

type Compiled = (Arc<Endpoint>, Option<Schema>);

#[derive(Debug, Clone)]
struct ByPatterns;

impl Weighter<usize, Compiled> for ByPatterns {
    fn weight(&self, _: &usize, (_, schema): &Compiled) -> u64 {
        1 + schema.as_ref().map_or(0, |schema| schema.size().patterns)
    }
}

/// Compiled schemas by the endpoint that declares them.
pub(crate) struct Schemas {
    // INVARIANT: an entry holds its endpoint, so no other endpoint can come to have its address.
    compiled: Cache<usize, Compiled, ByPatterns>,
    turns: Turns,
}

impl Schemas {
    pub(crate) fn new() -> Self {
        Self { compiled: Cache::with_weighter(REMEMBERED, WEIGHT, ByPatterns), turns: Turns::of_machine() }
    }

    /// The schema that the endpoint declares for its answers, if it does.
    pub(crate) async fn of(&self, endpoint: &Arc<Endpoint>, tenant: TenantId) -> Result<Option<Schema>, Stop> {
        if endpoint.answer.schema.is_none() {
            return Ok(None);
        }
        let address = Arc::as_ptr(endpoint) as usize;
        let schema = match self.compiled.get(&address) {
            Some((_, schema)) => schema,
            None => self.compile(endpoint, tenant).await?,
        };
        schema.map(Some).ok_or(EgressRefusal::EndpointSchema.into())
    }

    async fn compile(&self, endpoint: &Arc<Endpoint>, tenant: TenantId) -> Result<Option<Schema>, Stop> {
        let declaring = Arc::clone(endpoint);
        let compiling = move || declaring.answer.schema.as_ref().map(Schema::compile);
        let schema = match self.turns.run(tenant, compiling).await? {
            Some(Ok(schema)) => Some(schema),
            Some(Err(flaw)) => {
                tracing::warn!(%flaw, %tenant, endpoint = endpoint.path.as_str(), "a stored schema does not hold any more");
                None
            }
            None => None,
        };
        self.compiled.insert(Arc::as_ptr(endpoint) as usize, (Arc::clone(endpoint), schema.clone()));
        Ok(schema)
    }
}

/// Demands that the answer fits, in time for the call.
pub(super) async fn demand(run: &mut Run, schema: &Schema, text: &Bytes, limits: Limits) -> Result<(), Stop> {
    let checked = match schema.check_light(text, &limits) {
        Some(checked) => checked,
        None => {
            let (schema, text, tenant) = (schema.clone(), text.clone(), run.grant.caller().tenant());
            let inner = Arc::clone(&run.inner);
            let check = inner.schemas.turns.run(tenant, move || schema.check(&text, &limits));
            let end = run.end;
            run.alarm.race(end, check).await.map_err(|_| EgressRefusal::AnswerUnchecked)??
        }
    };
    checked.map_err(|misfit| refused(misfit).into())
}

fn refused(misfit: Misfit) -> Refusal {
    match misfit {
        Misfit::TooCostly => EgressRefusal::AnswerTooCostly.refuse(),
        Misfit::Violations(violations) => {
            let refusal = EgressRefusal::AnswerSchema.refuse();
            violations.into_iter().fold(refusal, |refusal, each| refusal.violation(each.pointer, each.reason))
        }
    }
}

#[cfg(test)]
mod tests;
