//! Signals that stay in the process: all that one node needs.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use lockgate_vocabulary::{BoxFuture, Fault};
use tokio::sync::broadcast;

use super::{BACKLOG, Signal, Signals, Subscription, too_long};

/// Signals within one process.
#[derive(Debug, Default)]
pub struct LocalSignals {
    topics: Topics,
}

impl LocalSignals {
    /// Signals that nobody listens to yet.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Signals for LocalSignals {
    fn publish(&self, topic: &str, message: &[u8]) -> BoxFuture<Result<(), Fault>> {
        let refused = too_long(message);
        if refused.is_none() {
            self.topics.tell(topic, &Signal::Said(Bytes::copy_from_slice(message)));
        }
        Box::pin(std::future::ready(refused.map_or(Ok(()), Err)))
    }

    fn subscribe(&self, topic: &str) -> Subscription {
        self.topics.listen(topic).0
    }
}

/// Who listens to what in this process. Topics are few and named in code, so none is ever forgotten.
#[derive(Debug, Default)]
pub(super) struct Topics {
    listeners: Mutex<HashMap<Box<str>, broadcast::Sender<Signal>>>,
}

impl Topics {
    /// Gives a signal to all that listen to the topic.
    pub(super) fn tell(&self, topic: &str, signal: &Signal) {
        let listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = listeners.get(topic) {
            // That nobody listens any more is no failure of a signal.
            let _ = sender.send(signal.clone());
        }
    }

    /// Gives a signal to all that listen to anything.
    pub(super) fn tell_all(&self, signal: &Signal) {
        let listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        for sender in listeners.values() {
            let _ = sender.send(signal.clone());
        }
    }

    /// A new listener, and whether the topic is new as well.
    pub(super) fn listen(&self, topic: &str) -> (Subscription, bool) {
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = listeners.get(topic) {
            return (Subscription::new(sender.subscribe()), false);
        }
        let (sender, heard) = broadcast::channel(BACKLOG);
        listeners.insert(topic.into(), sender);
        (Subscription::new(heard), true)
    }

    /// Every topic that somebody ever listened to.
    pub(super) fn names(&self) -> Vec<Box<str>> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }
}
