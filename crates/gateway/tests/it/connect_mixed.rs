//! Providers that share a vendor's endpoint and not the rest, links that are followed on and on, and connections that are
//! to run without anybody's account.

use lockgate_store::{Change, Statement, values};
use lockgate_testkit::Canned;
use lockgate_vocabulary::TenantId;
use serde_json::{Value, json};

use crate::browser::{Browser, location, query};
use crate::connect::{
    LINE, SUBJECT, TOKEN, auth, begin, called, come_back, connected, finish, forms, open, shown, tokens, with_client,
};
use crate::world::{Tenant, VENDOR_HOST, World};

/// A provider of this name whose `auth` is the usual one with these members in their place.
fn provider(world: &World, name: &str, (token_url, url): (&str, &str), several: bool) -> Value {
    let mut auth = auth(world);
    if !token_url.is_empty() {
        auth["token_url"] = json!(token_url);
        // Tokens are revoked where they are given.
        auth.as_object_mut().expect("an object").remove("revocation_url");
    }
    if !url.is_empty() {
        auth["authorization"] = json!({ "url": url });
    }
    if several {
        auth["authorization"]["danger_shared_endpoints"] = json!(true);
    }
    json!({
        "name": name, "title": "Vendor", "auth": auth,
        "base_url": format!("https://{VENDOR_HOST}:{}", world.vendor.address.port()),
        "endpoints": [{ "method": "GET", "path": "/v1/things/{id}" }],
    })
}

async fn written(world: &World, acme: &Tenant, method: &str, path: &str, provider: Value) -> (u16, String, String) {
    let answer = world.ask(&acme.operator, method, path, Some(provider)).await;
    let code = if answer.status < 400 { String::new() } else { answer.code() };
    (answer.status, code, answer.json()["detail"].as_str().unwrap_or_default().to_owned())
}

const EVIL: &str = "https://evil.test/token";
const EVIL_PAGE: &str = "https://evil.test/authorize";

#[tokio::test]
async fn a_provider_that_would_lead_a_code_to_another_vendor_is_refused() {
    let world = World::start().await;
    let (acme, globex) = (world.tenant("acme").await, world.tenant("globex").await);
    with_client(&world, &acme, "crm", auth(&world)).await;
    for (ends, what) in [((EVIL, ""), "the authorization endpoint"), (("", EVIL_PAGE), "the token endpoint")] {
        let made = written(&world, &acme, "POST", "/v1/providers", provider(&world, "evil", ends, false)).await;
        assert_eq!((made.0, made.1.as_str()), (409, "access.provider.mixed"), "{made:?}");
        assert!(made.2.contains("`vendor-crm`") && made.2.contains(what), "{}", made.2);
        // To say it in the new one alone does not speak for the one that is there.
        let made = written(&world, &acme, "POST", "/v1/providers", provider(&world, "evil", ends, true)).await;
        assert_eq!(made.1, "access.provider.mixed");
    }
    // What was sound does not become it by a change, and what is another tenant's is not compared.
    let sound = ("https://other.test/token", "https://other.test/authorize");
    let made = written(&world, &acme, "POST", "/v1/providers", provider(&world, "other", sound, false)).await;
    assert_eq!(made.0, 201, "{made:?}");
    let changed =
        written(&world, &acme, "PUT", "/v1/providers/other", provider(&world, "other", (EVIL, ""), false)).await;
    assert_eq!(changed.1, "access.provider.mixed");
    // Neither an odd path nor a name below the vendor's makes it another page, and a refresh token goes to nobody else.
    let port = world.vendor.address.port();
    for (path, token) in
        [("/login/../login/authorize", EVIL), ("//login/authorize", EVIL), ("/login/authorize;x", EVIL)]
    {
        let page = format!("https://{VENDOR_HOST}:{port}{path}");
        let made =
            written(&world, &acme, "POST", "/v1/providers", provider(&world, "odd", (token, &page), false)).await;
        assert_eq!((made.0, made.1.as_str()), (422, "access.input.invalid"), "{path}: {made:?}");
    }
    let below = format!("https://team.{VENDOR_HOST}:{port}/login/authorize");
    let made = written(&world, &acme, "POST", "/v1/providers", provider(&world, "odd", (EVIL, &below), false)).await;
    assert_eq!(made.1, "access.provider.mixed", "{made:?}");
    let mut revoking = provider(&world, "odd", ("", ""), false);
    revoking["auth"]["revocation_url"] = json!("https://evil.test/revoke");
    let made = written(&world, &acme, "POST", "/v1/providers", revoking).await;
    assert_eq!((made.0, made.1.as_str()), (422, "access.input.invalid"), "{made:?}");
    let made = written(&world, &globex, "POST", "/v1/providers", provider(&world, "evil", (EVIL, ""), false)).await;
    assert_eq!(made.0, 201, "{made:?}");
    // One that is retired shares nothing any more.
    let made = written(&world, &acme, "POST", "/v1/providers", provider(&world, "own", ("", ""), false)).await;
    assert_eq!(made.0, 201, "the same endpoints, all of them: {made:?}");
    assert_eq!(world.vendor.count(TOKEN), 0);
    world.end().await;
}

#[tokio::test]
async fn a_vendor_with_several_endpoints_is_let_be_where_both_say_so_and_that_is_recorded() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let eu = provider(&world, "eu", ("", EVIL_PAGE), true);
    with_client(&world, &acme, "crm", provider(&world, "us", ("", ""), true)["auth"].clone()).await;
    assert_eq!(written(&world, &acme, "POST", "/v1/providers", eu).await.0, 201);
    // The word is taken back only once what it allowed is gone.
    let plain = provider(&world, "vendor-crm", ("", ""), false);
    let changed = written(&world, &acme, "PUT", "/v1/providers/vendor-crm", plain).await;
    assert_eq!(changed.1, "access.provider.mixed");
    world.vendor.answers(TOKEN, tokens(1, 3_600));
    world.vendor.answers(LINE, Canned::json(200, "{}"));
    connected(&world, &acme, "crm").await;
    assert_eq!(called(&world, &acme, "crm").await, (200, String::new()));
    world.running.rooms.relay.pass().await.expect("relayed");
    let trail: String = world.trail(&acme).await.iter().map(Value::to_string).collect();
    assert!(trail.contains("danger_shared_endpoints") && trail.contains(EVIL_PAGE), "{trail}");
    world.end().await;
}

static WRITTEN: Statement = Statement::tenant(
    "test.provider_written",
    "UPDATE providers SET spec = $3, changed = (SELECT value FROM house WHERE name = 'epoch') \
     WHERE tenant = $1 AND name = $2",
);

/// Two that are written at the same moment do not see each other, nor did those of before the rule.
#[tokio::test]
async fn nobody_connects_an_account_while_two_providers_are_mixed() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    with_client(&world, &acme, "crm", auth(&world)).await;
    world.vendor.answers(TOKEN, tokens(1, 3_600));
    world.vendor.answers(LINE, Canned::json(200, "{}"));
    connected(&world, &acme, "crm").await;
    let sound = ("https://other.test/token", "https://other.test/authorize");
    assert_eq!(written(&world, &acme, "POST", "/v1/providers", provider(&world, "old", sound, false)).await.0, 201);
    let tenant: TenantId = acme.id.parse().expect("an id");
    let spec = provider(&world, "old", (EVIL, ""), false).to_string();
    let mixed = Change::of(tenant).raising_epoch().step(&WRITTEN, values!["old", spec]).expecting(1);
    world.running.rooms.store.apply(mixed).await.expect("written");
    world.running.rooms.access.refresh().await.expect("read");
    let body = json!({ "subject": SUBJECT, "return_to": "https://product.example/" });
    let refused = world.ask(&acme.operator, "POST", "/v1/connections/crm/connect", Some(body)).await;
    assert_eq!((refused.status, refused.code().as_str()), (409, "access.provider.mixed"), "{}", refused.text());
    // What was connected before goes on.
    assert_eq!(called(&world, &acme, "crm").await, (200, String::new()));
    put_right(&world, &acme).await;
    let gone = world.ask(&acme.operator, "DELETE", "/v1/providers/old", None).await;
    assert!(gone.status < 300, "{}", gone.text());
    open(&world, &acme, "crm").await;
    world.end().await;
}

/// Of two that are mixed, one after the other says that the vendor has several, and whatever else is changed may be.
async fn put_right(world: &World, acme: &Tenant) {
    let opened = async || {
        let body = json!({ "subject": SUBJECT, "return_to": "https://product.example/" });
        let opened = world.ask(&acme.operator, "POST", "/v1/connections/crm/connect", Some(body)).await;
        (opened.status, if opened.status < 400 { String::new() } else { opened.code() })
    };
    let changed = async |name: &str, ends: (&str, &str), several: bool| {
        let mut spec = provider(world, name, ends, several);
        spec["title"] = json!("Another title");
        let changed = written(world, acme, "PUT", &format!("/v1/providers/{name}"), spec).await;
        (changed.0, changed.1)
    };
    let (done, mixed) = ((200, String::new()), (409, "access.provider.mixed".to_owned()));
    assert_eq!(changed("old", (EVIL, ""), false).await, done);
    assert_eq!(changed("old", ("https://evil.test/other", ""), false).await, mixed, "that is another mixture");
    assert_eq!(changed("old", ("https://evil.test/other", ""), true).await, mixed);
    assert_eq!(opened().await, mixed);
    assert_eq!(changed("old", (EVIL, ""), true).await, done);
    assert_eq!(opened().await, mixed, "one does not speak for the other");
    assert_eq!(changed("old", (EVIL, ""), false).await, mixed, "the word is not taken back");
    assert_eq!(changed("vendor-crm", ("", ""), true).await, done);
    assert_eq!(opened().await.0, 201);
}

#[tokio::test]
async fn a_link_is_followed_a_number_of_times_and_no_more() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    with_client(&world, &acme, "crm", auth(&world)).await;
    world.vendor.answers(TOKEN, tokens(1, 3_600));
    let opened = open(&world, &acme, "crm").await;
    let mut browser = Browser::default();
    let asked = begin(&world, &mut browser, &opened).await;
    let mut led = 1;
    let refused = loop {
        let answer = browser.visit(world.door, &opened.url).await;
        if answer.status != 303 {
            break answer;
        }
        led += 1;
        assert!(led < 100, "somebody with a link asks without end");
    };
    assert_eq!((refused.status, refused.code().as_str(), led), (429, "vault.connect.paced", 33));
    // It began as a stranger, who has a number too, and a made-up cookie makes nobody another one.
    let mut stranger = Browser::default();
    let name = browser.cookies.keys().next().expect("a cookie").clone();
    for visit in 1..32 {
        stranger.cookies.insert(name.clone(), format!("made-up-{visit}.x"));
        assert_eq!(stranger.visit(world.door, &opened.url).await.code(), "vault.connect.browser");
    }
    assert_eq!(stranger.visit(world.door, &opened.url).await.code(), "vault.connect.paced");
    // Neither another session nor the way back is any the worse for it.
    let other = open(&world, &acme, "crm").await;
    begin(&world, &mut Browser::default(), &other).await;
    // Whoever saw the `state` keeps nobody from coming back.
    let callback = format!("{}?code=c&state={}", opened.redirect_uri, asked["state"]);
    for _ in 0..32 {
        assert_eq!(stranger.visit(world.door, &callback).await.code(), "vault.connect.browser");
    }
    assert_eq!(stranger.visit(world.door, &callback).await.code(), "vault.connect.paced");
    let brought = come_back(&world, &mut browser, &opened.redirect_uri, &asked["state"]).await;
    // The way back has its number too.
    for _ in 1..32 {
        let over = browser.visit(world.door, &callback).await;
        assert_eq!(query(&location(&over))["error"], "vault.connect.over");
    }
    let refused = browser.visit(world.door, &callback).await;
    assert_eq!((refused.status, refused.code().as_str()), (429, "vault.connect.paced"));
    let (status, done) = finish(&world, &acme, "crm", &brought, SUBJECT).await;
    assert_eq!((status, forms(&world, TOKEN).len()), (200, 1), "{done}");
    world.end().await;
}

#[tokio::test]
async fn a_connection_is_not_made_active_without_anybodys_account() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    with_client(&world, &acme, "crm", auth(&world)).await;
    let activated = async |name: &str| {
        let body = Some(json!({ "status": "active" }));
        let answer = world.ask(&acme.operator, "PATCH", &format!("/v1/connections/{name}"), body).await;
        (answer.status, if answer.status < 400 { String::new() } else { answer.code() })
    };
    let unconnected = (409, "access.connection.unconnected".to_owned());
    assert_eq!(activated("crm").await, unconnected);
    assert_eq!(shown(&world, &acme, "crm").await["status"], "pending");
    world.vendor.answers(TOKEN, tokens(1, 3_600));
    world.vendor.answers(LINE, Canned::json(200, "{}"));
    connected(&world, &acme, "crm").await;
    // One that an operator stopped runs again, since its account is connected.
    let stopped = Some(json!({ "status": "degraded", "reason": "a test" }));
    assert_eq!(world.ask(&acme.operator, "PATCH", "/v1/connections/crm", stopped).await.status, 200);
    assert_eq!(activated("crm").await, (200, String::new()));
    assert_eq!(called(&world, &acme, "crm").await, (200, String::new()));
    let gone = world.ask(&acme.operator, "POST", "/v1/connections/crm/disconnect", None).await;
    assert_eq!(gone.status, 200, "{}", gone.text());
    assert_eq!(activated("crm").await, unconnected, "once it is disconnected nobody's is");
    // A client's own account needs nobody.
    let mut own = auth(&world);
    own.as_object_mut().expect("an object").remove("authorization");
    with_client(&world, &acme, "own", own).await;
    assert_eq!(activated("own").await, (200, String::new()));
    world.end().await;
}
