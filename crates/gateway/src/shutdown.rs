//! Being told to stop.
//!
//! One [`Stopper`] tells everybody who holds a [`Stopping`]. The order is: stop accepting, let what is
//! under way end within its bound, then close the trail.

use tokio::signal::unix::{Signal, SignalKind, signal};
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

/// What tells the process to stop: SIGTERM, or SIGINT from a terminal.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Listens from now on. Before this, the machine ends the process at once, so it comes before anybody
    /// is told that the process serves.
    pub fn listen() -> std::io::Result<Self> {
        let (terminate, interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        Ok(Self { terminate, interrupt })
    }

    /// Done when one of them has come.
    pub async fn come(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Listens, and is done when the process is told to stop.
pub async fn signalled() -> std::io::Result<()> {
    Signals::listen()?.come().await;
    Ok(())
}

#[cfg(test)]
mod tests;
