//! One version's value as it is held, and why it is not.

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use lockgate_vocabulary::Refusal;

/// The value of one version.
#[derive(Default)]
pub(super) struct Slot {
    held: RwLock<Option<Kept>>,
    failed: Mutex<Option<Failed>>,
    /// Whoever has it asks.
    pub(super) turn: tokio::sync::Mutex<()>,
}

struct Kept {
    sealed: Arc<[u8]>,
    /// When it was last asked for with success, by the clock's elapsed time.
    confirmed_at: Duration,
}

/// That it was not had.
pub(super) struct Failed {
    /// Until when nobody asks again.
    pub(super) until: Duration,
    pub(super) why: Refusal,
}

impl Slot {
    /// What is held, if it is younger than this.
    pub(super) fn sealed(&self, now: Duration, younger: Duration) -> Option<Arc<[u8]>> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let kept = held.as_ref().filter(|kept| now.saturating_sub(kept.confirmed_at) < younger)?;
        Some(Arc::clone(&kept.sealed))
    }

    /// For how long what is held was not asked for again.
    pub(super) fn age(&self, now: Duration) -> Option<Duration> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.as_ref().map(|kept| now.saturating_sub(kept.confirmed_at))
    }

    pub(super) fn put(&self, sealed: Vec<u8>, confirmed_at: Duration) {
        let kept = Kept { sealed: sealed.into(), confirmed_at };
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = Some(kept);
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Takes the value away: it is not to be lent, however young it is.
    pub(super) fn withdraw(&self) {
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(super) fn fail(&self, failed: Failed) {
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(failed);
    }

    /// Why it was not had the last time.
    pub(super) fn failed(&self) -> Option<Refusal> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|failed| failed.why.clone())
    }

    /// The same while nobody asks again.
    pub(super) fn failed_lately(&self, now: Duration) -> Option<Refusal> {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.as_ref().filter(|failed| now < failed.until).map(|failed| failed.why.clone())
    }
}
