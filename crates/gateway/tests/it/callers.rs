//! Callers that dawdle, overfill, crowd in and go away: none holds anything for long, and what became of
//! its call is recorded as it was.

use std::time::Duration;

use lockgate_testkit::{Behaviour, Canned};
use lockgate_vocabulary::Clock as _;
use serde_json::{Value, json};

use crate::client::Client;
use crate::world::{Tenant, World};

const READ: &str = "GET /v1/things/1";
const WRITE: &str = "POST /v1/things";

async fn world() -> (World, Tenant) {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    world.connection_with(&acme, "pay", json!({ "retries": 0 })).await;
    (world, acme)
}

fn head(acme: &Tenant, line: &str, more: &str) -> String {
    let (method, path) = line.split_once(' ').expect("a method and a path");
    format!("{method} /call/pay{path} HTTP/1.1\r\nHost: gate\r\nX-Api-Key: {}\r\n{more}\r\n", acme.service)
}

/// Waits until the trail of the tenant says this.
async fn recorded(world: &World, acme: &Tenant, what: &str) {
    while !world.trail(acme).await.iter().any(|entry| entry.to_string().contains(what)) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_head_that_does_not_come_closes_the_connection() {
    let (world, acme) = world().await;
    let whole = head(&acme, READ, "");
    for part in ["", "G", whole.trim_end(), whole.strip_suffix("\r\n").expect("it ends a head")] {
        let begun = world.clock.elapsed();
        let mut client = Client::connect(world.door).await;
        client.send(part).await;
        let answers = world.outlast(tokio::spawn(client.answers())).await;
        assert!(answers.is_empty(), "{part:?}: {answers:?}");
        // Ten seconds for a head, sixty where none was begun; the clock moves faster than sockets here.
        assert!(world.clock.elapsed() - begun <= Duration::from_secs(75), "{part:?}");
        world.pass(Duration::from_secs(1)).await;
    }
    assert!(world.vendor.seen().is_empty());
    world.end().await;
}

#[tokio::test]
async fn a_body_that_does_not_come_is_refused_and_reaches_nobody() {
    let (world, acme) = world().await;
    for (framing, begun) in [
        ("Content-Length: 100\r\n", "x"),
        ("Content-Length: 100\r\n", ""),
        ("Transfer-Encoding: chunked\r\n", "5\r\nabc"),
        ("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n"),
        ("Expect: 100-continue\r\nContent-Length: 100\r\n", ""),
    ] {
        let mut client = Client::connect(world.door).await;
        client.send(format!("{}{begun}", head(&acme, WRITE, framing))).await;
        let answers = world.outlast(tokio::spawn(client.answers())).await;
        let codes: Vec<String> = answers.iter().map(crate::client::Answer::code).collect();
        assert_eq!(codes, ["egress.body.stalled"], "{framing} {begun}");
        world.pass(Duration::from_secs(1)).await;
        recorded(&world, &acme, "egress.body.stalled").await;
    }
    assert!(world.vendor.seen().is_empty());
    world.end().await;
}

#[tokio::test]
async fn a_body_of_one_byte_too_many_is_refused_and_one_at_the_cap_is_not() {
    let (world, acme) = world().await;
    world.vendor.answers(WRITE, Canned::json(201, "{}"));
    let cap = 10_000_000;
    let whole =
        |size: usize| format!("{}{}", head(&acme, WRITE, &format!("Content-Length: {size}\r\n")), "x".repeat(size));
    let chunked = |size: usize| {
        let piece = "x".repeat(size / 10);
        let last = "x".repeat(size - 9 * piece.len());
        let chunks: String = (0..9).map(|_| format!("{:x}\r\n{piece}\r\n", piece.len())).collect();
        let head = head(&acme, WRITE, "Transfer-Encoding: chunked\r\n");
        format!("{head}{chunks}{:x}\r\n{last}\r\n0\r\n\r\n", last.len())
    };
    for (bytes, status) in [(whole(cap), 201), (whole(cap + 1), 413), (chunked(cap), 201), (chunked(cap + 1), 413)] {
        let mut client = Client::connect(world.door).await;
        client.send(bytes).await;
        let answer = client.answer().await.expect("an answer");
        assert_eq!(answer.status, status, "{}", answer.text());
        if status == 413 {
            assert_eq!(answer.code(), "egress.body.too_large");
        }
    }
    let seen: Vec<usize> = world.vendor.seen().iter().map(|seen| seen.body.len()).collect();
    assert_eq!(seen, [cap, cap]);
    recorded(&world, &acme, "egress.body.too_large").await;
    world.end().await;
}

#[tokio::test]
async fn a_caller_that_does_not_read_is_given_up_and_recorded() {
    let (world, acme) = world().await;
    let large = Canned::bytes(200, vec![b'x'; 9_000_000]);
    world.vendor.answers(READ, large);
    let mut client = Client::connect(world.door).await;
    client.send(head(&acme, READ, "")).await;
    world.vendor.wait_for(READ, 1).await;
    assert!(client.more().await, "the answer begins");
    let begun = world.clock.elapsed();
    let run = world.last_run_while(&acme, Duration::from_secs(1)).await;
    let took = world.clock.elapsed() - begun;
    assert_eq!(run, (json!("failed"), json!("egress.caller.gone")));
    assert!(took <= Duration::from_secs(600), "{took:?}");
    drop(client);
    world.pass(Duration::from_secs(1)).await;
    world.vendor.forget(READ);
    world.vendor.answers(READ, Canned::json(200, "{}"));
    assert_eq!(world.read(&acme.service, "/call/pay/v1/things/1").await.status, 200);
    world.end().await;
}

#[tokio::test]
async fn who_holds_too_many_connections_is_turned_away_and_others_are_not_in_the_way() {
    for door in ["most_connections_per_peer = 3", "most_connections = 3"] {
        let world = World::with_door(door, "").await;
        let mut held = Vec::new();
        for _ in 0..3 {
            let mut client = Client::connect(world.door).await;
            client.send("GET /healthz HTTP/1.1\r\nHost: g\r\n\r\n").await;
            assert_eq!(client.answer().await.expect("an answer").status, 200);
            held.push(client);
        }
        for _ in 0..5 {
            let mut client = Client::connect(world.door).await;
            client.send("GET /healthz HTTP/1.1\r\nHost: g\r\n\r\n").await;
            assert!(client.answers().await.is_empty(), "{door}: closed without a word");
        }
        // Those that are held are served on, and a place that becomes free is given away.
        held[0].send("GET /healthz HTTP/1.1\r\nHost: g\r\n\r\n").await;
        assert_eq!(held[0].answer().await.expect("an answer").status, 200);
        drop(held.pop());
        loop {
            let mut client = Client::connect(world.door).await;
            client.send("GET /healthz HTTP/1.1\r\nHost: g\r\n\r\n").await;
            if client.answer().await.is_some_and(|answer| answer.status == 200) {
                break;
            }
        }
        drop(held);
        world.end().await;
    }
}

#[tokio::test]
async fn a_caller_that_closed_its_half_gets_its_answer() {
    let (world, acme) = world().await;
    world.vendor.on(READ, Behaviour::Gated(Canned::json(200, "{}")));
    let mut client = Client::connect(world.door).await;
    client.send(head(&acme, READ, "")).await;
    client.finish().await;
    world.vendor.wait_for(READ, 1).await;
    world.vendor.release();
    let answers = client.answers().await;
    assert_eq!(answers.iter().map(|answer| answer.status).collect::<Vec<_>>(), [200]);
    world.end().await;
}

#[tokio::test]
async fn what_became_of_a_call_is_recorded_though_its_caller_left() {
    let (world, acme) = world().await;
    let half = b"HTTP/1.1 201 Created\r\ncontent-length: 10\r\n\r\nhalf".to_vec();
    // A reset is not noticed before there is something to write: the call goes on, and what it came to counts.
    for (line, bytes, wanted) in [
        (READ, Vec::new(), ("failed", "egress.answer.timeout")),
        (WRITE, Vec::new(), ("unknown", "egress.outcome.unknown")),
        (READ, half.clone(), ("failed", "egress.answer.stalled")),
        (WRITE, half.clone(), ("unknown", "egress.outcome.unknown")),
    ] {
        world.vendor.forget(line);
        let streams = !bytes.is_empty();
        world.vendor.on(line, Behaviour::Stall(bytes));
        let before = world.vendor.count(line);
        let mut client = Client::connect(world.door).await;
        client.send(head(&acme, line, "")).await;
        world.vendor.wait_for(line, before + 1).await;
        assert!(!streams || client.more().await);
        client.reset();
        let (outcome, code) = world.last_run_while(&acme, Duration::from_secs(1)).await;
        assert_eq!((outcome, code), (json!(wanted.0), json!(wanted.1)), "{line}");
        assert_eq!(world.vendor.count(line), before + 1, "it is not repeated");
    }
    // A caller that only closed may have closed its half: the call goes on, and its end is what happened.
    world.vendor.forget(WRITE);
    world.vendor.on(WRITE, Behaviour::Gated(Canned::json(201, "{}")));
    let before = world.vendor.count(WRITE);
    let mut client = Client::connect(world.door).await;
    client.send(head(&acme, WRITE, "")).await;
    world.vendor.wait_for(WRITE, before + 1).await;
    drop(client);
    world.vendor.release();
    assert_eq!(world.last_run(&acme).await, (json!("succeeded"), Value::Null));
    world.end().await;
}

#[tokio::test]
async fn a_keyed_write_goes_on_without_its_caller_and_is_there_when_it_comes_back() {
    let (world, acme) = world().await;
    world.vendor.on(WRITE, Behaviour::Gated(Canned::json(201, r#"{"id":7}"#)));
    let request = head(&acme, WRITE, "Idempotency-Key: once\r\nContent-Length: 0\r\n");
    let mut client = Client::connect(world.door).await;
    client.send(&request).await;
    world.vendor.wait_for(WRITE, 1).await;
    client.reset();
    world.vendor.release();
    assert_eq!(world.last_run(&acme).await.0, json!("succeeded"));
    let mut again = Client::connect(world.door).await;
    again.send(&request).await;
    let answer = again.answer().await.expect("an answer");
    assert_eq!((answer.status, answer.text().as_str()), (201, r#"{"id":7}"#));
    assert_eq!(answer.header("idempotent-replayed"), Some("true"));
    assert_eq!(world.vendor.count(WRITE), 1);
    world.end().await;
}

#[tokio::test]
async fn a_body_that_its_caller_gave_up_reaches_nobody() {
    let (world, acme) = world().await;
    for framing in ["Content-Length: 100\r\n", "Transfer-Encoding: chunked\r\n"] {
        for reset in [true, false] {
            let mut client = Client::connect(world.door).await;
            client.send(format!("{}5\r\n", head(&acme, WRITE, framing))).await;
            if reset {
                client.reset();
            } else {
                client.finish().await;
                let answers = client.answers().await;
                assert_eq!(answers.iter().map(|answer| answer.status).collect::<Vec<_>>(), [400], "{framing}");
            }
        }
    }
    recorded(&world, &acme, "gateway.body.malformed").await;
    assert!(world.vendor.seen().is_empty());
    world.end().await;
}
