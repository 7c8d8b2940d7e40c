//! The whole surface: for each row of the table a request without a credential, one of a foreign tenant's,
//! and a wrong method; none of them reaches anybody, and what was refused is in a trail.

use lockgate_gateway::routes::{ROUTES, Serves};
use serde_json::json;

use crate::client::Client;
use crate::equal::served;
use crate::world::World;

fn path_of(row: &str) -> String {
    // What comes back from a vendor has a query, or it is no answer at all.
    row.replace("/callback/{connection}", "/callback/pay?code=c&state=s")
        .replace("{connection}", "pay")
        .replace("{session}", "ses_01hzzzzzzzzzzzzzzzzzzzzzzz")
        .replace("{path...}", "v1/things/1")
        .replace("{operation}", "op_01hzzzzzzzzzzzzzzzzzzzzzzz")
        .replace("{subscription}", "sub_01hzzzzzzzzzzzzzzzzzzzzzzz")
        .replace("{delivery}", "dlv_01hzzzzzzzzzzzzzzzzzzzzzzz")
}

async fn request(world: &World, head: String) -> crate::client::Answer {
    let mut client = Client::connect(world.door).await;
    client.send(head).await;
    client.answer().await.expect("an answer")
}

#[tokio::test]
async fn nothing_guarded_is_served_without_a_credential() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    world.connection(&acme, "pay").await;
    for row in ROUTES {
        let method = row.methods.split(", ").next().expect("a method");
        let typed = if method == "POST" { "Content-Type: application/x-www-form-urlencoded\r\n" } else { "" };
        let path = path_of(row.path);
        let answer =
            request(&world, format!("{method} {path} HTTP/1.1\r\nHost: gate\r\n{typed}Content-Length: 0\r\n\r\n"))
                .await;
        let refused = matches!(answer.status, 400 | 401);
        assert_eq!(refused, row.guarded, "{}: {} {}", row.path, answer.status, answer.text());
        assert!(answer.header("traceparent").is_some() || !row.guarded, "{}", row.path);
    }
    assert!(world.vendor.seen().is_empty());
    world.end().await;
}

#[tokio::test]
async fn no_administrative_write_is_done_where_a_dry_run_or_a_repetition_is_asked_for() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let body = json!({ "name": "other", "kind": "service", "scopes": [] }).to_string();
    let send = async |method: &str, path: &str, field: &str, body: &str| {
        let mut client = Client::connect(world.admin).await;
        client
            .send(format!(
                "{method} {path} HTTP/1.1\r\nHost: gate\r\nX-Api-Key: {}\r\n{field}Content-Type: application/json\r\n\
                 Content-Length: {}\r\n\r\n{body}",
                acme.operator,
                body.len()
            ))
            .await;
        client.answer().await.expect("an answer")
    };
    for (field, name) in [
        ("X-DryRun: true\r\n", "X-DryRun"),
        ("X-DryRun: yes\r\n", "X-DryRun"),
        ("X-DryRun:\r\n", "X-DryRun"),
        ("Idempotency-Key: k-1\r\n", "Idempotency-Key"),
    ] {
        let refused = send("POST", "/v1/principals", field, &body).await;
        assert_eq!((refused.status, refused.code().as_str()), (400, "admin.header.unsupported"), "{field}");
        assert_eq!(refused.json()["violations"][0]["pointer"], name);
        let path = format!("/v1/principals/{}", acme.principal);
        let refused = send("PATCH", &path, field, "{\"active\":false}").await;
        assert_eq!(refused.code(), "admin.header.unsupported", "{field}");
    }
    assert_eq!(send("GET", "/v1/principals", "X-DryRun: true\r\n", "").await.code(), "admin.header.unsupported");
    let listed = world.ask(&acme.operator, "GET", "/v1/principals", None).await.json();
    assert_eq!(listed["items"].as_array().expect("items").len(), 2, "nobody was made: {listed}");
    assert_eq!(send("GET", "/v1/principals", "Idempotency-Key: k-1\r\n", "").await.status, 200);
    assert_eq!(send("POST", "/v1/principals", "X-DryRun: false\r\n", &body).await.status, 201);
    world.end().await;
}

#[tokio::test]
async fn what_is_wrong_with_a_body_is_told_with_its_place() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let principal = json!({ "name": "x", "kind": "service", "scopes": [] });
    let with = |name: &str, value: serde_json::Value| {
        let mut body = principal.clone();
        body[name] = value;
        body
    };
    let mut without = principal.clone();
    without.as_object_mut().expect("an object").remove("kind");
    for (path, body, pointer) in [
        ("/v1/principals", with("kind", json!("robot")), "/kind"),
        ("/v1/principals", without, "/kind"),
        ("/v1/principals", with("addresses", json!(["10.0.0.0/8", "nowhere"])), "/addresses/1"),
        ("/v1/principals", with("addreses", json!([])), "/addreses"),
        // What is not written as a member's name is may be a secret, and is told at the object that has it.
        ("/v1/principals", with("sk_live_4eC39", json!(1)), ""),
        ("/v1/connections", json!({ "name": "c", "provider": "stripe", "spec": { "foo": 1 } }), "/spec/foo"),
        ("/v1/connections", json!({ "name": "c", "provider": 7 }), "/provider"),
    ] {
        let refused = world.ask(&acme.operator, "POST", path, Some(body)).await;
        assert_eq!((refused.status, refused.code().as_str()), (422, "admin.input.invalid"), "{}", refused.text());
        assert_eq!(refused.json()["violations"][0]["pointer"], pointer, "{}", refused.text());
    }
    world.end().await;
}

#[tokio::test]
async fn providers_are_listed_with_the_catalogues_page_by_page() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    world.connection(&acme, "pay").await;
    // What is made later comes later, whatever chance gives it beside the moment.
    world.pass(std::time::Duration::from_millis(1)).await;
    world.connection(&acme, "ship").await;
    let whole = world.ask(&acme.operator, "GET", "/v1/providers?limit=1000", None).await.json();
    let names = |page: &serde_json::Value| -> Vec<String> {
        let items = page["items"].as_array().expect("items").iter();
        items.map(|item| format!("{} {}", item["origin"], item["spec"]["name"])).collect()
    };
    let all = names(&whole);
    assert!(all.len() > 20 && all[0] == "\"own\" \"vendor-pay\"", "{all:?}");
    assert!(all.contains(&"\"catalog\" \"stripe\"".to_owned()), "{all:?}");
    for limit in [1, 2, 3, all.len()] {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/v1/providers?limit={limit}{cursor}");
            let page = world.ask(&acme.operator, "GET", &path, None).await.json();
            seen.extend(names(&page));
            let Some(next) = page["next"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(seen, all, "limit {limit}");
    }
    let other = world.ask(&acme.operator, "GET", "/v1/providers?cursor=nobody", None).await;
    assert_eq!(other.status, 400, "{}", other.text());
    world.end().await;
}

#[tokio::test]
async fn nothing_of_the_operators_side_is_served_without_a_credential() {
    let world = World::start().await;
    let (rows, before) = (served(), world.entries());
    for (method, path, bodied) in &rows {
        let path = path.replace("{id}", "conn_01hzzzzzzzzzzzzzzzzzzzzzzz");
        let body = if *bodied { "{}" } else { "" };
        let mut client = Client::connect(world.admin).await;
        client
            .send(format!(
                "{method} {path} HTTP/1.1\r\nHost: gate\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            ))
            .await;
        let answer = client.answer().await.expect("an answer");
        assert_eq!((answer.status, answer.code().as_str()), (401, "access.credential.missing"), "{method} {path}");
    }
    // The house's own trail is read by nobody over HTTP.
    let recorded = world.entries() - before;
    assert!(recorded == rows.len() as u64 && recorded > 30, "each is in the trail: {recorded}");
    world.end().await;
}

#[tokio::test]
async fn a_foreign_tenants_objects_are_not_there() {
    let world = World::start().await;
    let (acme, globex) = (world.tenant("acme").await, world.tenant("globex").await);
    world.connection(&acme, "pay").await;
    let of_tenants = [Serves::Call, Serves::Operation, Serves::Hook, Serves::Acknowledge];
    for row in ROUTES.iter().filter(|row| of_tenants.contains(&row.serves)) {
        let (path, method) = (path_of(row.path), row.methods.split(", ").next().expect("a method"));
        let answer = world.call(&globex.service, method, &path, "", "").await;
        assert_eq!(answer.status, 403, "{path}: {}", answer.text());
        assert!(!answer.text().contains("acme") && !answer.text().contains(&acme.id));
        if row.serves == Serves::Hook {
            // Nobody says there for whom they come, so it stands in the house's trail.
            continue;
        }
        let trail = world.trail(&globex).await;
        let recorded = trail.iter().any(|entry| entry.to_string().contains(&answer.code()));
        assert!(recorded, "{path}: the refusal is in the trail");
        let other = world.trail(&acme).await;
        assert!(
            other.iter().all(|entry| !entry.to_string().contains(&globex.id)),
            "nothing of it is in the other's trail"
        );
    }
    world.end().await;
}

#[tokio::test]
async fn a_wrong_method_and_a_path_that_is_not_served_are_told_apart() {
    let world = World::start().await;
    for row in ROUTES.iter().filter(|row| row.serves != Serves::Call) {
        let wrong = if row.methods.contains("POST") { "GET" } else { "POST" };
        let head = format!("{wrong} {} HTTP/1.1\r\nHost: gate\r\nContent-Length: 0\r\n\r\n", path_of(row.path));
        let answer = request(&world, head).await;
        assert_eq!((answer.status, answer.code().as_str()), (405, "gateway.method.not_allowed"), "{}", row.path);
        assert_eq!(answer.header("allow"), Some(row.methods));
    }
    for path in ["/", "/nope", "/call/pay", "/oauth", "/operations/", "/metrics", "/v1/tenants"] {
        let answer = request(&world, format!("GET {path} HTTP/1.1\r\nHost: gate\r\n\r\n")).await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "gateway.path.unknown"), "{path}");
    }
    world.end().await;
}

#[tokio::test]
async fn where_a_scrape_token_is_named_metrics_are_read_with_it_or_by_an_operator() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("scrape.token");
    std::fs::write(&file, "a-token-of-the-scraper\n").expect("written");
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("set");
    let world = World::with(&format!("[telemetry]\nscrape_token_file = \"{}\"\n", file.display())).await;
    let acme = world.tenant("acme").await;
    let (_, reader) = world.service(&acme.operator, "reader", json!(["audit.read"])).await;
    let scrape = async |field: String| {
        let mut client = Client::connect(world.admin).await;
        client.send(format!("GET /metrics HTTP/1.1\r\nHost: gate\r\n{field}\r\n")).await;
        client.answer().await.expect("an answer")
    };
    assert_eq!(scrape("Authorization: Bearer a-token-of-the-scraper\r\n".into()).await.status, 200);
    assert_eq!(scrape(format!("X-Api-Key: {reader}\r\n")).await.status, 200);
    let unscoped = scrape(format!("X-Api-Key: {}\r\n", acme.service)).await;
    assert_eq!((unscoped.status, unscoped.code().as_str()), (403, "access.scope.missing"));
    assert!(unscoped.header("x-ratelimit-remaining").is_some());
    for field in ["", "Authorization: Bearer another-token-of-nobody\r\n"] {
        let refused = scrape(field.into()).await;
        assert_eq!(refused.status, 401, "{}", refused.text());
        assert!(!refused.text().contains("lockgate_requests"));
    }
    world.end().await;
}

#[tokio::test]
async fn metrics_are_the_operators_and_tell_no_tenant() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    world.read(&acme.service, "/call/nope/x").await;
    let mut client = Client::connect(world.admin).await;
    client.send("GET /metrics HTTP/1.1\r\nHost: gate\r\n\r\n").await;
    let text = client.answer().await.expect("an answer").text();
    assert!(
        text.contains("lockgate_requests_total{route=\"/call/{connection}/{path...}\",status=\"4xx\"} 1"),
        "{text}"
    );
    assert!(!text.contains("acme") && !text.contains(&acme.id));
    world.end().await;
}
