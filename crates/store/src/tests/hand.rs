//! A clock that the test moves by hand.

use std::sync::Arc;
use std::time::Duration;

use lockgate_vocabulary::{BoxFuture, Clock, Timestamp};
use tokio::sync::watch;

/// A clock that stands still until it is moved.
pub(crate) struct HandClock {
    elapsed: watch::Sender<Duration>,
}

impl HandClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { elapsed: watch::Sender::new(Duration::from_secs(100)) })
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.elapsed.send_modify(|elapsed| *elapsed += by);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(1_800_000_000).after(self.elapsed())
    }

    fn elapsed(&self) -> Duration {
        *self.elapsed.borrow()
    }

    fn sleep(&self, wait: Duration) -> BoxFuture<()> {
        let mut seen = self.elapsed.subscribe();
        let until = self.elapsed() + wait;
        Box::pin(async move {
            if seen.wait_for(|elapsed| *elapsed >= until).await.is_err() {
                std::future::pending::<()>().await;
            }
        })
    }
}
