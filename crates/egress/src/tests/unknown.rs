//! What nobody knows the outcome of: it is said, kept, told, and never repeated.

use std::time::Duration;

use lockgate_audit::{Outcome, UnfinishedRun};
use lockgate_store::Statement;
use lockgate_testkit::{Behaviour, Canned};
use lockgate_vocabulary::Clock;

use super::world::{World, refusal};
use crate::EgressRefusal;

static ESCALATIONS: Statement =
    Statement::tenant("test.escalations", "SELECT run, reason FROM escalations WHERE tenant = $1 ORDER BY run");

#[tokio::test]
async fn a_write_that_was_not_answered_in_time_is_unknown_and_sent_once() {
    let world = World::new().await;
    world.vendor.on("POST /base/v1/things", Behaviour::Stall(Vec::new()));
    let order = world.order("POST /v1/things");
    let run = order.run;
    let call = world.spawn(order).await;
    world.vendor.wait_for("POST /base/v1/things", 1).await;
    world.pass(Duration::from_secs(31)).await;
    let refused = refusal(call.await.expect("it ran"));
    assert_eq!((refused.code(), refused.status()), (EgressRefusal::OutcomeUnknown.info().code, 504));
    assert_eq!(world.vendor.count("POST /base/v1/things"), 1);
    assert_eq!(world.outcome(run).await, (Outcome::Unknown, Some("egress.outcome.unknown".into())));
    let rows = world.rows(&ESCALATIONS, vec![]).await;
    assert_eq!((rows.len(), rows[0].text(0).expect("a run")), (1, run.to_string().as_str()));
    assert_eq!(rows[0].text(1).expect("a reason"), "egress.answer.timeout");
    let told = world.events("IntegrationFailed").await;
    assert_eq!((told.len(), told[0]["data"]["outcome"].as_str()), (1, Some("unknown")));
}

#[tokio::test]
async fn a_write_whose_line_broke_is_unknown() {
    let world = World::new().await;
    let behaviours = [
        Behaviour::Hang,
        Behaviour::Raw(b"HTTP/1.1 garbage\r\n\r\n".to_vec()),
        Behaviour::Raw(b"HTTP/1.1 201 Created\r\ncontent-length: 9\r\n\r\nhalf".to_vec()),
    ];
    for (number, behaviour) in behaviours.into_iter().enumerate() {
        world.vendor.forget("POST /base/v1/things");
        world.vendor.on("POST /base/v1/things", behaviour);
        let order = world.order("POST /v1/things");
        let run = order.run;
        match world.send(order).await {
            Ok(got) => assert!(got.body.starts_with("broken: "), "{}", got.body),
            stopped => assert_eq!(refusal(stopped).code(), EgressRefusal::OutcomeUnknown.info().code),
        }
        assert_eq!(world.outcome(run).await.0, Outcome::Unknown, "case {number}");
        assert_eq!(world.vendor.count("POST /base/v1/things"), number + 1);
    }
}

#[tokio::test]
async fn a_caller_that_leaves_a_write_behind_makes_it_unknown() {
    let world = World::new().await;
    let line = "POST /base/v1/things";
    world.vendor.on(line, Behaviour::Gated(Canned::json(201, "{}")));
    let order = world.order("POST /v1/things");
    let run = order.run;
    let call = world.spawn(order).await;
    world.vendor.wait_for(line, 1).await;
    call.abort();
    assert_eq!(world.outcome(run).await.0, Outcome::Unknown);
    while world.rows(&ESCALATIONS, vec![]).await.is_empty() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_idempotent_write_that_stays_unanswered_is_unknown_too() {
    let world = World::new().await;
    let line = "PUT /base/v1/things/1";
    world.vendor.on(line, Behaviour::Hang);
    let order = world.order("PUT /v1/things/1");
    let run = order.run;
    let call = world.spawn(order).await;
    for wait in [1, 2, 4, 8] {
        world.until_it_waits(&call).await;
        world.pass(Duration::from_millis(wait * 1_250)).await;
    }
    assert_eq!(refusal(call.await.expect("it ran")).code(), EgressRefusal::OutcomeUnknown.info().code);
    assert_eq!(world.vendor.count(line), 5);
    assert_eq!(world.outcome(run).await.0, Outcome::Unknown);
}

#[tokio::test]
async fn a_later_answer_settles_an_earlier_doubt() {
    let world = World::new().await;
    let line = "DELETE /base/v1/things/1";
    world.vendor.on(line, Behaviour::Hang);
    world.vendor.answers(line, Canned::json(404, r#"{"error":"gone"}"#));
    let call = world.spawn(world.order("DELETE /v1/things/1")).await;
    world.until_it_waits(&call).await;
    world.pass(Duration::from_millis(1_250)).await;
    assert_eq!(call.await.expect("it ran").expect("the vendor's no").status, 404);
    assert!(world.rows(&ESCALATIONS, vec![]).await.is_empty());
}

#[tokio::test]
async fn runs_that_a_crash_left_open_are_told() {
    let world = World::new().await;
    let run = world.order("GET /v1/things").run;
    let caller = world.worker().await;
    let connection = caller.view().connection("crm").expect("there").id;
    let unfinished = UnfinishedRun {
        tenant: world.tenant,
        run,
        connection,
        connection_name: "crm".into(),
        method: "POST".into(),
        endpoint: "/v1/things".into(),
        operation: "write".into(),
        opened_at: world.clock.now(),
    };
    world.egress.recover(&[unfinished]).await.expect("told");
    assert_eq!(world.rows(&ESCALATIONS, vec![]).await.len(), 1);
    assert_eq!(world.events("IntegrationFailed").await.len(), 1);
}
