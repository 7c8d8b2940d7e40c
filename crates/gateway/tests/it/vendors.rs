//! Vendors that lie, drip, flood and break off, as a caller outside meets them: each is answered with its
//! code within its time or cut off visibly, recorded as that, and costs nobody else anything.

use std::time::Duration;

use lockgate_testkit::{Behaviour, Canned};
use serde_json::json;

use crate::client::{Answer, Client};
use crate::world::{Tenant, VENDOR_SECRET, World};

const READ: &str = "GET /v1/things/1";
const WRITE: &str = "POST /v1/things";
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// A world in which nothing is tried again and no breaker opens.
async fn world() -> (World, Tenant) {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let plain = json!({
        "retries": 0, "breaker": { "least_calls": 10_000 }, "redirects": { "follow": true },
        "limits": { "per_minute": 100_000, "burst": 10_000 },
    });
    world.connection_with(&acme, "pay", plain).await;
    (world, acme)
}

fn raw(text: impl Into<Vec<u8>>) -> Behaviour {
    Behaviour::Raw(text.into())
}

/// What the vendor is told for this line from now on.
fn tell(world: &World, line: &str, behaviour: Behaviour) {
    world.vendor.forget(line);
    world.vendor.on(line, behaviour);
}

fn request(acme: &Tenant, line: &str) -> String {
    let (method, path) = line.split_once(' ').expect("a method and a path");
    let key = &acme.service;
    format!("{method} /call/pay{path} HTTP/1.1\r\nHost: gate\r\nX-Api-Key: {key}\r\nContent-Length: 0\r\n\r\n")
}

async fn call(world: &World, acme: &Tenant, line: &str) -> Client {
    let mut client = Client::connect(world.door).await;
    client.send(request(acme, line)).await;
    client
}

/// Nothing of ours is in an answer.
fn tells_nothing(answer: &Answer) {
    let text = format!("{answer:?}");
    for inner in [VENDOR_SECRET, "127.0.0.1", "lockgate_", "/src/", "hyper", "panicked"] {
        assert!(!text.contains(inner), "{inner} is told: {text}");
    }
}

#[tokio::test]
async fn answers_that_are_none_have_their_codes() {
    let (world, acme) = world().await;
    let chunks = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n";
    let many: String = (0..101).map(|number| format!("x-{number}: 1\r\n")).collect();
    let cases: Vec<(Behaviour, u16, &str)> = vec![
        (Behaviour::Hang, 502, "egress.vendor.reset"),
        (raw(""), 502, "egress.vendor.reset"),
        (raw("HTTP/1.1 200 O"), 502, "egress.vendor.reset"),
        (raw("\0\0\0\0\0\0\0\0\r\n\r\n"), 502, "egress.answer.head"),
        (raw("SSH-2.0-OpenSSH_9.2\r\n"), 502, "egress.answer.head"),
        (raw("HTTP/1.1 abc\r\n\r\n"), 502, "egress.answer.head"),
        (raw("HTTP/1.1 99 Low\r\n\r\n"), 502, "egress.answer.head"),
        (raw("HTTP/1.1 1000 High\r\n\r\n"), 502, "egress.answer.head"),
        (raw("HTTP/9.9 200 OK\r\n\r\n"), 502, "egress.answer.head"),
        (raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 502, "egress.answer.head"),
        (raw("GET / HTTP/1.1\r\nhost: a\r\n\r\n"), 502, "egress.answer.head"),
        (raw("HTTP/1.1 200 OK\r\nbad name: 1\r\n\r\n"), 502, "egress.answer.head"),
        (raw("HTTP/1.1 200 OK\r\nx: a\0b\r\n\r\n"), 502, "egress.answer.head"),
        (raw("HTTP/1.1 200 OK\r\nx: a\r\n b\r\n\r\n"), 502, "egress.answer.head"),
        (raw("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok"), 502, "egress.answer.head"),
        (raw("HTTP/1.1 200 OK\r\ncontent-length: -2\r\n\r\nok"), 502, "egress.answer.head"),
        (raw("HTTP/1.1 200 OK\r\ncontent-length: 2, 3\r\n\r\nok"), 502, "egress.answer.head"),
        (raw(format!("{chunks}content-length: 2\r\n\r\n2\r\nok\r\n0\r\n\r\n")), 502, "egress.answer.framing"),
        (raw("HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), 502, "egress.answer.framing"),
        (raw(format!("{chunks}transfer-encoding: chunked\r\n\r\n0\r\n\r\n")), 502, "egress.answer.framing"),
        (raw(format!("HTTP/1.1 200 OK\r\n{many}\r\n")), 502, "egress.answer.head_too_large"),
        (raw(format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(40_000))), 502, "egress.answer.head_too_large"),
        (raw(format!("HTTP/1.1 200 {}\r\n\r\n", "x".repeat(40_000))), 502, "egress.answer.head_too_large"),
        (
            Behaviour::Endless(b"HTTP/1.1 200 OK\r\n".to_vec(), b"x: 1\r\n".to_vec()),
            502,
            "egress.answer.head_too_large",
        ),
        (Behaviour::Endless(Vec::new(), b"garbage".to_vec()), 502, "egress.answer.head"),
        (Behaviour::Endless(Vec::new(), CONTINUE.to_vec()), 502, "egress.answer.head_too_large"),
        (
            Behaviour::Endless(Vec::new(), b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".to_vec()),
            502,
            "egress.answer.head_too_large",
        ),
        (raw("HTTP/1.1 101 Switching\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n"), 502, "egress.answer.upgrade"),
        (
            raw("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n\x1f\x08"),
            502,
            "egress.answer.encoding",
        ),
        (raw("HTTP/1.1 200 OK\r\ncontent-encoding: br\r\ncontent-length: 2\r\n\r\nxx"), 502, "egress.answer.encoding"),
        (raw("HTTP/1.1 200 OK\r\ncontent-length: 10000000000\r\n\r\n"), 502, "egress.answer.too_large"),
        (raw("HTTP/1.1 302 Found\r\nlocation: /v1/things/1\r\ncontent-length: 0\r\n\r\n"), 502, "egress.redirect.loop"),
    ];
    for (number, (behaviour, status, code)) in cases.into_iter().enumerate() {
        let shown = format!("case {number}: {behaviour:?}").chars().take(120).collect::<String>();
        tell(&world, READ, behaviour);
        let answer = call(&world, &acme, READ).await.answer().await.expect("an answer");
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{shown}");
        tells_nothing(&answer);
        let (outcome, recorded) = world.last_run(&acme).await;
        assert!(outcome == "failed" || outcome == "refused", "{shown}: {outcome}");
        assert_eq!(recorded, code, "{shown}");
        assert_eq!(world.vendor.count(READ), number + 1, "{shown}: it was asked once");
    }
    tell(&world, READ, Behaviour::Answer(Canned::json(200, "{}")));
    assert_eq!(world.read(&acme.service, "/call/pay/v1/things/1").await.status, 200);
    world.end().await;
}

#[tokio::test]
async fn a_write_that_such_a_vendor_got_is_unknown() {
    let (world, acme) = world().await;
    let broken = "HTTP/1.1 201 Created\r\ncontent-length: 9\r\n\r\nhalf";
    let cases = [
        Behaviour::Hang,
        raw("garbage\r\n\r\n"),
        raw(broken),
        Behaviour::Endless(Vec::new(), CONTINUE.to_vec()),
        raw("HTTP/1.1 200 OK\r\nx: a\0b\r\n\r\n"),
    ];
    for (number, behaviour) in cases.into_iter().enumerate() {
        tell(&world, WRITE, behaviour);
        let answer = call(&world, &acme, WRITE).await.answer().await;
        let told = answer.as_ref().map(|answer| (answer.status, answer.code()));
        assert!(told.is_none_or(|told| told == (504, "egress.outcome.unknown".to_owned())), "case {number}");
        let run = world.last_run(&acme).await;
        assert_eq!(run, (json!("unknown"), json!("egress.outcome.unknown")), "case {number}");
        assert_eq!(world.vendor.count(WRITE), number + 1, "it is never repeated");
    }
    world.end().await;
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_cut_off_for_the_caller_too() {
    let (world, acme) = world().await;
    let chunked = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n";
    for text in [
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf".to_owned(),
        format!("{chunked}4\r\nhalf\r\n"),
        format!("{chunked}4\r\nhalf\r\n4\r\nha"),
        format!("{chunked}4\r\nhalf\r\n0\r\n"),
        format!("{chunked}4\r\nhalf\r\nzz\r\n"),
        format!("{chunked}4\r\nhalfX\r\n0\r\n\r\n"),
        format!("{chunked}4\r\nhalf\r\nfffffffffffffffffff\r\n"),
    ] {
        tell(&world, READ, raw(text.clone()));
        let mut client = call(&world, &acme, READ).await;
        assert!(client.answer().await.is_none(), "{text}: taken for whole");
        let got = client.unread();
        assert!(got.starts_with(b"HTTP/1.1 200 OK\r\n") && !got.ends_with(b"0\r\n\r\n"), "{text}");
        assert_eq!(world.last_run(&acme).await, (json!("failed"), json!("egress.answer.truncated")), "{text}");
    }
    world.end().await;
}

#[tokio::test]
async fn a_flood_is_cut_at_the_cap() {
    let (world, acme) = world().await;
    let piece = [b"10000\r\n".to_vec(), vec![b'x'; 0x1_0000], b"\r\n".to_vec()].concat();
    let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    tell(&world, READ, Behaviour::Endless(head, piece));
    let mut client = call(&world, &acme, READ).await;
    assert!(client.answer().await.is_none(), "it is not taken for whole");
    let got = client.unread().len();
    assert!(got > 9_000_000 && got < 10_100_000, "{got}");
    assert_eq!(world.last_run(&acme).await, (json!("failed"), json!("egress.answer.too_large")));
    // Without any length the end of the stream is the end of the answer, and the cap is the same.
    tell(&world, READ, Behaviour::Endless(b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b'x'; 0x1_0000]));
    let mut client = call(&world, &acme, READ).await;
    assert!(client.answer().await.is_none());
    assert_eq!(world.last_run(&acme).await, (json!("failed"), json!("egress.answer.too_large")));
    world.end().await;
}

#[tokio::test]
async fn what_follows_an_answer_is_not_the_next_callers() {
    let (world, acme) = world().await;
    let more = "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nsmuggled";
    for first in [
        format!("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok{more}"),
        format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n{more}"),
        format!("HTTP/1.1 204 No Content\r\n\r\n{more}"),
        format!("HTTP/1.1 304 Not Modified\r\ncontent-length: 20\r\n\r\n{more}"),
    ] {
        tell(&world, READ, Behaviour::Stall(first.clone().into_bytes()));
        tell(&world, "GET /v1/things/2", Behaviour::Answer(Canned::json(200, r#"{"own":true}"#)));
        for _ in 0..5 {
            let answer = call(&world, &acme, READ).await.answer().await.expect("an answer");
            assert!(answer.status < 400, "{first}");
            let next = call(&world, &acme, "GET /v1/things/2").await.answer().await.expect("an answer");
            assert_eq!((next.status, next.text().as_str()), (200, r#"{"own":true}"#), "{first}");
        }
    }
    world.end().await;
}

#[tokio::test]
async fn trailers_and_early_words_do_not_go_on() {
    let (world, acme) = world().await;
    let trailing = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-t\r\n\r\n2\r\nok\r\n0\r\nx-t: 1\r\nset-cookie: a=b\r\n\r\n";
    tell(&world, READ, raw(trailing));
    let mut client = call(&world, &acme, READ).await;
    let answer = client.answer().await.expect("an answer");
    assert_eq!((answer.status, answer.text().as_str()), (200, "ok"));
    assert!(answer.headers.iter().all(|(name, _)| name != "trailer" && name != "x-t"), "{:?}", answer.headers);
    let early = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\nset-cookie: a=b\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n";
    tell(&world, READ, raw(format!("{early}HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")));
    let mut client = call(&world, &acme, READ).await;
    let answer = client.answer().await.expect("an answer");
    assert_eq!((answer.status, answer.text().as_str()), (200, "ok"));
    assert_eq!(answer.header("set-cookie"), None);
    world.end().await;
}

#[tokio::test]
async fn an_answer_before_the_request_was_read_ends_the_call() {
    let (world, acme) = world().await;
    let big = "x".repeat(5_000_000);
    let declined =
        "HTTP/1.1 413 Too Large\r\ncontent-type: application/json\r\ncontent-length: 15\r\n\r\n{\"error\":\"big\"}";
    tell(&world, WRITE, Behaviour::Eager(declined.into()));
    let answer = world.call(&acme.service, "POST", "/call/pay/v1/things", "", &big).await;
    let (outcome, _) = world.last_run(&acme).await;
    // The vendor's reset may overtake its answer; then nobody knows what it did with what it had.
    match answer.status {
        413 => assert_eq!(outcome, "failed"),
        504 => assert_eq!((answer.code().as_str(), outcome), ("egress.outcome.unknown", json!("unknown"))),
        other => panic!("{other}: {}", answer.text()),
    }
    assert_eq!(world.vendor.count(WRITE), 1);
    world.end().await;
}

#[tokio::test]
async fn a_vendor_that_drips_is_given_up_when_the_call_is_over() {
    let (world, acme) = world().await;
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n".to_vec();
    tell(&world, READ, Behaviour::Drip(head, vec![b'x'; 1000]));
    let mut client = call(&world, &acme, READ).await;
    world.vendor.wait_for(READ, 1).await;
    let mut seconds = 0;
    loop {
        let before = client.unread().len();
        world.vendor.drip();
        world.clock.advance(Duration::from_secs(1));
        seconds += 1;
        if !client.more().await {
            break;
        }
        assert!(client.unread().len() > before && seconds <= 31, "it goes on for {seconds} s");
    }
    assert!(seconds >= 28, "it was cut off after {seconds} s");
    assert_eq!(world.last_run(&acme).await, (json!("failed"), json!("egress.answer.timeout")));
    world.end().await;
}

#[tokio::test]
async fn a_vendor_that_falls_silent_is_given_up_in_time() {
    let (world, acme) = world().await;
    let stop = |text: &str| Behaviour::Stall(text.as_bytes().to_vec());
    for (behaviour, line, wanted) in [
        (stop(""), READ, Some((504, "egress.answer.timeout"))),
        (stop("HTTP/1.1 200 OK\r\nx: "), READ, Some((504, "egress.answer.timeout"))),
        (Behaviour::Drip(b"HTTP".to_vec(), b"/1.1 200 OK\r\n".to_vec()), READ, Some((504, "egress.answer.timeout"))),
        (stop("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"), READ, None),
        (stop(""), WRITE, Some((504, "egress.outcome.unknown"))),
    ] {
        tell(&world, line, behaviour.clone());
        let before = world.vendor.count(line);
        let begun = lockgate_vocabulary::Clock::elapsed(&world.clock);
        let mut client = call(&world, &acme, line).await;
        world.vendor.wait_for(line, before + 1).await;
        // The clock moves faster than sockets, so what must have come first is waited for.
        assert!(wanted.is_some() || client.more().await, "{:?}", world.last_run(&acme).await);
        // No more of the gateway's time than this goes by: what is not given up by then is never answered.
        let most = Duration::from_secs(40) - (lockgate_vocabulary::Clock::elapsed(&world.clock) - begun);
        let answer = world.outlast_within(tokio::spawn(async move { client.answer().await }), most).await;
        assert_eq!(
            answer.map(|answer| (answer.status, answer.code())),
            wanted.map(|(status, code)| (status, code.to_owned()))
        );
        let (_, code) = world.last_run(&acme).await;
        assert_eq!(code, wanted.map_or("egress.answer.stalled", |(_, code)| code));
        world.pass(Duration::from_secs(1)).await;
    }
    world.end().await;
}
