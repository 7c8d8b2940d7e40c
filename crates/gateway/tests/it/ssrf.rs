//! Attacks on where a call leads, through the running door: redirects, name servers, injected lines.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use lockgate_testkit::{Canned, Seen, corpus};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::world::{Tenant, VENDOR_HOST, VENDOR_SECRET, World};

#[derive(Deserialize)]
struct Redirect {
    id: String,
    expect: String,
    hops: Vec<Hop>,
    /// What name servers say of the names in it.
    dns: Option<BTreeMap<String, Vec<IpAddr>>>,
    note: Option<String>,
}

impl Redirect {
    /// Names and where they lead; some lines say it in words.
    fn names(&self) -> Vec<(String, Vec<IpAddr>)> {
        let told = self.note.as_deref().and_then(|note| note.strip_prefix("DNS: ")?.split_once(" -> "));
        let told = told.and_then(|(name, address)| Some((name.to_owned(), vec![address.parse().ok()?])));
        self.dns.clone().unwrap_or_default().into_iter().chain(told).collect()
    }

    fn location(&self) -> &str {
        self.hops[0].headers.get("Location").map_or("", String::as_str)
    }
}

#[derive(Deserialize)]
struct Hop {
    status: u16,
    headers: BTreeMap<String, String>,
}

fn endpoint(path: &str) -> Value {
    json!({ "method": "GET", "path": path })
}

/// Settings under which redirects are followed as far as they may be, and no breaker interferes.
fn following(hosts: &[&str]) -> Value {
    // What the set's vendors redirect to on their own host is declared, or nobody would be led there.
    let hops = (1..9).map(|number| endpoint(&format!("/hop{number}")));
    let endpoints: Vec<Value> = hops.chain(["/v1/things/{id}", "/v1/files/{path...}"].map(endpoint)).collect();
    json!({
        "redirects": { "follow": true, "hosts": hosts }, "breaker": { "least_calls": 10_000 }, "retries": 0,
        "limits": { "per_minute": 1_000_000, "burst": 100_000 }, "endpoints": endpoints,
    })
}

async fn world() -> (World, Tenant) {
    let world = World::with("[traffic]\ncaller_per_minute = 1000000\ncaller_burst = 100000").await;
    let acme = world.tenant("acme").await;
    (world, acme)
}

/// What came of a line: the code of the answer, and every request that was made for it.
struct Led {
    answer: Answer,
    seen: Vec<Seen>,
}

impl Led {
    fn code(&self) -> String {
        if self.answer.status >= 400 { self.answer.code() } else { String::new() }
    }

    /// Whether the vendor's own host alone was asked for anything.
    fn stayed(&self, port: u16) -> bool {
        let home = format!("{VENDOR_HOST}:{port}");
        self.seen.iter().all(|seen| seen.header("host") == Some(home.as_str()))
    }

    /// Whether the credential went to the vendor's own host alone.
    fn kept_the_credential(&self, port: u16) -> bool {
        let home = format!("{VENDOR_HOST}:{port}");
        let bearing = self.seen.iter().filter(|seen| format!("{seen:?}").contains(VENDOR_SECRET));
        bearing.clone().all(|seen| seen.header("host") == Some(home.as_str())) && bearing.count() > 0
    }
}

/// Lets the vendor answer as the line says, calls, and lets the vendor forget it again.
async fn lead(
    world: &World,
    acme: &Tenant,
    connection: &str,
    line: &Redirect,
    place: impl Fn(usize, &str) -> String,
) -> Led {
    let last = format!("GET /hop{}", line.hops.len());
    let mut lines = vec!["GET /v1/things/1".to_owned()];
    for (number, hop) in line.hops.iter().enumerate() {
        let mut answer = Canned::bytes(hop.status, "");
        for (name, value) in &hop.headers {
            let value = if name.eq_ignore_ascii_case("location") { place(number + 1, value) } else { value.clone() };
            answer = answer.header(name, &value);
        }
        world.vendor.answers(&lines[number], answer);
        lines.push(format!("GET /hop{}", number + 1));
    }
    world.vendor.answers(&last, Canned::json(200, r#"{"end":true}"#));
    let before = world.vendor.seen().len();
    let answer = world.read(&acme.service, &format!("/call/{connection}/v1/things/1")).await;
    let seen = world.vendor.seen().split_off(before);
    lines.iter().for_each(|line| world.vendor.forget(line));
    Led { answer, seen }
}

/// Whether the run that the answer names is in the trail as what the answer says.
async fn is_recorded(world: &World, acme: &Tenant, led: &Led) -> bool {
    let Some(run) = led.answer.header("x-lockgate-run") else { return false };
    let told = world.ended(acme, run).await;
    let attempts = told["attempts"].as_array().map_or(0, Vec::len);
    let same = led.code().is_empty() || told["code"].as_str() == Some(led.code().as_str());
    attempts == led.seen.len() && same
}

/// A reference without scheme and host (RFC 3986 section 4.2): it leads to the vendor itself.
fn is_relative(reference: &str) -> bool {
    let first = reference.split(['/', '?', '#']).next().unwrap_or_default();
    !reference.starts_with("//") && !first.contains(':')
}

#[tokio::test]
async fn redirects_lead_nowhere_that_a_call_may_not_go() {
    let Some(text) = corpus("ssrf/redirects.jsonl") else { return };
    let (world, acme) = world().await;
    let hosts: Vec<String> = (1..9).map(|number| format!("hop{number}.hop.test")).collect();
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    world.connection_with(&acme, "pay", following(&hosts)).await;
    let port = world.vendor.address.port();
    // The set's own hosts speak plain HTTP; the ones here stand for them over TLS.
    let place = |number: usize, value: &str| match value {
        own if own.starts_with("http://first.test") => format!("https://{VENDOR_HOST}:{port}/hop{number}"),
        own if own.starts_with("http://hop") => format!("https://hop{number}.hop.test:{port}/hop{number}"),
        other => other.to_owned(),
    };
    let (mut counts, mut wrong, mut lines) = (BTreeMap::new(), Vec::new(), 0);
    for line in text.lines() {
        lines += 1;
        let line: Redirect = serde_json::from_str(line).expect("a line of the set");
        let led = lead(&world, &acme, "pay", &line, place).await;
        let (status, code) = (led.answer.status, led.code());
        let bears = |seen: &Seen| seen.header("authorization").is_some();
        let verdict = match line.expect.as_str() {
            "block" if is_relative(line.location()) => led.stayed(port),
            "block" => code.starts_with("egress.") && led.seen.len() <= line.hops.len(),
            "not-followed" => status == line.hops[0].status && led.seen.len() == 1,
            "pass" => status == 200 && led.answer.text().contains("end"),
            "pass-with-credentials" => status == 200 && led.seen.iter().all(bears),
            "pass-without-credentials" => status == 200 && led.seen.last().is_some_and(|last| !bears(last)),
            other => panic!("the set has a verdict that nobody judges: {other}"),
        };
        let fine = verdict && led.kept_the_credential(port) && is_recorded(&world, &acme, &led).await;
        *counts.entry((line.expect.clone(), fine)).or_insert(0) += 1;
        if !fine {
            wrong.push(format!("{} {}: {status} {code} after {} requests", line.expect, line.id, led.seen.len()));
        }
    }
    println!("redirects: {counts:?}");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(counts.values().sum::<usize>(), lines, "every line was judged");
    world.end().await;
}

#[tokio::test]
async fn with_the_credential_a_redirect_leads_only_where_its_caller_may_call() {
    let (world, acme) = world().await;
    let mut settings = following(&[]);
    let create = json!({ "method": "POST", "path": "/v1/things" });
    settings["endpoints"] = json!([endpoint("/v1/things/{id}"), endpoint("/v1/files/{name}"), create]);
    let connection = world.connection_with(&acme, "pay", settings).await;
    let declared = json!([{ "connection": connection, "method": "GET", "path": "/v1/things/{id}" }]);
    let body = json!({ "principal": acme.principal, "kind": "api-key", "endpoints": declared });
    let made = world.make(&acme.operator, "/v1/api-keys", body).await;
    let narrow = made["secret"].as_str().expect("a secret").to_owned();

    let mut sent = 0;
    for (key, location, passes) in [
        (&acme.service, "/v1/things/2", true),
        (&acme.service, "/v1/files/a", true),
        (&acme.service, "/v1/undeclared", false),
        (&acme.service, "/v1/things", false),
        (&narrow, "/v1/things/2", true),
        (&narrow, "/v1/files/a", false),
    ] {
        world.vendor.answers("GET /v1/things/1", Canned::bytes(302, "").header("location", location));
        world.vendor.answers(&format!("GET {location}"), Canned::json(200, r#"{"end":true}"#));
        let answer = world.read(key, "/call/pay/v1/things/1").await;
        world.vendor.forget("GET /v1/things/1");
        let told = if passes { (200, String::new()) } else { (502, "egress.redirect.endpoint".to_owned()) };
        let code = if answer.status == 200 { String::new() } else { answer.code() };
        assert_eq!((answer.status, code), told, "{location}");
        sent += if passes { 2 } else { 1 };
        assert_eq!(world.vendor.seen().len(), sent, "{location}");
    }
    world.end().await;
}

/// The host as it stands in a reference, whatever it is.
fn host_in(reference: &str) -> Option<&str> {
    let (_, rest) = reference.split_once("//")?;
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    let host = authority.rsplit('@').next()?;
    if host.starts_with('[') {
        return host.find(']').and_then(|end| host.get(..=end));
    }
    host.split(':').next().filter(|host| !host.is_empty())
}

#[tokio::test]
async fn a_host_that_is_listed_is_vetted_all_the_same() {
    let Some(text) = corpus("ssrf/redirects.jsonl") else { return };
    let (world, acme) = world().await;
    let port = world.vendor.address.port();
    let (mut connections, mut counts, mut wrong) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
    for line in text.lines() {
        let line: Redirect = serde_json::from_str(line).expect("a line of the set");
        let Some(host) = host_in(line.location()).filter(|_| line.expect == "block" && line.hops.len() == 1) else {
            continue;
        };
        for (name, addresses) in line.names() {
            world.names.say(&name, vec![addresses]);
        }
        let number = connections.len();
        if !connections.contains_key(host) {
            let mut settings = following(&[host]);
            settings["danger_private_networks"] = json!(["127.0.0.1/32"]);
            let made = world.try_connection(&acme, &format!("listed-{number}"), settings).await;
            connections.insert(host.to_owned(), made.ok().map(|_| format!("listed-{number}")));
        }
        // What cannot be listed is refused already; what was opened for the vendor is open.
        let Some(connection) = &connections[host] else { continue };
        let opened = host == "127.0.0.1" || line.names().iter().any(|(_, all)| all.iter().all(IpAddr::is_loopback));
        let led = lead(&world, &acme, connection, &line, |_, value| match value.strip_prefix("http://") {
            Some(rest) => format!("https://{rest}"),
            None => value.to_owned(),
        })
        .await;
        let code = led.code();
        let vetted = ["address", "host", "url", "redirect", "name"].iter();
        let vetted = vetted.map(|room| format!("egress.{room}.")).any(|room| code.starts_with(&room));
        let fine = (vetted || opened) && led.stayed(port) && led.kept_the_credential(port);
        *counts.entry((code.clone(), fine)).or_insert(0) += 1;
        if !fine {
            wrong.push(format!("{} {host}: {} {code}", line.id, led.answer.status));
        }
    }
    println!("redirects to listed hosts: {counts:?}");
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
    let (_, stranger) = world.service(&acme.operator, "reader", json!(["integration.connections.call:none"])).await;
    let (mut counts, mut wrong) = (BTreeMap::new(), Vec::new());
    for (place, line) in text.lines().enumerate() {
        let line: Scenario = serde_json::from_str(line).expect("a line of the set");
        world.names.say(&line.name, line.answers_per_query.clone());
        let mut outcomes = Vec::new();
        if let Some(name) = connection_to(&world, &acme, place, &line.name).await {
            let path = format!("/call/{name}/x");
            let turned_away = world.call(&stranger, "GET", &path, "X-DryRun: true\r\n", "").await.status;
            assert_eq!((turned_away, world.names.asked(&line.name)), (403, 0), "a look-up before authorization");
            for _ in 0..2 {
                // A dry run vets the destination as a call does and dials nobody.
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
            other => panic!("the set has a verdict that nobody judges: {other}"),
        };
        *counts.entry((line.expect.clone(), fine)).or_insert(0) += 1;
        if !fine {
            wrong.push(format!("{} {} {}: {outcomes:?}", line.expect, line.id, line.name));
        }
    }
    println!("dns_scenarios: {counts:?}");
    let trail = world.trail(&acme).await;
    let refused = trail.iter().filter(|entry| entry.to_string().contains("egress.address.")).count();
    assert!(refused > 0, "what was refused is in the trail");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    world.end().await;
}

#[tokio::test]
async fn a_name_that_leads_elsewhere_later_is_judged_anew() {
    let (world, acme) = world().await;
    let public: IpAddr = "93.184.216.34".parse().expect("an address");
    let name = "rebound.example";
    for (place, later) in ["169.254.169.254", "10.0.0.1", "::1", "::ffff:127.0.0.1"].into_iter().enumerate() {
        let host = format!("{place}.{name}");
        world.names.say(&host, vec![vec![public], vec![public, later.parse().expect("an address")]]);
        let connection = connection_to(&world, &acme, place, &host).await.expect("a public name");
        let path = format!("/call/{connection}/x");
        let dry = async || world.call(&acme.service, "GET", &path, "X-DryRun: true\r\n", "").await;
        assert_eq!(dry().await.status, 200);
        world.pass(Duration::from_secs(31)).await;
        let answer = dry().await;
        assert_eq!(answer.status, 403, "{later}: {}", answer.text());
        assert!(answer.code().starts_with("egress.address."), "{}", answer.code());
    }
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

/// Whether the value is what was sent, less parameters that are not passed on (`charset`).
fn is_part(value: &str, sent: &str) -> bool {
    value == sent
        || (sent.to_lowercase().contains("charset") && value.split([',', ';']).all(|piece| sent.contains(piece)))
}

#[tokio::test]
async fn no_line_is_injected_into_what_the_vendor_reads() {
    let Some(text) = corpus("ssrf/crlf.jsonl") else { return };
    let (world, acme) = world().await;
    world.connection_with(&acme, "pay", following(&[])).await;
    world.vendor.answers("*", Canned::json(200, "{}"));
    world.read(&acme.service, "/call/pay/v1/files/plain").await;
    let mut plain: Vec<String> = world.vendor.seen()[0].headers.iter().map(|(name, _)| name.to_lowercase()).collect();
    plain.push("accept".into());
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
            "path-or-param" => vec![
                get(format!("/call/pay/v1/files/{}", input.trim_start_matches('/')), String::new()),
                get(format!("/call/pay/v1/files/x?q={input}"), String::new()),
                get("/call/pay/v1/files/x".into(), format!("Accept: {input}\r\n")),
            ],
            other => panic!("the set has a kind that nobody judges: {other}"),
        };
        let mut fine = true;
        for request in requests {
            let before = world.vendor.seen().len();
            let answers = exchange(&world, request).await;
            let seen = world.vendor.seen().split_off(before);
            let clean = seen.iter().all(|seen| {
                let known = |(name, _): &(String, String)| plain.contains(&name.to_lowercase());
                seen.headers.iter().all(known) && seen.header("accept").is_none_or(|value| is_part(value, input))
            });
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
