//! A client proves itself at a certified provider: by a key that signs, by a certificate, and with tokens that are
//! bound to a key of the gateway's (DPoP).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use lockgate_testkit::{Canned, ManualClock};
use lockgate_vocabulary::{Clock as _, SystemClock};
use rcgen::{Certificate, CertificateParams, KeyPair, PublicKeyData as _};
use serde_json::{Value, json};

use crate::browser::{Browser, location};
use crate::client::Answer;
use crate::connect::{LINE, Opened, SUBJECT, called, finish, grant, open};
use crate::connect_certified::signed_in;
use crate::issuer::{Realm, told};
use crate::world::{Tenant, VENDOR_HOST, World};

const SCOPE: &str = "integration.connections.call";

/// A gateway, its tenant, and one issuer of the provider's.
struct Scene {
    world: World,
    acme: Tenant,
    realm: Realm,
    /// Whom connections trust: the provider and the vendor.
    authorities: String,
}

impl Scene {
    async fn start() -> Option<Self> {
        let (origin, authority) = told()?;
        // The provider has the machine's clock, and its certificate is of today.
        let world = World::at(ManualClock::at(SystemClock::new().now()), "").await;
        let acme = world.tenant("acme").await;
        let authority = std::fs::read_to_string(&authority).expect("the provider's authority");
        let authorities = format!("{authority}\n{}", world.vendor.authority_pem);
        world.vendor.answers(LINE, Canned::json(200, "{}"));
        Some(Self { realm: Realm::new(&origin, &authority_file()), world, acme, authorities })
    }

    /// Has the provider know a client.
    async fn registered(&self, id: &str, more: Value) {
        let mut client = json!({
            "client_id": id, "grant_types": ["client_credentials"], "redirect_uris": [], "response_types": [],
            "scope": SCOPE,
        });
        let members = client.as_object_mut().expect("an object");
        members.extend(more.as_object().expect("an object").clone());
        let asked = self.realm.ask("POST", "/client", "", &client.to_string()).await;
        assert_eq!(asked.status, 200, "{}", asked.text());
    }

    /// A connection whose vendor takes tokens of the provider's.
    async fn connection(&self, name: &str, more: Value) {
        let mut auth =
            json!({ "placement": "oauth", "token_url": format!("{}/token", self.realm.url), "scope": SCOPE });
        auth.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        let base = format!("https://{VENDOR_HOST}:{}", self.world.vendor.address.port());
        self.connection_to(name, &base, "/v1/things/{id}", auth).await;
    }

    async fn connection_to(&self, name: &str, base: &str, path: &str, auth: Value) {
        let provider = json!({
            "name": format!("vendor-{name}"), "title": "Vendor", "auth": auth, "base_url": base,
            "endpoints": [{ "method": "GET", "path": path }],
        });
        self.world.make(&self.acme.operator, "/v1/providers", provider).await;
        let spec = json!({ "trust_pem": self.authorities, "danger_private_networks": ["127.0.0.0/8"], "retries": 0 });
        let body = json!({ "name": name, "provider": format!("vendor-{name}"), "spec": spec });
        self.world.make(&self.acme.operator, "/v1/connections", body).await;
    }

    /// Takes in what the client proves itself with.
    async fn credential(&self, name: &str, secret: &str) -> Answer {
        let body = json!({ "name": format!("{name}-client"), "connection": name, "owner": "sales", "secret": secret });
        self.world.ask(&self.acme.operator, "POST", "/v1/credentials", Some(body)).await
    }

    async fn rotated(&self, name: &str, secret: &str) -> (u16, String) {
        let path = format!("/v1/credentials/{name}-client/versions");
        let body = json!({ "secret": secret });
        let answer = self.world.ask(&self.acme.operator, "POST", &path, Some(body)).await;
        (answer.status, if answer.status < 400 { String::new() } else { answer.code() })
    }

    /// Goes through the provider's pages as a person does, and back.
    async fn connected(&self, name: &str, opened: &Opened) {
        let Self { world, acme, realm, .. } = self;
        let mut browser = Browser::default();
        let begin = location(&browser.visit(world.door, &opened.url).await);
        let back = signed_in(realm, &begin, &opened.redirect_uri).await;
        let led = location(&browser.visit(world.door, &back).await);
        let (status, done) = finish(world, acme, name, &led, SUBJECT).await;
        assert_eq!((status, &done["state"]), (200, &json!("done")), "{done}");
    }

    async fn called(&self, name: &str) -> (u16, String) {
        called(&self.world, &self.acme, name).await
    }

    /// The fields of the last call to the vendor.
    fn sent(&self, field: &str) -> String {
        let seen = self.world.vendor.seen();
        seen.iter().rev().find(|seen| seen.line() == LINE).expect("a call").all(field).join(", ")
    }
}

/// Where the provider's authority is.
fn authority_file() -> String {
    told().expect("it is there").1
}

/// The public half of a P-256 key as a JWK.
fn jwk(key: &KeyPair, kid: &str) -> Value {
    let (x, y) = key.der_bytes()[1..].split_at(32);
    json!({
        "kty": "EC", "crv": "P-256", "kid": kid, "use": "sig", "x": URL_SAFE_NO_PAD.encode(x),
        "y": URL_SAFE_NO_PAD.encode(y),
    })
}

/// The name of a P-256 key (RFC 7638).
fn thumbprint(jwk: &Value) -> String {
    let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":{},"y":{}}}"#, jwk["x"], jwk["y"]);
    let hashed = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, canonical.as_bytes());
    URL_SAFE_NO_PAD.encode(hashed.as_ref())
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key")
}

/// The claims of a JWT, or its header (part 0).
fn part(token: &str, number: usize) -> Value {
    let text = token.split('.').nth(number).expect("a part");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).expect("base64url")).expect("JSON")
}

#[tokio::test]
async fn a_client_proves_itself_by_its_key() {
    let Some(scene) = Scene::start().await else { return };
    let (own, next, stranger) = (key(), key(), key());
    // A key in PEM has no name of its own, and goes by its thumbprint.
    let keys = [jwk(&own, &thumbprint(&jwk(&own, ""))), jwk(&next, &thumbprint(&jwk(&next, "")))];
    let client = json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks": { "keys": keys } });
    scene.registered("by-key", client).await;
    let audience = scene.realm.url.as_str();
    let auth = json!({ "client_auth": "private_key_jwt", "assertion_audience": audience });
    scene.connection("pay", auth).await;

    for secret in ["by-key:a secret".to_owned(), own.serialize_pem(), "by-key:".to_owned()] {
        let refused = scene.credential("pay", &secret).await;
        assert_eq!((refused.status, refused.code()), (422, "vault.client_key.unfit".to_owned()), "{}", refused.text());
        assert!(!refused.text().contains("PRIVATE") && !refused.text().contains("a secret"));
    }
    let taken = scene.credential("pay", &format!("by-key:{}", stranger.serialize_pem())).await;
    assert_eq!(taken.status, 201, "{}", taken.text());
    assert_eq!(scene.called("pay").await, (502, "vault.token.refused".to_owned()), "the provider knows another key");
    // A key that the provider does not know is not used; one that it knows is, and so is the next one.
    let guess = format!("by-key:{}", key().serialize_pem());
    assert_eq!(scene.rotated("pay", &guess).await, (409, "vault.version.unaccepted".to_owned()));
    for key in [&own, &next] {
        assert_eq!(scene.rotated("pay", &format!("by-key:{}", key.serialize_pem())).await, (201, String::new()));
        assert_eq!(scene.called("pay").await, (200, String::new()));
    }
    let token = scene.sent("authorization");
    assert_eq!(part(&token, 1)["client_id"], "by-key");
    scene.world.end().await;
}

#[tokio::test]
async fn an_assertion_for_another_audience_is_worth_nothing() {
    let Some(scene) = Scene::start().await else { return };
    let own = key();
    let client = json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks": { "keys": [jwk(&own, "k1")] } });
    scene.registered("by-key", client).await;
    for (name, audience, told) in [
        ("elsewhere", "https://login.another.test", (502, "vault.token.refused".to_owned())),
        ("here", scene.realm.url.as_str(), (200, String::new())),
    ] {
        scene.connection(name, json!({ "client_auth": "private_key_jwt", "assertion_audience": audience })).await;
        let private = private_jwk(&own);
        assert_eq!(scene.credential(name, &format!("by-key:{private}")).await.status, 201);
        assert_eq!(scene.called(name).await, told, "{audience}");
    }
    scene.world.end().await;
}

/// The key as a JWK that names itself, as a vendor's console gives one.
fn private_jwk(key: &KeyPair) -> Value {
    let der = key.serialize_der();
    // PKCS#8 of a P-256 key: the scalar is the octet string behind the version of `ECPrivateKey` (RFC 5915).
    let at = der.windows(5).position(|at| at == [0x02, 0x01, 0x01, 0x04, 0x20]).expect("a scalar") + 5;
    let mut jwk = jwk(key, "k1");
    jwk["d"] = URL_SAFE_NO_PAD.encode(&der[at..at + 32]).into();
    jwk
}

fn certificate(key: &KeyPair) -> Certificate {
    CertificateParams::new(vec!["client.test".into()]).expect("names").self_signed(key).expect("a certificate")
}

/// The public half of a key, with its certificate.
fn certified(key: &KeyPair, certificate: &Certificate) -> Value {
    let mut public = jwk(key, &thumbprint(&jwk(key, "")));
    public["x5c"] = json!([STANDARD.encode(certificate.der())]);
    public
}

#[tokio::test]
async fn a_client_proves_itself_by_its_certificate() {
    let Some(scene) = Scene::start().await else { return };
    let (own, stranger) = (key(), key());
    let certificate = |key: &KeyPair| {
        CertificateParams::new(vec!["client.test".into()]).expect("names").self_signed(key).expect("a certificate")
    };
    let known = certificate(&own);
    let mut public = jwk(&own, "c1");
    public["x5c"] = json!([STANDARD.encode(known.der())]);
    let client = json!({ "token_endpoint_auth_method": "self_signed_tls_client_auth", "jwks": { "keys": [public] } });
    scene.registered("by-certificate", client).await;
    scene.connection("bank", json!({ "client_auth": "mtls" })).await;
    let written = |certificate: &Certificate, key: &KeyPair| {
        format!("by-certificate:{}{}", certificate.pem(), key.serialize_pem())
    };
    for secret in [
        "by-certificate:a secret".to_owned(),
        format!("by-certificate:{}", own.serialize_pem()),
        written(&known, &stranger),
    ] {
        let refused = scene.credential("bank", &secret).await;
        assert_eq!((refused.status, refused.code()), (422, "vault.client_key.unfit".to_owned()), "{}", refused.text());
    }
    let taken = scene.credential("bank", &written(&certificate(&stranger), &stranger)).await;
    assert_eq!(taken.status, 201, "{}", taken.text());
    assert_eq!(scene.called("bank").await, (502, "vault.token.refused".to_owned()), "another's certificate");
    assert_eq!(scene.rotated("bank", &written(&known, &own)).await, (201, String::new()));
    assert_eq!(scene.called("bank").await, (200, String::new()));
    assert_eq!(part(&scene.sent("authorization"), 1)["client_id"], "by-certificate");
    scene.world.end().await;
}

#[tokio::test]
async fn tokens_are_bound_to_a_key_and_each_call_proves_that_we_have_it() {
    let Some(scene) = Scene::start().await else { return };
    for id in ["bound", "bound-nonce"] {
        let client = json!({
            "client_secret": format!("{id:x<43}"), "dpop_bound_access_tokens": true,
            "token_endpoint_auth_method": "client_secret_basic",
        });
        scene.registered(id, client).await;
        scene.connection(id, json!({ "dpop": true })).await;
        assert_eq!(scene.credential(id, &format!("{id}:{id:x<43}")).await.status, 201);
        assert_eq!(scene.called(id).await, (200, String::new()), "{id}");
        let (token, proof) = (scene.sent("authorization"), scene.sent("dpop"));
        let token = token.strip_prefix("DPoP ").expect("its scheme");
        let shown = part(&proof, 1);
        let target = format!("https://{VENDOR_HOST}:{}/v1/things/1", scene.world.vendor.address.port());
        assert_eq!((&shown["htm"], &shown["htu"]), (&json!("GET"), &json!(target)));
        let hashed = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, token.as_bytes());
        assert_eq!(shown["ath"], json!(URL_SAFE_NO_PAD.encode(hashed.as_ref())));
        // The provider bound the token to the very key that the proof shows.
        let key = &part(&proof, 0)["jwk"];
        assert_eq!(part(token, 1)["cnf"]["jkt"], json!(thumbprint(key)));
        assert_eq!(scene.called(id).await, (200, String::new()));
        assert_ne!(part(&scene.sent("dpop"), 1)["jti"], shown["jti"], "each proof is for one request");
    }
    // The same client without a proof is given nothing.
    scene.connection("unbound", json!({})).await;
    assert_eq!(scene.credential("unbound", &format!("bound:{:x<43}", "bound")).await.status, 201);
    assert_eq!(scene.called("unbound").await, (502, "vault.token.refused".to_owned()));
    scene.world.end().await;
}

#[tokio::test]
async fn a_connected_account_of_bound_tokens_lives_by_a_key_a_nonce_and_its_refreshes() {
    let Some(scene) = Scene::start().await else { return };
    let Scene { world, acme, realm, .. } = &scene;
    let (own, url, id) = (key(), realm.url.as_str(), "account-nonce");
    // The API is the provider's own: it looks at every proof, and no proof is taken twice.
    let auth = json!({
        "placement": "oauth", "token_url": format!("{url}/token"), "client_auth": "private_key_jwt", "dpop": true,
        "scope": "openid offline_access", "revocation_url": format!("{url}/token/revocation"),
        "authorization": { "url": format!("{url}/auth"), "issuer": url },
    });
    scene.connection_to("self", url, "/me", auth).await;
    let private = private_jwk(&own);
    assert_eq!(scene.credential("self", &format!("{id}:{private}")).await.status, 201);
    let opened = open(world, acme, "self").await;
    let client = json!({
        "token_endpoint_auth_method": "private_key_jwt", "jwks": { "keys": [jwk(&own, "k1")] },
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
        "redirect_uris": [opened.redirect_uri], "scope": "openid offline_access", "dpop_bound_access_tokens": true,
    });
    scene.registered(id, client).await;
    scene.connected("self", &opened).await;

    for number in [1, 2, 3] {
        for _ in 0..2 {
            let answer = world.read(&acme.service, "/call/self/me").await;
            assert_eq!((answer.status, answer.json()["sub"].clone()), (200, json!("alice")), "{}", answer.text());
        }
        assert_eq!(grant(world, acme, "self").await["number"], number);
        world.pass(Duration::from_secs(300)).await;
    }
    // The key is kept with the tokens: another process goes on with both.
    let Scene { world, acme, .. } = scene;
    let world = world.restarted("").await;
    let answer = world.read(&acme.service, "/call/self/me").await;
    assert_eq!((answer.status, answer.json()["sub"].clone()), (200, json!("alice")), "{}", answer.text());
    let gone = world.ask(&acme.operator, "POST", "/v1/connections/self/disconnect", None).await.json();
    let tokens = gone["tokens"].as_array().expect("tokens");
    assert!(tokens.iter().all(|each| each["result"] == "revoked"), "{gone}");
    world.end().await;
}

#[tokio::test]
async fn calls_show_the_certificate_to_which_their_tokens_are_bound() {
    let Some(scene) = Scene::start().await else { return };
    let Scene { world, acme, realm, .. } = &scene;
    let (url, id, keys) = (realm.url.as_str(), "account-certified", [key(), key()]);
    let certificates = keys.each_ref().map(certificate);
    let written = |at: usize| format!("{id}:{}{}", certificates[at].pem(), keys[at].serialize_pem());
    let mut sessions = Vec::new();
    for (name, bound) in [("bound", true), ("loose", false)] {
        let auth = json!({
            "placement": "oauth", "token_url": format!("{url}/token"), "client_auth": "mtls",
            "certificate_bound": bound, "scope": "openid offline_access",
            "authorization": { "url": format!("{url}/auth"), "issuer": url },
        });
        scene.connection_to(name, url, "/me", auth).await;
        let taken = scene.credential(name, &written(0)).await;
        assert_eq!(taken.status, 201, "{}", taken.text());
        sessions.push((name, open(world, acme, name).await));
    }
    let redirects: Vec<_> = sessions.iter().map(|(_, opened)| opened.redirect_uri.as_str()).collect();
    let client = json!({
        "token_endpoint_auth_method": "self_signed_tls_client_auth",
        "jwks": { "keys": [certified(&keys[0], &certificates[0]), certified(&keys[1], &certificates[1])] },
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
        "redirect_uris": redirects, "scope": "openid offline_access",
        "tls_client_certificate_bound_access_tokens": true,
    });
    scene.registered(id, client).await;
    for (name, opened) in &sessions {
        scene.connected(name, opened).await;
    }
    let me = async |name: &str| world.read(&acme.service, &format!("/call/{name}/me")).await;
    assert_eq!(me("loose").await.status, 401, "the provider looks at the line, which has no name");
    for _ in 0..2 {
        let answer = me("bound").await;
        assert_eq!((answer.status, answer.json()["sub"].clone()), (200, json!("alice")), "{}", answer.text());
    }
    assert_eq!(grant(world, acme, "bound").await["number"], 1);
    // Another certificate: no line of the first is used any more, and there is a token that is bound to this one.
    assert_eq!(scene.rotated("bound", &written(1)).await, (201, String::new()));
    let answer = me("bound").await;
    assert_eq!((answer.status, answer.json()["sub"].clone()), (200, json!("alice")), "{}", answer.text());
    assert_eq!(grant(world, acme, "bound").await["number"], 2);
    scene.world.end().await;
}
