//! One suite for both engines: what the rooms rely on, whatever the database is.
//!
//! PostgreSQL and Redis are taken from `LOCKGATE_TEST_POSTGRES` and `LOCKGATE_TEST_REDIS`, which
//! `scripts/services` sets; without them those halves say that they were skipped.

mod alike;
mod changes;
mod epochs;
mod migrations;
mod nodes;
pub(crate) mod place;
mod statements;
mod storage;
mod tenancy;
mod together;

pub(crate) use place::{Place, redis};

/// Runs each test on each engine: `on_each_engine![a, b]` makes `sqlite::a`, `postgres::a` and so on.
macro_rules! on_each_engine {
    ($($test:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test($crate::tests::Place::sqlite()).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                if let Some(place) = $crate::tests::Place::postgres() {
                    super::$test(place).await;
                }
            })*
        }
    };
}
pub(crate) use on_each_engine;
