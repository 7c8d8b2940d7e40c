//! Whether the counters that nodes share can be asked, for `/readyz`: while they are away every call is
//! refused, and a node that refuses every call is not ready.
//!
//! Each take tells in passing. Where nobody took anything for a second, one is taken for the question itself,
//! so that a node without callers notices too. Not here: what becomes of calls meanwhile, which is `traffic`'s.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lockgate_store::{Counters, Rate, Taken, Wanted};
use lockgate_vocabulary::{BoxFuture, Clock, Fault};

/// For how long an outcome is believed.
const FRESH: Duration = Duration::from_secs(1);

/// The key under which the question itself is counted.
const ASKING: &str = "readiness";

/// Counters that remember how the last take of them ended.
#[derive(Clone)]
pub struct Limits {
    counters: Arc<dyn Counters>,
    clock: Arc<dyn Clock>,
    last: Arc<Mutex<Option<Outcome>>>,
    /// Held while one is asked for, so that a crowd of questions asks once.
    asking: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Debug, Clone, Copy)]
struct Outcome {
    at: Duration,
    answered: bool,
}

impl Limits {
    /// These counters, watched.
    pub fn new(counters: Arc<dyn Counters>, clock: Arc<dyn Clock>) -> Self {
        Self { counters, clock, last: Arc::default(), asking: Arc::default() }
    }

    /// Whether they answer, as of the last second.
    pub async fn answer(&self) -> bool {
        let _asking = self.asking.lock().await;
        if let Some(known) = self.known() {
            return known;
        }
        let Some(rate) = Rate::new(60, Duration::from_secs(60), 60) else { return false };
        // Whether there was any left does not matter: only that somebody said so.
        let told = self.take(Wanted { key: ASKING, cost: 1, rate }).await;
        !told.is_err_and(|fault| fault.is_unavailable())
    }

    fn known(&self) -> Option<bool> {
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = last.filter(|last| self.clock.elapsed().saturating_sub(last.at) < FRESH)?;
        Some(fresh.answered)
    }

    fn note<T>(&self, told: &Result<T, Fault>) {
        // A wish that can never be had says nothing about the counters.
        let answered = !told.as_ref().is_err_and(Fault::is_unavailable);
        let outcome = Outcome { at: self.clock.elapsed(), answered };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
    }
}

impl Counters for Limits {
    fn take(&self, wanted: Wanted<'_>) -> BoxFuture<Result<Taken, Fault>> {
        let (this, taking) = (self.clone(), self.counters.take(wanted));
        Box::pin(async move {
            let told = taking.await;
            this.note(&told);
            told
        })
    }

    fn take_all(&self, wanted: &[Wanted<'_>]) -> BoxFuture<Result<Vec<Taken>, Fault>> {
        let (this, taking) = (self.clone(), self.counters.take_all(wanted));
        Box::pin(async move {
            let told = taking.await;
            this.note(&told);
            told
        })
    }
}
