//! Changes: all or nothing, each alone in a commit of many.

use std::sync::Arc;

use super::place::{BY_NAME, COUNT, DELETE_ALL, INSERT, NAMES, RENAME, count, insert, names, tenant};
use super::{Place, on_each_engine};
use crate::{ApplyFailure, Change, Statement, Store, values};

on_each_engine![
    holds_all_steps_or_none,
    tells_what_each_step_returned_and_touched,
    undoes_everything_where_an_expectation_is_unmet,
    tells_a_conflict_from_a_fault,
    fails_alone_in_a_commit_of_many,
    fails_alone_where_the_whole_batch_fails,
    applies_many_steps_in_order,
    adds_up_under_concurrency,
    refuses_a_change_of_two_tenants,
    refuses_a_step_on_a_tenants_rows_without_a_tenant,
    refuses_an_expectation_of_nothing,
    refuses_what_does_not_fit_the_queue,
    holds_though_nobody_waits,
    takes_a_change_without_steps,
    keeps_keys_with_their_principals,
    closes_after_what_was_queued,
];

static COUNT_UP: Statement = Statement::tenant(
    "test.count_up",
    "UPDATE providers SET created_at = created_at + $3 WHERE tenant = $1 AND name = $2",
);

async fn holds_all_steps_or_none(place: Place) {
    let store = place.open().await;
    let both = insert(tenant(1), "a").and(insert(tenant(1), "b"));
    store.apply(both).await.unwrap();
    let second_fails = insert(tenant(1), "c").and(insert(tenant(1), "a"));
    assert!(matches!(store.apply(second_fails).await, Err(ApplyFailure::Conflict { step: 1 })));
    assert_eq!(names(&store, tenant(1)).await, ["a", "b"]);
}

async fn tells_what_each_step_returned_and_touched(place: Place) {
    static TOUCH: Statement = Statement::tenant(
        "test.touch",
        "UPDATE providers SET status = 'seen' WHERE tenant = $1 RETURNING name, created_at",
    );
    let store = place.open().await;
    let applied = store
        .apply(
            insert(tenant(1), "a")
                .and(insert(tenant(1), "b"))
                .step(&TOUCH, values![])
                .step(&RENAME, values!["a", "c"])
                .step(&BY_NAME, values!["none"])
                .step(&NAMES, values![])
                .step(&DELETE_ALL, values![]),
        )
        .await
        .unwrap();
    assert_eq!(applied.touched, [1, 1, 2, 1, 0, 2, 2]);
    assert_eq!(applied.epoch, None);
    let lengths: Vec<usize> = applied.rows.iter().map(Vec::len).collect();
    assert_eq!(lengths, [0, 0, 2, 0, 0, 2, 0]);
    assert_eq!(applied.rows[2][0].int(1).unwrap(), 5);
    assert_eq!(applied.rows[5][1].text(0).unwrap(), "c", "a step sees what the steps before it did");
}

async fn undoes_everything_where_an_expectation_is_unmet(place: Place) {
    let store = place.open().await;
    store.apply(insert(tenant(1), "a")).await.unwrap();
    let change = insert(tenant(1), "b").step(&RENAME, values!["none", "c"]).expecting(1).step(&DELETE_ALL, values![]);
    assert!(matches!(store.apply(change).await, Err(ApplyFailure::Unmet { step: 1 })));
    assert_eq!(names(&store, tenant(1)).await, ["a"]);
    let met = Change::of(tenant(1)).step(&RENAME, values!["a", "d"]).expecting(1).step(&NAMES, values![]).expecting(1);
    store.apply(met).await.unwrap();
    let absent = Change::of(tenant(1)).step(&BY_NAME, values!["a"]).expecting(0).and(insert(tenant(1), "e"));
    store.apply(absent).await.unwrap();
    assert_eq!(names(&store, tenant(1)).await, ["d", "e"]);
}

async fn tells_a_conflict_from_a_fault(place: Place) {
    static NO_STATUS: Statement =
        Statement::tenant("test.no_status", "UPDATE providers SET status = NULL WHERE tenant = $1");
    static OR_NOTHING: Statement = Statement::tenant(
        "test.or_nothing",
        "INSERT INTO providers (tenant, provider, name, spec, status, created_at, changed)
         VALUES ($1, $2, $3, '{}', 'active', 1, 1) ON CONFLICT DO NOTHING",
    );
    let store = place.open().await;
    store.apply(insert(tenant(1), "a")).await.unwrap();
    let by_key = Change::of(tenant(1)).step(&INSERT, values!["prv_a", "other", "{}", 5_i64]);
    assert!(matches!(store.apply(by_key).await, Err(ApplyFailure::Conflict { step: 0 })));
    let by_name = Change::of(tenant(1)).step(&INSERT, values!["other", "a", "{}", 5_i64]);
    assert!(matches!(store.apply(by_name).await, Err(ApplyFailure::Conflict { step: 0 })));
    let broken = Change::of(tenant(1)).step(&NO_STATUS, values![]);
    assert!(matches!(store.apply(broken).await, Err(ApplyFailure::Fault(_))));
    let nothing = Change::of(tenant(1)).step(&OR_NOTHING, values!["prv_a", "a"]);
    assert_eq!(store.apply(nothing).await.unwrap().touched, [0]);
}

async fn fails_alone_in_a_commit_of_many(place: Place) {
    static NO_STATUS: Statement =
        Statement::tenant("test.no_status", "UPDATE providers SET status = NULL WHERE tenant = $1");
    static MISSPELT: Statement = Statement::tenant("test.misspelt", "UPDATE provider SET x = 1 WHERE tenant = $1");
    let store = place.open().await;
    store.apply(insert(tenant(2), "there")).await.unwrap();
    let batch = vec![
        insert(tenant(1), "a").raising_epoch(),
        insert(tenant(2), "half").and(insert(tenant(2), "there")).raising_epoch(),
        insert(tenant(1), "b"),
        insert(tenant(2), "unmet").step(&RENAME, values!["none", "x"]).expecting(1),
        Change::of(tenant(2)).step(&MISSPELT, values![]),
        insert(tenant(3), "c").raising_epoch(),
        insert(tenant(2), "broken").step(&NO_STATUS, values![]),
        Change::of(tenant(2)).step(&RENAME, values!["too few"]),
        insert(tenant(1), "d"),
        insert(tenant(2), "last-fails").and(insert(tenant(2), "there")),
    ];
    let before = store.confirm_epoch().await.unwrap();
    let outcomes = store.engine().commit(batch).await;
    let told: Vec<&str> = outcomes
        .iter()
        .map(|outcome| match outcome {
            Ok(applied) if applied.epoch == Some(before + 1) => "first epoch",
            Ok(applied) if applied.epoch == Some(before + 2) => "second epoch",
            Ok(_) => "holds",
            Err(ApplyFailure::Conflict { step: 1 }) => "conflict",
            Err(ApplyFailure::Unmet { step: 1 }) => "unmet",
            Err(ApplyFailure::Fault(_)) => "fault",
            Err(_) => "another step",
        })
        .collect();
    let wanted =
        ["first epoch", "conflict", "holds", "unmet", "fault", "second epoch", "fault", "fault", "holds", "conflict"];
    assert_eq!(told, wanted);
    assert_eq!(names(&store, tenant(1)).await, ["a", "b", "d"]);
    assert_eq!(names(&store, tenant(2)).await, ["there"]);
    assert_eq!(names(&store, tenant(3)).await, ["c"]);
    assert_eq!(store.confirm_epoch().await.unwrap(), before + 2, "a change that failed raised nothing");
}

async fn fails_alone_where_the_whole_batch_fails(place: Place) {
    let store = place.open().await;
    store.apply(insert(tenant(1), "there")).await.unwrap();
    let outcomes = store.engine().commit(vec![insert(tenant(1), "there"), insert(tenant(1), "there")]).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Err(ApplyFailure::Conflict { step: 0 }))));
    assert!(store.engine().commit(Vec::new()).await.is_empty());
    store.apply(insert(tenant(1), "goes-on")).await.unwrap();
}

async fn applies_many_steps_in_order(place: Place) {
    let store = place.open().await;
    let mut change = insert(tenant(1), "n0");
    for number in 0..99 {
        change = change.step(&RENAME, values![format!("n{number}"), format!("n{}", number + 1)]).expecting(1);
    }
    assert_eq!(change.len(), 100);
    assert_eq!(store.apply(change).await.unwrap().touched, [1; 100]);
    assert_eq!(names(&store, tenant(1)).await, ["n99"]);
}

async fn adds_up_under_concurrency(place: Place) {
    let store = place.open().await;
    store.apply(insert(tenant(1), "sum")).await.unwrap();
    let tasks: Vec<_> = (0..200_i64)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move {
                let change = Change::of(tenant(1)).step(&COUNT_UP, values!["sum", number]).expecting(1);
                let change = if number % 7 == 0 { change.raising_epoch() } else { change };
                let change =
                    if number % 5 == 0 { change.step(&RENAME, values!["none", "x"]).expecting(1) } else { change };
                store.apply(change).await.is_ok()
            })
        })
        .collect();
    let mut held = 0;
    for task in tasks {
        held += i64::from(task.await.unwrap());
    }
    assert_eq!(held, 160);
    let rows = store.read(tenant(1), &BY_NAME, values!["sum"]).await.unwrap();
    let wanted: i64 = (0..200).filter(|number| number % 5 != 0).sum();
    assert_eq!(rows[0].int(2).unwrap(), 5 + wanted);
}

async fn refuses_a_change_of_two_tenants(place: Place) {
    let store = place.open().await;
    let mixed = insert(tenant(1), "a").and(insert(tenant(2), "b"));
    assert!(matches!(store.apply(mixed).await, Err(ApplyFailure::Fault(_))));
    assert_eq!(count(&store).await, 0);
    let with_house = Change::house().step(&COUNT, values![]).and(insert(tenant(1), "a"));
    assert_eq!(store.apply(with_house).await.unwrap().rows[0][0].int(0).unwrap(), 0);
}

async fn refuses_a_step_on_a_tenants_rows_without_a_tenant(place: Place) {
    let store = place.open().await;
    let change = Change::house().step(&DELETE_ALL, values![]);
    assert!(matches!(store.apply(change).await, Err(ApplyFailure::Fault(_))));
}

async fn refuses_an_expectation_of_nothing(place: Place) {
    let store = place.open().await;
    assert!(matches!(store.apply(Change::of(tenant(1)).expecting(1)).await, Err(ApplyFailure::Fault(_))));
}

async fn refuses_what_does_not_fit_the_queue(mut place: Place) {
    place.config.queue = 1;
    let store = place.open().await;
    let huge = Change::of(tenant(1)).step(&INSERT, values!["p", "huge", "x".repeat(65 * 1024 * 1024), 5_i64]);
    assert!(matches!(store.apply(huge).await, Err(ApplyFailure::Fault(fault)) if fault.is_unavailable()));
    let names_of = |number: u32| format!("n{number}");
    let many = (0..2_000).map(|number| store.apply(insert(tenant(1), &names_of(number))));
    let outcomes = futures_util::future::join_all(many).await;
    let held = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    let refused = |failure: &ApplyFailure| matches!(failure, ApplyFailure::Fault(fault) if fault.is_unavailable());
    assert!(outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).all(refused));
    assert!((1..2_000).contains(&held), "{held} of 2,000 got into a queue of one");
    assert_eq!(count(&store).await, held as i64);
    store.apply(insert(tenant(1), "room-again")).await.unwrap();
}

async fn holds_though_nobody_waits(place: Place) {
    let store = place.open().await;
    let mut left = Box::pin(store.apply(insert(tenant(1), "left")));
    let polled = std::future::poll_fn(|context| std::task::Poll::Ready(left.as_mut().poll(context).is_pending()));
    assert!(polled.await, "the change is under way");
    drop(left);
    store.apply(insert(tenant(1), "next")).await.unwrap();
    assert_eq!(names(&store, tenant(1)).await, ["left", "next"]);
}

async fn takes_a_change_without_steps(place: Place) {
    let store = place.open().await;
    let before = store.epoch().value();
    assert!(store.apply(Change::of(tenant(1))).await.unwrap().rows.is_empty());
    assert!(Change::house().is_empty());
    assert_eq!(store.apply(Change::house().raising_epoch()).await.unwrap().epoch, Some(before + 1));
}

async fn keeps_keys_with_their_principals(place: Place) {
    static KEY: Statement = Statement::tenant(
        "test.key",
        "INSERT INTO keys (tenant, key, principal, kind, created_at, changed) VALUES ($1, $2, $3, 'api-key', 1, 1)",
    );
    static PRINCIPAL: Statement = Statement::tenant(
        "test.principal",
        "INSERT INTO principals (tenant, principal, name, kind, roles, scopes, status, created_at, changed)
         VALUES ($1, $2, $2, 'service', '[]', '[]', 'active', 1, 1)",
    );
    let store = place.open().await;
    store.apply(Change::of(tenant(1)).step(&PRINCIPAL, values!["prn_1"])).await.unwrap();
    let theirs = Change::of(tenant(2)).step(&KEY, values!["key_1", "prn_1"]);
    assert!(store.apply(theirs).await.is_err(), "another tenant's principal is none");
    store.apply(Change::of(tenant(1)).step(&KEY, values!["key_1", "prn_1"])).await.unwrap();
    let twice = Change::of(tenant(2)).step(&PRINCIPAL, values!["prn_2"]).step(&KEY, values!["key_1", "prn_2"]);
    assert!(matches!(store.apply(twice).await, Err(ApplyFailure::Conflict { step: 1 })));
}

async fn closes_after_what_was_queued(place: Place) {
    let store = Arc::new(place.open().await);
    let other = Store::clone(&store);
    let names_of = |number: u32| format!("n{number}");
    let changes = (0..50).map(|number| store.apply(insert(tenant(1), &names_of(number))));
    let (outcomes, closed) = tokio::join!(futures_util::future::join_all(changes), Store::clone(&store).close());
    closed.unwrap();
    assert!(outcomes.iter().all(Result::is_ok));
    let late = other.apply(insert(tenant(1), "late")).await;
    assert!(matches!(late, Err(ApplyFailure::Fault(fault)) if fault.is_unavailable()));
    assert!(other.read(tenant(1), &NAMES, values![]).await.unwrap_err().is_unavailable());
    assert_eq!(count(&place.open().await).await, 50);
}
