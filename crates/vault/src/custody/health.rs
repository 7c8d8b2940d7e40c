//! How the back ends are: each is asked at once with the others, by one at a time, and no oftener than each ten
//! seconds, however many want to know.

use std::sync::Arc;
use std::time::Duration;

use lockgate_vocabulary::{Name, Timestamp};
use tokio::task::JoinSet;

use super::Attached;
use crate::backend::BackendFailure;
use crate::vault::Inner;

/// For how long an answer stands.
const STANDS: Duration = Duration::from_secs(10);

/// How long a back end may take for it, logins included.
const WITHIN: Duration = Duration::from_secs(6);

/// What a back end answered when it was asked how it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Probed {
    /// When, by the clock's elapsed time and by the calendar.
    at: Duration,
    checked_at: Timestamp,
    why: Option<BackendFailure>,
    failing_since: Option<Timestamp>,
}

/// What may be known of a back end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackendView {
    /// The name of its section in the configuration.
    pub name: Name,
    /// What it is, as its section says.
    pub kind: &'static str,
    /// Why it would not answer; nothing where it would.
    pub code: Option<&'static str>,
    /// When it was asked.
    pub checked_at: Timestamp,
    /// Since when this node has had nothing but failures of it.
    pub failing_since: Option<Timestamp>,
}

impl Inner {
    /// Every back end and how it is, by name.
    pub(crate) async fn backends(self: &Arc<Self>) -> Vec<BackendView> {
        let mut asking = JoinSet::new();
        for name in self.custody.backends.keys().cloned() {
            let inner = Arc::clone(self);
            asking.spawn(async move { inner.health_of(name).await });
        }
        let mut known = Vec::with_capacity(asking.len());
        while let Some(asked) = asking.join_next().await {
            known.extend(asked.ok().flatten());
        }
        known.sort_by(|one, other| one.name.cmp(&other.name));
        known
    }

    async fn health_of(&self, name: Name) -> Option<BackendView> {
        let attached = self.custody.backends.get(&name)?;
        let mut probed = attached.probed.lock().await;
        let now = self.clock.elapsed();
        let standing = match *probed {
            Some(before) if now.saturating_sub(before.at) < STANDS => before,
            _ => *probed.insert(self.probe(attached).await),
        };
        let Probed { checked_at, why, failing_since, .. } = standing;
        let code = why.map(|why| why.refusal().info().code);
        Some(BackendView { name, kind: attached.kind, code, checked_at, failing_since })
    }

    async fn probe(&self, attached: &Attached) -> Probed {
        let why = tokio::select! {
            biased;
            health = attached.client.health() => health.err(),
            () = self.clock.sleep(WITHIN) => Some(BackendFailure::Unreachable),
        };
        let failing_since = attached.note_standing(&*self.clock, why.is_none());
        Probed { at: self.clock.elapsed(), checked_at: self.clock.now(), why, failing_since }
    }
}
