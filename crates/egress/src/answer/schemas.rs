//! Schemas of endpoints, compiled once.

use std::sync::Arc;

use lockgate_access::directory::Endpoint;
use lockgate_inspect::schema::Schema;
use lockgate_vocabulary::Fault;
use quick_cache::sync::Cache;

/// Schemas that are remembered.
const REMEMBERED: usize = 1_024;

/// Compiled schemas by the endpoint that declares them.
pub(crate) struct Schemas {
    // INVARIANT: an entry holds its endpoint, so no other endpoint can come to have its address.
    compiled: Cache<usize, (Arc<Endpoint>, Schema)>,
}

impl Schemas {
    pub(crate) fn new() -> Self {
        Self { compiled: Cache::new(REMEMBERED) }
    }

    /// The schema that the endpoint declares for its answers, if it does.
    pub(crate) fn of(&self, endpoint: &Arc<Endpoint>) -> Result<Option<Schema>, Fault> {
        let Some(declared) = &endpoint.answer.schema else { return Ok(None) };
        let address = Arc::as_ptr(endpoint) as usize;
        if let Some((_, schema)) = self.compiled.get(&address) {
            return Ok(Some(schema));
        }
        let schema = Schema::compile(declared).map_err(|flaw| Fault::broken("compiling an endpoint's schema", flaw))?;
        self.compiled.insert(address, (Arc::clone(endpoint), schema.clone()));
        Ok(Some(schema))
    }
}

#[cfg(test)]
mod tests;
