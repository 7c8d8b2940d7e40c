//! Redirects: each hop is vetted anew, and the credential never leaves its origin.

use lockgate_audit::Outcome;
use lockgate_testkit::{Behaviour, Canned, Vendor};
use serde_json::{Value, json};

use super::world::{SECRET, World, code, json_body};

const LINE: &str = "GET /base/v1/things/1";

fn to(status: u16, location: &str) -> Canned {
    Canned::bytes(status, "").header("location", location)
}

async fn following(hosts: &[&str]) -> World {
    let hosts = json!(hosts);
    World::with(move |_, spec| {
        spec["redirects"] = json!({"follow": true, "hosts": hosts});
        spec["retries"] = json!(0);
    })
    .await
}

#[tokio::test]
async fn none_is_followed_unless_that_is_wanted() {
    let world = World::new().await;
    world.vendor.answers(LINE, to(302, "/base/v1/things/2"));
    let order = world.order("GET /v1/things/1");
    let run = order.run;
    assert_eq!(code(world.send(order).await), "egress.redirect.not_followed");
    assert_eq!(world.vendor.seen().len(), 1);
    assert_eq!(world.outcome(run).await, (Outcome::Refused, Some("egress.redirect.not_followed".into())));
}

#[tokio::test]
async fn not_modified_leads_nowhere() {
    let world = following(&[]).await;
    world.vendor.answers(LINE, Canned::bytes(304, "").header("etag", "\"1\""));
    world.vendor.answers(LINE, to(304, "http://169.254.169.254/"));
    assert_eq!(world.call("GET /v1/things/1").await.expect("an answer").status, 304);
    assert_eq!(code(world.call("GET /v1/things/1").await), "egress.redirect.status");
}

#[tokio::test]
async fn within_the_prefix_the_credential_goes_along() {
    let world = following(&[]).await;
    world.vendor.answers(LINE, to(302, "/base/v1/things/2"));
    world.vendor.answers("GET /base/v1/things/2", Canned::json(200, r#"{"id":2}"#));
    assert_eq!(world.call("GET /v1/things/1").await.expect("an answer").body, r#"{"id":2}"#);
    let seen = world.vendor.seen();
    assert_eq!(seen.len(), 2);
    assert!(seen[1].header("authorization").is_some());
    assert_eq!(world.vendor.connections(), 1);
}

#[tokio::test]
async fn outside_of_it_the_credential_stays_behind() {
    let world = following(&["files.vendor.test"]).await;
    let files = Vendor::start("files.vendor.test").await;
    let port = files.address.port();
    world.vendor.answers(LINE, to(302, "/elsewhere"));
    world.vendor.answers("GET /elsewhere", Canned::json(200, "{}"));
    world.call("GET /v1/things/1").await.expect("an answer");
    let seen = world.vendor.seen();
    assert_eq!((seen[1].header("authorization"), seen[1].header("x-api-version")), (None, None));

    // The other host has an authority of its own that the connection does not trust.
    world.vendor.forget(LINE);
    world.vendor.answers(LINE, to(302, &format!("https://files.vendor.test:{port}/f/1")));
    assert_eq!(code(world.call("GET /v1/things/1").await), "egress.vendor.certificate");
    assert_eq!(files.seen().len(), 0);
}

#[tokio::test]
async fn a_credential_in_the_query_is_taken_out_of_where_a_redirect_leads() {
    let world = World::with(|provider, spec| {
        provider["auth"] = json!({"placement": "query", "name": "api_key"});
        spec["redirects"] = json!({"follow": true, "hosts": []});
    })
    .await;
    world.vendor.answers(LINE, to(307, &format!("/outside?api_key={SECRET}&page=2")));
    world.vendor.answers("GET /outside", Canned::json(200, "{}"));
    world.call("GET /v1/things/1?page=2").await.expect("an answer");
    let seen = world.vendor.seen();
    assert_eq!(seen[0].target, format!("/base/v1/things/1?page=2&api_key={SECRET}"));
    assert_eq!(seen[1].target, "/outside?page=2");
}

#[tokio::test]
async fn into_private_ranges_none_is_followed() {
    let world = following(&["metadata.vendor.test", "inside.vendor.test"]).await;
    let cases = [
        ("https://metadata.vendor.test/latest/meta-data", "egress.address.metadata"),
        ("https://inside.vendor.test/", "egress.address.private"),
        ("https://169.254.169.254/", "egress.address.metadata"),
        ("https://evil.test/", "egress.redirect.host"),
        ("http://vendor.test/", "egress.redirect.downgrade"),
        ("https://user@vendor.test/", "egress.url.userinfo"),
    ];
    for (location, wanted) in cases {
        world.vendor.forget(LINE);
        world.vendor.answers(LINE, to(302, location));
        let stopped = world.call("GET /v1/things/1").await;
        let said = code(stopped);
        // An address is refused as such, or already as a host that is not listed.
        assert!(said == wanted || said == "egress.redirect.host", "{location}: {said}");
    }
    assert_eq!(world.vendor.seen().len(), cases.len());
}

#[tokio::test]
async fn a_circle_and_a_chain_end() {
    let world = following(&[]).await;
    world.vendor.answers(LINE, to(302, "/base/v1/things/1"));
    assert_eq!(code(world.call("GET /v1/things/1").await), "egress.redirect.loop");
    for number in 1..=9 {
        let (from, next) = (format!("GET /base/v1/things/{number}"), format!("/base/v1/things/{}", number + 1));
        world.vendor.forget(&from);
        world.vendor.answers(&from, to(302, &next));
    }
    let before = world.vendor.seen().len();
    assert_eq!(code(world.call("GET /v1/things/1").await), "egress.redirect.too_many");
    assert_eq!(world.vendor.seen().len(), before + 6);
}

#[tokio::test]
async fn a_write_keeps_its_body_or_is_not_sent_on() {
    let world = following(&[]).await;
    world.vendor.answers("POST /base/v1/things", to(307, "/base/v1/pings"));
    world.vendor.answers("POST /base/v1/pings", Canned::json(201, "{}"));
    let mut order = world.order("POST /v1/things");
    json_body(&mut order, r#"{"a":1}"#);
    assert_eq!(world.send(order).await.expect("an answer").status, 201);
    assert_eq!(world.vendor.seen()[1].body, br#"{"a":1}"#);

    world.vendor.forget("POST /base/v1/things");
    world.vendor.answers("POST /base/v1/things", to(302, "/base/v1/pings"));
    let order = world.order("POST /v1/things");
    let run = order.run;
    assert_eq!(code(world.send(order).await), "egress.redirect.method");
    assert_eq!(world.outcome(run).await.0, Outcome::Failed, "it was sent, and the vendor took it");

    world.vendor.forget("POST /base/v1/things");
    world.vendor.answers("POST /base/v1/things", to(303, "/base/v1/things/9"));
    world.vendor.answers("GET /base/v1/things/9", Canned::json(200, "{}"));
    let mut order = world.order("POST /v1/things");
    json_body(&mut order, r#"{"a":1}"#);
    world.send(order).await.expect("an answer");
    let last = world.vendor.seen().pop().expect("seen");
    assert_eq!((last.method.as_str(), last.body.len(), last.header("content-type")), ("GET", 0, None));
}

#[tokio::test]
async fn a_hop_that_is_lost_leaves_a_write_unknown() {
    let world = following(&[]).await;
    world.vendor.answers("POST /base/v1/things", to(308, "/base/v1/pings"));
    world.vendor.on("POST /base/v1/pings", Behaviour::Hang);
    let order = world.order("POST /v1/things");
    let run = order.run;
    assert_eq!(code(world.send(order).await), "egress.outcome.unknown");
    let run = world.run(run).await;
    let told = serde_json::to_value(&run.attempts).expect("JSON");
    assert_eq!(told.as_array().map(Vec::len), Some(2), "{}", Value::to_string(&told));
}

#[tokio::test]
async fn with_the_credential_it_leads_only_where_the_caller_may_call() {
    let world = following(&[]).await;
    let elsewhere = [
        "/base/v1/undeclared",
        "/base/v1/things/2/parts",
        "/base/v1/things/2;a=1",
        "/base/v1/Things",
        "/base/v1/things/%32",
        "/base/v1/things/2?_method=DELETE",
        "/base",
    ];
    for location in elsewhere {
        world.vendor.forget(LINE);
        world.vendor.answers(LINE, to(302, location));
        let order = world.order("GET /v1/things/1");
        let run = order.run;
        assert_eq!(code(world.send(order).await), "egress.redirect.endpoint", "{location}");
        assert_eq!(world.outcome(run).await, (Outcome::Refused, Some("egress.redirect.endpoint".into())));
    }
    assert_eq!(world.vendor.seen().len(), elsewhere.len(), "nothing was sent on");
}

/// A port of this machine at which nobody listens.
fn closed_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

#[tokio::test]
async fn a_write_that_was_answered_by_a_redirect_is_not_sent_again() {
    let line = "POST /base/v1/things";
    let nowhere = format!("https://files.vendor.test:{}/x", closed_port());
    let world = World::with(|_, spec| {
        spec["redirects"] = json!({"follow": true, "hosts": ["files.vendor.test"]});
    })
    .await;
    for (number, (status, location, told)) in [
        (303, nowhere.as_str(), "egress.vendor.unreachable"),
        (303, "https://evil.test/", "egress.redirect.host"),
        (303, "/base/v1/undeclared", "egress.redirect.endpoint"),
        (302, "/base/v1/pings", "egress.redirect.method"),
        (301, "/base/v1/pings", "egress.redirect.method"),
    ]
    .into_iter()
    .enumerate()
    {
        world.vendor.forget(line);
        world.vendor.answers(line, to(status, location));
        let before = world.vendor.count(line);
        let order = world.order("POST /v1/things");
        let run = order.run;
        assert_eq!(code(world.send(order).await), told, "{status} {location}");
        assert_eq!(world.outcome(run).await, (Outcome::Failed, Some(told.into())), "{status} {location}");
        for _ in 0..2 {
            let mut order = world.order("POST /v1/things");
            order.idempotency_key = Some(format!("key-{number}").into());
            json_body(&mut order, "{}");
            assert_eq!(code(world.send(order).await), told, "{status} {location}");
        }
        assert_eq!(world.vendor.count(line), before + 2, "{status} {location}: once without, once for the key");
    }
}

#[tokio::test]
async fn a_write_that_was_led_on_before_it_was_done_is_free_again() {
    let (world, line) = (following(&[]).await, "POST /base/v1/things");
    world.vendor.answers(line, to(307, "https://evil.test/"));
    world.vendor.answers(line, Canned::json(201, "{}"));
    let keyed = || {
        let mut order = world.order("POST /v1/things");
        order.idempotency_key = Some("key-1".into());
        order
    };
    assert_eq!(code(world.send(keyed()).await), "egress.redirect.host");
    assert_eq!(world.send(keyed()).await.expect("an answer").status, 201);
}
