//! `lockgate serve`: the gateway.

use std::path::PathBuf;

use clap::Args;

use super::Failure;
use crate::assemble::Seams;
use crate::config::{Config, Role};
use crate::descriptors;
use crate::running::Running;
use crate::shutdown::Signals;
use crate::telemetry;

/// Flags of `serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// The configuration.
    #[arg(long, value_name = "FILE", env = "LOCKGATE_CONFIG", default_value = "lockgate.toml")]
    config: PathBuf,
    /// What this process does; goes before what the configuration says.
    #[arg(long, value_delimiter = ',', value_name = "ROLE")]
    roles: Vec<Role>,
}

/// Serves until told to stop.
pub async fn run(args: Serve) -> Result<(), Failure> {
    let mut config = Config::load(&args.config)?;
    if !args.roles.is_empty() {
        config.roles = args.roles;
    }
    telemetry::start_logs(&config.telemetry)?;
    if let Err(error) = forbid_dumps() {
        tracing::warn!(%error, "core dumps could not be switched off; a dump would hold secrets");
    }
    if let Err(error) = descriptors::raise() {
        tracing::warn!(%error, "the limit of file descriptors could not be raised");
    }
    for key in &config.dangers {
        tracing::warn!(key, "this setting weakens the gateway");
    }
    let mut signals =
        Signals::listen().map_err(|error| Failure::Internal(format!("listening for signals: {error}")))?;
    let running = Running::start(&config, &Seams::system()).await?;
    tracing::info!(node = %config.node, door = ?running.door, admin = ?running.admin, "serving");
    signals.come().await;
    tracing::info!("stopping");
    running.stop().await?;
    tracing::info!("stopped");
    Ok(())
}

/// Keeps the process's memory out of core dumps and from debuggers of the same user: it holds secrets.
pub(super) fn forbid_dumps() -> std::io::Result<()> {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    Ok(())
}
