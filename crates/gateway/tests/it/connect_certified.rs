//! A certified OpenID provider as the vendor: an account lives through connecting, calls, refreshes that rotate,
//! the vendor's taking it back, connecting anew, and disconnecting.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lockgate_testkit::{Canned, ManualClock};
use lockgate_vocabulary::{Clock as _, SystemClock};
use serde_json::{Value, json};

use crate::browser::{Browser, keep, location, query, written};
use crate::connect::{LINE, SUBJECT, called, finish, grant, open, shown};
use crate::issuer::{Realm, told};
use crate::world::{Tenant, VENDOR_HOST, World};

/// Who the provider says that signed in, by the token of the last call.
fn caller(world: &World) -> Value {
    let seen = world.vendor.seen();
    let sent = seen.iter().rev().find(|seen| seen.line() == LINE).expect("a call").all("authorization").join("");
    let claims = sent.trim_start_matches("Bearer ").split('.').nth(1).expect("a JWT");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).expect("base 64")).expect("JSON")
}

/// A connection to the provider's own client, and its redirect URI registered there.
async fn furnished(world: &World, acme: &Tenant, realm: &Realm, authorities: &str) {
    let url = &realm.url;
    let auth = json!({
        "placement": "oauth", "token_url": format!("{url}/token"), "revocation_url": format!("{url}/token/revocation"),
        "scope": "openid offline_access integration.connections.call", "resource": "https://gateway.test/api",
        "authorization": { "url": format!("{url}/auth"), "issuer": url },
    });
    let provider = json!({
        "name": "vendor-crm", "title": "Vendor", "auth": auth,
        "base_url": format!("https://{VENDOR_HOST}:{}", world.vendor.address.port()),
        "endpoints": [{ "method": "GET", "path": "/v1/things/{id}" }],
    });
    world.make(&acme.operator, "/v1/providers", provider).await;
    let spec = json!({ "trust_pem": authorities, "danger_private_networks": ["127.0.0.0/8"], "retries": 0 });
    let body = json!({ "name": "crm", "provider": "vendor-crm", "spec": spec });
    world.make(&acme.operator, "/v1/connections", body).await;
    let secret = format!("connector:{}", format_args!("{:x<43}", "connector"));
    let body = json!({ "name": "crm-client", "connection": "crm", "owner": "sales", "secret": secret });
    world.make(&acme.operator, "/v1/credentials", body).await;
    let uri = open(world, acme, "crm").await.redirect_uri;
    assert_eq!(realm.ask("POST", &format!("/redirect?uri={uri}"), "", "").await.status, 200);
}

/// Goes through the provider's pages as a person does, until it leads back to the gateway.
pub async fn signed_in(realm: &Realm, begin: &str, back: &str) -> String {
    let (mut cookies, mut at) = (BTreeMap::new(), begin.to_owned());
    for _ in 0..8 {
        if at.starts_with(back) {
            return at;
        }
        let path = at.strip_prefix(&realm.url).unwrap_or_else(|| panic!("it leads to {at}")).to_owned();
        let answer = realm.ask("GET", &path, &written(&cookies), "").await;
        keep(&mut cookies, &answer);
        at = location(&answer);
        if at.starts_with('/') {
            let origin = realm.url.split("/realm/").next().expect("an origin");
            at = format!("{origin}{at}");
        }
    }
    panic!("it goes in circles: {at}");
}

async fn connected(world: &World, acme: &Tenant, realm: &Realm) {
    let opened = open(world, acme, "crm").await;
    let mut browser = Browser::default();
    let begin = location(&browser.visit(world.door, &opened.url).await);
    let back = signed_in(realm, &begin, &opened.redirect_uri).await;
    assert!(query(&back).contains_key("iss"), "{back}");
    let led = location(&browser.visit(world.door, &back).await);
    let (status, done) = finish(world, acme, "crm", &led, SUBJECT).await;
    assert_eq!((status, &done["state"]), (200, &json!("done")), "{done}");
}

#[tokio::test]
async fn an_account_at_a_certified_provider_lives_through_all_of_it() {
    let Some((origin, authority)) = told() else { return };
    // The provider has the machine's clock, and its certificate is of today.
    let world = World::at(ManualClock::at(SystemClock::new().now()), "").await;
    let acme = world.tenant("acme").await;
    let realm = Realm::new(&origin, &authority);
    let authority = std::fs::read_to_string(authority).expect("the provider's authority");
    furnished(&world, &acme, &realm, &format!("{authority}\n{}", world.vendor.authority_pem)).await;
    world.vendor.answers(LINE, Canned::json(200, "{}"));

    connected(&world, &acme, &realm).await;
    assert_eq!(called(&world, &acme, "crm").await, (200, String::new()));
    let claims = caller(&world);
    assert_eq!((&claims["sub"], &claims["client_id"]), (&json!("alice"), &json!("connector")), "{claims}");
    // The provider takes each refresh token once, and ends all of them where one comes twice.
    for number in 2..=4 {
        world.pass(Duration::from_secs(300)).await;
        assert_eq!(called(&world, &acme, "crm").await, (200, String::new()));
        let told = grant(&world, &acme, "crm").await;
        assert_eq!((&told["state"], &told["number"]), (&json!("held"), &json!(number)), "{told}");
    }
    let asked = realm.ask("GET", "/asked", "", "").await.json();
    assert_eq!(asked["tokens"], 4, "one for the code, and three");

    // The client's secret is rotated: one that the provider does not take changes nothing, one that it takes is used.
    for (secret, status) in [("a guess".to_owned(), 409), (format!("{:x<43}", "connector"), 201)] {
        let body = json!({ "secret": format!("connector:{secret}") });
        let rotated = world.ask(&acme.operator, "POST", "/v1/credentials/crm-client/versions", Some(body)).await;
        assert_eq!(rotated.status, status, "{}", rotated.text());
        assert_eq!(called(&world, &acme, "crm").await, (200, String::new()));
    }
    world.pass(Duration::from_secs(300)).await;
    assert_eq!(called(&world, &acme, "crm").await, (200, String::new()));
    assert_eq!(grant(&world, &acme, "crm").await["number"], 5, "the grant is the same");

    // The person takes the consent back at the vendor.
    assert_eq!(realm.ask("POST", "/withdraw", "", "").await.status, 200);
    world.pass(Duration::from_secs(300)).await;
    assert_eq!(called(&world, &acme, "crm").await, (409, "vault.grant.ended".to_owned()));
    world.pass(Duration::from_secs(1)).await;
    assert_eq!(called(&world, &acme, "crm").await, (409, "access.connection.degraded".to_owned()));
    let told = shown(&world, &acme, "crm").await;
    assert!(told["reason"].as_str().is_some_and(|reason| reason.contains("vendor ended")), "{told}");

    connected(&world, &acme, &realm).await;
    assert_eq!(called(&world, &acme, "crm").await, (200, String::new()));
    let gone = world.ask(&acme.operator, "POST", "/v1/connections/crm/disconnect", None).await.json();
    let result = |token: &str| {
        let tokens = gone["tokens"].as_array().expect("tokens");
        tokens.iter().find(|each| each["token"] == token).expect("it was there")["result"].clone()
    };
    assert_eq!(result("refresh_token"), "revoked", "{gone}");
    // Its access tokens are signed and not looked up, and it says that it revokes none of them.
    assert_eq!(result("access_token"), "unsupported", "{gone}");
    assert_eq!(called(&world, &acme, "crm").await, (409, "access.connection.degraded".to_owned()));
    world.end().await;
}

#[tokio::test]
async fn a_code_that_was_asked_for_with_another_verifier_is_worth_nothing() {
    let Some((origin, authority)) = told() else { return };
    let world = World::at(ManualClock::at(SystemClock::new().now()), "").await;
    let acme = world.tenant("acme").await;
    let realm = Realm::new(&origin, &authority);
    let authority = std::fs::read_to_string(authority).expect("the provider's authority");
    furnished(&world, &acme, &realm, &format!("{authority}\n{}", world.vendor.authority_pem)).await;
    // Somebody's code of another session, put into an answer to one's own: the verifiers differ.
    let (own, others) = (open(&world, &acme, "crm").await, open(&world, &acme, "crm").await);
    let (mut browser, mut other) = (Browser::default(), Browser::default());
    let begin = location(&browser.visit(world.door, &own.url).await);
    let elsewhere = location(&other.visit(world.door, &others.url).await);
    let stolen = query(&signed_in(&realm, &elsewhere, &others.redirect_uri).await)["code"].clone();
    let back = signed_in(&realm, &begin, &own.redirect_uri).await;
    let swapped = back.replace(&query(&back)["code"], &stolen);
    let led = location(&browser.visit(world.door, &swapped).await);
    let (status, refused) = finish(&world, &acme, "crm", &led, SUBJECT).await;
    assert_eq!((status, &refused["code"]), (502, &json!("vault.token.refused")), "{refused}");
    assert_eq!(grant(&world, &acme, "crm").await["state"], "none");
    world.end().await;
}
