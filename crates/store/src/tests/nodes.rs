//! What nodes share through Redis.

use std::sync::Arc;
use std::time::Duration;

use super::place::{redis_tls, tenant, unique};
use lockgate_testkit::ManualClock;

use super::place::still_clock;
use super::{Place, redis};
use crate::{Change, Config, Counters, Rate, Signal, Signals, Store, Taken, Wanted};
use lockgate_vocabulary::Fault;

fn want(key: &str, cost: u32, rate: Rate) -> Wanted<'_> {
    Wanted { key, cost, rate }
}

/// Takes of two keys.
async fn both(counters: &Arc<dyn Counters>, wanted: [Wanted<'_>; 2]) -> Result<[Taken; 2], Fault> {
    let told = counters.take_all(&wanted).await?;
    Ok(told.try_into().unwrap_or_else(|told| panic!("two were asked for: {told:?}")))
}

async fn node(place: &Place, url: &str, prefix: &str) -> Store {
    let config = place.config.clone().with_redis(url, prefix);
    Store::open(&config, place.clock.clone()).await.unwrap()
}

/// Listens until something was said.
async fn said(subscription: &mut crate::Subscription) -> Vec<u8> {
    loop {
        if let Signal::Said(message) = subscription.next().await.unwrap() {
            return message.to_vec();
        }
    }
}

/// Held by whoever breaks lines, and shared by those who need theirs whole while the clock stands still.
static LINES: tokio::sync::RwLock<()> = tokio::sync::RwLock::const_new(());

/// Says it until it is heard: a listener may still be on its way to the server, or wait to dial again.
async fn say_until_heard(
    clock: &ManualClock,
    signals: &Arc<dyn Signals>,
    heard: &mut crate::Subscription,
    topic: &str,
) -> Vec<u8> {
    loop {
        let _ = signals.publish(topic, topic.as_bytes()).await;
        tokio::select! {
            biased;
            message = said(heard) => return message,
            () = tokio::task::yield_now() => clock.advance(Duration::from_millis(10)),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_holds_across_nodes() {
    let Some(url) = redis() else { return };
    let (place, prefix) = (Place::sqlite(), unique());
    let (one, two) = (node(&place, &url, &prefix).await.counters(), node(&place, &url, &prefix).await.counters());
    let rate = Rate::new(1, Duration::from_secs(3_600), 5).unwrap();
    for left in (0..5).rev() {
        let counters = if left % 2 == 0 { &one } else { &two };
        let taken = counters.take(want("t/k", 1, rate)).await.unwrap();
        assert_eq!((taken.allowed, taken.remaining, taken.limit), (true, left, 5));
    }
    for counters in [&one, &two] {
        let taken = counters.take(want("t/k", 1, rate)).await.unwrap();
        assert_eq!((taken.allowed, taken.remaining), (false, 0));
        assert!(taken.retry_after > Duration::from_secs(3_500) && taken.retry_after <= Duration::from_secs(3_600));
        assert!(
            taken.reset_after > Duration::from_secs(5 * 3_500) && taken.reset_after <= Duration::from_secs(5 * 3_600)
        );
    }
    assert!(one.take(want("t/other", 5, rate)).await.unwrap().allowed, "keys do not touch each other");
    let asked = one.take(want("t/k", 0, rate)).await.unwrap();
    assert!(asked.allowed, "nothing can always be had");
    assert!(one.take(want("t/k", 6, rate)).await.is_err(), "more than the burst can never be had");
    let elsewhere = node(&place, &url, &unique()).await.counters();
    assert!(elsewhere.take(want("t/k", 5, rate)).await.unwrap().allowed, "another installation has its own");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_take_no_more_than_there_is() {
    let Some(url) = redis() else { return };
    let (place, prefix) = (Place::sqlite(), unique());
    let nodes = [node(&place, &url, &prefix).await.counters(), node(&place, &url, &prefix).await.counters()];
    let rate = Rate::new(7, Duration::from_secs(86_400), 40).unwrap();
    let takes = (0..120).map(|number| nodes[number % 2].take(want("t/k", 1, rate)));
    let taken = futures_util::future::join_all(takes).await;
    assert_eq!(taken.iter().filter(|taken| taken.as_ref().unwrap().allowed).count(), 40);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_keys_are_taken_from_together_or_not_at_all() {
    let Some(url) = redis() else { return };
    let (place, prefix) = (Place::sqlite(), unique());
    let (one, two) = (node(&place, &url, &prefix).await.counters(), node(&place, &url, &prefix).await.counters());
    let (wide, narrow) =
        (Rate::new(1, Duration::from_secs(3_600), 9).unwrap(), Rate::new(1, Duration::from_secs(3_600), 1).unwrap());
    let [caller, call] = both(&one, [want("caller", 1, wide), want("call", 1, narrow)]).await.unwrap();
    assert_eq!((caller.allowed, caller.remaining, call.allowed, call.remaining), (true, 8, true, 0));
    for (place, counters) in [&one, &two, &one].into_iter().enumerate() {
        // The second refuses, then the first, whichever way round they are asked.
        let mut wanted = [want("caller", 1, wide), want("call", 1, narrow)];
        if place == 2 {
            wanted.reverse();
        }
        let mut told = both(counters, wanted).await.unwrap();
        if place == 2 {
            told.reverse();
        }
        let [caller, call] = told;
        assert_eq!((caller.allowed, caller.remaining, call.allowed, call.remaining), (true, 8, false, 0));
        assert!(caller.retry_after.is_zero() && call.retry_after > Duration::from_secs(3_500));
        assert_eq!(two.take(want("caller", 0, wide)).await.unwrap().remaining, 8, "nothing is taken of the first");
    }
    let [first, second] = both(&two, [want("caller", 8, wide), want("other", 1, narrow)]).await.unwrap();
    assert!(first.allowed && second.allowed && first.remaining == 0);
    assert!(both(&one, [want("caller", 1, wide), want("fresh", 2, narrow)]).await.is_err(), "beyond the burst");
    let away = node(&place, "redis://127.0.0.1:1/0", "x").await.counters();
    let wanted = [want("a", 1, wide), want("b", 1, wide)];
    assert!(both(&away, wanted).await.unwrap_err().is_unavailable());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_leak_is_had_once_by_all_nodes() {
    let Some(url) = redis() else { return };
    let (place, prefix) = (Place::sqlite(), unique());
    let nodes = [node(&place, &url, &prefix).await.counters(), node(&place, &url, &prefix).await.counters()];
    let day = Duration::from_secs(86_400);
    let (once, wide) = (Rate::once(40, 2 * day).unwrap(), Rate::per_minute(6_000, 1_000).unwrap());
    let three = |number: usize| {
        let wanted = [want("q:1", 1, once), want("caller", 1, wide), want("tenant", 1, wide)];
        nodes[number % 2].take_all(&wanted)
    };
    let taken = futures_util::future::join_all((0..120).map(three)).await;
    let had = taken.iter().filter(|taken| taken.as_ref().unwrap().iter().all(|taken| taken.allowed)).count();
    assert_eq!(had, 40);
    let refused = nodes[0].take(want("q:1", 1, once)).await.unwrap();
    assert_eq!((refused.allowed, refused.remaining, refused.limit, refused.retry_after), (false, 0, 40, 2 * day));
    assert!(nodes[1].take(want("q:2", 40, once)).await.unwrap().allowed, "another day is another key");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_take_both_or_neither() {
    let Some(url) = redis() else { return };
    let (place, prefix) = (Place::sqlite(), unique());
    let nodes = [node(&place, &url, &prefix).await.counters(), node(&place, &url, &prefix).await.counters()];
    let (wide, narrow) = (
        Rate::new(1, Duration::from_secs(86_400), 100).unwrap(),
        Rate::new(1, Duration::from_secs(86_400), 40).unwrap(),
    );
    let takes = (0..120).map(|number| both(&nodes[number % 2], [want("caller", 1, wide), want("call", 1, narrow)]));
    let taken = futures_util::future::join_all(takes).await;
    let had = taken.iter().filter(|taken| taken.as_ref().unwrap().iter().all(|taken| taken.allowed)).count();
    let left = nodes[0].take(want("caller", 0, wide)).await.unwrap().remaining;
    assert_eq!((had, left), (40, 60));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drop_that_leaked_can_be_had_again() {
    let Some(url) = redis() else { return };
    let counters = node(&Place::sqlite(), &url, &unique()).await.counters();
    // Five a millisecond: by the next round trip the server's clock has moved on.
    let rate = Rate::new(5, Duration::from_millis(1), 1).unwrap();
    let mut allowed = 0;
    for _ in 0..1_000 {
        allowed += u32::from(counters.take(want("t/k", 1, rate)).await.unwrap().allowed);
        if allowed > 3 {
            return;
        }
    }
    panic!("only {allowed} of 1,000 were allowed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_away_is_unavailable_and_no_reason_not_to_start() {
    let place = Place::sqlite();
    let store = node(&place, "redis://127.0.0.1:1/0", "x").await;
    let rate = Rate::per_minute(10, 10).unwrap();
    assert!(store.counters().take(want("k", 1, rate)).await.unwrap_err().is_unavailable());
    assert!(store.signals().publish("t", b"m").await.unwrap_err().is_unavailable());
    let mut heard = store.signals().subscribe("t");
    assert!(store.apply(Change::house().raising_epoch()).await.is_ok());
    let waits = tokio::select! { biased; _ = heard.next() => false, () = tokio::task::yield_now() => true };
    assert!(waits);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_reaches_every_node() {
    let Some(url) = redis() else { return };
    let (place, prefix) = (Place::sqlite(), unique());
    let (one, two) = (node(&place, &url, &prefix).await, node(&place, &url, &prefix).await);
    let (mut here, mut there) = (one.signals().subscribe("t"), two.signals().subscribe("t"));
    let mut other = two.signals().subscribe("other");
    assert_eq!(say_until_heard(&place.clock, &one.signals(), &mut there, "t").await, b"t");
    assert_eq!(said(&mut here).await, b"t", "a node hears itself");
    assert_eq!(say_until_heard(&place.clock, &one.signals(), &mut other, "other").await, b"other");
    assert!(one.signals().publish("t", &[0; crate::SIGNAL_BYTES + 1]).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_line_for_signals_is_dialled_again() {
    let Some(url) = redis() else { return };
    let _breaking = LINES.write().await;
    let (place, prefix) = (Place::sqlite(), unique());
    let store = node(&place, &url, &prefix).await;
    let mut heard = store.signals().subscribe("t");
    say_until_heard(&place.clock, &store.signals(), &mut heard, "t").await;
    let client = ::redis::Client::open(url.as_str()).unwrap();
    let mut raw = client.get_multiplexed_async_connection().await.unwrap();
    ::redis::cmd("CLIENT").arg("KILL").arg("TYPE").arg("pubsub").query_async::<i64>(&mut raw).await.unwrap();
    // What was said before the line broke is heard first; then the clock must move for it to dial.
    loop {
        tokio::select! {
            biased;
            signal = heard.next() => if signal == Some(Signal::Missed) { break },
            () = tokio::task::yield_now() => place.clock.advance(Duration::from_millis(10)),
        }
    }
    assert_eq!(say_until_heard(&place.clock, &store.signals(), &mut heard, "t").await, b"t");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_makes_another_node_look_at_the_epoch_before_its_poll() {
    let Some(url) = redis() else { return };
    let _whole = LINES.read().await;
    let (place, prefix) = (Place::sqlite(), unique());
    let (one, two) = (node(&place, &url, &prefix).await, node(&place, &url, &prefix).await);
    let mut seen = two.epoch();
    // The clock stands still, so no poll is due. A signal may be lost while the other node dials.
    let looked = async {
        loop {
            one.apply(Change::of(tenant(1)).raising_epoch()).await.unwrap();
            tokio::select! {
                biased;
                epoch = seen.changed() => return epoch,
                () = tokio::task::yield_now() => {}
            }
        }
    };
    assert!(looked.await.is_some());
}

#[test]
fn an_address_that_is_not_safe_is_refused() {
    let opened = |url: &str| {
        let config = Config::sqlite("unused").with_redis(url, "p").redis;
        let clock: Arc<dyn lockgate_vocabulary::Clock> = still_clock();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            crate::shared::open(config.as_ref(), &clock).map(drop).map_err(|fault| fault.to_string())
        })
    };
    assert!(opened("redis://127.0.0.1:6379/0").is_ok());
    assert!(opened("redis+unix:///run/redis.sock").is_ok());
    let refused = opened("redis://:hunter2@127.0.0.1/0").unwrap_err();
    assert!(refused.contains("password_file") && !refused.contains("hunter2"), "{refused}");
    assert!(opened("redis://cache.example/0").unwrap_err().contains("danger_allow_plaintext"));
    assert!(opened("rediss://cache.example/0").is_ok());
    assert!(opened("rediss://cache.example/0#insecure").unwrap_err().contains("ca_file"));
    assert!(opened("http://127.0.0.1/").is_err());
}

#[test]
fn authorities_are_for_tls_and_must_be_readable() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    let opened = |url: &str| {
        let mut config = Config::sqlite("unused").with_redis(url, "p").redis.unwrap();
        config.ca_file = Some(file.clone());
        let clock: Arc<dyn lockgate_vocabulary::Clock> = still_clock();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime
            .block_on(async { crate::shared::open(Some(&config), &clock).map(drop).map_err(|fault| fault.to_string()) })
    };
    assert!(opened("redis://127.0.0.1/0").unwrap_err().contains("rediss://"));
    assert!(opened("rediss://cache.example/0").is_err(), "it is not there");
    for text in ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        std::fs::write(&file, text).unwrap();
        assert!(opened("rediss://cache.example/0").unwrap_err().contains("ca_file"), "{text:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counters_and_signals_travel_under_tls_that_is_checked_to_its_end() {
    let Some((url, authority)) = redis_tls() else { return };
    let (place, prefix) = (Place::sqlite(), unique());
    let open = async |url: &str, ca_file: Option<std::path::PathBuf>| {
        let mut config = place.config.clone().with_redis(url, &prefix);
        config.redis.as_mut().unwrap().ca_file = ca_file;
        Store::open(&config, place.clock.clone()).await.unwrap()
    };
    let (one, two) = (open(&url, Some(authority.clone())).await, open(&url, Some(authority.clone())).await);
    let rate = Rate::new(1, Duration::from_secs(3_600), 2).unwrap();
    for store in [&one, &two] {
        assert!(store.counters().take(want("t/k", 1, rate)).await.unwrap().allowed);
    }
    assert!(!one.counters().take(want("t/k", 1, rate)).await.unwrap().allowed, "both took from one");
    let mut heard = two.signals().subscribe("t");
    assert_eq!(say_until_heard(&place.clock, &one.signals(), &mut heard, "t").await, b"t");

    let unknown = open(&url, None).await.counters();
    assert!(
        unknown.take(want("t/k", 0, rate)).await.err().unwrap().is_unavailable(),
        "the system knows no such authority"
    );
    // The certificate is for `localhost` and 127.0.0.1, and not for this address of the same machine.
    let elsewhere = open(&url.replace("127.0.0.1", "127.0.0.2"), Some(authority)).await.counters();
    assert!(
        elsewhere.take(want("t/k", 0, rate)).await.err().unwrap().is_unavailable(),
        "the certificate is another host's"
    );
}
