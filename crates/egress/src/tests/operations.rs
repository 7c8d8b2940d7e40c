//! Calls that are answered later.

use std::time::Duration;

use lockgate_audit::{Outcome, UnfinishedRun};
use lockgate_store::{Change, Statement, values};
use lockgate_testkit::{Behaviour, Canned, Vendor};
use lockgate_vocabulary::{Clock, OperationId};
use serde_json::{Value, json};

use super::world::{MOMENT, World, code, read, refusal};
use crate::{Config, EgressRefusal, OperationState, OperationStatus, Order};

const LINE: &str = "GET /base/v1/things/1";
const WRITE: &str = "POST /base/v1/things";

static LEASES: Statement = Statement::tenant(
    "test.leases",
    "UPDATE operations SET lease_until = 0 WHERE tenant = $1 AND state IN ('waiting', 'sending')",
);

static STATES: Statement =
    Statement::tenant("test.states", "SELECT state, tries FROM operations WHERE tenant = $1 ORDER BY operation");

async fn status(world: &World, operation: OperationId) -> OperationStatus {
    world.egress.operation_status(&world.worker().await, operation).await.expect("its own")
}

/// A write with an idempotency key and a preference for an operation.
fn keyed(world: &World) -> Order {
    let mut order = world.order("POST /v1/things");
    (order.idempotency_key, order.respond_async) = (Some("key-1".into()), true);
    order
}

/// A vendor that takes idempotency keys, and wants a minute before it does what it is asked.
async fn patient() -> World {
    let world = World::with(|provider, _| provider["idempotency_header"] = json!("idempotency-key")).await;
    world.vendor.answers(WRITE, Canned::json(503, "{}").header("retry-after", "60"));
    world.vendor.answers(WRITE, Canned::json(201, r#"{"id":9}"#));
    world
}

/// Has it called with a preference for an operation; the operation, where it came to one.
async fn accepted(world: &World, line: &str) -> OperationId {
    let mut order = world.order(line);
    order.respond_async = true;
    let reply = world.egress.call(world.worker().await, order).await.expect("a reply");
    let answer = reply.into_outcome().expect("an answer");
    assert_eq!(answer.status, 202);
    let operation = answer.operation.expect("an operation");
    assert_eq!(answer.headers["location"], format!("/operations/{operation}"));
    assert!(answer.headers.contains_key("retry-after"));
    operation
}

/// Lets time go by until the operation's next attempt is due; how it ended, where it is over. INVARIANT:
/// the clock is not moved while an attempt is under way, because real sockets would lose that race: the
/// operation has to say when it is due, and its run has to sleep until exactly then.
async fn due(world: &World, operation: OperationId) -> Option<OperationStatus> {
    loop {
        let status = status(world, operation).await;
        match status.state {
            OperationState::Ended(_) => return Some(status),
            // What is due already says the least there is, one second.
            OperationState::Running { retry_after: wait }
                if wait > Duration::from_secs(1) && world.sleeps_for(wait) =>
            {
                world.pass(wait + MOMENT).await;
                return None;
            }
            OperationState::Running { .. } => tokio::task::yield_now().await,
        }
    }
}

/// Lets time go by until the operation is over.
async fn over(world: &World, operation: OperationId) -> OperationStatus {
    loop {
        if let Some(ended) = due(world, operation).await {
            return ended;
        }
    }
}

#[tokio::test]
async fn a_call_that_cannot_wait_goes_on_behind_an_operation() {
    let world = World::new().await;
    world.vendor.answers(LINE, Canned::json(429, "{}").header("retry-after", "60"));
    world.vendor.answers(LINE, Canned::json(200, r#"{"id":1}"#));
    let operation = accepted(&world, "GET /v1/things/1").await;
    let running = status(&world, operation).await;
    assert!(matches!(running.state, OperationState::Running { retry_after } if retry_after >= Duration::from_secs(60)));
    let ended = over(&world, operation).await;
    let OperationState::Ended(Ok(answer)) = ended.state else { panic!("{ended:?}") };
    assert_eq!(answer.status, 200);
    assert_eq!(world.vendor.count(LINE), 2);
    let run = world.run(ended.run).await;
    assert_eq!((run.outcome(), run.attempts.len()), (Some(Outcome::Succeeded), 2));
    assert_eq!(world.entries("opened").await, 1);
    assert_eq!(world.events("IntegrationRunCompleted").await.len(), 1);
}

#[tokio::test]
async fn the_whole_schedule_is_gone_through() {
    let world = World::new().await;
    world.vendor.answers(LINE, Canned::json(429, "{}").header("retry-after", "40"));
    let operation = accepted(&world, "GET /v1/things/1").await;
    let ended = over(&world, operation).await;
    let OperationState::Ended(Err(stop)) = ended.state else { panic!("{ended:?}") };
    assert_eq!(refusal::<()>(Err(stop)).code(), EgressRefusal::VendorLimited.info().code);
    assert_eq!(world.vendor.count(LINE), 6, "one attempt and five retries");
    assert_eq!(world.events("IntegrationFailed").await.len(), 1);
}

#[tokio::test]
async fn an_answer_in_time_needs_no_operation() {
    let world = World::new().await;
    world.vendor.answers(LINE, Canned::json(200, "{}"));
    let mut order = world.order("GET /v1/things/1");
    order.respond_async = true;
    let reply = world.egress.call(world.worker().await, order).await.expect("a reply");
    assert_eq!(read(reply).await.expect("an answer").status, 200);
}

#[tokio::test]
async fn an_operation_is_its_callers_alone() {
    let world = World::new().await;
    world.vendor.answers(LINE, Canned::json(429, "{}").header("retry-after", "60"));
    let operation = accepted(&world, "GET /v1/things/1").await;
    let other = world.principal("other", &["integration.connections.call"]).await;
    let never = OperationId::from_u128(7);
    for (caller, operation) in [(world.caller(&other).await, operation), (world.worker().await, never)] {
        let stopped = world.egress.operation_status(&caller, operation).await;
        assert_eq!(code(stopped), EgressRefusal::OperationUnknown.info().code);
    }
}

#[tokio::test]
async fn a_key_leads_to_its_operation_and_then_to_its_answer() {
    let world = patient().await;
    let reply = world.egress.call(world.worker().await, keyed(&world)).await.expect("a reply");
    let operation = reply.into_outcome().expect("an answer").operation.expect("an operation");
    let again = world.egress.call(world.worker().await, keyed(&world)).await.expect("a reply");
    assert!(again.replayed());
    let again = again.into_outcome().expect("an answer");
    assert_eq!((again.status.as_u16(), again.operation), (202, Some(operation)));
    over(&world, operation).await;
    let got = read(world.egress.call(world.worker().await, keyed(&world)).await.expect("a reply")).await.expect("kept");
    assert_eq!((got.status.as_u16(), got.body.as_str()), (201, r#"{"id":9}"#));
    assert_eq!(world.vendor.count(WRITE), 2);
}

#[tokio::test]
async fn what_its_node_left_behind_is_ended_honestly() {
    let world = World::new().await;
    world.vendor.answers(LINE, Canned::json(429, "{}").header("retry-after", "60"));
    world.vendor.answers(LINE, Canned::json(200, "{}"));
    let waiting = accepted(&world, "GET /v1/things/1").await;
    expire(&world).await;
    let ended = status(&world, waiting).await;
    let OperationState::Ended(Err(stop)) = ended.state else { panic!("{ended:?}") };
    assert_eq!(refusal::<()>(Err(stop)).code(), EgressRefusal::OperationInterrupted.info().code);

    let line = "PUT /base/v1/things/1";
    world.vendor.answers(line, Canned::json(503, "{}").header("retry-after", "40"));
    world.vendor.on(line, Behaviour::Gated(Canned::json(200, "{}")));
    // This node is not gone in truth: as soon as the first call is due it learns that it was ended.
    world.pass(Duration::from_secs(61)).await;
    world.run(ended.run).await;
    let sending = accepted(&world, "PUT /v1/things/1").await;
    assert!(due(&world, sending).await.is_none());
    world.vendor.wait_for(line, 2).await;
    expire(&world).await;
    let ended = status(&world, sending).await;
    let OperationState::Ended(Err(stop)) = ended.state else { panic!("{ended:?}") };
    assert_eq!(refusal::<()>(Err(stop)).code(), EgressRefusal::OutcomeUnknown.info().code);
    assert_eq!(world.vendor.count(line), 2, "nobody sends it again");
}

#[tokio::test]
async fn who_lost_an_operation_to_another_node_sends_nothing_more() {
    let world = World::new().await;
    for (line, call) in [("PUT /base/v1/things/1", "PUT /v1/things/1"), (LINE, "GET /v1/things/1")] {
        world.vendor.answers(line, Canned::json(429, "{}").header("retry-after", "60"));
        let operation = accepted(&world, call).await;
        expire(&world).await;
        let ended = status(&world, operation).await;
        world.pass(Duration::from_secs(61)).await;
        let told = world.outcome(ended.run).await;
        assert_eq!(told, (Outcome::Refused, Some("egress.operation.interrupted".into())), "{call}");
        assert_eq!(world.vendor.count(line), 1, "{call}");
        let ended = status(&world, operation).await;
        assert!(matches!(ended.state, OperationState::Ended(Err(_))), "{ended:?}");
    }
}

#[tokio::test]
async fn an_operation_is_not_accepted_for_more_tries_than_the_connection_has() {
    let world = World::with(|_, spec| spec["retries"] = json!(0)).await;
    world.vendor.answers(LINE, Canned::json(429, "{}").header("retry-after", "2"));
    let mut order = world.order("GET /v1/things/1");
    order.respond_async = true;
    let refused = refusal(world.send(order).await);
    assert_eq!(refused.code(), EgressRefusal::VendorLimited.info().code);
    assert_eq!(refused.wait(), Some(Duration::from_secs(2)));
    assert!(world.rows(&STATES, vec![]).await.is_empty());
    assert_eq!(world.vendor.count(LINE), 1);
}

#[tokio::test]
async fn in_the_background_every_attempt_waits_for_its_limits() {
    let world = World::with(|_, spec| spec["limits"] = json!({"per_minute": 1, "burst": 1})).await;
    world.vendor.answers(LINE, Canned::json(503, "{}").header("retry-after", "40"));
    // No other sleep of a call lasts so long: five seconds are what a connection may take.
    world.vendor.answers(LINE, Canned::json(503, "{}").header("retry-after", "7"));
    world.vendor.answers(LINE, Canned::json(200, "{}"));
    let operation = accepted(&world, "GET /v1/things/1").await;
    let ended = over(&world, operation).await;
    assert!(matches!(ended.state, OperationState::Ended(Ok(_))), "{ended:?}");
    assert_eq!(world.vendor.count(LINE), 3);
}

#[tokio::test]
async fn an_operation_that_waits_is_ended_when_the_gateway_stops() {
    let world = patient().await;
    let reply = world.egress.call(world.worker().await, keyed(&world)).await.expect("a reply");
    let operation = reply.into_outcome().expect("an answer").operation.expect("an operation");
    world.egress.close(Duration::from_secs(10)).await;
    let ended = status(&world, operation).await;
    let OperationState::Ended(Err(stop)) = ended.state else { panic!("{ended:?}") };
    assert_eq!(refusal::<()>(Err(stop)).code(), EgressRefusal::OperationInterrupted.info().code);
    assert_eq!(world.outcome(ended.run).await, (Outcome::Failed, Some("egress.operation.interrupted".into())));
    // Whoever sends it again is served, because nothing was done for its key.
    world.pass(Duration::from_secs(61)).await;
    let again = world.egress.call(world.worker().await, keyed(&world)).await.expect("a reply");
    assert!(!again.replayed());
}

#[tokio::test]
async fn after_a_restart_what_only_waited_is_interrupted_and_its_key_is_free() {
    let world = patient().await;
    let reply = world.egress.call(world.worker().await, keyed(&world)).await.expect("a reply");
    let (run, answer) = (reply.run(), reply.into_outcome().expect("an answer"));
    let operation = answer.operation.expect("an operation");
    let granted = world.access.authorize(&world.worker().await, &keyed(&world).ask).expect("granted");
    // What the log tells at a start of a run that had no end.
    let unfinished = UnfinishedRun {
        tenant: world.tenant,
        run,
        connection: granted.connection().id,
        connection_name: "crm".into(),
        method: "POST".into(),
        endpoint: "/v1/things".into(),
        operation: "write".into(),
        opened_at: world.clock.now(),
    };
    // Whoever ends it a second time finds it ended, and tells nobody of it.
    for _ in 0..2 {
        world.egress.recover(std::slice::from_ref(&unfinished)).await.expect("taken in");
    }
    let ended = status(&world, operation).await;
    let OperationState::Ended(Err(stop)) = ended.state else { panic!("{ended:?}") };
    assert_eq!(refusal::<()>(Err(stop)).code(), EgressRefusal::OperationInterrupted.info().code);
    assert!(world.events("IntegrationFailed").await.is_empty(), "there is no doubt to tell of");
    world.pass(Duration::from_secs(61)).await;
    let again = world.egress.call(world.worker().await, keyed(&world)).await.expect("a reply");
    assert!(!again.replayed());
}

static DAMAGE: Statement = Statement::tenant("test.damage", "UPDATE operations SET request = $2 WHERE tenant = $1");

#[tokio::test]
async fn an_operation_that_cannot_be_read_keeps_no_other_waiting() {
    let world = World::new().await;
    let line = "PUT /base/v1/things/1";
    world.vendor.answers(line, Canned::json(503, "{}").header("retry-after", "60"));
    let damaged = accepted(&world, "PUT /v1/things/1").await;
    let damage = Change::of(world.tenant).step(&DAMAGE, values![vec![1_u8, 2, 3]]);
    world.store.apply(damage).await.expect("written");
    // Over another connection, because the vendor's limit holds this one's calls back.
    let (port, pem) = (world.vendor.address.port(), world.vendor.authority_pem.clone());
    world.connect("second", port, &pem, |_, _| ()).await;
    world.vendor.answers(LINE, Canned::json(503, "{}").header("retry-after", "60"));
    let mut order = world.order("GET /v1/things/1");
    (order.ask.connection, order.respond_async) = ("second".into(), true);
    let reply = world.egress.call(world.worker().await, order).await.expect("a reply");
    let waiting = reply.into_outcome().expect("an answer").operation.expect("an operation");
    expire(&world).await;
    for (operation, told) in [(damaged, EgressRefusal::OutcomeUnknown), (waiting, EgressRefusal::OperationInterrupted)]
    {
        let ended = status(&world, operation).await;
        let OperationState::Ended(Err(stop)) = ended.state else { panic!("{ended:?}") };
        assert_eq!(refusal::<()>(Err(stop)).code(), told.info().code);
    }
}

#[tokio::test]
async fn what_is_kept_behind_operations_takes_of_the_tenants_room() {
    let vendor = Vendor::start("vendor.test").await;
    let (port, pem) = (vendor.address.port(), vendor.authority_pem.clone());
    let world = World::bare(vendor, Config { kept_tenant_bytes: 64, ..Config::default() }).await;
    world.connect("crm", port, &pem, |_, _| ()).await;
    let long = format!("{{\"id\":\"{}\"}}", "7".repeat(100));
    world.vendor.answers(LINE, Canned::json(503, "{}").header("retry-after", "40"));
    world.vendor.answers(LINE, Canned::json(200, &long));
    let first = accepted(&world, "GET /v1/things/1").await;
    over(&world, first).await;
    world.vendor.forget(LINE);
    world.vendor.answers(LINE, Canned::json(503, "{}").header("retry-after", "40"));
    let mut order = world.order("GET /v1/things/1");
    order.respond_async = true;
    assert_eq!(refusal(world.send(order).await).code(), EgressRefusal::IdempotencyFull.info().code);
}

/// What another node finds when the one that held the operations is gone.
async fn expire(world: &World) {
    world.store.apply(Change::of(world.tenant).step(&LEASES, vec![])).await.expect("written");
    world.egress.tidy().await.expect("tidied");
}

#[tokio::test]
async fn operations_are_forgotten_after_a_day() {
    let world = World::new().await;
    world.vendor.answers(LINE, Canned::json(429, "{}").header("retry-after", "40"));
    world.vendor.answers(LINE, Canned::json(200, "{}"));
    let operation = accepted(&world, "GET /v1/things/1").await;
    over(&world, operation).await;
    let rows = world.rows(&STATES, vec![]).await;
    assert_eq!((rows.len(), rows[0].text(0).expect("a state")), (1, "done"));
    world.clock.advance(Duration::from_secs(24 * 3_600));
    world.pass(Duration::from_secs(1)).await;
    world.egress.tidy().await.expect("tidied");
    assert!(world.rows(&STATES, values![]).await.is_empty());
    assert!(world.clock.now().as_secs() > 0);
}

#[tokio::test]
async fn a_wait_that_no_vendor_is_obeyed_for_is_told_instead_of_waited_out() {
    for seconds in ["3601", "86400", "99999999"] {
        let world = World::new().await;
        world.vendor.answers(LINE, Canned::json(429, "{}").header("retry-after", seconds));
        let mut order = world.order("GET /v1/things/1");
        order.respond_async = true;
        let stopped = world.send(order).await;
        assert_eq!(refusal(stopped).code(), EgressRefusal::VendorLimited.info().code, "{seconds}");
        assert!(world.rows(&STATES, vec![]).await.is_empty(), "no operation was accepted");
    }
    let world = World::new().await;
    world.vendor.answers(LINE, Canned::json(429, "{}").header("retry-after", "3600"));
    accepted(&world, "GET /v1/things/1").await;
}

#[tokio::test]
async fn an_operation_is_over_before_its_key_is_forgotten() {
    let world = World::with(|provider, _| provider["idempotency_header"] = json!("idempotency-key")).await;
    let line = WRITE;
    world.vendor.answers(line, Canned::json(503, "{}").header("retry-after", "3600"));
    let mut order = world.order("POST /v1/things");
    order.idempotency_key = Some("key-1".into());
    order.respond_async = true;
    let begun = world.clock.elapsed();
    let reply = world.egress.call(world.worker().await, order).await.expect("a reply");
    let operation = reply.into_outcome().expect("an answer").operation.expect("an operation");
    // The clock leaps to an hour before the key is forgotten; another hour's wait would outlast it.
    world.clock.advance(Duration::from_secs(23 * 3_600));
    world.pass(Duration::from_secs(1)).await;
    let ended = over(&world, operation).await;
    assert!(matches!(ended.state, OperationState::Ended(Err(_))), "{ended:?}");
    assert!(world.clock.elapsed() - begun < Duration::from_secs(24 * 3_600));
    assert_eq!(world.vendor.count(line), 2);
}

#[tokio::test]
async fn a_tenant_has_so_many_operations_going_on() {
    let vendor = Vendor::start("vendor.test").await;
    let (port, pem) = (vendor.address.port(), vendor.authority_pem.clone());
    let world = World::bare(vendor, Config { operations_per_tenant: 1, ..Config::default() }).await;
    world.connect("crm", port, &pem, |_, _| ()).await;
    world.connect("second", port, &pem, |_, _| ()).await;
    world.vendor.answers(LINE, Canned::json(429, "{}").header("retry-after", "60"));
    world.vendor.answers(LINE, Canned::json(200, "{}"));
    let first = accepted(&world, "GET /v1/things/1").await;
    // Over another connection, because the vendor's limit holds this one's calls back.
    let mut order = world.order("GET /v1/things/2");
    world.vendor.answers("GET /base/v1/things/2", Canned::json(429, "{}").header("retry-after", "60"));
    order.respond_async = true;
    order.ask.connection = "second".into();
    let refused = refusal(world.send(order).await);
    assert_eq!(refused.code(), EgressRefusal::OperationTooMany.info().code);
    assert!(refused.wait().is_some());
    over(&world, first).await;
    accepted(&world, "GET /v1/things/2").await;
}

#[test]
fn an_operations_reply_reads_as_json() {
    let text = crate::operation::told(OperationId::from_u128(1), lockgate_vocabulary::RunId::from_u128(2));
    let told: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(told["state"], "running");
}

#[tokio::test]
async fn a_used_up_vendors_limit_is_waited_out_behind_an_operation() {
    let world = World::new().await;
    let spent = Canned::json(200, r#"{"id":1}"#).header("x-ratelimit-remaining", "0").header("x-ratelimit-reset", "90");
    world.vendor.answers(LINE, spent);
    world.vendor.answers(LINE, Canned::json(200, r#"{"id":2}"#));
    assert_eq!(world.call("GET /v1/things/1").await.expect("an answer").status, 200);
    assert_eq!(code(world.call("GET /v1/things/1").await), "traffic.vendor.limited", "who does not wait is refused");
    let operation = accepted(&world, "GET /v1/things/1").await;
    assert_eq!(world.vendor.count(LINE), 1, "nothing leaves before the window opens");
    let ended = over(&world, operation).await;
    let OperationState::Ended(Ok(answer)) = ended.state else { panic!("{ended:?}") };
    assert_eq!(answer.status, 200);
    let run = world.run(ended.run).await;
    assert_eq!((run.outcome(), run.attempts.len()), (Some(Outcome::Succeeded), 1));
    assert_eq!(run.attempts[0].facts.number, 1, "what was never sent is no attempt");
    assert_eq!(world.vendor.count(LINE), 2);
}

#[tokio::test]
async fn a_limit_that_is_rehearsed_or_has_no_room_for_an_operation_is_refused() {
    let config = Config { operations_per_tenant: 1, ..Config::default() };
    let vendor = Vendor::start("vendor.test").await;
    let (port, pem) = (vendor.address.port(), vendor.authority_pem.clone());
    let world = World::bare(vendor, config).await;
    world.connect("crm", port, &pem, |_, _| ()).await;
    let spent = Canned::json(200, "{}").header("x-ratelimit-remaining", "0").header("x-ratelimit-reset", "90");
    world.vendor.answers(LINE, spent);
    assert_eq!(world.call("GET /v1/things/1").await.expect("an answer").status, 200);
    let wanted = |dry_run: bool| {
        let mut order = world.order("GET /v1/things/1");
        (order.respond_async, order.dry_run) = (true, dry_run);
        order
    };
    assert_eq!(code(world.send(wanted(true)).await), "traffic.vendor.limited");
    assert_eq!(world.send(wanted(false)).await.expect("an operation").status, 202);
    let order = wanted(false);
    let run = order.run;
    let refused = refusal(world.send(order).await);
    assert_eq!((refused.code(), refused.wait()), ("egress.operation.too_many", Some(Duration::from_secs(90))));
    assert_eq!(world.outcome(run).await, (Outcome::Failed, Some("egress.operation.too_many".into())));
}

#[tokio::test]
async fn an_operation_whose_caller_was_withdrawn_says_why_it_stopped() {
    let world = World::new().await;
    world.vendor.answers(LINE, Canned::json(503, "{}").header("retry-after", "60"));
    let operation = accepted(&world, "GET /v1/things/1").await;
    let looker = world.worker().await;
    let operator = world.operator().await;
    let key = looker.key().expect("a key");
    world.access.registry(&operator, super::world::trace()).revoke_key(key).await.expect("revoked");
    world.pass(Duration::from_secs(61)).await;
    let ended = loop {
        let status = world.egress.operation_status(&looker, operation).await.expect("its own");
        if let OperationState::Ended(Err(stop)) = status.state {
            break refusal::<()>(Err(stop));
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(ended.code(), EgressRefusal::OperationStopped.info().code);
    assert_eq!(ended.told(), Some("access.call.withdrawn"));
    assert_eq!(world.vendor.count(LINE), 1);
}
