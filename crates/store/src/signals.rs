//! Signals: short messages between the nodes that say "look at the store again".
//!
//! A signal may be lost; it only makes a node look sooner than it would by itself. Nothing may
//! depend on one arriving, and nothing secret goes into one. `local` stays in the process, `shared`
//! goes through Redis.

mod local;
mod shared;

pub use local::LocalSignals;
pub(crate) use shared::RedisSignals;

use bytes::Bytes;
use lockgate_vocabulary::{BoxFuture, Fault};
use tokio::sync::broadcast;

/// How many messages a slow listener may fall behind before it is told that it missed some.
const BACKLOG: usize = 256;

/// The longest message, in bytes.
pub const SIGNAL_BYTES: usize = 4_096;

/// Messages between nodes, by topic.
pub trait Signals: Send + Sync + 'static {
    /// Sends a message to whoever listens now, this node included.
    fn publish(&self, topic: &str, message: &[u8]) -> BoxFuture<Result<(), Fault>>;

    /// Listens to a topic from now on.
    fn subscribe(&self, topic: &str) -> Subscription;
}

/// What a listener hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signal {
    /// A message.
    Said(Bytes),
    /// Messages may have been missed: look at the store again.
    Missed,
}

/// A listener to one topic.
#[derive(Debug)]
pub struct Subscription {
    heard: broadcast::Receiver<Signal>,
}

impl Subscription {
    pub(crate) fn new(heard: broadcast::Receiver<Signal>) -> Self {
        Self { heard }
    }

    /// The next message; `None` once the signals are gone.
    pub async fn next(&mut self) -> Option<Signal> {
        match self.heard.recv().await {
            Ok(signal) => Some(signal),
            Err(broadcast::error::RecvError::Lagged(_)) => Some(Signal::Missed),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

fn too_long(message: &[u8]) -> Option<Fault> {
    (message.len() > SIGNAL_BYTES).then(|| Fault::violated("a signal is at most 4,096 bytes long"))
}

#[cfg(test)]
mod tests;
