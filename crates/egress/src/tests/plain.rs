//! A call that goes well, and what of it the vendor, the caller and the trail see.

use http::header::HeaderValue;
use http_body_util::BodyExt as _;
use lockgate_audit::Outcome;
use lockgate_testkit::{Behaviour, Canned};
use lockgate_vocabulary::Stop;
use serde_json::{Value, json};

use super::world::{SECRET, World, code, json_body, read, refusal};
use crate::{Body, EgressRefusal};

const LINE: &str = "GET /base/v1/things/1";

#[tokio::test]
async fn a_call_reaches_the_vendor_with_the_credential_and_comes_back_without_it() {
    let world = World::new().await;
    world.vendor.answers(LINE, Canned::json(200, r#"{"id":1}"#).header("etag", "\"a\"").header("server", "nginx"));
    let mut order = world.order("GET /v1/things/1?full=1");
    order.headers.insert("accept", HeaderValue::from_static("application/json"));
    order.headers.insert("x-internal", HeaderValue::from_static("not for vendors"));
    order.headers.insert("cookie", HeaderValue::from_static("session=1"));
    let run = order.run;
    let got = world.send(order).await.expect("an answer");
    assert_eq!((got.status.as_u16(), got.body.as_str()), (200, r#"{"id":1}"#));
    assert_eq!(got.headers["etag"], "\"a\"");
    assert!(!got.headers.contains_key("server"));

    let seen = world.vendor.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].line(), "GET /base/v1/things/1?full=1");
    assert_eq!(seen[0].header("authorization"), Some(format!("Bearer {SECRET}").as_str()));
    assert_eq!(seen[0].header("host"), Some(format!("vendor.test:{}", world.vendor.address.port()).as_str()));
    assert_eq!(seen[0].header("accept"), Some("application/json"));
    assert_eq!(seen[0].header("accept-encoding"), Some("identity"));
    assert_eq!(seen[0].header("x-api-version"), Some("2026-01-01"));
    assert!(seen[0].header("traceparent").is_some_and(|value| value.starts_with("00-")));
    assert!(seen[0].header("user-agent").is_some_and(|value| value.starts_with("lockgate/")));
    for hidden in ["x-internal", "cookie", "x-api-key", "idempotency-key", "content-length"] {
        assert_eq!(seen[0].header(hidden), None, "{hidden}");
    }

    let run = world.run(run).await;
    assert_eq!(run.outcome(), Some(Outcome::Succeeded));
    assert_eq!(run.attempts.len(), 1);
    assert_eq!(run.ended.expect("it ended").answer_bytes, Some(8));
}

#[tokio::test]
async fn a_write_brings_its_body() {
    let world = World::new().await;
    world.vendor.answers("POST /base/v1/things", Canned::json(201, r#"{"id":2}"#));
    let mut order = world.order("POST /v1/things");
    json_body(&mut order, r#"{"name":"x"}"#);
    assert_eq!(world.send(order).await.expect("an answer").status, 201);
    let seen = world.vendor.seen();
    assert_eq!(seen[0].body, br#"{"name":"x"}"#);
    assert_eq!(seen[0].header("content-type"), Some("application/json"));
    assert_eq!(seen[0].header("content-length"), Some("12"));

    world.call("POST /v1/things").await.expect("an answer");
    assert_eq!(world.vendor.seen()[1].header("content-length"), Some("0"));
}

#[tokio::test]
async fn head_keeps_the_length_and_has_no_body() {
    let world = World::new().await;
    world.vendor.answers("HEAD /base/v1/things/1", Canned::json(200, r#"{"id":1}"#));
    let got = world.call("HEAD /v1/things/1").await.expect("an answer");
    assert_eq!((got.headers["content-length"].as_bytes(), got.body.as_str()), (b"8".as_slice(), ""));
}

#[tokio::test]
async fn nothing_is_looked_up_or_dialled_for_what_is_not_granted() {
    let world = World::new().await;
    assert_eq!(code(world.call("GET /v1/secrets").await), "access.endpoint.undeclared");
    assert_eq!(code(world.call("GET /v1/things/../secrets").await), "access.path.ambiguous");
    let mut order = world.order("GET /v1/things/1");
    order.ask.connection = "another".into();
    assert_eq!(code(world.send(order).await), "access.connection.unknown");
    assert_eq!(world.vendor.connections(), 0);
    assert_eq!(world.entries("opened").await, 0);
}

#[tokio::test]
async fn a_grant_that_was_withdrawn_sends_nothing() {
    let world = World::new().await;
    world.vendor.answers(LINE, Canned::json(200, "{}"));
    let caller = world.worker().await;
    let operator = world.operator().await;
    let key = caller.key().expect("a key");
    world.access.registry(&operator, super::world::trace()).revoke_key(key).await.expect("revoked");
    world.access.refresh().await.expect("read");
    let order = world.order("GET /v1/things/1");
    let run = order.run;
    let reply = world.egress.call(caller, order).await.expect("a run was opened");
    assert_eq!(code(reply.into_outcome()), "access.call.withdrawn");
    assert_eq!(world.vendor.seen().len(), 0);
    assert_eq!(world.outcome(run).await.0, Outcome::Refused);
}

#[tokio::test]
async fn a_vendors_no_goes_on_without_its_words_about_us() {
    let world = World::new().await;
    let echo = format!(r#"{{"error":"bad token Bearer {SECRET}","param":"name"}}"#);
    world.vendor.answers("POST /base/v1/things", Canned::json(422, &echo).header("www-authenticate", "Bearer"));
    let got = world.call("POST /v1/things").await.expect("the vendor's no");
    assert_eq!(got.status, 422);
    assert!(got.body.contains(r#""param":"name""#) && !got.body.contains(SECRET), "{}", got.body);
    assert!(!got.headers.contains_key("www-authenticate"));

    let page = Canned::bytes(404, "<html>Stack trace: at /srv/app/main.py</html>").header("content-type", "text/html");
    world.vendor.answers(LINE, page);
    let order = world.order("GET /v1/things/1");
    let run = order.run;
    let got = world.send(order).await.expect("the vendor's no");
    assert_eq!(
        (got.status.as_u16(), got.headers["content-type"].as_bytes()),
        (404, b"application/problem+json".as_slice())
    );
    let problem: Value = serde_json::from_str(&got.body).expect("JSON");
    assert_eq!(problem["code"], json!(EgressRefusal::VendorDeclined.info().code));
    assert!(!got.body.contains("srv"));
    assert_eq!(world.outcome(run).await, (Outcome::Failed, Some("egress.vendor.declined".into())));
}

#[tokio::test]
async fn a_vendors_failure_is_told_by_its_codes_alone() {
    let world = World::with(|_, spec| spec["retries"] = json!(0)).await;
    let answer = Canned::json(500, r#"{"error":{"code":"internal","message":"SELECT * FROM users"}}"#);
    world.vendor.answers(LINE, answer);
    let refused = super::world::refusal(world.call("GET /v1/things/1").await);
    assert_eq!((refused.code(), refused.status()), ("egress.vendor.failed", 502));
    assert_eq!(refused.told(), Some("The vendor answered: status 500, code internal."));
    world.vendor.forget(LINE);
    world.vendor.answers(LINE, Canned::json(501, "{}"));
    assert_eq!(code(world.call("GET /v1/things/1").await), "egress.vendor.failed");
}

#[tokio::test]
async fn a_dry_run_does_everything_but_the_deed() {
    let world = World::new().await;
    let mut order = world.order("POST /v1/things?notify=1");
    order.dry_run = true;
    json_body(&mut order, r#"{"name":"x"}"#);
    let run = order.run;
    let got = world.send(order).await.expect("a transcript");
    let told: Value = serde_json::from_str(&got.body).expect("JSON");
    assert_eq!(told["dry_run"], json!(true));
    assert_eq!(told["request"]["method"], json!("POST"));
    let url = format!("https://vendor.test:{}/base/v1/things?notify=1", world.vendor.address.port());
    assert_eq!(told["request"]["url"], json!(url));
    assert_eq!(told["request"]["credential"], json!({"placement": "bearer", "name": "authorization"}));
    assert_eq!(told["request"]["body_bytes"], json!(12));
    assert!(!got.body.contains(SECRET));
    assert_eq!(world.vendor.connections(), 0);
    let run = world.run(run).await;
    assert_eq!((run.outcome(), run.attempts.len(), run.facts.dry_run), (Some(Outcome::Succeeded), 0, true));
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_an_honest_record() {
    let world = World::new().await;
    world.vendor.on(LINE, Behaviour::Gated(Canned::json(200, "{}")));
    let order = world.order("GET /v1/things/1");
    let run = order.run;
    let call = world.spawn(order).await;
    world.vendor.wait_for(LINE, 1).await;
    call.abort();
    assert_eq!(world.outcome(run).await, (Outcome::Failed, Some("egress.caller.gone".into())));

    world.vendor.answers("GET /base/v1/things", Canned::json(200, "[]"));
    let order = world.order("GET /v1/things");
    let run = order.run;
    let reply = world.egress.call(world.worker().await, order).await.expect("an answer");
    drop(reply);
    assert_eq!(world.outcome(run).await.0, Outcome::Failed);
}

#[tokio::test]
async fn the_rate_is_told_with_every_reply() {
    let world = World::new().await;
    world.vendor.answers(LINE, Canned::json(200, "{}"));
    let reply = world.egress.call(world.worker().await, world.order("GET /v1/things/1")).await.expect("an answer");
    assert!(reply.permit().limit() > reply.permit().remaining());
    assert!(!reply.replayed());
    read(reply).await.expect("an answer");
}

#[tokio::test]
async fn a_target_that_is_none_is_refused_before_anything_is_sent() {
    let world = World::new().await;
    for query in ["a b", "a#b", "a\u{e4}"] {
        let mut order = world.order("GET /v1/things/1");
        order.query = Some(query.into());
        let stopped = world.send(order).await;
        assert_eq!(code(stopped), EgressRefusal::TargetMalformed.info().code, "{query}");
    }
    let mut order = world.order("GET /v1/things/1");
    order.query = Some("a".repeat(9_000).into());
    assert!(matches!(world.send(order).await, Err(Stop::Refused(_))));
    assert_eq!(world.vendor.seen().len(), 0);
}

#[tokio::test]
async fn a_method_is_not_overridden() {
    let world = World::new().await;
    for query in ["_method=DELETE", "a=1&X-HTTP-Method-Override=PUT", "%5Fmethod=DELETE", "a;_METHOD=x", "_method[]=x"]
    {
        let refusal = refusal(world.call(&format!("GET /v1/things/1?{query}")).await);
        assert_eq!(refusal.code(), EgressRefusal::QueryOverride.info().code, "{query}");
        assert!(refusal.told().is_some_and(|told| told == "_method" || told == "x-http-method-override"), "{query}");
    }
    let mut order = world.order("GET /v1/things/1?method=_method");
    for name in ["x-http-method-override", "x-http-method", "x-method-override"] {
        order.headers.insert(name, "DELETE".parse().expect("a value"));
    }
    world.vendor.answers("*", Canned::json(200, "{}"));
    assert_eq!(world.send(order).await.expect("an answer").status, 200);
    let seen = world.vendor.seen();
    assert!(seen.len() == 1 && !format!("{seen:?}").to_ascii_lowercase().contains("x-http-method"), "{seen:?}");
}

#[tokio::test]
async fn every_line_of_a_condition_goes_on() {
    let world = World::new().await;
    world.vendor.answers("GET /base/v1/things/1", Canned::json(200, "{}"));
    let mut order = world.order("GET /v1/things/1");
    for tag in ["\"a\"", "\"b\""] {
        order.headers.append(http::header::IF_NONE_MATCH, http::HeaderValue::from_static(tag));
    }
    world.send(order).await.expect("an answer");
    let seen = world.vendor.seen().pop().expect("seen");
    let told: Vec<&str> =
        seen.headers.iter().filter(|(name, _)| name == "if-none-match").map(|(_, value)| value.as_str()).collect();
    assert_eq!(told, ["\"a\"", "\"b\""]);
}

#[tokio::test]
async fn nobody_chooses_a_charset_in_which_the_credential_would_not_be_found() {
    let world = World::with(|_, spec| {
        spec["retries"] = json!(0);
        spec["breaker"] = json!({"least_calls": 10_000});
    })
    .await;
    world.vendor.answers("GET /base/v1/things/1", Canned::json(200, "{}"));
    for (asked, told) in [
        ("text/plain; charset=utf-16le", "text/plain"),
        ("text/plain;Charset = cp037;q=0.5, application/json", "text/plain;q=0.5, application/json"),
        ("text/plain;charset*=utf-16", "text/plain"),
        ("text/plain; charset=\"utf-16\"", "*/*"),
        ("application/json;q=0.9", "application/json;q=0.9"),
    ] {
        let mut order = world.order("GET /v1/things/1");
        order.headers.insert(http::header::ACCEPT, http::HeaderValue::from_static(asked));
        world.send(order).await.expect("an answer");
        assert_eq!(world.vendor.seen().pop().expect("seen").header("accept"), Some(told), "{asked}");
    }
    for charset in [
        "utf-8 ;charset=utf-16",
        "utf-8; charset = utf-16",
        "utf-16",
        "UTF-32LE",
        "\"utf-16be\"",
        "ibm037",
        "cp037",
        "utf-7",
        "x-unknown",
    ] {
        world.vendor.forget("GET /base/v1/things/1");
        let kind = format!("text/plain; charset={charset}");
        world.vendor.answers("GET /base/v1/things/1", Canned::bytes(200, "x").header("content-type", &kind));
        assert_eq!(code(world.call("GET /v1/things/1").await), "egress.answer.charset", "{charset}");
    }
    for charset in ["utf-8", "UTF-8", "iso-8859-1", "\"us-ascii\"", "Shift_JIS", "windows-1252"] {
        world.vendor.forget("GET /base/v1/things/1");
        let kind = format!("text/plain; charset={charset}");
        world.vendor.answers("GET /base/v1/things/1", Canned::bytes(200, "x").header("content-type", &kind));
        assert_eq!(world.call("GET /v1/things/1").await.expect("an answer").status, 200, "{charset}");
    }
}

#[tokio::test]
async fn a_form_does_not_override_the_method() {
    let world = World::new().await;
    world.vendor.answers("POST /base/v1/things", Canned::json(201, "{}"));
    let padded = format!("a={}&_method=DELETE", "x".repeat(100_000));
    for (kind, body, passes) in [
        ("application/x-www-form-urlencoded", "a=1&_method=DELETE", false),
        ("application/x-www-form-urlencoded", padded.as_str(), false),
        ("application/x-www-form-urlencoded", "method=_method", true),
        ("application/json", "_method=DELETE", true),
    ] {
        let mut order = world.order("POST /v1/things");
        order.headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(kind));
        order.body = Body::streaming(
            http_body_util::Full::new(bytes::Bytes::from(body.to_owned())).map_err(|never| match never {}),
        );
        let sent = world.send(order).await;
        if passes {
            assert_eq!(sent.expect("an answer").status, 201, "{kind}");
        } else {
            assert_eq!(code(sent), "egress.body.override", "{kind}");
        }
    }
    assert_eq!(world.vendor.count("POST /base/v1/things"), 2);
}
