//! What an operator may set about limits. What belongs to one connection stands in its own settings.

use lockgate_vocabulary::Fault;
use serde::Deserialize;

use crate::bucket::Rate;

/// Limits of every caller, and what happens when they cannot be checked.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Calls a minute of one credential of a caller; 6,000 by default.
    pub caller_per_minute: u32,
    /// Calls at once in a burst of one credential; 600 by default.
    pub caller_burst: u32,
    /// Calls a minute of one tenant, all of its callers and connections together; 60,000 by default.
    pub tenant_per_minute: u32,
    /// Calls at once in a burst of one tenant; 10,000 by default.
    pub tenant_burst: u32,
    /// Callers' credentials, connections and tenants that are counted at the same time; 262,144 by default. Those
    /// at rest are forgotten first; where all are in use, a new one is refused.
    pub most_counted: usize,
    /// Whether a node counts for itself while the shared counters are away, instead of refusing. Each
    /// node then grants the whole limit.
    pub danger_fail_open_to_local: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            caller_per_minute: 6_000,
            caller_burst: 600,
            tenant_per_minute: 60_000,
            tenant_burst: 10_000,
            most_counted: 262_144,
            danger_fail_open_to_local: false,
        }
    }
}

impl Config {
    /// The rate of one credential.
    pub(crate) fn caller_rate(&self) -> Result<Rate, Fault> {
        Rate::per_minute(self.caller_per_minute, self.caller_burst)
            .ok_or_else(|| Fault::broken("reading traffic.caller_per_minute and caller_burst", "neither may be nought"))
    }

    /// The rate of one tenant.
    pub(crate) fn tenant_rate(&self) -> Result<Rate, Fault> {
        Rate::per_minute(self.tenant_per_minute, self.tenant_burst)
            .ok_or_else(|| Fault::broken("reading traffic.tenant_per_minute and tenant_burst", "neither may be nought"))
    }
}

#[cfg(test)]
mod tests;
