//! `ANY /call/{connection}/{path...}`: the main job, and everything that refuses it.

use lockgate_testkit::{Behaviour, Canned, Vendor};
use serde_json::json;

use crate::world::{VENDOR_SECRET, World};

#[tokio::test]
async fn a_call_reaches_the_vendor_with_its_credential_and_without_the_callers() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    world.connection(&acme, "pay").await;
    world.vendor.answers("GET /v1/things/1", Canned::json(200, r#"{"id":1}"#).header("x-vendor", "yes"));

    let more = "X-Forwarded-For: 192.0.2.1\r\nCookie: a=b\r\nX-Lockgate-Session: ses_1\r\nAccept: application/json\r\n\
                traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n";
    let answer = world.call(&acme.service, "GET", "/call/pay/v1/things/1?a=b%20c", more, "").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.text(), r#"{"id":1}"#);
    assert_eq!(answer.header("x-vendor"), Some("yes"));
    assert!(answer.header("x-lockgate-run").is_some_and(|run| run.starts_with("run_")));
    assert!(answer.header("traceparent").is_some_and(|told| told.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-")));
    for name in ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"] {
        assert!(answer.header(name).is_some(), "{name} is missing: {:?}", answer.headers);
    }

    let seen = world.vendor.seen().pop().expect("it arrived");
    assert_eq!(seen.target, "/v1/things/1?a=b%20c");
    assert_eq!(seen.header("authorization"), Some(format!("Bearer {VENDOR_SECRET}").as_str()));
    for name in ["x-api-key", "x-forwarded-for", "cookie", "x-lockgate-session", "x-lockgate-run"] {
        assert!(seen.all(name).is_empty(), "{name} reached the vendor");
    }
    assert!(seen.all("traceparent").iter().all(|told| !told.contains("00f067aa0ba902b7")), "the caller's own span");
    assert!(!answer.text().contains(VENDOR_SECRET));
    world.end().await;
}

#[tokio::test]
async fn a_body_arrives_whole_however_it_was_framed() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    world.connection(&acme, "pay").await;
    world.vendor.answers("POST /v1/things", Canned::json(201, "{}"));
    let typed = "Content-Type: application/json\r\n";
    let answer = world.call(&acme.service, "POST", "/call/pay/v1/things", typed, r#"{"a":1}"#).await;
    assert_eq!(answer.status, 201, "{}", answer.text());

    let big = format!("{{\"a\":\"{}\"}}", "x".repeat(200_000));
    let answer = world.call(&acme.service, "POST", "/call/pay/v1/things", typed, &big).await;
    assert_eq!(answer.status, 201, "{}", answer.text());

    let mut client = crate::client::Client::connect(world.door).await;
    client.send(format!("POST /call/pay/v1/things HTTP/1.1\r\nHost: gate\r\nX-Api-Key: {}\r\n", acme.service)).await;
    client.send(format!("{typed}Transfer-Encoding: chunked\r\n\r\n3\r\n[1,\r\n2;x=y\r\n2]\r\n0\r\n\r\n")).await;
    assert_eq!(client.answer().await.expect("an answer").status, 201);
    let bodies: Vec<Vec<u8>> = world.vendor.seen().into_iter().map(|seen| seen.body).collect();
    assert_eq!(bodies, [br#"{"a":1}"#.to_vec(), big.into_bytes(), b"[1,2]".to_vec()]);
    world.end().await;
}

#[tokio::test]
async fn a_body_that_breaks_reaches_nobody() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    world.connection(&acme, "pay").await;
    world.vendor.answers("POST /v1/things", Canned::json(201, "{}"));
    let head = format!("POST /call/pay/v1/things HTTP/1.1\r\nHost: gate\r\nX-Api-Key: {}\r\n", acme.service);
    for rest in ["Transfer-Encoding: chunked\r\n\r\n3\r\nabcX", "Content-Length: 9\r\n\r\nabc"] {
        let mut client = crate::client::Client::connect(world.door).await;
        client.send(format!("{head}{rest}")).await;
        client.finish().await;
        let answers = client.answers().await;
        assert_eq!(answers.len(), 1, "{rest:?}");
        assert_eq!(answers[0].status, 400, "{rest:?}: {}", answers[0].text());
    }
    assert_eq!(world.vendor.count("POST /v1/things"), 0);
    world.end().await;
}

#[tokio::test]
async fn what_is_not_declared_is_refused_and_recorded() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    world.connection(&acme, "pay").await;
    for (method, path) in [("GET", "/call/pay/v1/other"), ("PUT", "/call/pay/v1/things/1"), ("GET", "/call/pay/")] {
        let answer = world.call(&acme.service, method, path, "", "").await;
        assert_eq!(answer.status, 403, "{method} {path}: {}", answer.text());
        assert!(answer.header("x-lockgate-run").is_some() && answer.header("x-ratelimit-limit").is_some());
    }
    assert!(world.vendor.seen().is_empty());
    let trail = world.trail(&acme).await;
    let refused = trail.iter().filter(|entry| entry.to_string().contains("\"call\"")).count();
    assert!(refused >= 3, "{trail:?}");
    world.end().await;
}

#[tokio::test]
async fn anothers_connection_and_one_that_is_not_there_are_equal() {
    let world = World::start().await;
    let (acme, globex) = (world.tenant("acme").await, world.tenant("globex").await);
    let foreign = world.connection(&acme, "pay").await;
    let by_name = world.read(&globex.service, "/call/pay/v1/things/1").await;
    let by_id = world.read(&globex.service, &format!("/call/{foreign}/v1/things/1")).await;
    let missing = world.read(&globex.service, "/call/nope/v1/things/1").await;
    let made_up = world.read(&globex.service, "/call/conn_01hzzzzzzzzzzzzzzzzzzzzzzz/v1/things/1").await;
    assert_eq!(missing.status, 403, "{}", missing.text());
    for other in [by_name, by_id, made_up] {
        assert_eq!(other.blanked(), missing.blanked());
    }
    assert!(world.vendor.seen().is_empty());
    world.end().await;
}

#[tokio::test]
async fn a_path_with_two_readings_is_refused() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    world.connection(&acme, "pay").await;
    for path in [
        "/v1/things/%2e%2e/x",
        "/v1/things/../x",
        "/v1//things/1",
        "/v1/things/a%2fb",
        "/v1/things/%00",
        "/v1/things/%ff",
    ] {
        let answer = world.read(&acme.service, &format!("/call/pay{path}")).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "access.path.ambiguous"), "{path}");
    }
    assert!(world.vendor.seen().is_empty());
    world.vendor.answers("GET /v1/things/caf%C3%A9", Canned::json(200, "{}"));
    let answer = world.read(&acme.service, "/call/pay/v1/things/caf\u{e9}").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(world.vendor.count("GET /v1/things/caf%C3%A9"), 1);
    world.end().await;
}

#[tokio::test]
async fn a_dry_run_sends_nothing_and_an_unclear_one_is_refused() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    world.connection(&acme, "pay").await;
    let dry = world.call(&acme.service, "POST", "/call/pay/v1/things", "X-DryRun: true\r\n", "").await;
    assert!(dry.status < 300, "{}", dry.text());
    let unclear = world.call(&acme.service, "POST", "/call/pay/v1/things", "X-DryRun: yes\r\n", "").await;
    assert_eq!((unclear.status, unclear.code().as_str()), (400, "gateway.header.invalid"));
    let long = format!("Idempotency-Key: {}\r\n", "k".repeat(256));
    for sent in ["Idempotency-Key: \r\n", "Idempotency-Key: a b\r\n", "Idempotency-Key: caf\u{e9}\r\n", &long] {
        let key = world.call(&acme.service, "POST", "/call/pay/v1/things", sent, "").await;
        assert_eq!((key.status, key.code().as_str()), (400, "egress.idempotency.key"), "{sent}");
    }
    let twice = "Idempotency-Key: a\r\nIdempotency-Key: b\r\n";
    let twice = world.call(&acme.service, "POST", "/call/pay/v1/things", twice, "").await;
    assert!(twice.status == 400, "{}", twice.text());
    assert_eq!(world.vendor.connections(), 0);
    world.end().await;
}

#[tokio::test]
async fn a_secret_arrives_as_it_is_whatever_json_makes_of_it() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    world.connection(&acme, "pay").await;
    world.vendor.answers("GET /v1/things/1", Canned::json(200, "{}"));
    let secret = r#"quo"te\back/slash"#;
    let anew = json!({ "secret": secret, "danger_unverified": true });
    world.make(&acme.operator, "/v1/credentials/pay-key/versions", anew).await;
    assert_eq!(world.read(&acme.service, "/call/pay/v1/things/1").await.status, 200);
    let seen = world.vendor.seen().pop().expect("it arrived");
    assert_eq!(seen.header("authorization"), Some(format!("Bearer {secret}").as_str()));
    for value in [json!(17), json!(null), json!(["a"])] {
        let body = json!({ "secret": value });
        let refused = world.ask(&acme.operator, "POST", "/v1/credentials/pay-key/versions", Some(body)).await;
        assert_eq!((refused.status, refused.code().as_str()), (422, "admin.input.invalid"), "{}", refused.text());
    }
    world.end().await;
}

#[tokio::test]
async fn plain_http_is_spoken_where_a_connection_says_so_and_costs_a_new_credential() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let vendor = Vendor::start_plain().await;
    vendor.answers("GET /v1/things/1", Canned::json(200, r#"{"plain":true}"#));
    let name = "erp.corp.test";
    let provider = json!({
        "name": "erp", "title": "ERP", "base_url": format!("https://{name}:{}", vendor.address.port()),
        "auth": { "placement": "bearer" }, "verify": { "path": "/v1/me" },
        "endpoints": [{ "method": "GET", "path": "/v1/things/{id}" }, { "method": "GET", "path": "/v1/me" }],
    });
    vendor.answers("GET /v1/me", Canned::json(200, "{}"));
    world.make(&acme.operator, "/v1/providers", provider).await;
    let spec = json!({ "danger_private_networks": ["127.0.0.0/8"], "retries": 0 });
    let body = json!({ "name": "erp", "provider": "erp", "spec": spec });
    let id =
        world.make(&acme.operator, "/v1/connections", body).await["connection"].as_str().expect("an id").to_owned();
    let credential =
        |name: &str| json!({ "name": name, "connection": "erp", "owner": "ops", "secret": "erp-secret-81c2" });
    world.make(&acme.operator, "/v1/credentials", credential("erp-key")).await;
    let alone = json!({ "spec": { "danger_plain_http": true } });
    let refused = world.ask(&acme.operator, "PATCH", &format!("/v1/connections/{id}"), Some(alone)).await;
    assert!(refused.status == 422 && refused.text().contains("/spec/danger_plain_http"), "{}", refused.text());
    let plain =
        json!({ "spec": { "danger_private_networks": ["127.0.0.0/8"], "danger_plain_http": true, "retries": 0 } });
    let changed = world.ask(&acme.operator, "PATCH", &format!("/v1/connections/{id}"), Some(plain)).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    let unlent = world.read(&acme.service, "/call/erp/v1/things/1").await;
    assert!(unlent.status >= 400 && vendor.seen().is_empty(), "the credential was given for TLS: {}", unlent.text());

    let anew = json!({ "secret": "erp-secret-81c2" });
    world.make(&acme.operator, "/v1/credentials/erp-key/versions", anew).await;
    let read = world.read(&acme.service, "/call/erp/v1/things/1").await;
    assert_eq!((read.status, read.text().as_str()), (200, r#"{"plain":true}"#));
    let seen = vendor.seen();
    assert_eq!(seen.iter().map(|seen| seen.line()).collect::<Vec<_>>(), ["GET /v1/me", "GET /v1/things/1"]);
    assert!(seen.iter().all(|seen| seen.header("authorization") == Some("Bearer erp-secret-81c2")));
    world.end().await;
}

#[tokio::test]
async fn a_vendor_that_repeats_its_credential_tells_the_caller_nothing() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    world.connection_with(&acme, "pay", json!({ "retries": 0 })).await;
    let sent = format!("Bearer {VENDOR_SECRET}");
    let masked = format!("Bearer {}", "*".repeat(VENDOR_SECRET.len()));
    let (front, back) = VENDOR_SECRET.split_at(7);
    let split = format!(
        "HTTP/1.1 200 OK\r\nX-Sent: {sent}\r\nTransfer-Encoding: chunked\r\n\r\n\
         e\r\nBearer {front}\r\n{:x}\r\n{back}\r\n0\r\n\r\n",
        back.len()
    );
    let answers = [
        (Behaviour::Answer(Canned::bytes(200, sent.clone()).header("x-sent", &sent)), 200, masked.as_str()),
        (Behaviour::Raw(split.into_bytes()), 200, masked.as_str()),
        (Behaviour::Answer(Canned::json(400, &json!({ "sent": sent }).to_string()).header("x-sent", &sent)), 400, ""),
        (Behaviour::Answer(Canned::bytes(404, sent.clone())), 404, ""),
        (Behaviour::Answer(Canned::json(500, &json!({ "code": VENDOR_SECRET }).to_string())), 502, ""),
    ];
    for (place, (behaviour, status, body)) in answers.into_iter().enumerate() {
        world.vendor.forget("GET /v1/things/1");
        world.vendor.on("GET /v1/things/1", behaviour);
        let answer = world.read(&acme.service, "/call/pay/v1/things/1").await;
        assert_eq!(answer.status, status, "case {place}: {}", answer.text());
        assert!(body.is_empty() || answer.text() == body, "case {place}: {}", answer.text());
        assert!(!format!("{:?}{}", answer.headers, answer.text()).contains(VENDOR_SECRET), "case {place}: {answer:?}");
        assert_eq!(answer.header("x-sent"), None);
    }
    world.vendor.answers("POST /v1/things", Canned::json(201, &json!({ "sent": sent }).to_string()));
    let keyed = "Content-Type: application/json\r\nIdempotency-Key: k-1\r\n";
    for replayed in [None, Some("true")] {
        let answer = world.call(&acme.service, "POST", "/call/pay/v1/things", keyed, "{}").await;
        assert_eq!((answer.status, answer.header("idempotent-replayed")), (201, replayed));
        assert_eq!(answer.text(), json!({ "sent": masked }).to_string());
    }
    let seen = world.vendor.seen();
    assert!(seen.len() == 6 && seen.iter().all(|seen| seen.header("authorization") == Some(sent.as_str())));
    world.end().await;
}
