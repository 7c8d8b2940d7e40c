//! What an operator may set about the way out. What belongs to one connection stands in its own settings.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::destination;

/// Time and space that a call may take, and how long connections to vendors are kept.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where calls may lead.
    pub destination: destination::Config,
    /// Seconds for reaching a vendor: connecting and the TLS handshake; 5 by default.
    pub connect_seconds: u32,
    /// Seconds without a byte of a body, in either direction, after which it counts as dead; 10 by default.
    pub stall_seconds: u32,
    /// Seconds for the head of an answer; as long as the whole call may take by default.
    pub answer_head_seconds: Option<u32>,
    /// Seconds that a connection to a vendor waits for its next call; 60 by default.
    pub idle_seconds: u32,
    /// Seconds after which a connection to a vendor takes no new call; 600 by default.
    pub age_seconds: u32,
    /// Connections to one vendor that wait for their next call, for each connection; 64 by default.
    pub most_idle: usize,
    /// Bytes of an answer that are kept for a repeated idempotency key; 1 MiB by default.
    pub kept_answer_bytes: usize,
    /// Calls that go on behind an operation at once on this node, for each tenant; 256 by default.
    pub operations_per_tenant: u32,
    /// Bytes of answers that are read whole, because they have a schema or are kept, and are in memory at once
    /// on this node, for each tenant; 128 MiB by default. The first 64 KiB of each are not counted.
    pub answer_bytes_per_tenant: u64,
    /// The same for all tenants together; 512 MiB by default.
    pub answer_bytes: u64,
    /// Bytes of request bodies that are on disk at once on this node, for each tenant; 1 GiB by default.
    pub spool_bytes_per_tenant: u64,
    /// Bytes of all answers that are kept for one tenant; 256 MiB by default. Beyond it no new idempotency
    /// key is taken until some are forgotten.
    pub kept_tenant_bytes: u64,
    /// Certificates (PEM) of the authorities that those come from whom the house's own errands ask, such as
    /// an issuer inside the operator's network; the system's by default.
    pub errand_ca_file: Option<PathBuf>,
    /// Whether the house's own errands may go to `http:`, to issuers and back ends of its own configuration alone. It
    /// sends everything in the clear.
    pub danger_allow_http_errands: bool,
    /// Private networks that the house's own errands may reach, to issuers and back ends of its own configuration alone.
    pub danger_errand_networks: Vec<ipnet::IpNet>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            destination: destination::Config::default(),
            connect_seconds: 5,
            stall_seconds: 10,
            answer_head_seconds: None,
            idle_seconds: 60,
            age_seconds: 600,
            most_idle: 64,
            kept_answer_bytes: 1024 * 1024,
            operations_per_tenant: 256,
            answer_bytes_per_tenant: 128 * 1024 * 1024,
            answer_bytes: 512 * 1024 * 1024,
            spool_bytes_per_tenant: 1024 * 1024 * 1024,
            kept_tenant_bytes: 256 * 1024 * 1024,
            errand_ca_file: None,
            danger_allow_http_errands: false,
            danger_errand_networks: Vec::new(),
        }
    }
}

/// The same as lengths of time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    pub(crate) connect: Duration,
    pub(crate) stall: Duration,
    pub(crate) answer_head: Option<Duration>,
    pub(crate) idle: Duration,
    pub(crate) age: Duration,
}

impl Config {
    pub(crate) fn times(&self) -> Times {
        let seconds = |seconds: u32| Duration::from_secs(seconds.max(1).into());
        Times {
            connect: seconds(self.connect_seconds),
            stall: seconds(self.stall_seconds),
            answer_head: self.answer_head_seconds.map(seconds),
            idle: seconds(self.idle_seconds),
            age: seconds(self.age_seconds),
        }
    }
}

#[cfg(test)]
mod tests;
