//! What goes on without its caller: it is told when the gateway stops, and waited for.

use std::time::Duration;

use tokio::sync::watch;

use crate::clock::Clock;

/// Whoever carries something on in the background.
#[derive(Debug)]
pub struct Background {
    closing: watch::Sender<bool>,
}

/// Held by a task for as long as it goes on.
#[derive(Debug)]
pub struct Present {
    _told: watch::Receiver<bool>,
}

impl Default for Background {
    fn default() -> Self {
        Self::new()
    }
}

impl Background {
    /// With nobody in it.
    pub fn new() -> Self {
        Self { closing: watch::Sender::new(false) }
    }

    /// Somebody begins.
    pub fn enter(&self) -> Present {
        Present { _told: self.closing.subscribe() }
    }

    /// Done once the gateway stops: whoever only waits gives up.
    pub async fn closing(&self) {
        let mut told = self.closing.subscribe();
        // The sender is here, so that it cannot be gone.
        let _ = told.wait_for(|closing| *closing).await;
    }

    /// Tells everybody, and waits for so long until all are done. Whether they are.
    pub async fn close(&self, clock: &dyn Clock, most: Duration) -> bool {
        self.closing.send_replace(true);
        let late = clock.sleep(most);
        tokio::select! {
            biased;
            () = self.closing.closed() => true,
            () = late => false,
        }
    }
}
