//! Where names are looked up: the seam [`Resolver`], the system's resolver, and a fixed map.
//!
//! A resolver decides nothing: whatever it answers is judged before anything is dialled. The system is
//! asked so that `/etc/hosts` and split-horizon DNS hold for the gateway as for every program beside it.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use lockgate_vocabulary::BoxFuture;
use tokio::sync::Semaphore;

use super::host::Host;
use crate::refusal::EgressRefusal;

/// Look-ups that may stand in the system at once. The system offers no way to take one back, so a name
/// server that never answers must not use up every blocking thread.
pub(super) const SYSTEM_LOOKUPS: usize = 64;

/// Answers that are read of one name at the most.
const ANSWERS: usize = 256;

/// Why there are no addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResolveFailure {
    /// The name has none, or the name server failed.
    NotFound,
    /// Too many look-ups are under way.
    Busy,
}

/// Looks names up.
pub trait Resolver: Send + Sync + 'static {
    /// The addresses of a canonical name.
    fn resolve(&self, name: Arc<str>) -> BoxFuture<Result<Vec<IpAddr>, ResolveFailure>>;
}

/// The operating system's resolver.
#[derive(Debug, Clone)]
pub struct SystemResolver {
    places: Arc<Semaphore>,
}

impl SystemResolver {
    /// A resolver with all its places free.
    pub fn new() -> Self {
        Self { places: Arc::new(Semaphore::new(SYSTEM_LOOKUPS)) }
    }
}

impl Default for SystemResolver {
    fn default() -> Self {
        Self::new()
    }
}

impl Resolver for SystemResolver {
    #[expect(clippy::disallowed_methods, reason = "the one place that resolves names; every answer is judged")]
    fn resolve(&self, name: Arc<str>) -> BoxFuture<Result<Vec<IpAddr>, ResolveFailure>> {
        let places = Arc::clone(&self.places);
        Box::pin(async move {
            let place = places.try_acquire_owned().map_err(|_| ResolveFailure::Busy)?;
            // A task of its own: it keeps its place until the system answers, even when nobody waits.
            let lookup = tokio::spawn(async move {
                let answers = tokio::net::lookup_host((&*name, 0)).await;
                drop(place);
                answers.map(|answers| answers.take(ANSWERS).map(|answer| answer.ip()).collect::<Vec<_>>())
            });
            match lookup.await {
                Ok(Ok(answers)) if !answers.is_empty() => Ok(answers),
                _ => Err(ResolveFailure::NotFound),
            }
        })
    }
}

/// A map from names to addresses that goes before another resolver, or stands alone.
#[derive(Default)]
pub struct StaticResolver {
    names: HashMap<Arc<str>, Vec<IpAddr>>,
    every_other: Option<Vec<IpAddr>>,
    then: Option<Arc<dyn Resolver>>,
}

impl StaticResolver {
    /// A map of all these names.
    pub fn new(names: &BTreeMap<String, Vec<IpAddr>>) -> Result<Self, EgressRefusal> {
        let mut this = Self::default();
        for (name, addresses) in names {
            this.add(name, addresses.clone())?;
        }
        Ok(this)
    }

    /// Adds a name, which is brought into canonical form; `*` stands for every other name.
    pub fn add(&mut self, name: &str, addresses: Vec<IpAddr>) -> Result<(), EgressRefusal> {
        if name == "*" {
            self.every_other = Some(addresses);
            return Ok(());
        }
        match Host::parse(name)? {
            Host::Name(name) => drop(self.names.insert(name, addresses)),
            Host::Address(_) => return Err(EgressRefusal::HostInvalid),
        }
        Ok(())
    }

    /// Asks `then` for the names that the map does not have.
    #[must_use]
    pub fn or(self, then: Arc<dyn Resolver>) -> Self {
        Self { then: Some(then), ..self }
    }

    /// Whether the map says where this name leads.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.known(name).is_some()
    }

    fn known(&self, name: &str) -> Option<&Vec<IpAddr>> {
        self.names.get(name).or(self.every_other.as_ref())
    }
}

impl Resolver for StaticResolver {
    fn resolve(&self, name: Arc<str>) -> BoxFuture<Result<Vec<IpAddr>, ResolveFailure>> {
        match (self.known(&name), &self.then) {
            (Some(addresses), _) => Box::pin(std::future::ready(Ok(addresses.clone()))),
            (None, Some(then)) => then.resolve(name),
            (None, None) => Box::pin(std::future::ready(Err(ResolveFailure::NotFound))),
        }
    }
}

#[cfg(test)]
mod tests;
