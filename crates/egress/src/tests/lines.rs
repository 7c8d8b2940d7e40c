//! Lines to vendors: used again, never shared between tenants' connections, closed in time.

use std::time::Duration;

use lockgate_testkit::{Behaviour, Canned};
use serde_json::json;

use super::world::{World, code};
use crate::EgressRefusal;

const LINE: &str = "GET /base/v1/things/1";

#[tokio::test]
async fn a_line_is_used_again() {
    let world = World::new().await;
    world.vendor.answers(LINE, Canned::json(200, r#"{"id":1}"#));
    for _ in 0..5 {
        world.call("GET /v1/things/1").await.expect("an answer");
    }
    assert_eq!((world.vendor.seen().len(), world.vendor.connections(), world.egress.idle_lines()), (5, 1, 1));
}

#[tokio::test]
async fn each_connection_has_lines_of_its_own() {
    let world = World::new().await;
    let pem = world.vendor.authority_pem.clone();
    world.connect("second", world.vendor.address.port(), &pem, |_, _| ()).await;
    world.vendor.answers(LINE, Canned::json(200, "{}"));
    world.call("GET /v1/things/1").await.expect("an answer");
    let mut order = world.order("GET /v1/things/1");
    order.ask.connection = "second".into();
    world.send(order).await.expect("an answer");
    assert_eq!((world.vendor.connections(), world.egress.idle_lines()), (2, 2));
}

#[tokio::test]
async fn a_line_that_the_vendor_closed_is_replaced_without_a_word() {
    let world = World::new().await;
    let line = "POST /base/v1/things";
    let closing = b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n{}".to_vec();
    world.vendor.on(line, Behaviour::Raw(closing));
    for number in 1..=4 {
        assert_eq!(world.call("POST /v1/things").await.expect("an answer").status, 201);
        assert_eq!(world.vendor.count(line), number, "sent once each");
    }
    assert_eq!(world.vendor.connections(), 4);
}

#[tokio::test]
async fn a_line_waits_and_lives_for_so_long_only() {
    let world = World::new().await;
    world.vendor.answers(LINE, Canned::json(200, "{}"));
    world.call("GET /v1/things/1").await.expect("an answer");
    world.pass(Duration::from_secs(59)).await;
    world.call("GET /v1/things/1").await.expect("an answer");
    assert_eq!(world.vendor.connections(), 1);
    world.pass(Duration::from_secs(60)).await;
    world.call("GET /v1/things/1").await.expect("an answer");
    assert_eq!(world.vendor.connections(), 2);
    world.pass(Duration::from_secs(61)).await;
    world.egress.tidy().await.expect("tidied");
    assert_eq!(world.egress.idle_lines(), 0);
}

#[tokio::test]
async fn whoever_is_not_trusted_is_not_spoken_to() {
    let stranger = lockgate_testkit::Vendor::start("vendor.test").await;
    let world = World::with(|_, spec| spec["trust_pem"] = json!(stranger.authority_pem)).await;
    let order = world.order("POST /v1/things");
    let run = order.run;
    assert_eq!(code(world.send(order).await), EgressRefusal::VendorCertificate.info().code);
    assert_eq!(world.vendor.seen().len(), 0);
    let run = world.run(run).await;
    assert!(run.attempts.iter().all(|attempt| !attempt.facts.sent));

    let system = World::with(|_, spec| drop(spec.as_object_mut().expect("an object").remove("trust_pem"))).await;
    assert_eq!(code(system.call("GET /v1/things/1").await), EgressRefusal::VendorCertificate.info().code);
}

#[tokio::test]
async fn a_certificate_for_another_host_is_refused() {
    let other = lockgate_testkit::Vendor::start("other.test").await;
    let (port, pem) = (other.address.port(), other.authority_pem.clone());
    let world = World::bare(other, crate::Config::default()).await;
    world.connect("crm", port, &pem, |_, _| ()).await;
    assert_eq!(code(world.call("GET /v1/things/1").await), EgressRefusal::VendorCertificate.info().code);
    assert_eq!(world.vendor.seen().len(), 0);
}

#[tokio::test]
async fn a_pinned_key_is_demanded() {
    let world = World::with(|_, spec| spec["pins"] = json!(["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="])).await;
    assert_eq!(code(world.call("GET /v1/things/1").await), EgressRefusal::VendorPin.info().code);
    assert_eq!(world.vendor.seen().len(), 0);
}

#[tokio::test]
async fn a_vendor_without_tls_is_not_spoken_to() {
    let plain = lockgate_testkit::Vendor::start_plain().await;
    let other = lockgate_testkit::Vendor::start("vendor.test").await;
    let (port, pem) = (plain.address.port(), other.authority_pem.clone());
    let world = World::bare(plain, crate::Config::default()).await;
    world.connect("crm", port, &pem, |_, spec| spec["retries"] = json!(0)).await;
    let call = world.spawn(world.order("GET /v1/things/1")).await;
    // The vendor waits for a request and we for its hello; nobody gets one.
    while !call.is_finished() {
        world.pass(Duration::from_secs(1)).await;
    }
    let said = code(call.await.expect("it ran"));
    assert!(said == "egress.vendor.tls" || said == "egress.vendor.unreachable", "{said}");
    assert_eq!(world.vendor.seen().len(), 0);
}

#[tokio::test]
async fn an_early_answer_ends_the_call_and_its_line() {
    let world = World::new().await;
    let line = "POST /base/v1/import";
    world.vendor.on(line, Behaviour::Raw(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n".to_vec()));
    let mut order = world.order("POST /v1/import");
    order.body = bytes::Bytes::from(vec![b'x'; 60_000]).into();
    assert_eq!(world.send(order).await.expect("the vendor's no").status, 413);
}
