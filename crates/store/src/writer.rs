//! The group-committing writer: changes queue up, a batch of them becomes one commit, and each caller
//! is answered once that commit is durable.
//!
//! While one batch is on its way to the disk the next one gathers, so durability costs one flush for
//! as many requests as there are. A change that comes alone goes at once; one that has company waits
//! for the tasks that are ready to run, and no longer.

use std::sync::Arc;

use lockgate_vocabulary::Fault;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::change::{Applied, ApplyFailure, Change};
use crate::engine::Engine;

const WRITING: &str = "queueing a change";

/// Bytes of changes that may wait; one more is refused.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// Bytes of changes that go into one commit at the most, unless one change alone has more.
const COMMIT_BYTES: usize = 8 * 1024 * 1024;

/// How often a batch with company looks again whether more has come.
const LOOKS: usize = 4;

/// A handle on the writer's queue.
pub(crate) struct Writer {
    queue: mpsc::Sender<Order>,
    room: Arc<Semaphore>,
}

enum Order {
    Apply(Queued),
    Close(oneshot::Sender<Result<(), Fault>>),
}

struct Queued {
    change: Change,
    weight: usize,
    answer: oneshot::Sender<Result<Applied, ApplyFailure>>,
    /// Given back when the change has been answered.
    _room: OwnedSemaphorePermit,
}

impl Writer {
    /// Starts the writer. `raised` is told of every epoch that a commit raised, before its callers are.
    pub(crate) fn start(engine: Engine, queue: usize, raised: impl Fn(u64) + Send + Sync + 'static) -> Self {
        let (sender, taken) = mpsc::channel(queue.max(1));
        tokio::spawn(serve(engine, taken, raised));
        Self { queue: sender, room: Arc::new(Semaphore::new(MOST_BYTES)) }
    }

    /// Queues a change and waits until it is durable.
    pub(crate) async fn apply(&self, change: Change) -> Result<Applied, ApplyFailure> {
        if let Some(misuse) = change.misuse {
            return Err(Fault::violated(misuse).into());
        }
        let weight = change.weight();
        let room =
            u32::try_from(weight).ok().and_then(|weight| Arc::clone(&self.room).try_acquire_many_owned(weight).ok());
        let Some(room) = room else {
            return Err(Fault::unavailable(WRITING, "too many bytes wait to be written").into());
        };
        let (answer, answered) = oneshot::channel();
        let queued = Queued { change, weight, answer, _room: room };
        self.queue.try_send(Order::Apply(queued)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Fault::unavailable(WRITING, "too many changes wait to be written"),
            mpsc::error::TrySendError::Closed(_) => closed(),
        })?;
        answered.await.unwrap_or_else(|_| Err(closed().into()))
    }

    /// Waits until everything that was queued before is durable, and closes the engine.
    pub(crate) async fn close(&self) -> Result<(), Fault> {
        let (answer, answered) = oneshot::channel();
        self.queue.send(Order::Close(answer)).await.map_err(|_| closed())?;
        answered.await.unwrap_or_else(|_| Err(closed()))
    }
}

fn closed() -> Fault {
    Fault::unavailable(WRITING, "the store is closed")
}

async fn serve(engine: Engine, mut orders: mpsc::Receiver<Order>, raised: impl Fn(u64) + Send + Sync) {
    let mut closing = None;
    while let Some(order) = orders.recv().await {
        let mut batch = Batch { queued: Vec::new(), bytes: 0, most: engine.most_changes() };
        batch.take(order, &mut orders, &mut closing);
        batch.gather(&mut orders, &mut closing).await;
        if !batch.queued.is_empty() {
            commit(&engine, batch.queued, &raised).await;
        }
    }
    if let Some(answer) = closing {
        // That the asker is gone changes nothing.
        drop(answer.send(engine.close().await));
    }
}

struct Batch {
    queued: Vec<Queued>,
    bytes: usize,
    most: usize,
}

impl Batch {
    fn take(&mut self, order: Order, orders: &mut mpsc::Receiver<Order>, closing: &mut Option<Closing>) {
        match order {
            Order::Apply(queued) => {
                self.bytes = self.bytes.saturating_add(queued.weight);
                self.queued.push(queued);
            }
            Order::Close(answer) => {
                orders.close();
                *closing = Some(answer);
            }
        }
    }

    /// Takes in what waits. Where the first change has company, more is likely just behind it, so the
    /// tasks that are ready to run may add theirs; no clock is involved.
    async fn gather(&mut self, orders: &mut mpsc::Receiver<Order>, closing: &mut Option<Closing>) {
        for _ in 0..LOOKS {
            let before = self.queued.len();
            while self.queued.len() < self.most && self.bytes < COMMIT_BYTES {
                let Ok(order) = orders.try_recv() else { break };
                self.take(order, orders, closing);
            }
            let company = self.queued.len() > 1;
            let grew = self.queued.len() > before;
            if !company || !grew || self.queued.len() >= self.most || self.bytes >= COMMIT_BYTES {
                return;
            }
            tokio::task::yield_now().await;
        }
    }
}

type Closing = oneshot::Sender<Result<(), Fault>>;

async fn commit(engine: &Engine, queued: Vec<Queued>, raised: &impl Fn(u64)) {
    let (changes, waiting): (Vec<_>, Vec<_>) =
        queued.into_iter().map(|queued| (queued.change, (queued.answer, queued._room))).unzip();
    let outcomes = engine.commit(changes).await;
    if let Some(epoch) = outcomes.iter().flatten().filter_map(|applied| applied.epoch).max() {
        raised(epoch);
    }
    for ((answer, room), outcome) in waiting.into_iter().zip(outcomes) {
        drop(room);
        // A caller who no longer waits is no reason to undo what holds.
        drop(answer.send(outcome));
    }
}

#[cfg(test)]
mod tests;
