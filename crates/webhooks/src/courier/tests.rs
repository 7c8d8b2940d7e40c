//! Deliveries on their way, against real endpoints over TLS and a real store: SQLite, or PostgreSQL where
//! `LOCKGATE_TEST_POSTGRES` names one.

mod ending;
mod failing;
mod order;
mod plain;
mod world;
