//! Connections whose credential is a client's id and secret: an access token is had for it, over real TLS.

use std::time::Duration;

use lockgate_testkit::{Behaviour, Canned};
use serde_json::json;

use super::world::{World, code, json_body, read, refusal};

const CLIENT: &str = "client:s3cr et";
const TOKEN: &str = "POST /login/token";
const LINE: &str = "GET /base/v1/things/1";

/// A world whose vendor has a token endpoint beside its API.
async fn world() -> World {
    World::lending(CLIENT, |provider, spec| {
        let base = provider["base_url"].as_str().expect("a URL").to_owned();
        let token_url = base.replace("/base", "/login/token");
        provider["auth"] = json!({ "placement": "oauth", "token_url": token_url, "scope": "things.read" });
        spec["limits"] = json!({ "per_minute": 1_000_000, "burst": 100_000, "concurrent": 10_000 });
    })
    .await
}

fn token(name: &str, seconds: u64) -> Canned {
    let body = json!({ "access_token": name, "token_type": "Bearer", "expires_in": seconds });
    Canned::json(200, &body.to_string())
}

/// What stood in `Authorization` of the calls, in their order.
fn bearers(world: &World) -> Vec<String> {
    let calls = world.vendor.seen().into_iter().filter(|seen| seen.line() != TOKEN);
    calls.map(|seen| seen.all("authorization").join(" | ")).collect()
}

#[tokio::test]
async fn a_token_is_had_once_and_serves_every_call_until_it_ends() {
    let world = world().await;
    for name in ["at-1", "at-2", "at-3"] {
        world.vendor.answers(TOKEN, token(name, 3_600));
    }
    world.vendor.answers(LINE, Canned::json(200, "{}"));
    for _ in 0..3 {
        assert_eq!(world.call("GET /v1/things/1").await.expect("an answer").status, 200);
    }
    assert_eq!((world.vendor.count(TOKEN), bearers(&world)), (1, vec!["Bearer at-1".to_owned(); 3]));
    let asked = world.vendor.seen().into_iter().find(|seen| seen.line() == TOKEN).expect("it was asked");
    assert_eq!(asked.all("authorization"), ["Basic Y2xpZW50OnMzY3IlMjBldA=="]);
    assert_eq!(asked.all("content-type"), ["application/x-www-form-urlencoded"]);
    assert_eq!(String::from_utf8_lossy(&asked.body), "grant_type=client_credentials&scope=things.read");

    // Shortly before its end the next call goes with it, and has another one fetched behind its back.
    world.pass(Duration::from_secs(3_600 - 60)).await;
    assert_eq!(world.call("GET /v1/things/1").await.expect("an answer").status, 200);
    world.until(|| world.vendor.count(TOKEN) == 2).await;
    let next = loop {
        world.call("GET /v1/things/1").await.expect("an answer");
        let last = bearers(&world).pop().expect("a call");
        if last != "Bearer at-1" {
            break last;
        }
    };
    assert_eq!((next.as_str(), world.vendor.count(TOKEN)), ("Bearer at-2", 2));

    // Once it has ended, a call waits for another one.
    world.pass(Duration::from_secs(3_600)).await;
    world.call("GET /v1/things/1").await.expect("an answer");
    assert_eq!((bearers(&world).pop().as_deref(), world.vendor.count(TOKEN)), (Some("Bearer at-3"), 3));
    let told = world.entries("deed").await;
    assert!(told >= 3, "each is in the trail: {told}");
}

#[tokio::test]
async fn a_thousand_calls_at_once_have_one_token() {
    let world = world().await;
    world.vendor.on(TOKEN, Behaviour::Gated(token("at-1", 3_600)));
    world.vendor.answers(LINE, Canned::json(200, "{}"));
    let mut calls = Vec::new();
    for number in 0..50 {
        // Each caller has a rate of its own.
        let key = world.principal(&format!("worker-{number}"), &["integration.connections.call"]).await;
        for _ in 0..20 {
            let (egress, caller, order) =
                (world.egress.clone(), world.caller(&key).await, world.order("GET /v1/things/1"));
            calls.push(tokio::spawn(async move { read(egress.call(caller, order).await?).await }));
        }
    }
    world.vendor.wait_for(TOKEN, 1).await;
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.vendor.count(LINE), 0, "they wait for it");
    world.vendor.release();
    for call in calls {
        assert_eq!(call.await.expect("it ran").expect("an answer").status, 200);
    }
    assert_eq!((world.vendor.count(TOKEN), world.vendor.count(LINE)), (1, 1_000));
}

#[tokio::test]
async fn a_token_that_the_vendor_does_not_know_any_more_is_had_anew_once() {
    let world = world().await;
    for name in ["at-1", "at-2", "at-3"] {
        world.vendor.answers(TOKEN, token(name, 3_600));
    }
    let things = "POST /base/v1/things";
    world.vendor.answers(LINE, Canned::json(401, "{}"));
    // A vendor says 401 for other reasons too: a token that was just had is believed in.
    assert_eq!(world.call("GET /v1/things/1").await.expect("an answer").status, 401);
    assert_eq!((world.vendor.count(LINE), world.vendor.count(TOKEN)), (1, 1));
    world.pass(Duration::from_secs(30)).await;
    world.vendor.answers(things, Canned::json(401, "{}"));
    world.vendor.answers(things, Canned::json(201, "{}"));
    let mut order = world.order("POST /v1/things");
    json_body(&mut order, "{\"n\":1}");
    let run = order.run;
    assert_eq!(world.send(order).await.expect("an answer").status, 201);
    assert_eq!(bearers(&world), ["Bearer at-1", "Bearer at-1", "Bearer at-2"]);
    let bodies = world.vendor.seen().into_iter().filter(|seen| seen.line() == things).map(|seen| seen.body);
    assert!(bodies.into_iter().all(|body| body == b"{\"n\":1}"), "it is sent whole both times");
    assert_eq!(world.run(run).await.attempts.len(), 2, "both stand in the trail");

    // A vendor that goes on saying so is believed.
    world.pass(Duration::from_secs(30)).await;
    assert_eq!(world.call("GET /v1/things/1").await.expect("an answer").status, 401);
    assert_eq!((world.vendor.count(LINE), world.vendor.count(TOKEN)), (3, 3));

    // Where no other one is to be had the old one stays.
    world.vendor.forget(TOKEN);
    world.vendor.answers(TOKEN, Canned::json(503, ""));
    world.pass(Duration::from_secs(30)).await;
    assert_eq!(world.call("GET /v1/things/1").await.expect("an answer").status, 401);
    world.vendor.forget(LINE);
    world.vendor.answers(LINE, Canned::json(200, "{}"));
    assert_eq!(world.call("GET /v1/things/1").await.expect("an answer").status, 200);
    assert_eq!(bearers(&world).pop().as_deref(), Some("Bearer at-3"));
}

#[tokio::test]
async fn without_a_token_nothing_is_sent_and_the_endpoint_is_not_asked_by_every_call() {
    for (answer, why) in [
        (Behaviour::Answer(Canned::json(400, "{\"error\":\"invalid_client\"}")), "vault.token.refused"),
        (Behaviour::Answer(Canned::json(200, "{\"error\":\"invalid_scope\"}")), "vault.token.refused"),
        (Behaviour::Answer(Canned::json(200, "<html>sign in</html>")), "vault.token.malformed"),
        (Behaviour::Answer(Canned::json(503, "")), "vault.token.unavailable"),
        (Behaviour::Answer(Canned::json(302, "").header("location", "https://evil.test/")), "vault.token.unavailable"),
        (Behaviour::Hang, "vault.token.unavailable"),
    ] {
        let world = world().await;
        world.vendor.on(TOKEN, answer);
        let order = world.order("GET /v1/things/1");
        let run = order.run;
        assert_eq!(code(world.send(order).await), why);
        assert_eq!(world.outcome(run).await.1.as_deref(), Some(why));
        let refused = refusal(world.call("GET /v1/things/1").await);
        assert_eq!((refused.code(), refused.wait()), (why, Some(Duration::from_secs(1))));
        assert_eq!((world.vendor.count(TOKEN), world.vendor.count(LINE)), (1, 0), "{why}");
        world.vendor.forget(TOKEN);
        world.vendor.answers(TOKEN, token("at-1", 3_600));
        world.vendor.answers(LINE, Canned::json(200, "{}"));
        world.pass(Duration::from_secs(1)).await;
        assert_eq!(world.call("GET /v1/things/1").await.expect("an answer").status, 200, "{why}");
    }
}

#[tokio::test]
async fn a_token_endpoint_that_never_answers_costs_a_call_ten_seconds() {
    let world = world().await;
    world.vendor.on(TOKEN, Behaviour::Stall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{".to_vec()));
    let call = world.spawn(world.order("GET /v1/things/1")).await;
    world.vendor.wait_for(TOKEN, 1).await;
    world.until(|| world.sleepers() >= 2).await;
    world.pass(Duration::from_secs(9)).await;
    assert!(!call.is_finished());
    world.pass(Duration::from_secs(2)).await;
    assert_eq!(code(call.await.expect("it ran")), "vault.token.unavailable");
}

#[tokio::test]
async fn a_dry_run_has_no_token_and_needs_none() {
    let world = world().await;
    let mut order = world.order("GET /v1/things/1");
    order.dry_run = true;
    let got = world.send(order).await.expect("a transcript");
    let told: serde_json::Value = serde_json::from_str(&got.body).expect("JSON");
    assert_eq!(told["request"]["credential"]["placement"], "oauth", "{told}");
    assert_eq!(world.vendor.connections(), 0);
}

#[tokio::test]
async fn a_token_endpoint_that_fails_is_asked_less_and_less() {
    let world = world().await;
    world.vendor.answers(TOKEN, Canned::json(400, "{}"));
    for (wait, asked) in [(0, 1), (1, 2), (1, 2), (1, 3), (3, 3), (1, 4)] {
        world.pass(Duration::from_secs(wait)).await;
        assert_eq!(code(world.call("GET /v1/things/1").await), "vault.token.refused");
        assert_eq!(world.vendor.count(TOKEN), asked);
    }
}

#[tokio::test]
async fn what_a_vendor_says_of_an_earlier_token_or_of_the_clients_secret_reaches_nobody() {
    let world = world().await;
    let (first, second) = ("at-1-0123456789abcdef", "at-2-fedcba9876543210");
    world.vendor.answers(TOKEN, token(first, 3_600));
    world.vendor.answers(LINE, Canned::json(200, "{}"));
    world.call("GET /v1/things/1").await.expect("an answer");
    world.pass(Duration::from_secs(3_700)).await;
    world.vendor.forget(TOKEN);
    world.vendor.answers(TOKEN, token(second, 3_600));
    world.vendor.forget(LINE);
    let said = json!({ "error": format!("{first} is over; {second} of s3cr et") });
    world.vendor.answers(LINE, Canned::json(400, &said.to_string()));
    let got = world.call("GET /v1/things/1").await.expect("an answer");
    for word in [first, second] {
        assert!(!got.body.contains(word), "{}", got.body);
    }
}
