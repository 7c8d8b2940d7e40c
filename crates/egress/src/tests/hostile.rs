//! Vendors that lie, drip, flood and break off: each is named, bounded and recorded, and none gets a
//! second request that it should not.

use std::time::Duration;

use lockgate_audit::Outcome;
use lockgate_testkit::{Behaviour, Canned, Vendor};
use serde_json::json;

use super::world::{World, code, read, refusal};
use crate::{Config, EgressRefusal};

const LINE: &str = "GET /base/v1/things/1";

async fn world() -> World {
    World::with(|_, spec| {
        spec["retries"] = json!(0);
        spec["breaker"] = json!({ "least_calls": 1_000 });
    })
    .await
}

fn raw(text: &str) -> Behaviour {
    Behaviour::Raw(text.as_bytes().to_vec())
}

#[tokio::test]
async fn answers_that_are_none_are_named() {
    let world = world().await;
    let long = "x".repeat(40_000);
    let many: String = (0..101).map(|number| format!("x-{number}: 1\r\n")).collect();
    let cases = [
        (raw("HTTP/1.1 abc\r\n\r\n"), EgressRefusal::AnswerHead),
        (raw("SSH-2.0-OpenSSH_9.2\r\n"), EgressRefusal::AnswerHead),
        (raw("HTTP/1.1 200 OK\r\nbad name: 1\r\n\r\n"), EgressRefusal::AnswerHead),
        (raw("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok"), EgressRefusal::AnswerHead),
        (raw("HTTP/1.1 200 OK\r\nfolded: a\r\n b\r\n\r\n"), EgressRefusal::AnswerHead),
        (
            Behaviour::Raw(format!("HTTP/1.1 200 OK\r\nx: {long}\r\n\r\n").into_bytes()),
            EgressRefusal::AnswerHeadTooLarge,
        ),
        (Behaviour::Raw(format!("HTTP/1.1 200 OK\r\n{many}\r\n").into_bytes()), EgressRefusal::AnswerHeadTooLarge),
        (
            Behaviour::Endless(b"HTTP/1.1 200 OK\r\n".to_vec(), b"x-more: 1\r\n".to_vec()),
            EgressRefusal::AnswerHeadTooLarge,
        ),
        (Behaviour::Hang, EgressRefusal::VendorReset),
        (raw("HTTP/1.1 200 O"), EgressRefusal::VendorReset),
        (
            raw("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
            EgressRefusal::AnswerFraming,
        ),
        (raw("HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), EgressRefusal::AnswerFraming),
        (
            raw("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"),
            EgressRefusal::AnswerUpgrade,
        ),
        (
            raw("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\nzz"),
            EgressRefusal::AnswerEncoding,
        ),
        (raw("HTTP/1.1 200 OK\r\ncontent-length: 100000001\r\n\r\n"), EgressRefusal::AnswerTooLarge),
    ];
    for (number, (behaviour, wanted)) in cases.into_iter().enumerate() {
        world.vendor.forget(LINE);
        world.vendor.on(LINE, behaviour);
        let order = world.order("GET /v1/things/1");
        let run = order.run;
        assert_eq!(code(world.send(order).await), wanted.info().code, "case {number}");
        assert_eq!(world.vendor.count(LINE), number + 1, "case {number}");
        let (outcome, recorded) = world.outcome(run).await;
        assert_eq!((outcome, recorded.as_deref()), (Outcome::Failed, Some(wanted.info().code)), "case {number}");
    }
    assert_eq!(world.egress.idle_lines(), 0, "no line is used again after any of it");
}

#[tokio::test]
async fn an_answer_that_breaks_off_resets_the_stream_and_is_recorded() {
    let world = world().await;
    let cases = [
        ("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf", EgressRefusal::AnswerTruncated),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n", EgressRefusal::AnswerTruncated),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhalf\r\n", EgressRefusal::AnswerTruncated),
    ];
    for (text, wanted) in cases {
        world.vendor.forget(LINE);
        world.vendor.on(LINE, raw(text));
        let order = world.order("GET /v1/things/1");
        let run = order.run;
        let got = world.send(order).await.expect("a head");
        assert_eq!(got.body, format!("broken: {}", wanted.info().code), "{text}");
        assert_eq!(world.outcome(run).await, (Outcome::Failed, Some(wanted.info().code.to_owned())));
    }
}

#[tokio::test]
async fn a_flood_is_cut_at_the_limit() {
    let world = world().await;
    let flood = Behaviour::Endless(
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec(),
        [b"1000\r\n".to_vec(), vec![b'x'; 4096], b"\r\n".to_vec()].concat(),
    );
    world.vendor.on("GET /base/v1/small", flood.clone());
    let got = world.call("GET /v1/small").await.expect("a head");
    assert_eq!(got.body, "broken: egress.answer.too_large");
    world.vendor.on(LINE, flood);
    let order = world.order("GET /v1/things/1");
    let run = order.run;
    assert_eq!(world.send(order).await.expect("a head").body, "broken: egress.answer.too_large");
    let ended = world.run(run).await.ended.expect("it ended");
    assert!(ended.answer_bytes.is_some_and(|bytes| bytes <= 10_000_000), "{ended:?}");
}

#[tokio::test]
async fn a_vendor_that_stops_in_the_middle_is_given_up() {
    let world = world().await;
    world.vendor.on(LINE, Behaviour::Stall(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf".to_vec()));
    let reply = world.egress.call(world.worker().await, world.order("GET /v1/things/1")).await.expect("a head");
    let reading = tokio::spawn(read(reply));
    // The head is here, so only the body's own patience runs out.
    while !reading.is_finished() {
        world.pass(Duration::from_secs(1)).await;
    }
    let got = reading.await.expect("it ran").expect("a head");
    assert_eq!(got.body, format!("broken: {}", EgressRefusal::AnswerStalled.info().code));
}

#[tokio::test]
async fn what_does_not_follow_its_declaration_is_refused() {
    let world = world().await;
    let cases = [
        (
            "GET /v1/typed",
            Canned::bytes(200, "<p>").header("content-type", "text/html"),
            EgressRefusal::AnswerMediaType,
        ),
        ("GET /v1/typed", Canned::bytes(200, "{}"), EgressRefusal::AnswerMediaType),
        ("GET /v1/checked", Canned::json(200, "[]"), EgressRefusal::AnswerSchema),
        ("GET /v1/checked", Canned::json(200, r#"{"id":1,"id":2}"#), EgressRefusal::AnswerSchema),
        ("GET /v1/checked", Canned::json(200, r#"{"id":1"#), EgressRefusal::AnswerSchema),
        (
            "GET /v1/checked",
            Canned::json(200, &format!(r#"{{"id":1,"name":"{}"}}"#, "x".repeat(5_000))),
            EgressRefusal::AnswerTooLarge,
        ),
        (
            "GET /v1/checked",
            Canned::bytes(200, r#"{"id":1}"#).header("content-type", "text/plain"),
            EgressRefusal::AnswerMediaType,
        ),
    ];
    for (line, canned, wanted) in cases {
        let at_vendor = line.replace("/v1", "/base/v1");
        world.vendor.forget(&at_vendor);
        world.vendor.answers(&at_vendor, canned);
        assert_eq!(code(world.call(line).await), wanted.info().code, "{line}");
    }
}

#[tokio::test]
async fn a_packed_answer_goes_on_only_where_nothing_is_looked_for_in_it() {
    let packed = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\n\x1f\x08zz";
    let asked = [("accept-encoding", "gzip"), ("range", "bytes=0-19"), ("if-range", "\"a\"")];
    let world = World::with(|provider, spec| {
        spec["retries"] = json!(0);
        let endpoints = provider["endpoints"].as_array_mut().expect("a list");
        endpoints.push(json!({"method": "GET", "path": "/v1/file", "answer": {"danger_opaque": true}}));
    })
    .await;
    let open = World::with(|provider, _| provider["auth"] = json!({"placement": "none"}));
    for (world, path, goes_on) in [
        (&world, "/v1/things/1", false),
        (&world, "/v1/checked", false),
        (&world, "/v1/file", true),
        (&open.await, "/v1/things/1", true),
    ] {
        world.vendor.on("*", raw(packed));
        let mut order = world.order(&format!("GET {path}"));
        for (name, value) in asked {
            order.headers.insert(name, value.parse().expect("a value"));
        }
        let got = world.send(order).await;
        let seen = world.vendor.seen().pop().expect("it arrived");
        if goes_on {
            let got = got.expect("an answer");
            assert_eq!((got.headers["content-encoding"].as_bytes(), got.body.len()), (b"gzip".as_slice(), 4));
            assert!(asked.iter().all(|(name, value)| seen.header(name) == Some(value)), "{seen:?}");
        } else {
            assert_eq!(code(got), EgressRefusal::AnswerEncoding.info().code, "{path}");
            assert_eq!(seen.header("accept-encoding"), Some("identity"));
            assert_eq!((seen.header("range"), seen.header("if-range")), (None, None));
        }
    }
}

#[tokio::test]
async fn what_a_vendor_says_in_our_name_is_dropped() {
    let world = world().await;
    let canned = Canned::json(200, "{}")
        .header("set-cookie", "a=1")
        .header("x-lockgate-run", "run_x")
        .header("x-ratelimit-limit", "1")
        .header("strict-transport-security", "max-age=1")
        .header("connection", "x-hop")
        .header("x-hop", "1")
        .header("x-kept", "1");
    world.vendor.answers(LINE, canned);
    let got = world.call("GET /v1/things/1").await.expect("an answer");
    let names: Vec<&str> = got.headers.keys().map(http::HeaderName::as_str).collect();
    assert_eq!(names, ["content-type", "x-kept"]);
}

#[tokio::test]
async fn large_answers_take_of_the_tenants_memory() {
    let vendor = Vendor::start("vendor.test").await;
    let (port, pem) = (vendor.address.port(), vendor.authority_pem.clone());
    let world = World::bare(vendor, Config { answer_bytes_per_tenant: 32 * 1024, ..Config::default() }).await;
    world
        .connect("crm", port, &pem, |provider, _| {
            provider["endpoints"] =
                json!([{"method": "POST", "path": "/v1/checked", "answer": {"schema": {"type": "array"}}}]);
        })
        .await;
    let line = "POST /base/v1/checked";
    let of = |bytes: usize| Canned::json(200, &format!("[\"{}\"]", "x".repeat(bytes)));
    world.vendor.answers(line, of(60_000));
    assert_eq!(world.call("POST /v1/checked").await.expect("an answer").status, 200, "the first 64 KiB are free");
    for _ in 0..3 {
        world.vendor.forget(line);
        world.vendor.answers(line, of(90_000));
        world.call("POST /v1/checked").await.expect("what it takes is given back");
    }
    world.vendor.forget(line);
    world.vendor.answers(line, of(150_000));
    let mut order = world.order("POST /v1/checked");
    let run = order.run;
    order.idempotency_key = Some("key-1".into());
    let refused = refusal(world.send(order).await);
    assert_eq!((refused.code(), refused.status()), ("egress.answer.no_room", 503));
    assert!(refused.wait().is_some());
    assert_eq!(world.outcome(run).await.0, Outcome::Failed, "the vendor has done it");
}

#[tokio::test]
async fn an_answer_of_very_many_values_is_refused_before_it_takes_memory() {
    let world = World::with(|provider, spec| {
        spec["retries"] = json!(0);
        provider["endpoints"] = json!([{"method": "GET", "path": "/v1/list", "answer": {"schema": {"type": "array"}}}]);
    })
    .await;
    let row = format!("[{}0]", "0,".repeat(99));
    world.vendor.answers("GET /base/v1/list", Canned::json(200, &format!("[{}0]", format!("{row},").repeat(6_000))));
    assert_eq!(code(world.call("GET /v1/list").await), "egress.answer.schema");
}

#[tokio::test]
async fn answers_that_break_off_open_the_breaker() {
    let world = World::with(|_, spec| spec["breaker"] = json!({"least_calls": 2})).await;
    let cut = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 100\r\n\r\nabc".to_vec();
    world.vendor.on("GET /base/v1/things/1", Behaviour::Raw(cut));
    for _ in 0..2 {
        let reply = world.egress.call(world.worker().await, world.order("GET /v1/things/1")).await.expect("a reply");
        let body = reply.into_outcome().expect("its head is fine").body;
        assert!(http_body_util::BodyExt::collect(body).await.is_err());
    }
    assert_eq!(code(world.call("GET /v1/things/1").await), "traffic.breaker.open");
}

#[tokio::test]
async fn what_would_only_be_kept_goes_on_unkept_where_there_is_no_room() {
    let vendor = Vendor::start("vendor.test").await;
    let (port, pem) = (vendor.address.port(), vendor.authority_pem.clone());
    let world = World::bare(vendor, Config { answer_bytes: 1024, ..Config::default() }).await;
    world.connect("crm", port, &pem, |_, _| ()).await;
    let line = "POST /base/v1/things";
    world.vendor.answers(line, Canned::json(201, &format!("[\"{}\"]", "x".repeat(150_000))));
    let keyed = || {
        let mut order = world.order("POST /v1/things");
        order.idempotency_key = Some("key-1".into());
        order
    };
    assert_eq!(world.send(keyed()).await.expect("an answer").body.len(), 150_004);
    assert_eq!(code(world.send(keyed()).await), "egress.idempotency.not_kept");
    assert_eq!(world.vendor.count(line), 1);
}
