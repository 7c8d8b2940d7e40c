//! Being told to stop.
//!
//! One [`Stopper`] tells everybody who holds a [`Stopping`]. The order is: stop accepting, let what is
//! under way end within its bound, then close the trail.

use tokio::sync::watch;

/// Tells everybody to stop, once.
#[derive(Debug)]
pub struct Stopper(watch::Sender<bool>);

/// Learns of it.
#[derive(Debug, Clone)]
pub struct Stopping(watch::Receiver<bool>);

/// A pair.
pub fn channel() -> (Stopper, Stopping) {
    let (tell, told) = watch::channel(false);
    (Stopper(tell), Stopping(told))
}

impl Stopper {
    /// Tells everybody.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stopping {
    /// Done once somebody said so, or nobody is left who could.
    pub async fn told(&mut self) {
        // An error means that the teller is gone, which ends things as well.
        drop(self.0.wait_for(|stop| *stop).await);
    }
}

/// Done when the process is told to stop: SIGTERM, or SIGINT from a terminal.
pub async fn signalled() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests;
