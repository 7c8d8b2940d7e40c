//! Signals in the process; those through Redis are tested with the nodes.

use super::*;

async fn said(subscription: &mut Subscription) -> Option<Vec<u8>> {
    match subscription.next().await {
        Some(Signal::Said(message)) => Some(message.to_vec()),
        Some(Signal::Missed) | None => None,
    }
}

#[tokio::test]
async fn every_listener_of_a_topic_hears_what_is_said_from_then_on() {
    let signals = LocalSignals::new();
    signals.publish("t", b"nobody").await.unwrap();
    let (mut one, mut two, mut other) = (signals.subscribe("t"), signals.subscribe("t"), signals.subscribe("o"));
    signals.publish("t", b"first").await.unwrap();
    signals.publish("o", b"other").await.unwrap();
    signals.publish("t", b"").await.unwrap();
    for heard in [&mut one, &mut two] {
        assert_eq!(said(heard).await.unwrap(), b"first");
        assert_eq!(said(heard).await.unwrap(), b"");
    }
    assert_eq!(said(&mut other).await.unwrap(), b"other");
    drop(signals);
    assert_eq!(one.next().await, None);
}

#[tokio::test]
async fn a_slow_listener_is_told_that_it_missed_something() {
    let signals = LocalSignals::new();
    let mut slow = signals.subscribe("t");
    for _ in 0..=BACKLOG {
        signals.publish("t", b"x").await.unwrap();
    }
    assert_eq!(slow.next().await, Some(Signal::Missed));
    assert_eq!(said(&mut slow).await.unwrap(), b"x", "and hears the rest");
}

#[tokio::test]
async fn a_long_message_is_refused() {
    let signals = LocalSignals::new();
    assert!(signals.publish("t", &[0; SIGNAL_BYTES]).await.is_ok());
    assert!(signals.publish("t", &[0; SIGNAL_BYTES + 1]).await.is_err());
}
