//! Logs to stderr, metrics for `/metrics`, traces to a collector ([`otlp`]).
//!
//! Off the hot path: what a request counts are handles that it holds, and a span is put into a queue. Not
//! here: what a log line says, and when a span is over, which is where it happens.

mod metrics;
pub mod otlp;
mod outward;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{ConfigProblem, LogFormat, Telemetry};

pub use metrics::{Connections, Metrics};

/// Starts to write logs. In a process where something writes them already, that goes on.
pub fn start_logs(config: &Telemetry) -> Result<(), ConfigProblem> {
    let filter = EnvFilter::try_new(&config.log).map_err(|error| {
        let cure = "Write a level (error, warn, info, debug) or directives such as info,lockgate_egress=debug";
        ConfigProblem::new("telemetry.log", error, cure)
    })?;
    let registry = tracing_subscriber::registry().with(filter);
    let started = match config.format {
        LogFormat::Text => registry.with(fmt::layer().with_writer(std::io::stderr).with_ansi(false)).try_init(),
        LogFormat::Json => registry.with(fmt::layer().json().with_writer(std::io::stderr)).try_init(),
    };
    // Only tests start a gateway twice in one process; the first one's logs serve both.
    drop(started);
    Ok(())
}

#[cfg(test)]
mod tests;
