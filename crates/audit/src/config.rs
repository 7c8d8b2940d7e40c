//! The knobs of the audit trail.

use std::path::PathBuf;
use std::time::Duration;

use lockgate_vocabulary::{Fault, Name};
use serde::Deserialize;

/// How a log's identity begins; the node's name follows.
pub(crate) const ORIGIN: &str = "lockgate/";

/// The smallest segment: a group of entries must always fit into an empty one.
const SEGMENT_LEAST: u64 = 4 * 1024;

/// The largest segment: offsets in a segment's index stay small, and recovery reads one of them whole.
const SEGMENT_MOST: u64 = 1024 * 1024 * 1024;

/// Where and how a node keeps its log.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The directory of this node's log. One process at a time may have it open.
    pub dir: PathBuf,
    /// The node's name. It stands in every entry, and the log's identity ends with it, so it must not
    /// change as long as the directory is used.
    pub node: Name,
    /// A file that every checkpoint is appended to, best on another machine's disk; none by default. At
    /// start, and where the trail is verified, the log is held to the last one in it.
    #[serde(default)]
    pub witness_file: Option<PathBuf>,
    /// How often a checkpoint is signed while entries come, in seconds (1 by default, at most 60).
    #[serde(default = "checkpoint_seconds")]
    pub checkpoint_seconds: u64,
    /// How large one segment file grows, in bytes (32 MiB by default).
    #[serde(default = "segment_bytes")]
    pub segment_bytes: u64,
    /// How many entries may wait for the disk before new work is refused (65,536 by default).
    #[serde(default = "queue_entries")]
    pub queue_entries: usize,
    /// How long a group of entries waits for company before it goes to the disk, in microseconds
    /// (at most 1,000). Nothing waits while one caller is alone.
    #[serde(default = "linger_micros")]
    pub linger_micros: u64,
    /// How long one write to the disk may take before new work is refused, in seconds (5 by default).
    #[serde(default = "stall_seconds")]
    pub stall_seconds: u64,
}

const fn checkpoint_seconds() -> u64 {
    1
}

const fn segment_bytes() -> u64 {
    32 * 1024 * 1024
}

const fn queue_entries() -> usize {
    65_536
}

const fn linger_micros() -> u64 {
    200
}

const fn stall_seconds() -> u64 {
    5
}

impl Config {
    /// The defaults for this directory and node.
    pub fn new(dir: impl Into<PathBuf>, node: Name) -> Self {
        Self {
            dir: dir.into(),
            node,
            witness_file: None,
            checkpoint_seconds: checkpoint_seconds(),
            segment_bytes: segment_bytes(),
            queue_entries: queue_entries(),
            linger_micros: linger_micros(),
            stall_seconds: stall_seconds(),
        }
    }

    /// The log's identity: the first line of its checkpoints and the name of its key.
    pub fn origin(&self) -> String {
        format!("{ORIGIN}{}", self.node)
    }

    pub(crate) fn checked(&self) -> Result<(), Fault> {
        let bounds = [
            ("checkpoint_seconds", self.checkpoint_seconds, 1, 60),
            ("segment_bytes", self.segment_bytes, SEGMENT_LEAST, SEGMENT_MOST),
            ("queue_entries", u64::try_from(self.queue_entries).unwrap_or(u64::MAX), 1, 10_000_000),
            ("linger_micros", self.linger_micros, 0, 1_000),
            ("stall_seconds", self.stall_seconds, 1, 600),
        ];
        for (key, value, least, most) in bounds {
            if !(least..=most).contains(&value) {
                let said = format!("`{key}` is {value}; it must lie between {least} and {most}");
                return Err(Fault::broken("reading the configuration of the audit trail", said));
            }
        }
        Ok(())
    }

    pub(crate) const fn checkpoint_interval(&self) -> Duration {
        Duration::from_secs(self.checkpoint_seconds)
    }

    pub(crate) const fn linger(&self) -> Duration {
        Duration::from_micros(self.linger_micros)
    }

    pub(crate) const fn stall(&self) -> Duration {
        Duration::from_secs(self.stall_seconds)
    }
}

#[cfg(test)]
mod tests;
