//! Connections for tests that look at the server behind the store's back, and what a lost one does.

use tokio_postgres::Client;

use super::line::{Line, Session};
use crate::config::PostgresConfig;
use crate::tests::Place;
use crate::tests::place::{count, insert, names, tenant};
use crate::{ApplyFailure, EngineConfig};

/// A connection of the configured login.
pub(crate) async fn login(config: &PostgresConfig) -> Client {
    Line::of(&config.url, None, config).unwrap().dial().await.unwrap().0
}

/// A connection as the store itself makes it for this role.
pub(crate) async fn session(config: &PostgresConfig, role: &str) -> Client {
    let session = Session { schema: config.schema.clone(), role: role.to_owned(), reads: false };
    Line::of(&config.url, None, config).unwrap().with(session).dial().await.unwrap().0
}

/// Ends every connection of this place's store, as a server that fails over does.
async fn cut(place: &Place) {
    let EngineConfig::Postgres(config) = &place.config.engine else { return };
    let client = login(config).await;
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name = $1 AND pid <> pg_backend_pid()";
    client.query(cut, &[&super::line::application(&config.schema)]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_connection_fails_what_was_on_it_and_nothing_after() {
    let Some(place) = Place::postgres() else { return };
    let store = place.open().await;
    store.apply(insert(tenant(1), "before")).await.unwrap();
    names(&store, tenant(1)).await;
    for round in 0..5 {
        cut(&place).await;
        // The first use of a connection that was cut may find out; no use after that may.
        let name = format!("n{round}");
        match store.apply(insert(tenant(1), &name)).await {
            Ok(_) => {}
            Err(ApplyFailure::Fault(fault)) => {
                assert!(fault.is_unavailable(), "{fault}");
                store.apply(insert(tenant(1), &name)).await.unwrap();
            }
            Err(other) => panic!("{other}"),
        }
        if let Err(fault) = store.confirm_epoch().await {
            assert!(fault.is_unavailable(), "{fault}");
        }
        while let Err(fault) = store.confirm_epoch().await {
            assert!(fault.is_unavailable(), "{fault}");
        }
    }
    assert_eq!(count(&store).await, 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_in_each_others_way_both_get_through() {
    let Some(place) = Place::postgres() else { return };
    let (one, two) = (place.open().await, place.open().await);
    for name in ["a", "b"] {
        one.apply(insert(tenant(1), name)).await.unwrap();
    }
    let touch = |first: &'static str, second: &'static str| {
        let step = |name: &'static str| {
            crate::Change::of(tenant(1)).step(&crate::tests::place::RENAME, crate::values![name, name]).expecting(1)
        };
        step(first).and(step(second)).raising_epoch()
    };
    for _ in 0..20 {
        let (left, right) = tokio::join!(one.apply(touch("a", "b")), two.apply(touch("b", "a")));
        left.unwrap();
        right.unwrap();
        // Batches of several changes lock in different orders as well.
        let here = one.engine().commit(vec![touch("a", "a"), touch("b", "b")]);
        let there = two.engine().commit(vec![touch("b", "b"), touch("a", "a")]);
        let (here, there) = tokio::join!(here, there);
        assert!(here.iter().chain(&there).all(Result::is_ok), "{here:?} {there:?}");
    }
}

#[tokio::test]
async fn a_server_that_is_away_is_unavailable() {
    let mut config = crate::Config::postgres("postgres://nobody@127.0.0.1:1/none", "s");
    let opened = |config: &crate::Config| {
        let config = config.clone();
        async move { crate::Store::open(&config, crate::tests::place::still_clock()).await.err().unwrap() }
    };
    assert!(opened(&config).await.is_unavailable());
    let EngineConfig::Postgres(postgres) = &mut config.engine else { return };
    postgres.readers = 0;
    assert!(!opened(&config).await.is_unavailable(), "no readers is a mistake, not an outage");
}

/// How many transactions, those of savepoints among them, have left a row behind.
async fn transactions(place: &Place) -> i64 {
    let EngineConfig::Postgres(config) = &place.config.engine else { return 0 };
    let client = session(config, &config.roles.house).await;
    client.query_one("SELECT COUNT(DISTINCT xmin::text) FROM providers", &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_holds_needs_no_savepoint() {
    let Some(place) = Place::postgres() else { return };
    let store = place.open().await;
    let large = "x".repeat(700_000);
    let change = |number: u32| {
        let owner = tenant(u128::from(number / 2 % 3));
        let key = format!("prv_{number}");
        let put = crate::values![key.as_str(), key.as_str(), large.as_str(), 5_i64];
        let put = crate::Change::of(owner).step(&crate::tests::place::INSERT, put).expecting(1);
        let change = match number {
            1 => put.step(&crate::tests::place::COUNT, crate::values![]),
            2 => crate::Change::house().step(&crate::tests::place::COUNT, crate::values![]).and(put),
            _ => put,
        };
        if number % 4 == 3 { change.raising_epoch() } else { change }
    };
    let outcomes = store.engine().commit((0..9).map(change).collect()).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!((count(&store).await, transactions(&place).await), (9, 1), "each row was its own tenant's to write");
    let again = [insert(tenant(1), "a"), insert(tenant(2), "b"), insert(tenant(1), "a")];
    let outcomes = store.engine().commit(again.into()).await;
    assert!(matches!(outcomes.as_slice(), [Ok(_), Ok(_), Err(ApplyFailure::Conflict { step: 0 })]), "{outcomes:?}");
    assert_eq!((count(&store).await, transactions(&place).await), (11, 3), "they were kept apart");
}
