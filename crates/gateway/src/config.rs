//! What an operator sets: raw as the file says it, then resolved as the house uses it.
//!
//! Each room has its own section and checks it; here they are put together, defaults that depend on one
//! another are filled in, and relative paths are read from the folder that the file is in. There is no
//! secret in the file: keys and passwords are files that it names. A key that weakens something begins
//! with `danger_`.

mod listen;
mod otlp;
pub(crate) mod owned_file;
mod problem;
mod raw;

use std::path::{Path, PathBuf};
use std::time::Duration;

use lockgate_vocabulary::Name;
use serde::Deserialize;

pub use listen::{Listen, TlsFiles};
pub use otlp::{Collector, Otlp};
pub use problem::ConfigProblem;

/// Bytes of a configuration file at the most.
const FILE_BYTES: u64 = 1024 * 1024;

/// What a process of the gateway does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Serves callers.
    Door,
    /// Does what falls due: operations, rotations, retention.
    Worker,
    /// Serves operators.
    Admin,
}

/// How logs are written to stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One line of text for each event.
    #[default]
    Text,
    /// One JSON object for each event.
    Json,
}

/// Logs and traces.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Telemetry {
    /// What is logged: `error`, `warn`, `info`, `debug`, or directives such as `info,lockgate_egress=debug`.
    pub log: String,
    /// How.
    pub format: LogFormat,
    /// A file with the token that `/metrics` is read with, as `Authorization: Bearer`. Without one it is
    /// open on loopback and an operator's elsewhere.
    pub scrape_token_file: Option<PathBuf>,
    /// Where traces go; nowhere by default.
    pub otlp: Otlp,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self { log: "info".into(), format: LogFormat::Text, scrape_token_file: None, otlp: Otlp::default() }
    }
}

/// Everything, resolved.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the gateway keeps what it writes.
    pub data_dir: PathBuf,
    /// This node's name.
    pub node: Name,
    /// What this process does.
    pub roles: Vec<Role>,
    /// The callers' listener.
    pub door: Listen,
    /// The operators' listener.
    pub admin: Listen,
    /// How long calls under way may take to end when the process is told to stop.
    pub drain: Duration,
    /// Logs and traces.
    pub telemetry: Telemetry,
    /// The file with the seed that checkpoints of the trail are signed with.
    pub checkpoint_key_file: PathBuf,
    /// The store.
    pub store: lockgate_store::Config,
    /// The trail.
    pub audit: lockgate_audit::Config,
    /// Identity.
    pub access: lockgate_access::Config,
    /// Secrets.
    pub vault: lockgate_vault::Config,
    /// Limits.
    pub traffic: lockgate_traffic::Config,
    /// The way out.
    pub egress: lockgate_egress::Config,
    /// Subscriptions and deliveries.
    pub webhooks: lockgate_webhooks::Config,
    /// Every key that is set and weakens something.
    pub dangers: Vec<String>,
}

impl Config {
    /// Reads a file.
    pub fn load(path: &Path) -> Result<Self, ConfigProblem> {
        const CURE: &str = "Name a file with --config, or make one with `lockgate init`";
        let problem = |what: &dyn std::fmt::Display| ConfigProblem::new(path.display().to_string(), what, CURE);
        let size = std::fs::metadata(path).map_err(|error| problem(&error))?.len();
        if size > FILE_BYTES {
            return Err(problem(&"the file is larger than 1 MiB"));
        }
        let text = std::fs::read_to_string(path).map_err(|error| problem(&error))?;
        let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = std::path::absolute(folder).map_err(|error| problem(&error))?;
        Self::parse(&text, &folder)
    }

    /// Reads the text of a file that lies in this folder.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, ConfigProblem> {
        raw::resolve(text, folder)
    }

    /// Whether this process does this.
    pub fn has(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    /// The folder of bodies that do not fit into memory.
    pub fn spool_dir(&self) -> PathBuf {
        self.data_dir.join("spool")
    }
}

/// Where callers reach a listener, as a URL without a slash at its end.
pub(crate) fn origin(listen: &Listen) -> String {
    let scheme = if listen.tls.is_some() { "https" } else { "http" };
    format!("{scheme}://{}", listen.address)
}

#[cfg(test)]
mod tests;
