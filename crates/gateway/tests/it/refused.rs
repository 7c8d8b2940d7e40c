//! Refusals of the door and of the operator's side that no well-behaved client ever sees.

use lockgate_testkit::Canned;
use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::world::World;

async fn said(address: std::net::SocketAddr, bytes: impl AsRef<[u8]>) -> Answer {
    let mut client = Client::connect(address).await;
    client.send(bytes).await;
    client.answer().await.expect("an answer")
}

#[tokio::test]
async fn each_way_to_break_http_has_its_code_and_ends_the_connection() {
    let world = World::start().await;
    let long = "a".repeat(9_000);
    let many = "x-a: 1\r\n".repeat(150);
    let large = format!("GET /healthz HTTP/1.1\r\nHost: gate\r\nx-a: {}\r\n\r\n", "b".repeat(40_000));
    for (bytes, status, code) in [
        (format!("GET /{long} HTTP/1.1\r\nHost: gate\r\n\r\n"), 414, "gateway.target.too_long"),
        (format!("GET /healthz HTTP/1.1\r\nHost: gate\r\n{many}\r\n"), 431, "gateway.head.too_large"),
        (large, 431, "gateway.head.too_large"),
        ("BREW /healthz HTTP/1.1\r\nHost: gate\r\n\r\n".to_owned(), 501, "gateway.method.unknown"),
        ("GET /healthz HTTP/2.0\r\nHost: gate\r\n\r\n".to_owned(), 505, "gateway.version.unsupported"),
        ("GET /healthz HTTP/1.1\nHost: gate\r\n\r\n".to_owned(), 400, "gateway.head.malformed"),
    ] {
        let mut client = Client::connect(world.door).await;
        client.send(&bytes).await;
        let answer = client.answer().await.expect("an answer");
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{}", &answer.text());
        assert!(client.answer().await.is_none(), "the connection is over");
    }
    assert!(world.vendor.seen().is_empty());
    world.end().await;
}

#[tokio::test]
async fn a_body_that_breaks_its_framing_or_is_too_large_reaches_nobody() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    world.connection(&acme, "pay").await;
    let head = format!("POST /call/pay/v1/things HTTP/1.1\r\nHost: gate\r\nX-Api-Key: {}\r\n", acme.service);
    let broken = said(world.door, format!("{head}Transfer-Encoding: chunked\r\n\r\nzz\r\n")).await;
    assert!([400].contains(&broken.status), "{}", broken.text());
    let endless = said(world.door, format!("{head}Content-Length: 999999999999\r\n\r\n")).await;
    assert_eq!(endless.status, 413, "{}", endless.text());
    assert!(world.vendor.seen().is_empty());
    world.end().await;
}

#[tokio::test]
async fn the_operators_side_names_what_is_wrong_with_a_request() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let key = &acme.operator;
    let post = |media: &str, body: &str| {
        format!(
            "POST /v1/principals HTTP/1.1\r\nHost: gate\r\nX-Api-Key: {key}\r\nContent-Type: {media}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: gate\r\nX-Api-Key: {key}\r\n\r\n");
    let patch = format!("PATCH /v1/runs HTTP/1.1\r\nHost: gate\r\nX-Api-Key: {key}\r\nContent-Length: 0\r\n\r\n");
    let oversized = format!("{{\"name\":\"{}\"}}", "n".repeat(1_100_000));
    for (bytes, status, code) in [
        (post("text/plain", "{}"), 415, "admin.body.media_type"),
        (post("application/json", "{\"name\":1,\"name\":2}"), 400, "admin.body.malformed"),
        (post("application/json", "{\"nmae\":\"x\"}"), 422, "admin.input.invalid"),
        (post("application/json", &oversized), 413, "admin.body.too_large"),
        (get("/v1/runs?outcome=maybe"), 400, "admin.query.invalid"),
        (get("/v1/runs?limit=1001"), 400, "admin.query.invalid"),
        (get("/v1/nowhere"), 404, "admin.path.unknown"),
        (patch.clone(), 405, "admin.method.not_allowed"),
    ] {
        let answer = said(world.admin, &bytes).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{}", answer.text());
        let trace = answer.json()["trace_id"].as_str().expect("a trace").to_owned();
        assert!(answer.header("traceparent").is_some_and(|told| told.contains(&trace)), "{answer:?}");
        assert_eq!(answer.header("allow").is_some(), status == 405, "{answer:?}");
    }
    let wrong = said(world.admin, patch).await;
    let allowed: Vec<&str> = wrong.header("allow").expect("which methods").split(',').map(str::trim).collect();
    assert!(allowed.contains(&"GET") && !allowed.contains(&"PATCH"), "{allowed:?}");
    let joined =
        "GET /v1/runs HTTP/1.1\r\nHost: gate\r\ntraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let listed = said(world.admin, format!("{joined}\r\nX-Api-Key: {key}\r\n\r\n")).await;
    let told = listed.header("traceparent").expect("the trace");
    assert!(listed.status == 200 && told.contains("4bf92f3577b34da6a3ce929d0e0e4736"), "{told}");
    world.end().await;
}

#[tokio::test]
async fn strangers_cannot_fill_the_trail() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    world.connection(&acme, "pay").await;
    world.vendor.answers("GET /v1/things/1", Canned::json(200, "{}"));
    let mut codes = Vec::new();
    for _ in 0..122 {
        codes.push(world.read("lgk_nobody", "/call/pay/v1/things/1").await);
    }
    let throttled = codes.split_off(120);
    assert!(codes.iter().all(|answer| answer.status == 401), "the first ones are refused and recorded");
    for answer in &throttled {
        assert_eq!((answer.status, answer.code().as_str()), (429, "gateway.stranger.throttled"));
        assert_eq!(answer.header("retry-after"), Some("60"));
    }
    assert_eq!(world.read(&acme.service, "/call/pay/v1/things/1").await.status, 200, "whoever is known is served");
    world.clock.advance(std::time::Duration::from_secs(61));
    settled(&world).await;
    assert_eq!(world.read("lgk_nobody", "/call/pay/v1/things/1").await.status, 401, "a minute later it starts anew");
    world.end().await;
}

#[tokio::test]
async fn a_fault_is_told_to_a_stranger_too_however_often_they_were_refused() {
    let world = World::start().await;
    for _ in 0..121 {
        world.read("lgk_nobody", "/call/pay/v1/things/1").await;
    }
    assert_eq!(world.read("lgk_nobody", "/call/pay/v1/things/1").await.code(), "gateway.stranger.throttled");
    world.running.rooms.store.clone().close().await.expect("closed");
    world.clock.advance(std::time::Duration::from_secs(3));
    let answer = world.read("lgk_nobody", "/call/pay/v1/things/1").await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "gateway.fault.unavailable"), "{}", answer.text());
}

#[tokio::test]
async fn strangers_cannot_fill_the_trail_from_the_operators_side_either() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    for _ in 0..120 {
        assert_eq!(world.ask("lgk_nobody", "GET", "/v1/runs", None).await.status, 401);
    }
    let throttled = world.ask("lgk_nobody", "GET", "/v1/runs", None).await;
    assert_eq!((throttled.status, throttled.code().as_str()), (429, "admin.stranger.throttled"));
    assert_eq!(throttled.header("retry-after"), Some("60"));
    assert_eq!(world.ask(&acme.operator, "GET", "/v1/runs", None).await.status, 200, "operators are served");
    world.end().await;
}

#[tokio::test]
async fn a_caller_who_is_refused_without_end_is_counted_and_one_record_says_so() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let (_, mute) = world.service(&acme.operator, "mute", json!(["audit.read"])).await;
    let mut last = None;
    for _ in 0..200 {
        let refused = world.read(&mute, "/call/pay/v1/things/1").await;
        assert_eq!(refused.status, 403, "{}", refused.text());
        last = Some(refused);
    }
    let last = last.expect("one");
    assert_eq!(last.header("retry-after"), Some("60"));
    assert!(last.header("x-ratelimit-limit").is_some());
    let code = last.code();
    let own = |trail: &[Value]| {
        trail.iter().filter(|entry| entry["facts"]["kind"] == "refused" || entry["kind"] == "refused").count()
    };
    assert_eq!(own(&world.trail(&acme).await), 120, "each has a record up to the bound");
    world.clock.advance(std::time::Duration::from_secs(61));
    settled(&world).await;
    let told = loop {
        let trail = world.trail(&acme).await;
        if let Some(entry) = trail.iter().find(|entry| entry.to_string().contains("refusals.counted")) {
            break entry.to_string();
        }
        tokio::task::yield_now().await;
    };
    assert!(told.contains("80") && told.contains(&code), "{told}");
    world.end().await;
}

#[tokio::test]
async fn who_is_refused_without_end_is_held_off_by_its_own_rate() {
    let world = World::with("[traffic]\ncaller_per_minute = 60\ncaller_burst = 20\n").await;
    let acme = world.tenant("acme").await;
    let (_, mute) = world.service(&acme.operator, "mute", json!(["audit.read"])).await;
    let held_off = |answer: &Answer| {
        assert_eq!((answer.status, answer.code().as_str()), (429, "traffic.rate.exceeded"), "{}", answer.text());
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert_eq!(answer.header("x-ratelimit-remaining"), Some("0"));
    };
    for number in 0..20 {
        let path = if number % 2 == 0 { "/call/pay/v1/things/1" } else { "/call/pay/v1/%2e%2e/x" };
        let refused = world.read(&mute, path).await;
        assert!([400, 403].contains(&refused.status), "{number}: {}", refused.text());
        let left = format!("{}", 19 - number);
        assert_eq!(refused.header("x-ratelimit-remaining"), Some(left.as_str()), "each is taken once");
    }
    for path in ["/call/pay/v1/things/1", "/call/pay/v1/%2e%2e/x", "/operations/none"] {
        held_off(&world.read(&mute, path).await);
    }
    held_off(&world.ask(&mute, "GET", "/v1/principals", None).await);
    world.end().await;
}

#[tokio::test]
async fn a_tenant_has_as_much_as_its_quotas_allow() {
    let quotas = "[access.quotas]\nproviders = 2\nprovider_bytes = 4000\nconnection_bytes = 5000\nconnections = 1\nprincipals = 3\n\
                  keys = 3\nissuers = 1\ncredentials = 1\n";
    let world = World::with(quotas).await;
    // An operator and a service, each with its key; a provider, a connection and its credential.
    let acme = world.tenant("acme").await;
    world.connection(&acme, "pay").await;
    let key = &acme.operator;
    let try_to = async |path: &str, body: Value| {
        let answer = world.ask(key, "POST", path, Some(body)).await;
        (answer.status, if answer.status < 400 { String::new() } else { answer.code() })
    };
    let full = (409, "access.quota.objects".to_owned());
    let made = (201, String::new());
    let principal = |name: &str| json!({ "name": name, "kind": "service", "scopes": ["audit.read"] });
    assert_eq!(try_to("/v1/principals", principal("third")).await, made);
    assert_eq!(try_to("/v1/principals", principal("fourth")).await, full);
    let of_third = json!({ "principal": "third", "kind": "api-key" });
    assert_eq!(try_to("/v1/api-keys", of_third.clone()).await, made);
    assert_eq!(try_to("/v1/api-keys", of_third).await, full);
    let connection = json!({ "name": "second", "provider": "vendor-pay", "spec": {} });
    assert_eq!(try_to("/v1/connections", connection).await, full);
    let provider = |name: &str, endpoints: usize| {
        let endpoints: Vec<Value> =
            (0..endpoints).map(|number| json!({ "method": "GET", "path": format!("/v1/{number}") })).collect();
        json!({
            "name": name, "title": "Vendor", "base_url": "https://api.vendor.test", "auth": { "placement": "bearer" },
            "endpoints": endpoints,
        })
    };
    assert_eq!(try_to("/v1/providers", provider("large", 200)).await, (409, "access.quota.bytes".to_owned()));
    let own = |endpoints: usize| json!({ "spec": { "endpoints": provider("own", endpoints)["endpoints"] } });
    let large = world.ask(key, "PATCH", "/v1/connections/pay", Some(own(200))).await;
    assert_eq!((large.status, large.code().as_str()), (409, "access.quota.bytes"));
    assert_eq!(world.ask(key, "PATCH", "/v1/connections/pay", Some(own(20))).await.status, 200);
    assert_eq!(try_to("/v1/providers", provider("small", 1)).await, made);
    assert_eq!(try_to("/v1/providers", provider("one-more", 1)).await, full);
    world.end().await;
}

#[tokio::test]
async fn declared_uses_of_principals_and_keys_have_a_size_together() {
    let world = World::with("[access.quotas]\nuse_bytes = 4000\n").await;
    let (acme, globex) = (world.tenant("acme").await, world.tenant("globex").await);
    let uses = |count: usize| -> Value {
        let uses = (0..count).map(
            |number| json!({ "connection": "pay", "method": "GET", "path": format!("/v1/things/{number:04}/{{id}}") }),
        );
        uses.collect()
    };
    let size = uses(1).to_string().len();
    assert!(size < 400, "{size}");
    let (few, many) = (2_500 / size, 4_500 / size);
    let principal = |name: &str, count: usize| json!({ "name": name, "kind": "service", "scopes": ["integration.connections.call"], "endpoints": uses(count) });
    let key = |count: usize| json!({ "principal": "first", "kind": "api-key", "endpoints": uses(count) });
    let ask = async |tenant: &crate::world::Tenant, method: &str, path: &str, body: Value| {
        let answer = world.ask(&tenant.operator, method, path, Some(body)).await;
        (answer.status, if answer.status < 400 { String::new() } else { answer.code() })
    };
    let full = (409, "access.quota.bytes".to_owned());
    let made = (201, String::new());
    assert_eq!(ask(&acme, "POST", "/v1/principals", principal("large", many)).await, full);
    assert_eq!(ask(&acme, "POST", "/v1/principals", principal("first", few)).await, made);
    assert_eq!(ask(&acme, "POST", "/v1/api-keys", key(few)).await, full, "keys count with principals");
    assert_eq!(ask(&acme, "POST", "/v1/principals", principal("second", few)).await, full);
    let change = json!({ "endpoints": uses(many) });
    assert_eq!(ask(&acme, "PATCH", "/v1/principals/first", change).await, full, "a change counts in place of what was");
    assert_eq!(ask(&acme, "PATCH", "/v1/principals/first", json!({ "endpoints": uses(few) })).await.0, 200);
    assert_eq!(ask(&acme, "POST", "/v1/api-keys", key(1)).await, made, "what fits is made");
    assert_eq!(ask(&acme, "POST", "/v1/api-keys", json!({ "principal": "first", "kind": "api-key" })).await, made);
    assert_eq!(ask(&acme, "PATCH", "/v1/principals/first", json!({ "endpoints": uses(1) })).await.0, 200);
    assert_eq!(ask(&acme, "POST", "/v1/api-keys", key(few)).await, made, "and so is what was made room for");
    assert_eq!(
        ask(&globex, "POST", "/v1/principals", principal("first", few)).await,
        made,
        "another tenant has its own"
    );
    world.end().await;
}

/// Waits until the node has confirmed the store's epoch after the clock was moved.
async fn settled(world: &World) {
    while world.read("", "/readyz").await.status != 200 {
        tokio::task::yield_now().await;
    }
}
