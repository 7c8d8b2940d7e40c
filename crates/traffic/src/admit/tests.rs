//! Admission: two rates, all or nothing, alone and with shared counters that fail.

mod quota;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use lockgate_store::LocalCounters;
use lockgate_vocabulary::BoxFuture;

use super::*;
use crate::config::Config;
use crate::tests::{breaker, caller, connection, connection_of, limits, refused, room, seconds};

fn config(per_minute: u32, burst: u32) -> Config {
    Config { caller_per_minute: per_minute, caller_burst: burst, ..Config::default() }
}

#[tokio::test]
async fn the_permit_tells_the_tighter_rate() {
    let (traffic, time) = room(config(600, 10), None);
    let connection = connection(limits(60, 3, 8));
    let permit = traffic.admit_call(caller(1), &connection).await.unwrap();
    assert_eq!((permit.limit(), permit.remaining()), (3, 2));
    assert_eq!(permit.reset_at(), Timestamp::from_secs(1_800_000_001));
    let own = traffic.allowance_of(caller(1)).unwrap();
    assert_eq!((own.limit(), own.remaining()), (10, 9));
    time.advance(seconds(60));
    assert_eq!(traffic.allowance_of(caller(1)).unwrap().remaining(), 10, "looking takes nothing");
    assert_eq!(traffic.allowance_of(caller(1)).unwrap().remaining(), 10);
}

#[tokio::test]
async fn a_rate_that_is_used_up_refuses_and_says_when() {
    let (traffic, time) = room(config(60, 2), None);
    let connection = connection(limits(6_000, 600, 8));
    for _ in 0..2 {
        traffic.admit_call(caller(1), &connection).await.unwrap();
    }
    assert_eq!(refused(traffic.admit_call(caller(1), &connection).await), ("traffic.rate.exceeded", 1));
    assert!(traffic.admit_call(caller(2), &connection).await.is_ok(), "another credential has its own");
    assert_eq!(traffic.allowance_of(caller(1)).unwrap().remaining(), 0);
    time.advance(seconds(1));
    assert!(traffic.admit_call(caller(1), &connection).await.is_ok());
}

#[tokio::test]
async fn what_is_refused_by_one_rate_takes_nothing_from_the_other() {
    let (traffic, _) = room(config(600, 10), None);
    let narrow = connection(limits(1, 1, 8));
    traffic.admit_call(caller(1), &narrow).await.unwrap();
    for _ in 0..50 {
        assert_eq!(refused(traffic.admit_call(caller(1), &narrow).await).0, "traffic.rate.exceeded");
    }
    assert_eq!(traffic.allowance_of(caller(1)).unwrap().remaining(), 9);

    let (traffic, _) = room(config(1, 1), None);
    let wide = connection(limits(600, 10, 8));
    traffic.admit_call(caller(1), &wide).await.unwrap();
    for _ in 0..50 {
        assert!(traffic.admit_call(caller(1), &wide).await.is_err());
    }
    assert_eq!(traffic.admit_call(caller(2), &wide).await.unwrap().remaining(), 0);
    assert_eq!(traffic.lane(&wide).unwrap().take(&wide, seconds(0), |_| Ok(false)).unwrap().taken.remaining, 7);
}

#[tokio::test]
async fn a_call_is_taken_from_its_callers_rate_once_whatever_becomes_of_it() {
    let (traffic, _) = room(config(600, 10), None);
    let narrow = connection(limits(1, 1, 8));
    let asked = traffic.ask_key(caller(1)).unwrap();
    assert_eq!(traffic.allowance_of(caller(1)).unwrap().remaining(), 9);
    let permit = traffic.admit_call_asked(&narrow, asked).await.unwrap();
    assert_eq!((permit.limit(), permit.remaining()), (1, 0));
    assert_eq!(traffic.allowance_of(caller(1)).unwrap().remaining(), 9, "not twice");
    let asked = traffic.ask_key(caller(1)).unwrap();
    assert_eq!(refused(traffic.admit_call_asked(&narrow, asked).await).0, "traffic.rate.exceeded");
    assert_eq!(traffic.allowance_of(caller(1)).unwrap().remaining(), 8, "what is refused was asked too");
    for _ in 0..8 {
        let _ = traffic.ask_key(caller(1)).unwrap();
    }
    assert_eq!(refused(traffic.ask_key(caller(1))).0, "traffic.rate.exceeded");
}

#[tokio::test]
async fn a_request_that_calls_nobody_has_the_callers_rate_alone() {
    let (traffic, _) = room(config(1, 2), None);
    assert_eq!(traffic.admit_key(caller(1)).await.unwrap().remaining(), 1);
    assert_eq!(traffic.admit_key(caller(1)).await.unwrap().remaining(), 0);
    assert_eq!(refused(traffic.admit_key(caller(1)).await), ("traffic.rate.exceeded", 60));
}

#[tokio::test]
async fn nodes_with_shared_counters_have_one_limit() {
    let clock = crate::tests::Time::default();
    let shared: Arc<dyn Counters> = Arc::new(LocalCounters::new(Arc::new(clock)));
    let (one, _) = room(config(60, 3), Some(Arc::clone(&shared)));
    let (two, _) = room(config(60, 3), Some(shared));
    let connection = connection(limits(6_000, 600, 8));
    let mut admitted = 0;
    for node in [&one, &two, &one, &two, &one, &two] {
        admitted += usize::from(node.admit_call(caller(1), &connection).await.is_ok());
    }
    assert_eq!(admitted, 3);
    assert_eq!(refused(two.admit_key(caller(1)).await), ("traffic.rate.exceeded", 1));
    let far = one.admit_call(caller(2), &connection).await.unwrap();
    assert_eq!(far.remaining(), 2);
    let near = two.admit_call(caller(2), &connection).await.unwrap();
    assert_eq!(near.remaining(), 1, "the permit tells what is left over all nodes");
}

#[tokio::test]
async fn what_shared_counters_refuse_for_one_rate_they_take_from_neither() {
    let clock = crate::tests::Time::default();
    let shared: Arc<dyn Counters> = Arc::new(LocalCounters::new(Arc::new(clock)));
    let rate = config(600, 10).caller_rate().unwrap();
    let left = async |key: CallerKey| {
        let asked = shared.take(Wanted { key: &caller_name(key), cost: 0, rate }).await;
        asked.unwrap().remaining
    };
    let narrow = connection(limits(1, 1, 8));
    // Each node has room by its own count; all of them together have none.
    for node in 0..4 {
        let (traffic, _) = room(config(600, 10), Some(Arc::clone(&shared)));
        let admitted = traffic.admit_call(caller(1), &narrow).await;
        assert_eq!(admitted.is_ok(), node == 0);
        assert_eq!(left(caller(1)).await, 9, "what the connection's rate refused is not the caller's loss");
    }
    let (one, _) = room(config(1, 1), Some(Arc::clone(&shared)));
    let (two, _) = room(config(1, 1), Some(shared));
    let wide = connection_of(7, 1, limits(60, 3, 8), breaker(50, 10));
    one.admit_call(caller(2), &wide).await.unwrap();
    assert_eq!(refused(two.admit_call(caller(2), &wide).await).0, "traffic.rate.exceeded");
    assert_eq!(two.admit_call(caller(3), &wide).await.unwrap().remaining(), 0);
    assert_eq!(one.admit_call(caller(4), &wide).await.unwrap().remaining(), 0, "three were let in, and no fourth");
    let (three, _) = room(config(1, 1), one.0.shared.clone());
    assert!(three.admit_call(caller(5), &wide).await.is_err());
}

/// Counters that are away, or broken.
struct Away {
    asked: AtomicUsize,
    broken: bool,
}

impl Counters for Away {
    fn take(&self, _: Wanted<'_>) -> BoxFuture<Result<Taken, Fault>> {
        let fault = self.fault();
        Box::pin(std::future::ready(Err(fault)))
    }

    fn take_all(&self, _: &[Wanted<'_>]) -> BoxFuture<Result<Vec<Taken>, Fault>> {
        let fault = self.fault();
        Box::pin(std::future::ready(Err(fault)))
    }
}

impl Away {
    fn fault(&self) -> Fault {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.broken { Fault::broken("counting", "wrong") } else { Fault::unavailable("counting", "away") }
    }
}

fn away(broken: bool) -> Arc<Away> {
    Arc::new(Away { asked: AtomicUsize::new(0), broken })
}

#[tokio::test]
async fn without_the_shared_counters_calls_are_refused() {
    let counters = away(false);
    let (traffic, _) = room(config(60, 2), Some(counters.clone()));
    let connection = connection(limits(6_000, 600, 8));
    assert_eq!(refused(traffic.admit_call(caller(1), &connection).await), ("traffic.limits.unavailable", 1));
    assert_eq!(refused(traffic.admit_key(caller(1)).await), ("traffic.limits.unavailable", 1));
    assert!(traffic.unchecked() >= 2);
    let asked = counters.asked.load(Ordering::SeqCst);
    assert_eq!(refused(traffic.admit_call(caller(1), &connection).await).0, "traffic.rate.exceeded");
    assert_eq!(counters.asked.load(Ordering::SeqCst), asked, "what this node refuses costs no round trip");
}

#[tokio::test]
async fn who_chose_the_danger_falls_back_to_this_nodes_count() {
    let config = Config { danger_fail_open_to_local: true, ..config(60, 2) };
    let (traffic, _) = room(config, Some(away(false)));
    let connection = connection(limits(6_000, 600, 8));
    assert_eq!(traffic.admit_call(caller(1), &connection).await.unwrap().remaining(), 1);
    assert_eq!(traffic.admit_key(caller(1)).await.unwrap().remaining(), 0);
    assert_eq!(refused(traffic.admit_call(caller(1), &connection).await).0, "traffic.rate.exceeded");
    assert_eq!(traffic.unchecked(), 2);
}

#[tokio::test]
async fn a_fault_of_the_counters_is_ours_and_denies() {
    let config = Config { danger_fail_open_to_local: true, ..config(60, 2) };
    let (traffic, _) = room(config, Some(away(true)));
    let result = traffic.admit_call(caller(1), &connection(limits(60, 6, 8))).await;
    assert!(matches!(result, Err(Stop::Fault(_))));
}

#[tokio::test]
async fn where_every_limit_is_in_use_a_new_one_is_refused() {
    let (traffic, time) = room(Config { most_counted: 1, ..config(1, 1) }, None);
    let mut refusals = 0;
    for credential in 0..200 {
        refusals += usize::from(traffic.admit_key(caller(credential)).await.is_err());
    }
    assert!(refusals > 0, "the map is bounded");
    time.advance(seconds(61));
    assert!(traffic.admit_key(caller(1_000)).await.is_ok(), "limits at rest make room");
}
