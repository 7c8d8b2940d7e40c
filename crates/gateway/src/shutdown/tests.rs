//! Everybody learns of it, whenever they begin to listen.

use super::*;

#[tokio::test]
async fn everybody_is_told_also_who_listens_late() {
    let (stopper, mut early) = channel();
    let waiting = tokio::spawn(async move { early.told().await });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    stopper.stop();
    waiting.await.expect("told");
    let mut late = Stopping(stopper.0.subscribe());
    late.told().await;
}

#[tokio::test]
async fn a_lost_teller_is_a_stop() {
    let (stopper, mut stopping) = channel();
    drop(stopper);
    stopping.told().await;
}
