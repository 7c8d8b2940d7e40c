//! Traces over OTLP: spans from a bounded queue, by HTTP, in batches, beside the calls.
//!
//! Here: when spans are sent and what becomes of them; [`message`] writes them down, [`post`] dials. A
//! collector that is slow or away costs spans, which are counted, and never a call. Nothing is sent twice:
//! a collector that was busy has the next batch to look forward to.

mod message;
mod post;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lockgate_egress::span::{Span, Spans};
use lockgate_vocabulary::{Clock, Name};

use self::message::Node;
use self::post::Post;
use super::Metrics;
use crate::config::{ConfigProblem, Otlp};

/// Spans in one message at the most.
const BATCH: usize = 512;

/// How long one message may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sends spans to a collector.
pub struct Exporter {
    spans: Spans,
    waiting: Mutex<Receiver<Span>>,
    post: Post,
    node: Node,
    interval: Duration,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    /// Whether the last message did not arrive, so that the log says so once.
    away: AtomicBool,
}

impl Exporter {
    /// Whom spans are told to, and what exports them; nobody and nothing where no endpoint is named.
    pub fn open(
        config: &Otlp,
        node: &Name,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> Result<(Spans, Option<Arc<Self>>), ConfigProblem> {
        let Some(collector) = config.collector()? else { return Ok((Spans::default(), None)) };
        let post = Post::to(collector, config.ca_file.as_deref())?;
        let (spans, waiting) = Spans::queue(config.queue, config.sample_ratio);
        let exporter = Self {
            spans: spans.clone(),
            waiting: Mutex::new(waiting),
            post,
            node: Node::of(node),
            interval: config.interval(),
            clock,
            metrics,
            away: AtomicBool::new(false),
        };
        Ok((spans, Some(Arc::new(exporter))))
    }

    /// Exports again and again.
    pub async fn run(&self) {
        loop {
            self.clock.sleep(self.interval).await;
            self.pass().await;
        }
    }

    /// Exports what waits.
    pub async fn pass(&self) {
        self.metrics.spans_dropped("full", self.spans.take_dropped());
        let waiting: Vec<Span> = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).try_iter().collect();
        for batch in waiting.chunks(BATCH) {
            let sent = tokio::select! {
                sent = self.post.send(self.node.message(batch)) => sent,
                () = self.clock.sleep(PATIENCE) => Err("it took too long"),
            };
            let count = batch.len() as u64;
            match sent {
                Ok(()) => {
                    self.metrics.spans_exported(count);
                    self.away.store(false, Ordering::Relaxed);
                }
                Err(reason) => {
                    self.metrics.spans_dropped("unsent", count);
                    if !self.away.swap(true, Ordering::Relaxed) {
                        tracing::warn!(reason, "spans do not reach the collector; they are dropped until they do");
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
