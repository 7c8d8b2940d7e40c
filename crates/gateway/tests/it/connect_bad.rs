//! Whoever leads a person, a code or a token to where it does not belong: the attacks on gateways that connect accounts
//! for others (RFC 9700 and its update on cross-tool, cross-user and cross-tenant attacks), and vendors that answer
//! badly.

use std::time::Duration;

use lockgate_testkit::{Behaviour, Canned};
use serde_json::json;

use crate::browser::{Browser, DOOR, location, query};
use crate::connect::{
    ISSUER, LINE, SUBJECT, TOKEN, auth, begin, called, come_back, connected, finish, forms, grant, open, shown, tokens,
    with_client,
};
use crate::world::World;

/// The code of a refusal that a browser is shown.
async fn refused(world: &World, browser: &mut Browser, url: &str) -> (u16, String) {
    let answer = browser.visit(world.door, url).await;
    (answer.status, answer.code())
}

#[tokio::test]
async fn an_answer_is_taken_in_the_browser_that_began_alone() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    with_client(&world, &acme, "crm", auth(&world)).await;
    world.vendor.answers(TOKEN, tokens(1, 3_600));
    let opened = open(&world, &acme, "crm").await;
    let (mut own, mut other) = (Browser::default(), Browser::default());
    let asked = begin(&world, &mut own, &opened).await;
    let callback = format!("{}?code=c&state={}&iss={ISSUER}", opened.redirect_uri, asked["state"]);
    let browser = (403, "vault.connect.browser".to_owned());
    // A person who was sent the vendor's page, or the link, by somebody who began.
    assert_eq!(refused(&world, &mut other, &callback).await, browser);
    assert_eq!(refused(&world, &mut other, &opened.url).await, browser);
    other.cookies = own.cookies.keys().map(|name| (name.clone(), "a".repeat(43))).collect();
    assert_eq!(refused(&world, &mut other, &callback).await, browser);
    // Another session's cookie is not this one's.
    let second = open(&world, &acme, "crm").await;
    let mut there = Browser::default();
    begin(&world, &mut there, &second).await;
    assert_eq!(refused(&world, &mut there, &callback).await, browser);
    // None of it has done the one who began any harm.
    let led = come_back(&world, &mut own, &opened.redirect_uri, &asked["state"]).await;
    assert_eq!((finish(&world, &acme, "crm", &led, SUBJECT).await.0, world.vendor.count(TOKEN)), (200, 1));
    world.end().await;
}

#[tokio::test]
async fn an_answer_belongs_to_its_connection_its_issuer_and_its_moment() {
    let world = World::start().await;
    let (acme, globex) = (world.tenant("acme").await, world.tenant("globex").await);
    with_client(&world, &acme, "crm", auth(&world)).await;
    let other = with_client(&world, &acme, "mail", auth(&world)).await;
    let foreign = with_client(&world, &globex, "crm", auth(&world)).await;
    let issuer = |iss: &str| format!("&iss={iss}");
    for (at, iss, code) in [
        // Another connection's redirect URI, of the same tenant and of another one: the code would go to its vendor.
        (Some(&other), issuer(ISSUER), "vault.connect.context"),
        (Some(&foreign), issuer(ISSUER), "vault.connect.context"),
        (None, issuer("https://login.vendor.evil"), "vault.connect.issuer"),
        (None, issuer("https://login.vendor.test/"), "vault.connect.issuer"),
        (None, String::new(), "vault.connect.issuer"),
    ] {
        let opened = open(&world, &acme, "crm").await;
        let mut browser = Browser::default();
        let asked = begin(&world, &mut browser, &opened).await;
        let redirect_uri = at.map_or(opened.redirect_uri.clone(), |id| format!("{DOOR}/oauth/callback/{id}"));
        let url = format!("{redirect_uri}?code=c&state={}{iss}", asked["state"]);
        let led = query(&location(&browser.visit(world.door, &url).await));
        assert_eq!((led["error"].as_str(), &led["session"]), (code, &opened.session), "{at:?} {iss}");
        // It is over: what comes next changes nothing.
        let honest = format!("{}?code=c&state={}&iss={ISSUER}", opened.redirect_uri, asked["state"]);
        let led = query(&location(&browser.visit(world.door, &honest).await));
        assert_eq!(led["error"], "vault.connect.over");
        let path = format!("/v1/connections/crm/connect?session={}", opened.session);
        let told = world.ask(&acme.operator, "GET", &path, None).await.json();
        assert_eq!((&told["state"], &told["code"]), (&json!("failed"), &json!(code)));
    }
    // A vendor that names no issuer does not name itself all of a sudden.
    let mut silent = auth(&world);
    silent["authorization"].as_object_mut().expect("an object").remove("issuer");
    with_client(&world, &acme, "silent", silent).await;
    let opened = open(&world, &acme, "silent").await;
    let mut browser = Browser::default();
    let asked = begin(&world, &mut browser, &opened).await;
    let led = query(&come_back(&world, &mut browser, &opened.redirect_uri, &asked["state"]).await);
    assert_eq!(led["error"], "vault.connect.issuer");
    // Ten minutes are all that it has, on each way.
    let opened = open(&world, &acme, "crm").await;
    let later = open(&world, &acme, "crm").await;
    let mut browser = Browser::default();
    let asked = begin(&world, &mut browser, &opened).await;
    world.pass(Duration::from_secs(600)).await;
    let late = format!("{}?code=c&state={}&iss={ISSUER}", opened.redirect_uri, asked["state"]);
    let led = query(&location(&browser.visit(world.door, &late).await));
    assert_eq!(led["error"], "vault.connect.over", "who began is told where the session said");
    assert_eq!(refused(&world, &mut browser, &later.url).await, (409, "vault.connect.over".to_owned()));
    assert_eq!(world.vendor.count(TOKEN), 0, "no code has gone anywhere");
    world.end().await;
}

#[tokio::test]
async fn only_who_began_ends_it_and_for_nobody_else() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    with_client(&world, &acme, "crm", auth(&world)).await;
    world.vendor.answers(TOKEN, tokens(1, 3_600));
    let other = world
        .make(
            &acme.operator,
            "/v1/principals",
            json!({
                "name": "second", "kind": "operator", "scopes": ["integration.connections.write"],
            }),
        )
        .await;
    let body = json!({ "principal": other["principal"], "kind": "api-key" });
    let other = world.make(&acme.operator, "/v1/api-keys", body).await;
    let other = other["secret"].as_str().expect("a key").to_owned();
    for (key, subject, confirm) in [
        // Who led another person here sees that person, or somebody else has the confirmation, or none.
        (&acme.operator, "user-7", None),
        (&acme.operator, SUBJECT, Some("A".repeat(43))),
        (&acme.operator, SUBJECT, Some(String::new())),
        (&other, SUBJECT, None),
    ] {
        let opened = open(&world, &acme, "crm").await;
        let mut browser = Browser::default();
        let asked = begin(&world, &mut browser, &opened).await;
        let led = query(&come_back(&world, &mut browser, &opened.redirect_uri, &asked["state"]).await);
        let confirm = confirm.unwrap_or_else(|| led["confirm"].clone());
        let body = json!({ "session": opened.session, "subject": subject, "confirm": confirm });
        let path = "/v1/connections/crm/connect/finish";
        let refused = world.ask(key, "POST", path, Some(body)).await;
        assert_eq!((refused.status, refused.code().as_str()), (403, "vault.connect.finisher"), "{subject}");
        // What was granted is not redeemed by anybody any more.
        let body = json!({ "session": opened.session, "subject": SUBJECT, "confirm": led["confirm"] });
        let late = world.ask(&acme.operator, "POST", path, Some(body)).await;
        assert_eq!((late.status, late.code().as_str()), (409, "vault.connect.over"));
    }
    // Before anything came back nobody can end it, and whoever may not connect cannot open one.
    let opened = open(&world, &acme, "crm").await;
    let body = json!({ "session": opened.session, "subject": SUBJECT, "confirm": "" });
    let early = world.ask(&acme.operator, "POST", "/v1/connections/crm/connect/finish", Some(body)).await;
    assert_eq!((early.status, early.code().as_str()), (403, "vault.connect.finisher"));
    let body = json!({ "subject": SUBJECT, "return_to": "https://product.example/" });
    let service = world.ask(&acme.service, "POST", "/v1/connections/crm/connect", Some(body)).await;
    assert_eq!((service.status, service.code().as_str()), (403, "access.scope.missing"), "{}", service.text());
    assert_eq!((world.vendor.count(TOKEN), &grant(&world, &acme, "crm").await["state"]), (0, &json!("none")));
    world.end().await;
}

#[tokio::test]
async fn what_is_put_together_or_makes_no_sense_is_refused_by_name() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let id = with_client(&world, &acme, "crm", auth(&world)).await;
    let opened = open(&world, &acme, "crm").await;
    let mut browser = Browser::default();
    let asked = begin(&world, &mut browser, &opened).await;
    let (state, session) = (&asked["state"], &opened.session);
    let link = opened.url.strip_prefix(&format!("{DOOR}/connect/")).expect("a link").to_owned();
    let at = |query: &str| format!("/oauth/callback/{id}?{query}");
    let unknown = (403, "vault.connect.unknown".to_owned());
    for url in [
        format!("/connect/{session}"),
        format!("/connect/{session}.{}", "A".repeat(43)),
        format!("/connect/{link}A"),
        format!("/connect/{}", state),
        format!("/connect/{}", link.to_uppercase()),
        at(&format!("code=c&state={link}")),
        at(&format!("code=c&state={session}.{}", "A".repeat(43))),
        at("code=c&state="),
        // One that is sound, of a session that is not there.
        at(&format!("code=c&state=ses_01hzzzzzzzzzzzzzzzzzzzzzzz.{}", "A".repeat(43))),
    ] {
        assert_eq!(refused(&world, &mut browser, &url).await, unknown, "{url}");
    }
    for query in [
        String::new(),
        format!("code=c&state={state}&state={state}"),
        format!("code=c&code=c&state={state}"),
        format!("code=c&state={state}&iss={ISSUER}&iss={ISSUER}"),
        format!("code=c&error=access_denied&state={state}"),
        format!("state={state}"),
        "code=c".to_owned(),
        format!("code=&state={state}"),
        format!("code=%00&state={state}"),
        format!("code=%c3%28&state={state}"),
        format!("code={}&state={state}", "c".repeat(5_000)),
    ] {
        let answer = refused(&world, &mut browser, &at(&query)).await;
        assert_eq!(answer, (400, "vault.connect.answer".to_owned()), "{query}");
    }
    // A person who declines is told where the session said, and nothing of the vendor's words goes along.
    let denied = at(&format!("error=access_denied&error_description=%3Cb%3E&state={state}&iss={ISSUER}"));
    let led = location(&browser.visit(world.door, &denied).await);
    assert_eq!(query(&led)["error"], "vault.connect.denied");
    assert!(!led.contains("%3C") && !led.contains('<'), "{led}");

    let asks = [
        (json!({ "subject": "", "return_to": "https://a.example/" }), "/subject"),
        (json!({ "subject": "x".repeat(201), "return_to": "https://a.example/" }), "/subject"),
        (json!({ "subject": "a\nb", "return_to": "https://a.example/" }), "/subject"),
        (json!({ "subject": "a", "return_to": "http://a.example/" }), "/return_to"),
        (json!({ "subject": "a", "return_to": "https://user@a.example/" }), "/return_to"),
        (json!({ "subject": "a", "return_to": "https://a.example/#x" }), "/return_to"),
        (json!({ "subject": "a", "return_to": "javascript:alert(1)" }), "/return_to"),
        (json!({ "subject": "a", "return_to": "//a.example/" }), "/return_to"),
    ];
    for (body, pointer) in asks {
        let refused = world.ask(&acme.operator, "POST", "/v1/connections/crm/connect", Some(body.clone())).await;
        assert_eq!((refused.status, &refused.json()["violations"][0]["pointer"]), (422, &json!(pointer)), "{body}");
    }
    let loopback = json!({ "subject": "a", "return_to": "http://127.0.0.1:7777/done" });
    world.make(&acme.operator, "/v1/connections/crm/connect", loopback).await;
    // A connection that nobody has to connect, and one whose client is not there yet.
    world.connection(&acme, "pay").await;
    let body = json!({ "subject": "a", "return_to": "https://a.example/" });
    let none = world.ask(&acme.operator, "POST", "/v1/connections/pay/connect", Some(body.clone())).await;
    assert_eq!((none.status, none.code().as_str()), (409, "vault.connect.unsupported"));
    let spec = json!({ "trust_pem": world.vendor.authority_pem, "danger_private_networks": ["127.0.0.0/8"] });
    let bare = json!({ "name": "bare", "provider": "vendor-crm", "spec": spec });
    world.make(&acme.operator, "/v1/connections", bare).await;
    let none = world.ask(&acme.operator, "POST", "/v1/connections/bare/connect", Some(body)).await;
    assert_eq!((none.status, none.code().as_str()), (409, "vault.credential.absent"));
    world.end().await;
}

#[tokio::test]
async fn a_connection_that_is_pointed_elsewhere_takes_neither_code_nor_token_along() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    with_client(&world, &acme, "crm", auth(&world)).await;
    world.vendor.answers(LINE, Canned::json(200, "{}"));
    world.vendor.answers(TOKEN, tokens(1, 60));
    let point = async |token: &str| {
        let mut auth = auth(&world);
        let url = auth["token_url"].as_str().expect("a URL").replace("/login/token", token);
        auth["token_url"] = json!(url);
        let spec = json!({
            "name": "vendor-crm", "title": "Vendor", "auth": auth,
            "base_url": format!("https://{}:{}", crate::world::VENDOR_HOST, world.vendor.address.port()),
            "endpoints": [{ "method": "GET", "path": "/v1/things/{id}" }],
        });
        let changed = world.ask(&acme.operator, "PUT", "/v1/providers/vendor-crm", Some(spec)).await;
        assert_eq!(changed.status, 200, "{}", changed.text());
    };
    // A client's secret is tried at the endpoint that it is for, with a refresh token that nobody has.
    let client = async |next: Canned| {
        for line in [TOKEN, "POST /evil/token"] {
            world.vendor.forget(line);
            world.vendor.answers(line, Canned::json(400, r#"{"error":"invalid_grant"}"#));
        }
        let body = json!({ "secret": "gateway:another secret" });
        let rotated = world.ask(&acme.operator, "POST", "/v1/credentials/crm-client/versions", Some(body)).await;
        assert_eq!(rotated.status, 201, "{}", rotated.text());
        world.vendor.forget(TOKEN);
        world.vendor.answers(TOKEN, next);
    };
    // While a person is on the way.
    let opened = open(&world, &acme, "crm").await;
    let mut browser = Browser::default();
    let asked = begin(&world, &mut browser, &opened).await;
    point("/evil/token").await;
    client(tokens(1, 60)).await;
    let led = query(&come_back(&world, &mut browser, &opened.redirect_uri, &asked["state"]).await);
    assert_eq!(led["error"], "vault.connect.over");
    // And with tokens that were had before.
    point("/login/token").await;
    client(tokens(1, 60)).await;
    connected(&world, &acme, "crm").await;
    assert_eq!(called(&world, &acme, "crm").await, (200, String::new()));
    point("/evil/token").await;
    client(tokens(1, 60)).await;
    world.pass(Duration::from_secs(60)).await;
    assert_eq!(called(&world, &acme, "crm").await, (409, "vault.grant.absent".to_owned()));
    for form in forms(&world, "POST /evil/token") {
        assert_eq!(form["refresh_token"], "lockgate-asks-whether-it-is-known");
    }
    // Where it leads as before, what was granted is good again: a client's secret may change meanwhile.
    point("/login/token").await;
    client(tokens(2, 60)).await;
    world.pass(Duration::from_secs(1)).await;
    assert_eq!(called(&world, &acme, "crm").await, (200, String::new()));
    world.end().await;
}

#[tokio::test]
async fn what_a_vendor_answers_to_a_code_is_tokens_or_the_session_is_over() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    with_client(&world, &acme, "crm", auth(&world)).await;
    for (behaviour, status, code) in [
        (Behaviour::Answer(Canned::bytes(200, "<html>sign in</html>")), 502, "vault.token.malformed"),
        (Behaviour::Answer(Canned::json(200, r#"{"error":"invalid_grant"}"#)), 502, "vault.token.refused"),
        (Behaviour::Answer(Canned::json(400, r#"{"error":"invalid_grant"}"#)), 502, "vault.token.refused"),
        (Behaviour::Answer(Canned::json(503, "{}")), 503, "vault.connect.unredeemed"),
        (
            Behaviour::Answer(Canned::json(302, "").header("location", "https://evil.example/")),
            503,
            "vault.connect.unredeemed",
        ),
        (Behaviour::Hang, 503, "vault.connect.unredeemed"),
    ] {
        world.vendor.forget(TOKEN);
        world.vendor.on(TOKEN, behaviour);
        let opened = open(&world, &acme, "crm").await;
        let mut browser = Browser::default();
        let asked = begin(&world, &mut browser, &opened).await;
        let led = come_back(&world, &mut browser, &opened.redirect_uri, &asked["state"]).await;
        let before = world.vendor.count(TOKEN);
        let (refused, body) = finish(&world, &acme, "crm", &led, SUBJECT).await;
        assert_eq!((refused, &body["code"]), (status, &json!(code)), "{body}");
        let (again, body) = finish(&world, &acme, "crm", &led, SUBJECT).await;
        assert_eq!((again, &body["code"]), (409, &json!("vault.connect.over")), "a code is redeemed once");
        assert_eq!(
            (world.vendor.count(TOKEN) - before, &grant(&world, &acme, "crm").await["state"]),
            (1, &json!("none"))
        );
    }
    world.end().await;
}

#[tokio::test]
async fn a_refresh_whose_answer_was_lost_shows_and_is_repeated_by_its_rest_until_the_vendor_says() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    with_client(&world, &acme, "crm", auth(&world)).await;
    world.vendor.answers(LINE, Canned::json(200, "{}"));
    world.vendor.answers(TOKEN, tokens(1, 60));
    connected(&world, &acme, "crm").await;
    // The vendor had given the next tokens, and gives them again to who asks again soon.
    world.vendor.forget(TOKEN);
    world.vendor.on(TOKEN, Behaviour::Hang);
    world.pass(Duration::from_secs(60)).await;
    assert_eq!(called(&world, &acme, "crm").await, (503, "vault.grant.unknown".to_owned()));
    let told = grant(&world, &acme, "crm").await;
    assert!(told["state"] == "unknown" && told["unknown_since"].is_string(), "{told}");
    // Whoever asks in between asks nobody.
    let asked = world.vendor.count(TOKEN);
    assert_eq!(called(&world, &acme, "crm").await, (503, "vault.grant.unknown".to_owned()));
    assert_eq!(world.vendor.count(TOKEN), asked);
    world.vendor.forget(TOKEN);
    world.vendor.answers(TOKEN, tokens(2, 60));
    world.pass(Duration::from_secs(1)).await;
    assert_eq!(called(&world, &acme, "crm").await, (200, String::new()));
    assert_eq!(grant(&world, &acme, "crm").await["state"], "held");
    let form = forms(&world, TOKEN).pop().expect("a form");
    assert_eq!(form["refresh_token"], "canary-refresh-1", "the one that may not have been used");

    // What is away, or says that it cannot now, ends nothing.
    for behaviour in
        [Behaviour::Answer(Canned::json(500, "{}")), Behaviour::Answer(Canned::json(429, "{}")), Behaviour::Hang]
    {
        world.vendor.forget(TOKEN);
        world.vendor.on(TOKEN, behaviour);
        world.pass(Duration::from_secs(120)).await;
        assert_eq!(called(&world, &acme, "crm").await.0, 503);
        assert_eq!(shown(&world, &acme, "crm").await["status"], "active");
    }
    // Then it knows the token no more: a person has to connect the account again.
    world.vendor.forget(TOKEN);
    world.vendor.answers(TOKEN, Canned::json(400, r#"{"error":"invalid_grant"}"#));
    world.pass(Duration::from_secs(120)).await;
    assert_eq!(called(&world, &acme, "crm").await, (409, "vault.grant.ended".to_owned()));
    world.pass(Duration::from_secs(1)).await;
    assert_eq!(called(&world, &acme, "crm").await, (409, "access.connection.degraded".to_owned()));
    let told = shown(&world, &acme, "crm").await;
    assert!(told["reason"].as_str().is_some_and(|reason| reason.contains("was lost")), "{told}");
    world.running.rooms.relay.pass().await.expect("relayed");
    let events = world.ask(&acme.operator, "GET", "/v1/events?limit=100", None).await.json();
    let degraded = events["items"].as_array().expect("items").iter();
    assert!(degraded.clone().any(|event| event["type"] == "IntegrationConnectionDegraded"), "{events}");
    let asked = world.vendor.count(TOKEN);
    called(&world, &acme, "crm").await;
    assert_eq!(world.vendor.count(TOKEN), asked, "nothing is asked with what has ended");

    world.vendor.forget(TOKEN);
    world.vendor.answers(TOKEN, tokens(5, 3_600));
    connected(&world, &acme, "crm").await;
    assert_eq!(called(&world, &acme, "crm").await, (200, String::new()));
    world.end().await;
}

#[tokio::test]
async fn a_tenant_has_a_bounded_number_of_sessions_under_way() {
    let world = World::with("[traffic]\ncaller_per_minute = 100000\n").await;
    let acme = world.tenant("acme").await;
    with_client(&world, &acme, "crm", auth(&world)).await;
    let body = json!({ "subject": SUBJECT, "return_to": "https://product.example/" });
    let mut made = 0;
    let refused = loop {
        let answer = world.ask(&acme.operator, "POST", "/v1/connections/crm/connect", Some(body.clone())).await;
        match (answer.status, answer.json()["code"].as_str().unwrap_or_default()) {
            (201, _) => made += 1,
            (429, "vault.connect.full") => break answer,
            // The operator has a rate as well.
            (429, _) => world.pass(Duration::from_millis(100)).await,
            _ => panic!("{}", answer.text()),
        }
    };
    assert_eq!((made, refused.header("retry-after")), (1_000, Some("60")));
    world.pass(Duration::from_secs(600)).await;
    assert_eq!(world.ask(&acme.operator, "POST", "/v1/connections/crm/connect", Some(body)).await.status, 201);
    world.end().await;
}
