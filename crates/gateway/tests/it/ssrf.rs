//! Attacks on where a call leads, through the running door: redirects, name servers, injected lines.

use std::collections::BTreeMap;
use std::net::IpAddr;

use lockgate_testkit::{Canned, corpus};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::world::{Tenant, VENDOR_HOST, World};

#[derive(Deserialize)]
struct Redirect {
    id: String,
    expect: String,
    hops: Vec<Hop>,
}

#[derive(Deserialize)]
struct Hop {
    status: u16,
    headers: BTreeMap<String, String>,
}

/// Settings under which redirects are followed as far as they may be, and no breaker interferes.
fn following(hosts: &[&str]) -> Value {
    json!({
        "redirects": { "follow": true, "hosts": hosts }, "breaker": { "least_calls": 10_000 }, "retries": 0,
        "limits": { "per_minute": 1_000_000, "burst": 100_000 },
    })
}

async fn world() -> (World, Tenant) {
    let world = World::with("[traffic]\ncaller_per_minute = 1000000\ncaller_burst = 100000").await;
    let acme = world.tenant("acme").await;
    (world, acme)
}

#[tokio::test]
async fn redirects_lead_nowhere_that_a_call_may_not_go() {
    let Some(text) = corpus("ssrf/redirects.jsonl") else { return };
    let (world, acme) = world().await;
    let hosts: Vec<String> = (1..9).map(|number| format!("hop{number}.hop.test")).collect();
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    world.connection_with(&acme, "pay", following(&hosts)).await;
    let port = world.vendor.address.port();
    let (mut counts, mut wrong) = (BTreeMap::new(), Vec::new());
    for line in text.lines() {
        let line: Redirect = serde_json::from_str(line).expect("a line of the set");
        let last = format!("GET /hop{}", line.hops.len());
        let mut path = "GET /v1/things/1".to_owned();
        let mut lines = vec![path.clone()];
        for (place, hop) in line.hops.iter().enumerate() {
            let mut answer = Canned::bytes(hop.status, "");
            for (name, value) in &hop.headers {
                // The set's own hosts speak plain HTTP; the ones here stand for them over TLS.
                let own = value.starts_with("http://hop") || value.starts_with("http://first.test");
                let value = if own {
                    let host = if value.contains("first.test") {
                        VENDOR_HOST.to_owned()
                    } else {
                        format!("hop{}.hop.test", place + 1)
                    };
                    format!("https://{host}:{port}/hop{}", place + 1)
                } else {
                    value.clone()
                };
                answer = answer.header(name, &value);
            }
            world.vendor.answers(&path, answer);
            path = format!("GET /hop{}", place + 1);
            lines.push(path.clone());
        }
        world.vendor.answers(&last, Canned::json(200, r#"{"end":true}"#));
        let before = world.vendor.seen().len();
        let answer = world.read(&acme.service, "/call/pay/v1/things/1").await;
        let seen = world.vendor.seen().split_off(before);
        lines.iter().chain([&last]).for_each(|line| world.vendor.forget(line));
        let code = if answer.status >= 400 { answer.code() } else { String::new() };
        let fine = match line.expect.as_str() {
            "block" => code.starts_with("egress.") && seen.len() <= line.hops.len(),
            "not-followed" => answer.status == line.hops[0].status && seen.len() == 1,
            "pass" => answer.status == 200 && answer.text().contains("end"),
            "pass-with-credentials" => {
                answer.status == 200 && seen.iter().all(|seen| seen.header("authorization").is_some())
            }
            "pass-without-credentials" => {
                answer.status == 200 && seen.last().is_some_and(|seen| seen.header("authorization").is_none())
            }
            _ => true,
        };
        *counts.entry((line.expect.clone(), fine)).or_insert(0) += 1;
        if !fine {
            wrong.push(format!("{} {}: {} {code} after {} requests", line.expect, line.id, answer.status, seen.len()));
        }
    }
    println!("redirects: {counts:?}");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    world.end().await;
}

#[derive(Deserialize)]
struct Scenario {
    id: String,
    expect: String,
    name: String,
    answers_per_query: Vec<Vec<IpAddr>>,
}

/// A connection to this name; nothing if the registry refuses it already.
async fn connection_to(world: &World, acme: &Tenant, place: usize, host: &str) -> Option<String> {
    let name = format!("name-{place}");
    let spec = json!({
        "name": name, "title": "Named", "base_url": format!("https://{host}"), "auth": { "placement": "none" },
        "endpoints": [{ "method": "GET", "path": "/{path...}" }],
    });
    let made = world.ask(&acme.operator, "POST", "/v1/providers", Some(spec)).await;
    let body = json!({ "name": name, "provider": name, "spec": {} });
    let connected = world.ask(&acme.operator, "POST", "/v1/connections", Some(body)).await;
    (made.status == 201 && connected.status == 201).then_some(name)
}

#[tokio::test]
async fn a_name_leads_only_where_all_of_its_addresses_may_be_called() {
    let Some(text) = corpus("ssrf/dns_scenarios.jsonl") else { return };
    let (world, acme) = world().await;
    let (mut counts, mut wrong) = (BTreeMap::new(), Vec::new());
    for (place, line) in text.lines().enumerate() {
        let line: Scenario = serde_json::from_str(line).expect("a line of the set");
        world.names.say(&line.name, line.answers_per_query.clone());
        let mut outcomes = Vec::new();
        if let Some(name) = connection_to(&world, &acme, place, &line.name).await {
            for _ in 0..2 {
                // A dry run vets the destination as a call does and dials nobody.
                let path = format!("/call/{name}/x");
                let answer = world.call(&acme.service, "GET", &path, "X-DryRun: true\r\n", "").await;
                outcomes.push((answer.status, if answer.status >= 400 { answer.code() } else { String::new() }));
            }
        }
        let blocked = outcomes.iter().all(|(status, code)| *status == 403 && code.starts_with("egress."));
        let passed = !outcomes.is_empty() && outcomes.iter().all(|(status, _)| *status < 300);
        let once = world.names.asked(&line.name) <= 1;
        let fine = match line.expect.as_str() {
            // A name without addresses is refused too, though not as one that leads inside.
            "block" => blocked || (line.answers_per_query.concat().is_empty() && !passed),
            "pass" | "pass-bounded-attempts" => passed,
            "one-lookup-or-block" | "connect-only-to-first" => blocked || (passed && once),
            "upstream-error-not-policy-error" => outcomes.iter().all(|(status, _)| *status >= 500),
            _ => true,
        };
        *counts.entry((line.expect.clone(), fine)).or_insert(0) += 1;
        if !fine {
            wrong.push(format!("{} {} {}: {outcomes:?}", line.expect, line.id, line.name));
        }
    }
    println!("dns_scenarios: {counts:?}");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    world.end().await;
}

#[derive(Deserialize)]
struct Injection {
    id: String,
    expect: String,
    kind: String,
    input: String,
}

async fn exchange(world: &World, request: String) -> Vec<Answer> {
    let mut client = Client::connect(world.door).await;
    client.send(request).await;
    client.finish().await;
    client.answers().await
}

#[tokio::test]
async fn no_line_is_injected_into_what_the_vendor_reads() {
    let Some(text) = corpus("ssrf/crlf.jsonl") else { return };
    let (world, acme) = world().await;
    world.connection_with(&acme, "pay", following(&[])).await;
    world.vendor.answers("*", Canned::json(200, "{}"));
    world.read(&acme.service, "/call/pay/v1/files/plain").await;
    let plain: Vec<String> = world.vendor.seen()[0].headers.iter().map(|(name, _)| name.to_lowercase()).collect();
    let (mut counts, mut wrong) = (BTreeMap::new(), Vec::new());
    for line in text.lines() {
        let line: Injection = serde_json::from_str(line).expect("a line of the set");
        let (input, key) = (&line.input, &acme.service);
        let get = |target: String, more: String| {
            format!("GET {target} HTTP/1.1\r\nHost: g\r\nX-Api-Key: {key}\r\n{more}\r\n")
        };
        let requests = match line.kind.as_str() {
            "header-value" => vec![get("/call/pay/v1/files/x".into(), format!("X-A: {input}\r\n"))],
            "header-name" => vec![get("/call/pay/v1/files/x".into(), format!("X-{input}: a\r\n"))],
            _ => vec![
                get(format!("/call/pay/v1/files/{}", input.trim_start_matches('/')), String::new()),
                get(format!("/call/pay/v1/files/x?q={input}"), String::new()),
            ],
        };
        let mut fine = true;
        for request in requests {
            let before = world.vendor.seen().len();
            let answers = exchange(&world, request).await;
            let seen = world.vendor.seen().split_off(before);
            let clean =
                seen.iter().all(|seen| seen.headers.iter().all(|(name, _)| plain.contains(&name.to_lowercase())));
            let refused = answers.len() == 1 && answers[0].status == 400 && seen.is_empty();
            fine &= if line.expect == "block" { refused } else { refused || (seen.len() == 1 && clean) };
        }
        *counts.entry((line.expect.clone(), fine)).or_insert(0) += 1;
        if !fine {
            wrong.push(format!("{} {}: {:?}", line.expect, line.id, line.input));
        }
    }
    println!("crlf: {counts:?}");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    world.end().await;
}
