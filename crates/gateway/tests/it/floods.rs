//! Vendors over HTTP/2 that write frames without end, at a process of its own: each call ends with its code within
//! its bound, is sent once, and takes no memory that grows with what the vendor writes.

use std::net::SocketAddr;
use std::time::Duration;

use lockgate_testkit::{Canned, Flood, Vendor, frame};
use lockgate_vocabulary::{Clock as _, SystemClock};
use rustix::process::Signal;
use serde_json::json;

use crate::client::{Answer, Client};
use crate::process::{Gate, Serving, ask, furnish};
use crate::world::{VENDOR_HOST, VENDOR_SECRET};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const UNKNOWN: u8 = 0x7f;
const END_HEADERS: u8 = 4;

/// `:status: 200`, and `:status: 103`, as HPACK has them.
const OK: &[u8] = &[0x88];
const EARLY: &[u8] = b"\x08\x03103";

/// The most that the process may have in memory beside what it has at rest, whatever the vendors write.
const MEMORY_KIB: u64 = 128 * 1024;

/// A call ends within this, though each flood would go on for the whole time of a call.
const IN_TIME: Duration = Duration::from_secs(20);

/// Bytes that a flood gets rid of, those included that wait in sockets.
const WRITTEN: u64 = 24 * 1024 * 1024;

/// A field of its own in `bytes` bytes, which enters no table.
fn field(bytes: usize) -> Vec<u8> {
    let mut out = b"\x00\x01x\x7f".to_vec();
    let mut rest = bytes - 127;
    while rest >= 128 {
        out.push((rest % 128) as u8 | 0x80);
        rest /= 128;
    }
    out.push(rest as u8);
    out.resize(out.len() + bytes, b'x');
    out
}

/// A flood, and the code that the call is answered with; none where the caller has the head already, and is cut off.
struct Case {
    name: &'static str,
    first: Vec<u8>,
    again: Vec<u8>,
    code: Option<&'static str>,
}

fn cases() -> Vec<Case> {
    let head = |block: &[u8]| frame(HEADERS, END_HEADERS, 1, block);
    let case = |code, name, first: Vec<u8>, again: Vec<u8>| Case { name, first, again, code };
    let endless = |name, again| case(Some(TOO_MUCH), name, Vec::new(), again);
    let broken = |name, first, again| case(Some(RESET), name, first, again);
    let cut = |name, again| case(None, name, head(OK), again);
    // 4,000 bytes in the table once, and then named in one byte each.
    let table = [b"\x40\x01x\x7f\xa1\x1e".to_vec(), vec![b'x'; 4_000]].concat();
    let settings = || frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100]);
    let ping = || frame(PING, 0, 0, &[0; 8]);
    vec![
        endless("early words", head(EARLY)),
        endless("large early words", head(&[EARLY, &field(8_000)].concat())),
        broken("a head without end", frame(HEADERS, 0, 1, OK), frame(CONTINUATION, 0, 1, &field(1_000))),
        broken("a head of empty pieces", frame(HEADERS, 0, 1, OK), frame(CONTINUATION, 0, 1, &[])),
        broken(
            "a head that unpacks to much",
            frame(HEADERS, 0, 1, &[OK, &table].concat()),
            frame(CONTINUATION, 0, 1, &[0xbe; 1_000]),
        ),
        cut("empty data", frame(DATA, 0, 1, &[])),
        cut("padding without data", frame(DATA, 8, 1, &[[255].as_slice(), &[0; 255]].concat())),
        cut("data beyond what may be sent", frame(DATA, 0, 1, &[b'x'; 16_384])),
        endless("pings", ping()),
        cut("pings behind a head", ping()),
        endless("settings", settings()),
        cut("settings behind a head", settings()),
        endless("windows", frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])),
        endless("windows of a stream", frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1])),
        cut("windows behind a head", frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])),
        endless("priorities", frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 1])),
        broken("resets", Vec::new(), frame(RST_STREAM, 0, 1, &[0, 0, 0, 8])),
        broken("promises", Vec::new(), frame(PUSH_PROMISE, END_HEADERS, 1, &[[0, 0, 0, 2].as_slice(), OK].concat())),
        endless("farewells", frame(GOAWAY, 0, 0, &[0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0])),
        endless("frames that nobody knows", frame(UNKNOWN, 0, 1, &[0; 1_000])),
        broken("heads of nobody's", Vec::new(), frame(HEADERS, END_HEADERS, 2, OK)),
        cut("heads again and again", head(OK)),
        broken("junk", Vec::new(), vec![0xff; 1_000]),
    ]
}

/// The codes under which a line is given up.
const TOO_MUCH: &str = "egress.answer.head_too_large";
const RESET: &str = "egress.vendor.reset";

/// The most memory that the process ever had, KiB.
fn peak(serving: &Serving) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", serving.id())).expect("it is there");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("it is told");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_without_end_are_cut_off_in_time_and_cost_no_memory() {
    let gate = Gate::init();
    let vendor = Vendor::start(VENDOR_HOST).await;
    vendor.answers("POST /v1/things", Canned::json(201, "{}"));
    let serving = gate.serve();
    let (operator, service) = furnish(serving.admin, &gate.operator, &vendor).await;
    let make = async |path: &str, body: serde_json::Value| {
        let answer = ask(serving.admin, &operator, "POST", path, Some(body)).await;
        assert_eq!(answer.status, 201, "{path}: {}", answer.text());
    };
    let mut floods = Vec::new();
    for (number, case) in cases().into_iter().enumerate() {
        let flood = Flood::start(VENDOR_HOST, case.first, case.again).await;
        let (provider, connection) = (format!("flood-{number}"), format!("c{number}"));
        let spec = json!({
            "name": provider, "title": "Flood", "base_url": format!("https://{VENDOR_HOST}:{}", flood.address.port()),
            "auth": { "placement": "bearer" }, "endpoints": [{ "method": "GET", "path": "/v1/things" }],
        });
        make("/v1/providers", spec).await;
        let settings =
            json!({ "trust_pem": flood.authority_pem, "danger_private_networks": ["127.0.0.0/8"], "retries": 0 });
        make("/v1/connections", json!({ "name": connection, "provider": provider, "spec": settings })).await;
        let name = format!("{connection}-key");
        let credential = json!({ "name": name, "connection": connection, "owner": "o", "secret": VENDOR_SECRET });
        make("/v1/credentials", credential).await;
        floods.push((case.name, case.code, flood, connection));
    }
    let rest = peak(&serving);
    for (name, code, flood, connection) in &floods {
        let clock = SystemClock::new();
        let begun = clock.elapsed();
        let answer = tokio::spawn(call(serving.door, service.clone(), format!("/call/{connection}/v1/things")));
        // Others are served beside it.
        for _ in 0..5 {
            let answer = ask(serving.door, &service, "POST", "/call/pay/v1/things", None).await;
            assert_eq!(answer.status, 201, "{name}: {}", answer.text());
        }
        let answer = answer.await.expect("no panic");
        let told = answer.map(|answer| (answer.status, answer.code()));
        // A line that breaks under a flood is cut off for the one or for the other, whichever is noticed first.
        let cut = code == &Some(RESET) && told == Some((502, TOO_MUCH.to_owned()));
        assert!(cut || told == code.map(|code| (502, code.to_owned())), "{name}: {told:?}");
        let took = clock.elapsed() - begun;
        assert!(took < IN_TIME, "{name}: {took:?}");
        assert_eq!(flood.calls(), 1, "{name}: it is asked once");
    }
    let memory = peak(&serving) - rest;
    assert!(memory < MEMORY_KIB, "{memory} KiB more than {rest}");
    for (name, _, flood, _) in &floods {
        let written = flood.written();
        assert!(written < WRITTEN, "{name}: {written}, so nobody reads on when the call is over");
    }
    let runs = ask(serving.admin, &operator, "GET", "/v1/runs?limit=1000", None).await.json();
    let runs = runs["items"].as_array().expect("items").clone();
    let failed = runs.iter().filter(|run| run["outcome"] == "failed" && run["provider"] != "vendor").count();
    assert_eq!(failed, floods.len(), "each is recorded as failed");
    serving.signal(Signal::TERM);
    assert_eq!(serving.wait(), Some(0));
    assert!(gate.verify().status.success());
}

async fn call(door: SocketAddr, key: String, path: String) -> Option<Answer> {
    let mut client = Client::connect(door).await;
    client.send(format!("GET {path} HTTP/1.1\r\nHost: gate\r\nX-Api-Key: {key}\r\nContent-Length: 0\r\n\r\n")).await;
    client.answer().await
}
