//! Statements: what goes in comes out, alike on both engines.

use lockgate_vocabulary::{KeyId, Timestamp};

use super::place::{BY_NAME, DELETE_ALL, INSERT, insert, names, tenant};
use super::{Place, on_each_engine};
use crate::{Change, Statement, Value, values};

on_each_engine![
    holds_every_kind_of_value,
    numbers_arguments_by_name_not_by_place,
    refuses_a_text_that_only_one_engine_could_hold,
    refuses_too_few_and_too_many_arguments,
    refuses_a_value_of_the_wrong_kind,
    sorts_texts_by_their_bytes,
    answers_yes_and_no_as_numbers,
    cannot_write_while_reading,
    prepares_every_statement,
    prepares_no_statement_that_is_flawed,
    names_the_statement_that_fails,
];

static PUT: Statement = Statement::tenant(
    "test.put",
    "INSERT INTO idempotency
     (tenant, caller, connection, key_digest, request_digest, state, run, answer, created_at, expires_at)
     VALUES ($1, $2, 'c', $3, $4, $5, 'run', $6, $7, $8)",
);
static GOT: Statement = Statement::tenant(
    "test.got",
    "SELECT caller, key_digest, request_digest, state, answer, created_at, expires_at
     FROM idempotency WHERE tenant = $1",
);

async fn holds_every_kind_of_value(place: Place) {
    let store = place.open().await;
    let all_bytes: Vec<u8> = (0..=255).collect();
    let text = "Grüße, 世界 🜁 '; DROP TABLE idempotency; -- \u{1}\u{10ffff}";
    let put = values![text, all_bytes.clone(), Vec::new(), "", None::<Vec<u8>>, i64::MIN, i64::MAX];
    store.apply(Change::of(tenant(1)).step(&PUT, put).expecting(1)).await.unwrap();
    let rows = store.read(tenant(1), &GOT, values![]).await.unwrap();
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    assert_eq!(row.len(), 7);
    assert_eq!(row.text(0).unwrap(), text);
    assert_eq!(row.bytes(1).unwrap(), all_bytes);
    assert_eq!(row.bytes(2).unwrap(), b"");
    assert_eq!(row.text(3).unwrap(), "");
    assert_eq!(row.opt_bytes(4).unwrap(), None);
    assert_eq!(row.int(5).unwrap(), i64::MIN);
    assert_eq!(row.moment(6).unwrap(), Timestamp::from_micros(i64::MAX));
}

async fn numbers_arguments_by_name_not_by_place(place: Place) {
    static BACKWARDS: Statement = Statement::tenant(
        "test.backwards",
        "SELECT CAST($3 AS TEXT), CAST($2 AS TEXT), CAST($3 AS TEXT) FROM providers WHERE name = $2 AND tenant = $1",
    );
    let store = place.open().await;
    store.apply(insert(tenant(1), "second")).await.unwrap();
    let rows = store.read(tenant(1), &BACKWARDS, values!["second", "third"]).await.unwrap();
    let read: Vec<&str> = (0..3).map(|column| rows[0].text(column).unwrap()).collect();
    assert_eq!(read, ["third", "second", "third"]);
}

async fn refuses_a_text_that_only_one_engine_could_hold(place: Place) {
    let store = place.open().await;
    assert!(store.apply(insert(tenant(1), "a\0b")).await.is_err());
    assert!(store.read(tenant(1), &BY_NAME, values!["a\0b"]).await.is_err());
    assert_eq!(names(&store, tenant(1)).await, [""; 0]);
}

async fn refuses_too_few_and_too_many_arguments(place: Place) {
    let store = place.open().await;
    for given in [values![], values!["a", "b"]] {
        let fault = store.read(tenant(1), &BY_NAME, given.clone()).await.unwrap_err();
        assert!(!fault.is_unavailable(), "{fault}");
        assert!(store.apply(Change::of(tenant(1)).step(&BY_NAME, given)).await.is_err());
    }
    store.apply(insert(tenant(1), "still-works")).await.unwrap();
}

async fn refuses_a_value_of_the_wrong_kind(place: Place) {
    let store = place.open().await;
    store.apply(insert(tenant(1), "a")).await.unwrap();
    let rows = store.read(tenant(1), &BY_NAME, values!["a"]).await.unwrap();
    assert!(rows[0].int(0).is_err(), "a text is no number");
    assert!(rows[0].text(2).is_err(), "a number is no text");
    assert!(rows[0].bytes(0).is_err(), "a text is no bytes");
    assert!(rows[0].text(9).is_err(), "there is no such column");
    assert!(rows[0].parsed::<KeyId>(0).is_err(), "it is no key's identifier");
}

async fn sorts_texts_by_their_bytes(place: Place) {
    let store = place.open().await;
    for name in ["a-c", "ab", "a_b", "B", "é", "zz", "a"] {
        store.apply(insert(tenant(1), name)).await.unwrap();
    }
    assert_eq!(names(&store, tenant(1)).await, ["B", "a", "a-c", "a_b", "ab", "zz", "é"]);
}

async fn answers_yes_and_no_as_numbers(place: Place) {
    static IS_THERE: Statement =
        Statement::tenant("test.is_there", "SELECT EXISTS (SELECT 1 FROM providers WHERE tenant = $1 AND name = $2)");
    let store = place.open().await;
    store.apply(insert(tenant(1), "a")).await.unwrap();
    assert!(store.read(tenant(1), &IS_THERE, values!["a"]).await.unwrap()[0].flag(0).unwrap());
    assert!(!store.read(tenant(1), &IS_THERE, values!["b"]).await.unwrap()[0].flag(0).unwrap());
}

async fn cannot_write_while_reading(place: Place) {
    static SURVEYED_DELETE: Statement = Statement::house("test.surveyed_delete", "DELETE FROM providers");
    let store = place.open().await;
    store.apply(insert(tenant(1), "a")).await.unwrap();
    assert!(store.read(tenant(1), &DELETE_ALL, values![]).await.is_err());
    assert!(store.survey(&SURVEYED_DELETE, values![]).await.is_err());
    assert_eq!(names(&store, tenant(1)).await, ["a"]);
}

async fn prepares_every_statement(place: Place) {
    let store = place.open().await;
    store.prepare_all(&[&PUT, &GOT, &INSERT, &BY_NAME, &DELETE_ALL]).await.unwrap();
}

async fn prepares_no_statement_that_is_flawed(place: Place) {
    static MISSPELT: Statement = Statement::tenant("test.misspelt", "SELECT nome FROM providers WHERE tenant = $1");
    static UNBOUND: Statement = Statement::tenant("test.unbound", "SELECT name FROM providers WHERE name = $1");
    let store = place.open().await;
    let fault = store.prepare_all(&[&GOT, &MISSPELT]).await.unwrap_err();
    assert_eq!(fault.doing(), "test.misspelt");
    let fault = store.prepare_all(&[&UNBOUND]).await.unwrap_err();
    assert_eq!(fault.doing(), "test.unbound");
}

async fn names_the_statement_that_fails(place: Place) {
    static NOT_NULL: Statement =
        Statement::tenant("test.not_null", "UPDATE providers SET status = NULL WHERE tenant = $1");
    let store = place.open().await;
    store.apply(insert(tenant(1), "a")).await.unwrap();
    let failure = store.apply(Change::of(tenant(1)).step(&NOT_NULL, Vec::<Value>::new())).await.unwrap_err();
    let crate::ApplyFailure::Fault(fault) = failure else { panic!("a fault is wanted") };
    assert_eq!((fault.doing(), fault.is_unavailable()), ("test.not_null", false));
}
