//! Raw bytes at the running door: for every input at most one request reaches the vendor, equal to the
//! one that was judged, or there is a refusal and a closed connection.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lockgate_testkit::{Canned, corpus};
use serde::Deserialize;

use crate::client::{Answer, Client};
use crate::world::{Tenant, World};

#[derive(Deserialize)]
struct Line {
    name: String,
    expect: String,
    kind: String,
    raw_b64: String,
}

/// What came of one line: the answers, and what reached the vendor.
struct Outcome {
    answers: Vec<Answer>,
    arrived: usize,
}

impl Outcome {
    /// Whether the last word was a refusal, or there was none and the connection was closed.
    fn is_refused(&self) -> bool {
        self.answers.last().is_none_or(|answer| answer.status >= 400)
    }

    /// Whether the strict reader let the first message through.
    fn is_read(&self) -> bool {
        let by_reader = |answer: &Answer| {
            let code = serde_json::from_slice::<serde_json::Value>(&answer.body).map(|body| body["code"].to_string());
            code.is_ok_and(|code| {
                ["head.", "method.unknown", "target.", "version."]
                    .iter()
                    .any(|part| code.contains(&format!("gateway.{part}")))
            })
        };
        self.answers.first().is_some_and(|answer| !by_reader(answer))
    }

    fn is_as_wanted(&self, line: &Line) -> bool {
        match line.expect.as_str() {
            "accept" => self.is_read(),
            "reject" => self.is_refused() && self.arrived <= 1,
            "no-desync" => self.arrived <= 1 && (self.arrived == 1 || self.is_refused()),
            _ => self.arrived <= 1,
        }
    }
}

async fn exchange(world: &World, bytes: &[u8]) -> Outcome {
    let before = world.vendor.seen().len();
    let mut client = Client::connect(world.door).await;
    client.send(bytes).await;
    client.finish().await;
    let answers = client.answers().await;
    Outcome { answers, arrived: world.vendor.seen().len() - before }
}

/// The same bytes as a call: the target leads to a connection, and a credential stands behind the request
/// line, with the line's own end. Whatever is strange about them stays.
fn as_call(raw: &[u8], key: &str) -> Option<Vec<u8>> {
    let end = raw.iter().position(|byte| *byte == b'\n')?;
    let line = &raw[..=end];
    let ending: &[u8] = if line.ends_with(b"\r\n") { b"\r\n" } else { b"\n" };
    let from = line.iter().position(|byte| *byte == b'/')?;
    let begin = if line[..from].ends_with(b":") {
        from + 2 + line[from + 2..].iter().position(|byte| *byte == b'/')?
    } else {
        from
    };
    let mut out = line[..begin].to_vec();
    out.extend_from_slice(b"/call/any/v1");
    out.extend_from_slice(&line[begin..]);
    out.extend_from_slice(b"X-Api-Key: ");
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(ending);
    out.extend_from_slice(&raw[end + 1..]);
    Some(out)
}

/// A world in which every method and path may be called, and the vendor answers all of them.
pub async fn open_world() -> (World, Tenant) {
    let world = World::with("[traffic]\ncaller_per_minute = 1000000\ncaller_burst = 100000").await;
    let acme = world.tenant("acme").await;
    let methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
    let paths = ["/v1/", "/v1/{path...}"];
    let all = methods.iter().flat_map(|method| paths.map(|path| (method, path)));
    let endpoints: Vec<_> = all.map(|(method, path)| serde_json::json!({ "method": method, "path": path })).collect();
    let more = serde_json::json!({
        "endpoints": endpoints, "limits": { "per_minute": 1_000_000, "burst": 100_000 }, "retries": 0,
    });
    world.connection_with(&acme, "any", more).await;
    (world, acme)
}

#[tokio::test]
async fn the_corpus_as_it_is() {
    let Some(text) = corpus("api/http1_raw.jsonl") else { return };
    let (world, _) = open_world().await;
    let (mut counts, mut wrong) = (BTreeMap::new(), Vec::new());
    for line in text.lines() {
        let line: Line = serde_json::from_str(line).expect("a line of the set");
        let raw = STANDARD.decode(&line.raw_b64).expect("base 64");
        let outcome = exchange(&world, &raw).await;
        // An answer is no request, whatever a parser of answers makes of it.
        let wanted = if line.kind == "response" { outcome.is_refused() } else { outcome.is_as_wanted(&line) };
        *counts.entry((line.expect.clone(), line.kind.clone(), wanted)).or_insert(0) += 1;
        if !wanted {
            let statuses: Vec<u16> = outcome.answers.iter().map(|answer| answer.status).collect();
            wrong.push(format!("{} {}: {statuses:?}", line.expect, line.name));
        }
    }
    println!("http1_raw as it is: {counts:?}");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(world.vendor.seen().is_empty(), "nothing of it has a credential");
    world.end().await;
}

#[tokio::test]
async fn the_corpus_as_calls() {
    let Some(text) = corpus("api/http1_raw.jsonl") else { return };
    let (world, acme) = open_world().await;
    world.vendor.answers("*", Canned::json(200, "{}"));
    let (mut counts, mut wrong) = (BTreeMap::new(), Vec::new());
    for line in text.lines() {
        let line: Line = serde_json::from_str(line).expect("a line of the set");
        let raw = STANDARD.decode(&line.raw_b64).expect("base 64");
        let Some(raw) = Some(line.kind == "request").filter(|is| *is).and_then(|_| as_call(&raw, &acme.service)) else {
            continue;
        };
        let outcome = exchange(&world, &raw).await;
        // What follows a request of HTTP/1.0 is never read, so it is not refused either.
        let ends_itself = raw.windows(9).any(|window| window == b"HTTP/1.0\r");
        let wanted = outcome.is_as_wanted(&line) || (line.expect == "reject" && ends_itself && outcome.arrived <= 1);
        *counts.entry((line.expect.clone(), outcome.arrived, wanted)).or_insert(0) += 1;
        if !wanted {
            let statuses: Vec<u16> = outcome.answers.iter().map(|answer| answer.status).collect();
            wrong.push(format!("{} {}: {statuses:?} {}", line.expect, line.name, outcome.arrived));
        }
    }
    println!("http1_raw as calls: {counts:?}");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    world.end().await;
}
