//! Signals through Redis, which all nodes hear.
//!
//! One task keeps one connection that listens. When the line breaks it dials again, listens to every
//! topic anew, and tells all listeners that they may have missed something.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use lockgate_vocabulary::{BoxFuture, Clock, Fault};
use redis::aio::{ConnectionManager, ConnectionManagerConfig, PubSub};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::local::Topics;
use super::{Signal, Signals, Subscription, too_long};

/// How long one message may take to send.
const ROUND_TRIP: Duration = Duration::from_millis(500);

/// How long to wait before dialling again; doubled up to the second figure.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Signals through a Redis server.
pub struct RedisSignals {
    sender: ConnectionManager,
    prefix: Arc<str>,
    topics: Arc<Topics>,
    wanted: mpsc::UnboundedSender<Box<str>>,
    listener: JoinHandle<()>,
}

impl RedisSignals {
    /// Signals through this server. It need not be there yet: the listener dials until it is.
    pub fn new(client: &redis::Client, prefix: &str, clock: Arc<dyn Clock>) -> Result<Self, Fault> {
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(1)
            .set_max_delay(ROUND_TRIP)
            .set_connection_timeout(Some(ROUND_TRIP))
            .set_response_timeout(Some(ROUND_TRIP));
        let sender = ConnectionManager::new_lazy_with_config(client.clone(), config)
            .map_err(|error| Fault::broken("setting up signals", error))?;
        let prefix: Arc<str> = format!("{prefix}:signal:").into();
        let topics = Arc::new(Topics::default());
        // Topics are few and named in code, so the channel holds a handful of names at the most.
        let (wanted, asked) = mpsc::unbounded_channel();
        let listener = Listener { client: client.clone(), prefix: prefix.clone(), topics: topics.clone(), clock };
        Ok(Self { sender, prefix, topics, wanted, listener: tokio::spawn(listener.run(asked)) })
    }
}

impl Drop for RedisSignals {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl Signals for RedisSignals {
    fn publish(&self, topic: &str, message: &[u8]) -> BoxFuture<Result<(), Fault>> {
        if let Some(fault) = too_long(message) {
            return Box::pin(std::future::ready(Err(fault)));
        }
        let mut command = redis::cmd("PUBLISH");
        command.arg(format!("{}{topic}", self.prefix)).arg(message);
        let mut sender = self.sender.clone();
        Box::pin(async move {
            command.query_async::<()>(&mut sender).await.map_err(|error| Fault::unavailable("sending a signal", error))
        })
    }

    fn subscribe(&self, topic: &str) -> Subscription {
        let (subscription, new) = self.topics.listen(topic);
        if new {
            // The listener lives as long as the signals do, so it always hears of a new topic.
            let _ = self.wanted.send(topic.into());
        }
        subscription
    }
}

struct Listener {
    client: redis::Client,
    prefix: Arc<str>,
    topics: Arc<Topics>,
    clock: Arc<dyn Clock>,
}

impl Listener {
    async fn run(self, mut asked: mpsc::UnboundedReceiver<Box<str>>) {
        let mut wait = FIRST_WAIT;
        loop {
            match self.dial().await {
                Ok(line) => {
                    wait = FIRST_WAIT;
                    self.topics.tell_all(&Signal::Missed);
                    if self.listen(line, &mut asked).await.is_none() {
                        return;
                    }
                    tracing::warn!("the line for signals broke; dialling again");
                }
                Err(error) => tracing::warn!(%error, "signals are away; dialling again"),
            }
            self.clock.sleep(wait).await;
            wait = wait.saturating_mul(2).min(LONGEST_WAIT);
        }
    }

    /// Dials and listens to every topic there is.
    async fn dial(&self) -> redis::RedisResult<PubSub> {
        let mut line = self.client.get_async_pubsub().await?;
        for topic in self.topics.names() {
            line.subscribe(format!("{}{topic}", self.prefix)).await?;
        }
        Ok(line)
    }

    /// Passes messages on until the line breaks; `None` once nobody can listen any more.
    async fn listen(&self, line: PubSub, asked: &mut mpsc::UnboundedReceiver<Box<str>>) -> Option<()> {
        let (mut sink, mut stream) = line.split();
        loop {
            tokio::select! {
                message = stream.next() => {
                    let Some(message) = message else { return Some(()) };
                    self.pass_on(&message);
                }
                topic = asked.recv() => {
                    let topic = topic?;
                    if sink.subscribe(format!("{}{topic}", self.prefix)).await.is_err() {
                        return Some(());
                    }
                    // What was said between the asking and the listening is lost.
                    self.topics.tell(&topic, &Signal::Missed);
                }
            }
        }
    }

    fn pass_on(&self, message: &redis::Msg) {
        if let Some(topic) = message.get_channel_name().strip_prefix(self.prefix.as_ref()) {
            self.topics.tell(topic, &Signal::Said(Bytes::copy_from_slice(message.get_payload_bytes())));
        }
    }
}
