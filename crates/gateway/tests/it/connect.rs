//! A person connects an account at a vendor: begun in one browser, ended by who began it, renewed for as long as the
//! vendor lets it, and revoked there when it is disconnected.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lockgate_testkit::{Behaviour, Canned};
use serde_json::{Value, json};

use crate::browser::{Browser, DOOR, location, query};
use crate::world::{Tenant, VENDOR_HOST, World};

pub const TOKEN: &str = "POST /login/token";
pub const REVOKE: &str = "POST /login/revoke";
pub const LINE: &str = "GET /v1/things/1";
pub const ISSUER: &str = "https://login.vendor.test";
const CLIENT: &str = "gateway:canary-51b7 client secret";
const BACK: &str = "https://product.example/connected?tab=2";

/// What the connection's account is to be.
pub const SUBJECT: &str = "user-42";

/// The `auth` of a provider whose endpoints are the world's vendor.
pub fn auth(world: &World) -> Value {
    let at = |path: &str| format!("https://{VENDOR_HOST}:{}{path}", world.vendor.address.port());
    json!({
        "placement": "oauth", "token_url": at("/login/token"), "revocation_url": at("/login/revoke"),
        "scope": "things.read offline", "resource": "https://api.vendor.test/",
        "authorization": { "url": at("/login/auth"), "issuer": ISSUER, "parameters": { "access_type": "offline" } },
    })
}

/// A connection of a provider with this `auth`, and the client's credential. Its id.
pub async fn with_client(world: &World, acme: &Tenant, name: &str, auth: Value) -> String {
    let provider = json!({
        "name": format!("vendor-{name}"), "title": "Vendor", "auth": auth,
        "base_url": format!("https://{VENDOR_HOST}:{}", world.vendor.address.port()),
        "endpoints": [{ "method": "GET", "path": "/v1/things/{id}" }],
    });
    world.make(&acme.operator, "/v1/providers", provider).await;
    let spec = json!({
        "trust_pem": world.vendor.authority_pem, "danger_private_networks": ["127.0.0.0/8"], "retries": 0,
    });
    let body = json!({ "name": name, "provider": format!("vendor-{name}"), "spec": spec });
    let made = world.make(&acme.operator, "/v1/connections", body).await;
    let body = json!({ "name": format!("{name}-client"), "connection": name, "owner": "sales", "secret": CLIENT });
    world.make(&acme.operator, "/v1/credentials", body).await;
    made["connection"].as_str().expect("an id").to_owned()
}

/// A connect session, as it is opened: its id, its link, the redirect URI.
#[derive(Debug, Clone)]
pub struct Opened {
    pub session: String,
    pub url: String,
    pub redirect_uri: String,
}

pub async fn open(world: &World, acme: &Tenant, name: &str) -> Opened {
    let body = json!({ "subject": SUBJECT, "return_to": BACK });
    let made = world.make(&acme.operator, &format!("/v1/connections/{name}/connect"), body).await;
    let text = |member: &str| made[member].as_str().expect("a text").to_owned();
    Opened { session: text("session"), url: text("url"), redirect_uri: text("redirect_uri") }
}

/// Begins in this browser; the parameters of the authorization request.
pub async fn begin(world: &World, browser: &mut Browser, opened: &Opened) -> BTreeMap<String, String> {
    let answer = browser.visit(world.door, &opened.url).await;
    query(&location(&answer))
}

/// Comes back from the vendor with a code; where it leads.
pub async fn come_back(world: &World, browser: &mut Browser, redirect_uri: &str, state: &str) -> String {
    let url = format!("{redirect_uri}?code=canary-code-1&state={state}&iss={ISSUER}");
    location(&browser.visit(world.door, &url).await)
}

/// Ends the session with what the browser brought.
pub async fn finish(world: &World, acme: &Tenant, name: &str, led: &str, subject: &str) -> (u16, Value) {
    let brought = query(led);
    let body = json!({ "session": brought["session"], "subject": subject, "confirm": brought["confirm"] });
    let path = format!("/v1/connections/{name}/connect/finish");
    let answer = world.ask(&acme.operator, "POST", &path, Some(body)).await;
    (answer.status, answer.json())
}

/// Connects the account from the beginning to the end.
pub async fn connected(world: &World, acme: &Tenant, name: &str) {
    let opened = open(world, acme, name).await;
    let mut browser = Browser::default();
    let asked = begin(world, &mut browser, &opened).await;
    let led = come_back(world, &mut browser, &opened.redirect_uri, &asked["state"]).await;
    let (status, done) = finish(world, acme, name, &led, SUBJECT).await;
    assert_eq!((status, &done["state"]), (200, &json!("done")), "{done}");
}

/// An answer with tokens of this number, which live for so many seconds.
pub fn tokens(number: u32, seconds: u64) -> Canned {
    let body = json!({
        "access_token": format!("canary-access-{number}"), "refresh_token": format!("canary-refresh-{number}"),
        "token_type": "Bearer", "expires_in": seconds, "scope": "things.read",
    });
    Canned::json(200, &body.to_string())
}

/// One call; its status, and its code where it was refused.
pub async fn called(world: &World, acme: &Tenant, name: &str) -> (u16, String) {
    let answer = world.read(&acme.service, &format!("/call/{name}/v1/things/1")).await;
    (answer.status, if answer.status < 400 { String::new() } else { answer.code() })
}

/// The forms that were posted there, in their order.
pub fn forms(world: &World, line: &str) -> Vec<BTreeMap<String, String>> {
    let seen = world.vendor.seen().into_iter().filter(|seen| seen.line() == line);
    seen.map(|seen| query(&format!("?{}", String::from_utf8_lossy(&seen.body)))).collect()
}

pub async fn grant(world: &World, acme: &Tenant, name: &str) -> Value {
    let answer = world.ask(&acme.operator, "GET", &format!("/v1/connections/{name}/grant"), None).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

pub async fn shown(world: &World, acme: &Tenant, name: &str) -> Value {
    world.ask(&acme.operator, "GET", &format!("/v1/connections/{name}"), None).await.json()
}

#[tokio::test]
async fn an_account_lives_from_its_connecting_to_its_disconnecting() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let id = with_client(&world, &acme, "crm", auth(&world)).await;
    world.vendor.answers(LINE, Canned::json(200, "{}"));
    assert_eq!(called(&world, &acme, "crm").await, (409, "access.connection.pending".to_owned()));
    assert_eq!(grant(&world, &acme, "crm").await["state"], "none");

    let opened = open(&world, &acme, "crm").await;
    assert_eq!(opened.redirect_uri, format!("{DOOR}/oauth/callback/{id}"));
    let mut browser = Browser::default();
    let answer = browser.visit(world.door, &opened.url).await;
    let cookie = answer.header("set-cookie").expect("a cookie").to_owned();
    for wanted in ["__Host-connect-ses_", "; Path=/", "; Secure", "; HttpOnly", "; SameSite=Lax", "; Max-Age=600"] {
        assert!(cookie.contains(wanted), "{wanted}: {cookie}");
    }
    assert_eq!(
        (answer.header("referrer-policy"), answer.header("cache-control")),
        (Some("no-referrer"), Some("no-store"))
    );
    let led = location(&answer);
    let vendor = format!("https://{VENDOR_HOST}:{}/login/auth?", world.vendor.address.port());
    assert!(led.starts_with(&vendor), "{led}");
    let asked = query(&led);
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "gateway"),
        ("redirect_uri", &opened.redirect_uri),
        ("scope", "things.read offline"),
        ("resource", "https://api.vendor.test/"),
        ("code_challenge_method", "S256"),
        ("access_type", "offline"),
    ] {
        assert_eq!(asked[name], value, "{name}");
    }
    assert!(asked.keys().all(|name| !name.contains("secret")) && asked.len() == 9, "{asked:?}");
    // A browser that is reloaded goes the same way.
    assert_eq!(location(&browser.visit(world.door, &opened.url).await), led);

    let led = come_back(&world, &mut browser, &opened.redirect_uri, &asked["state"]).await;
    assert!(led.starts_with("https://product.example/connected?tab=2&session=ses_"), "{led}");
    assert_eq!(world.vendor.count(TOKEN), 0, "nothing is redeemed before it is known who came back");
    world.vendor.answers(TOKEN, tokens(1, 3_600));
    world.vendor.answers(TOKEN, tokens(2, 3_600));
    world.vendor.answers(TOKEN, tokens(3, 3_600));
    let (status, done) = finish(&world, &acme, "crm", &led, SUBJECT).await;
    assert_eq!((status, &done["state"]), (200, &json!("done")), "{done}");
    let redeemed = forms(&world, TOKEN).pop().expect("one form");
    let verifier = URL_SAFE_NO_PAD.encode(digest(&SHA256, redeemed["code_verifier"].as_bytes()));
    assert_eq!((redeemed["grant_type"].as_str(), &verifier), ("authorization_code", &asked["code_challenge"]));
    assert_eq!((redeemed["code"].as_str(), &redeemed["redirect_uri"]), ("canary-code-1", &opened.redirect_uri));
    let (status, again) = finish(&world, &acme, "crm", &led, SUBJECT).await;
    assert_eq!((status, &again["code"]), (409, &json!("vault.connect.over")), "it is ended once");

    assert_eq!(called(&world, &acme, "crm").await, (200, String::new()));
    let told = grant(&world, &acme, "crm").await;
    assert_eq!((&told["state"], &told["scope"], &told["number"]), (&json!("held"), &json!("things.read"), &json!(1)));
    // Each refresh takes the token that came with the one before.
    for number in [2, 3] {
        world.pass(Duration::from_secs(3_600)).await;
        assert_eq!(called(&world, &acme, "crm").await, (200, String::new()));
        let form = forms(&world, TOKEN).pop().expect("a form");
        assert_eq!(form["refresh_token"], format!("canary-refresh-{}", number - 1));
        assert!(form["grant_type"] == "refresh_token" && !form.contains_key("scope"), "{form:?}");
    }
    let seen = world.vendor.seen();
    let sent: Vec<_> = seen.iter().filter(|seen| seen.line() == LINE).map(|seen| seen.all("authorization")).collect();
    let bearer = |number| vec![format!("Bearer canary-access-{number}")];
    assert_eq!(sent, [bearer(1), bearer(2), bearer(3)]);

    world.vendor.answers(REVOKE, Canned::bytes(200, ""));
    let gone = world.ask(&acme.operator, "POST", "/v1/connections/crm/disconnect", None).await;
    let each = |token: &str| json!({ "token": token, "result": "revoked" });
    assert_eq!(gone.json()["tokens"], json!([each("refresh_token"), each("access_token")]), "{}", gone.text());
    let revoked: Vec<_> = forms(&world, REVOKE).iter().map(|form| form["token"].clone()).collect();
    assert_eq!(revoked, ["canary-refresh-3", "canary-access-3"]);
    assert_eq!(called(&world, &acme, "crm").await, (409, "access.connection.degraded".to_owned()));
    assert_eq!(grant(&world, &acme, "crm").await["state"], "none");
    assert_eq!(shown(&world, &acme, "crm").await["reason"], "its account was disconnected");

    world.running.rooms.relay.pass().await.expect("relayed");
    let trail = world.trail(&acme).await;
    let told: String = trail.iter().map(Value::to_string).collect();
    for deed in
        ["connection.connect.open", "connection.connect.begin", "connection.connect.return", "connection.disconnect"]
    {
        assert!(told.contains(deed), "{deed}");
    }
    assert!(!told.contains("canary") && !told.contains(SUBJECT), "nothing of it is in the trail");
    world.vendor.forget(TOKEN);
    world.vendor.answers(TOKEN, tokens(9, 3_600));
    connected(&world, &acme, "crm").await;
    assert_eq!(called(&world, &acme, "crm").await, (200, String::new()));
    let last = world.vendor.seen().pop().expect("a call");
    assert_eq!(last.all("authorization"), bearer(9), "the account that was connected anew");
    nothing_in_the_clear(&world);
    world.end().await;
}

/// Looks for tokens in every file.
fn nothing_in_the_clear(world: &World) {
    let mut folders = vec![world.folder().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = std::fs::read(&path).expect("a file");
            let found = bytes.windows(7).any(|window| window == b"canary-");
            assert!(!found, "a token in the clear in {}", path.display());
        }
    }
}

#[tokio::test]
async fn a_token_of_a_vendor_that_gives_none_to_renew_it_with_is_good_until_it_ends() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    with_client(&world, &acme, "crm", auth(&world)).await;
    world.vendor.answers(LINE, Canned::json(200, "{}"));
    let body = json!({ "access_token": "canary-access-1", "token_type": "bearer" });
    world.vendor.answers(TOKEN, Canned::json(200, &body.to_string()));
    connected(&world, &acme, "crm").await;
    world.pass(Duration::from_secs(60 * 86_400)).await;
    assert_eq!(called(&world, &acme, "crm").await, (200, String::new()));
    // What it says against the token is its own word, and changes nothing here.
    world.vendor.forget(LINE);
    world.vendor.answers(LINE, Canned::json(401, "{}"));
    assert_eq!(world.read(&acme.service, "/call/crm/v1/things/1").await.status, 401);
    assert_eq!((world.vendor.count(TOKEN), &grant(&world, &acme, "crm").await["state"]), (1, &json!("held")));

    let body = json!({ "access_token": "canary-access-2", "token_type": "bearer", "expires_in": 60 });
    world.vendor.forget(TOKEN);
    world.vendor.answers(TOKEN, Canned::json(200, &body.to_string()));
    connected(&world, &acme, "crm").await;
    world.pass(Duration::from_secs(61)).await;
    assert_eq!(called(&world, &acme, "crm").await, (409, "vault.grant.ended".to_owned()));
    world.pass(Duration::from_secs(1)).await;
    assert_eq!(called(&world, &acme, "crm").await, (409, "access.connection.degraded".to_owned()));
    assert_eq!(grant(&world, &acme, "crm").await["state"], "ended");
    world.end().await;
}

#[tokio::test]
async fn what_a_vendor_did_not_revoke_is_said_and_gone_here_all_the_same() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    with_client(&world, &acme, "crm", auth(&world)).await;
    world.vendor.answers(LINE, Canned::json(200, "{}"));
    world.vendor.answers(TOKEN, tokens(1, 3_600));
    let error = |name: &str| Behaviour::Answer(Canned::json(400, &json!({ "error": name }).to_string()));
    for (refresh, access, told) in [
        (Behaviour::Answer(Canned::bytes(503, "")), Behaviour::Hang, ["failed", "failed"]),
        (error("unsupported_token_type"), error("invalid_token"), ["unsupported", "already_invalid"]),
        (error("invalid_client"), Behaviour::Answer(Canned::bytes(200, "<html>")), ["failed", "revoked"]),
    ] {
        connected(&world, &acme, "crm").await;
        world.vendor.forget(REVOKE);
        world.vendor.on(REVOKE, refresh);
        world.vendor.on(REVOKE, access);
        let gone = world.ask(&acme.operator, "POST", "/v1/connections/crm/disconnect", None).await.json();
        let results: Vec<_> = gone["tokens"].as_array().expect("tokens").iter().map(|each| &each["result"]).collect();
        assert_eq!(results, told, "{gone}");
        assert_eq!(grant(&world, &acme, "crm").await["state"], "none");
    }
    let gone = world.ask(&acme.operator, "POST", "/v1/connections/crm/disconnect", None).await.json();
    assert_eq!(gone["tokens"], json!([]), "there is nothing left to revoke");
    world.running.rooms.relay.pass().await.expect("relayed");
    let trail = world.trail(&acme).await;
    let told = trail.iter().filter(|entry| entry.to_string().contains("connection.disconnect")).count();
    assert_eq!(told, 3);
    world.end().await;
}
