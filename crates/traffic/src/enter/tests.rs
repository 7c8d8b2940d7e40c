//! Passages: a place held until dropped, one report, and what a dropped one means.

use super::*;
use crate::breaker::Standing;
use crate::config::Config;
use crate::tests::{connection, limits, refused, room, seconds};
use crate::vendor::VendorLimits;

fn under_way(traffic: &Traffic, connection: &Connection) -> u32 {
    traffic.pressure(connection.tenant, connection.id).unwrap().under_way
}

#[test]
fn a_place_is_held_until_the_passage_is_dropped() {
    let (traffic, _) = room(Config::default(), None);
    let connection = connection(limits(600, 60, 2));
    let mut first = traffic.enter_connection(&connection).unwrap();
    let _second = traffic.enter_connection(&connection).unwrap();
    assert_eq!(refused(traffic.enter_connection(&connection)), ("traffic.concurrency.exceeded", 1));
    first.report(Health::Good);
    assert_eq!(under_way(&traffic, &connection), 2, "the answer may still be streaming");
    drop(first);
    assert_eq!(under_way(&traffic, &connection), 1);
    assert!(traffic.enter_connection(&connection).is_ok());
}

#[test]
fn only_the_first_report_counts() {
    let (traffic, _) = room(Config::default(), None);
    let connection = connection(limits(600, 60, 8));
    let mut passage = traffic.enter_connection(&connection).unwrap();
    for _ in 0..10 {
        passage.report(Health::Bad);
    }
    assert!(format!("{passage:?}").contains("reported: true"));
    drop(passage);
    assert_eq!(traffic.pressure(connection.tenant, connection.id).unwrap().breaker, Standing::Closed);
}

#[test]
fn a_passage_that_was_never_reported_teaches_nothing() {
    let (traffic, time) = room(Config::default(), None);
    let connection = connection(limits(600, 60, 8));
    for _ in 0..20 {
        drop(traffic.enter_connection(&connection).unwrap());
    }
    let pressure = |traffic: &Traffic| traffic.pressure(connection.tenant, connection.id).unwrap();
    assert_eq!(pressure(&traffic).breaker, Standing::Closed);
    for _ in 0..4 {
        traffic.enter_connection(&connection).unwrap().report(Health::Bad);
    }
    time.advance(seconds(15));
    drop(traffic.enter_connection(&connection).expect("one may try"));
    let again = traffic.enter_connection(&connection).expect("it never left, so the next may try");
    assert!(traffic.enter_connection(&connection).is_err());
    drop(again);
}

#[tokio::test]
async fn a_call_that_never_left_is_not_counted_against_the_vendor() {
    let (traffic, _) = room(Config::default(), None);
    let connection = connection(limits(600, 60, 8));
    let mut passage = traffic.enter_connection(&connection).unwrap();
    let said = VendorLimits { remaining: Some(1), reset_after: Some(seconds(60)), ..VendorLimits::default() };
    traffic.heed(&connection, said);
    passage.report(Health::Good);
    drop(passage);
    for _ in 0..5 {
        drop(traffic.enter_connection(&connection).unwrap());
    }
    let mut last = traffic.enter_connection(&connection).unwrap();
    last.report(Health::Good);
    drop(last);
    assert_eq!(refused(traffic.enter_connection(&connection)), ("traffic.vendor.limited", 60));
}

#[test]
fn the_head_of_an_answer_is_heeded() {
    let (traffic, _) = room(Config::default(), None);
    let connection = connection(limits(600, 60, 8));
    let passage = traffic.enter_connection(&connection).unwrap();
    passage.heed(StatusCode::OK, &HeaderMap::new());
    assert!(traffic.enter_connection(&connection).is_ok());
    let head = HeaderMap::from_iter([(http::header::RETRY_AFTER, "30".parse().unwrap())]);
    passage.heed(StatusCode::TOO_MANY_REQUESTS, &head);
    assert_eq!(refused(traffic.enter_connection(&connection)), ("traffic.vendor.limited", 30));
}

#[tokio::test]
async fn many_tasks_never_exceed_the_places() {
    let (traffic, _) = room(Config::default(), None);
    let connection = Arc::new(connection(limits(600, 60, 3)));
    let one = |traffic: Traffic, connection: Arc<Connection>| async move {
        for _ in 0..50 {
            let Ok(passage) = traffic.enter_connection(&connection) else { continue };
            assert!(under_way(&traffic, &connection) <= 3);
            tokio::task::yield_now().await;
            drop(passage);
        }
    };
    let tasks: Vec<_> = (0..64).map(|_| tokio::spawn(one(traffic.clone(), Arc::clone(&connection)))).collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(under_way(&traffic, &connection), 0);
}
