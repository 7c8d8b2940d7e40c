//! Being ready, being told to stop, and what is left afterwards.

use lockgate_testkit::{Behaviour, Canned};

use crate::client::Client;
use crate::world::World;

#[tokio::test]
async fn health_and_readiness_are_told_without_a_credential() {
    let world = World::start().await;
    for (path, word) in [("/healthz", "ok"), ("/readyz", "ready")] {
        let mut client = Client::connect(world.door).await;
        client.send(format!("GET {path} HTTP/1.1\r\nHost: gate\r\n\r\n")).await;
        let answer = client.answer().await.expect("an answer");
        assert_eq!((answer.status, answer.json()["status"].as_str()), (200, Some(word)));
    }
    world.running.rooms.door.drain();
    let mut client = Client::connect(world.door).await;
    client.send("GET /readyz HTTP/1.1\r\nHost: gate\r\n\r\n").await;
    let answer = client.answer().await.expect("an answer");
    assert_eq!((answer.status, &answer.json()["checks"]["running"]), (503, &serde_json::json!(false)));
    world.end().await;
}

#[tokio::test]
async fn a_call_under_way_is_answered_when_the_gateway_is_told_to_stop() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    world.connection(&acme, "pay").await;
    world.vendor.on("GET /v1/things/1", Behaviour::Gated(Canned::json(200, "{}")));
    let mut client = Client::connect(world.door).await;
    client
        .send(format!("GET /call/pay/v1/things/1 HTTP/1.1\r\nHost: gate\r\nX-Api-Key: {}\r\n\r\n", acme.service))
        .await;
    world.vendor.wait_for("GET /v1/things/1", 1).await;
    let World { running, vendor, .. } = world;
    let stopping = tokio::spawn(running.stop());
    tokio::task::yield_now().await;
    vendor.release();
    assert_eq!(client.answer().await.expect("an answer").status, 200);
    stopping.await.expect("no panic").expect("it ends in order");
    assert!(client.answer().await.is_none(), "the connection is closed");
}

#[tokio::test]
async fn a_gateway_that_stops_without_its_store_closes_its_trail_all_the_same() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    world.connection(&acme, "pay").await;
    world.vendor.answers("GET /v1/things/1", Canned::json(200, "{}"));
    let answer = world.read(&acme.service, "/call/pay/v1/things/1").await;
    world.ended(&acme, answer.header("x-lockgate-run").expect("a run")).await;
    world.end_without_store().await;
}
