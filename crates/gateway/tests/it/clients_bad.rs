//! Clients that prove themselves by a key, and vendors that misbehave about it.

use std::sync::Arc;
use std::time::Duration;

use lockgate_testkit::{Behaviour, Canned, ManualClock};
use lockgate_vocabulary::{Clock as _, SystemClock};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::connect::{LINE, TOKEN, auth, called, connected, tokens, with_client};
use crate::world::{Tenant, VENDOR_HOST, World, call_at};

/// An answer with a token of this kind.
fn token(kind: &str) -> Canned {
    let body = json!({ "access_token": "canary-access-1", "token_type": kind, "expires_in": 3_600 });
    Canned::json(200, &body.to_string())
}

/// The nonce that a vendor wants to see, as an API says it.
fn wanting(nonce: &str) -> Canned {
    Canned::json(401, "{}")
        .header("www-authenticate", "DPoP error=\"use_dpop_nonce\", error_description=\"show it\"")
        .header("dpop-nonce", nonce)
}

/// A provider whose tokens are the vendor's, with more of this.
fn provider(world: &World, name: &str, more: Value) -> Value {
    let at = |path: &str| format!("https://{VENDOR_HOST}:{}{path}", world.vendor.address.port());
    let mut auth = json!({ "placement": "oauth", "token_url": at("/login/token") });
    auth.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    json!({
        "name": format!("vendor-{name}"), "title": "Vendor", "auth": auth, "base_url": at(""),
        "endpoints": [
            { "method": "GET", "path": "/v1/things/{id}" }, { "method": "GET", "path": "/v1/me" },
            { "method": "POST", "path": "/v1/things" },
        ],
        "verify": { "path": "/v1/me" },
    })
}

async fn furnished(world: &World, acme: &Tenant, name: &str, more: Value) {
    world.make(&acme.operator, "/v1/providers", provider(world, name, more)).await;
    let spec = json!({
        "trust_pem": world.vendor.authority_pem, "danger_private_networks": ["127.0.0.0/8"], "retries": 0,
    });
    let body = json!({ "name": name, "provider": format!("vendor-{name}"), "spec": spec });
    world.make(&acme.operator, "/v1/connections", body).await;
    let body =
        json!({ "name": format!("{name}-client"), "connection": name, "owner": "sales", "secret": "gate:s3cret" });
    world.make(&acme.operator, "/v1/credentials", body).await;
}

/// What the proofs of the requests at this place want to show, in their order.
fn nonces(world: &World, line: &str) -> Vec<Value> {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let seen = world.vendor.seen().into_iter().filter(|seen| seen.line() == line);
    let shown = seen.map(|seen| {
        let proofs = seen.all("dpop");
        assert_eq!(proofs.len(), 1, "one proof");
        let claims = URL_SAFE_NO_PAD.decode(proofs[0].split('.').nth(1).expect("claims")).expect("base64url");
        let claims: Value = serde_json::from_slice(&claims).expect("JSON");
        claims["nonce"].clone()
    });
    shown.collect()
}

#[tokio::test]
async fn a_nonce_is_shown_once_it_is_wanted_and_nobody_is_asked_for_ever() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    furnished(&world, &acme, "crm", json!({ "dpop": true })).await;
    let wanted = Canned::json(400, "{\"error\":\"use_dpop_nonce\"}").header("dpop-nonce", "of-the-issuer");
    world.vendor.answers(TOKEN, wanted);
    world.vendor.answers(TOKEN, token("DPoP"));
    world.vendor.answers(LINE, wanting("n-1"));
    world.vendor.answers(LINE, Canned::json(200, "{}"));
    assert_eq!(called(&world, &acme, "crm").await, (200, String::new()));
    assert_eq!(nonces(&world, TOKEN), [Value::Null, json!("of-the-issuer")]);
    assert_eq!(nonces(&world, LINE), [Value::Null, json!("n-1")]);
    // What the vendor wants next it says beside an answer, and the next call shows it at once.
    world.vendor.forget(LINE);
    world.vendor.answers(LINE, Canned::json(200, "{}").header("dpop-nonce", "n-2"));
    for _ in 0..2 {
        assert_eq!(called(&world, &acme, "crm").await, (200, String::new()));
    }
    assert_eq!(nonces(&world, LINE)[2..], [json!("n-1"), json!("n-2")]);
    // One that is never content is asked twice, and its 401 is the caller's, however old the token is.
    world.pass(Duration::from_secs(60)).await;
    world.vendor.forget(LINE);
    for number in 3..9 {
        world.vendor.answers(LINE, wanting(&format!("n-{number}")));
    }
    assert_eq!(called(&world, &acme, "crm").await.0, 401);
    assert_eq!(nonces(&world, LINE)[4..], [json!("n-2"), json!("n-3")]);
    // One whose nonce nobody can send is not heeded.
    world.vendor.forget(LINE);
    world.vendor.answers(LINE, wanting("a b"));
    assert_eq!(called(&world, &acme, "crm").await.0, 401);
    assert_eq!(nonces(&world, LINE)[6..], [json!("n-4")]);
    assert_eq!(world.vendor.count(TOKEN), 2, "the token was not doubted for it");
    world.end().await;
}

#[tokio::test]
async fn a_vendor_that_binds_no_token_gives_none() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    furnished(&world, &acme, "crm", json!({ "dpop": true })).await;
    world.vendor.answers(TOKEN, token("Bearer"));
    world.vendor.answers(LINE, Canned::json(200, "{}"));
    assert_eq!(called(&world, &acme, "crm").await, (502, "vault.token.malformed".to_owned()));
    assert_eq!(world.vendor.count(LINE), 0, "a token that anybody can use is not used");
    // Nor is a token endpoint asked for ever which wants another proof each time.
    furnished(&world, &acme, "hr", json!({ "dpop": true })).await;
    world.vendor.forget(TOKEN);
    for number in 0..9 {
        let nonce = format!("n-{number}");
        let wanted = Canned::json(400, "{\"error\":\"use_dpop_nonce\"}").header("dpop-nonce", &nonce);
        world.vendor.answers(TOKEN, wanted);
    }
    assert_eq!(called(&world, &acme, "hr").await, (502, "vault.token.refused".to_owned()));
    assert_eq!(world.vendor.count(TOKEN), 1 + 2);
    world.end().await;
}

#[tokio::test]
async fn a_caller_brings_no_proof_of_its_own() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    furnished(&world, &acme, "crm", json!({ "dpop": true })).await;
    world.vendor.answers(TOKEN, token("DPoP"));
    world.vendor.answers(LINE, Canned::json(200, "{}"));
    let own = "DPoP: eyJ0eXAiOiJkcG9wK2p3dCJ9.e30.AA\r\n";
    let answer = world.call(&acme.service, "GET", "/call/crm/v1/things/1", own, "").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(nonces(&world, LINE), [Value::Null], "one proof, and it is ours");
    world.end().await;
}

#[tokio::test]
async fn a_version_is_verified_with_a_token_that_is_bound() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    furnished(&world, &acme, "crm", json!({ "dpop": true })).await;
    world.vendor.answers(TOKEN, token("DPoP"));
    let me = "GET /v1/me";
    world.vendor.answers(me, wanting("n-1"));
    world.vendor.answers(me, Canned::json(200, "{}"));
    world.vendor.answers(me, Canned::json(403, "{}"));
    let body = json!({ "secret": "gate:another" });
    for status in [201, 409] {
        let path = "/v1/credentials/crm-client/versions";
        let answer = world.ask(&acme.operator, "POST", path, Some(body.clone())).await;
        assert_eq!(answer.status, status, "{}", answer.text());
    }
    assert_eq!(nonces(&world, me), [Value::Null, json!("n-1"), Value::Null]);
    world.end().await;
}

#[tokio::test]
async fn what_a_provider_says_of_its_clients_must_hold_together() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let audience = "/auth/assertion_audience";
    for (more, at) in [
        (json!({ "client_auth": "private_key_jwt" }), audience),
        (json!({ "assertion_audience": "https://login.vendor.test" }), audience),
        (json!({ "client_auth": "mtls", "assertion_audience": "https://login.vendor.test" }), audience),
        (json!({ "client_auth": "private_key_jwt", "assertion_audience": "" }), audience),
        (json!({ "certificate_bound": true }), "/auth/certificate_bound"),
        (json!({ "client_auth": "private_key_jwt", "certificate_bound": true }), "/auth/certificate_bound"),
        (json!({ "client_auth": "client_secret_jwt" }), "/auth"),
        (json!({ "dpop": "yes" }), "/auth"),
    ] {
        let body = provider(&world, "crm", more.clone());
        let refused = world.ask(&acme.operator, "POST", "/v1/providers", Some(body)).await;
        assert!((400..423).contains(&refused.status), "{more}: {}", refused.text());
        assert!(refused.text().contains(at), "{more}: {}", refused.text());
    }
    let body = json!({ "client_auth": "private_key_jwt", "assertion_audience": "https://login.vendor.test" });
    world.make(&acme.operator, "/v1/providers", provider(&world, "crm", body)).await;
    world.end().await;
}

#[tokio::test]
async fn a_token_endpoint_that_wants_to_be_left_alone_is() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    furnished(&world, &acme, "crm", json!({})).await;
    with_client(&world, &acme, "hr", auth(&world)).await;
    world.vendor.answers(LINE, Canned::json(200, "{}"));
    world.vendor.answers(TOKEN, tokens(1, 60));
    connected(&world, &acme, "hr").await;
    world.pass(Duration::from_secs(60)).await;
    let later = |status, seconds: &str| Canned::json(status, "{}").header("retry-after", seconds);
    let mut asked = 1;
    for (name, status, told, seconds, code) in [
        ("crm", 429, "120", 120, "vault.token.unavailable"),
        ("crm", 503, "90", 90, "vault.token.unavailable"),
        // Nobody is left alone for a day: it was a slip, or is ill will.
        ("crm", 429, "86400", 300, "vault.token.unavailable"),
        // It may have renewed the grant all the same, which nobody knows; it is left alone no less.
        ("hr", 503, "120", 120, "vault.grant.unknown"),
    ] {
        world.vendor.forget(TOKEN);
        world.vendor.answers(TOKEN, later(status, told));
        assert_eq!(called(&world, &acme, name).await, (503, code.to_owned()));
        asked += 1;
        world.pass(Duration::from_secs(seconds - 2)).await;
        assert_eq!(called(&world, &acme, name).await, (503, code.to_owned()), "{told}");
        assert_eq!(world.vendor.count(TOKEN), asked, "nobody asked meanwhile: {told}");
        world.pass(Duration::from_secs(3)).await;
    }
    // It stands in the store, so that another process knows it as well.
    world.vendor.forget(TOKEN);
    world.vendor.answers(TOKEN, later(429, "120"));
    assert_eq!(called(&world, &acme, "crm").await.0, 503);
    let world = world.restarted("").await;
    assert_eq!(called(&world, &acme, "crm").await, (503, "vault.token.unavailable".to_owned()));
    assert_eq!(world.vendor.count(TOKEN), asked + 1, "nobody else asked");
    world.pass(Duration::from_secs(121)).await;
    world.vendor.forget(TOKEN);
    world.vendor.answers(TOKEN, tokens(2, 3_600));
    for name in ["crm", "hr"] {
        assert_eq!(called(&world, &acme, name).await, (200, String::new()), "{name}");
    }
    world.end().await;
}

#[tokio::test]
async fn calls_that_are_told_the_same_nonce_all_show_it() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    furnished(&world, &acme, "crm", json!({ "dpop": true })).await;
    world.vendor.answers(TOKEN, token("DPoP"));
    // Each has sent its request before any of them learns what the vendor wants to see.
    for _ in 0..8 {
        world.vendor.on(LINE, Behaviour::Gated(wanting("n-1")));
    }
    world.vendor.answers(LINE, Canned::json(200, "{}"));
    let (door, key) = (world.door, acme.service.clone());
    let calls: Vec<_> = (0..8)
        .map(|_| {
            let key = key.clone();
            tokio::spawn(async move { call_at(door, &key, ("GET", "/call/crm/v1/things/1"), "", "").await.status })
        })
        .collect();
    world.vendor.wait_for(LINE, 8).await;
    world.vendor.release();
    for call in calls {
        assert_eq!(call.await.expect("no panic"), 200);
    }
    let shown = nonces(&world, LINE);
    assert_eq!(shown.iter().filter(|nonce| nonce.is_null()).count(), 8);
    assert_eq!(shown.iter().filter(|nonce| **nonce == json!("n-1")).count(), 8);
    assert_eq!(world.vendor.count(TOKEN), 1, "and no token was doubted");
    world.end().await;
}

#[tokio::test]
async fn a_redirect_to_another_host_takes_no_proof_along() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    world.make(&acme.operator, "/v1/providers", provider(&world, "crm", json!({ "dpop": true }))).await;
    let spec = json!({
        "trust_pem": world.vendor.authority_pem, "danger_private_networks": ["127.0.0.0/8"], "retries": 0,
        "redirects": { "follow": true, "hosts": ["a.hop.test", VENDOR_HOST] },
    });
    let body = json!({ "name": "crm", "provider": "vendor-crm", "spec": spec });
    world.make(&acme.operator, "/v1/connections", body).await;
    let body = json!({ "name": "c", "connection": "crm", "owner": "sales", "secret": "gate:s3cret" });
    world.make(&acme.operator, "/v1/credentials", body).await;
    world.vendor.answers(TOKEN, token("DPoP"));
    let port = world.vendor.address.port();
    let to =
        |host: &str, path: &str| Canned::json(307, "{}").header("location", &format!("https://{host}:{port}{path}"));
    world.vendor.answers(LINE, to("a.hop.test", "/elsewhere"));
    // Not even where it leads back: what went elsewhere is not trusted again.
    world.vendor.answers("GET /elsewhere", to(VENDOR_HOST, "/v1/things/2"));
    world.vendor.answers("GET /v1/things/2", Canned::json(200, "{}"));
    assert_eq!(called(&world, &acme, "crm").await, (200, String::new()));
    assert_eq!(nonces(&world, LINE), [Value::Null], "the vendor itself has a proof");
    let seen = world.vendor.seen();
    for line in ["GET /elsewhere", "GET /v1/things/2"] {
        let hop = seen.iter().find(|seen| seen.line() == line).expect("it was led there");
        assert!(hop.all("dpop").is_empty() && hop.all("authorization").is_empty(), "{line}");
    }
    world.end().await;
}

#[tokio::test]
async fn a_write_that_lacked_a_nonce_is_sent_again_whole_and_once() {
    const WRITE: &str = "POST /v1/things";
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    furnished(&world, &acme, "crm", json!({ "dpop": true })).await;
    world.vendor.answers(TOKEN, token("DPoP"));
    world.vendor.answers(WRITE, wanting("n-1"));
    world.vendor.answers(WRITE, Canned::json(201, "{}"));
    let (fields, body) = ("Content-Type: application/json\r\n", json!({ "text": "x".repeat(70_000) }).to_string());
    let answer = world.call(&acme.service, "POST", "/call/crm/v1/things", fields, &body).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(nonces(&world, WRITE), [Value::Null, json!("n-1")]);
    let seen = world.vendor.seen();
    assert!(seen.iter().filter(|seen| seen.line() == WRITE).all(|seen| seen.body == body.as_bytes()));
    world.end().await;
}

/// What a client of this vendor proves itself with: a certificate of this authority's, or of its own.
fn certified(authority: Option<&Issuer<'_, &KeyPair>>) -> String {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["client.test".into()]).expect("names");
    let certificate = match authority {
        Some(authority) => params.signed_by(&key, authority),
        None => params.self_signed(&key),
    };
    format!("gate:{}{}", certificate.expect("a certificate").pem(), key.serialize_pem())
}

#[tokio::test]
async fn a_certificate_that_a_handshake_refuses_did_nothing_and_is_told_as_refused() {
    let world = World::at(ManualClock::at(SystemClock::new().now()), "").await;
    let acme = world.tenant("acme").await;
    // A server that lets nobody in but those of its own authority.
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(Vec::new()).expect("names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_pem = params.self_signed(&key).expect("an authority").pem();
    let authority = Issuer::from_params(&params, &key);
    let port = closed_server(&authority, &authority_pem).await;
    let closed = format!("https://{VENDOR_HOST}:{port}");
    let trust = format!("{authority_pem}\n{}", world.vendor.authority_pem);
    let spec = json!({ "trust_pem": trust, "danger_private_networks": ["127.0.0.0/8"], "retries": 0 });
    world.vendor.answers(TOKEN, token("Bearer"));
    // Its token endpoint is the server, or its API is.
    let (at, own) = (format!("{closed}/token"), json!({ "client_auth": "mtls", "certificate_bound": true }));
    for name in ["login", "api"] {
        let mut body = provider(&world, name, own.clone());
        match name {
            "login" => body["auth"]["token_url"] = at.as_str().into(),
            _ => body["base_url"] = closed.as_str().into(),
        }
        world.make(&acme.operator, "/v1/providers", body).await;
        let body = json!({ "name": name, "provider": format!("vendor-{name}"), "spec": spec });
        world.make(&acme.operator, "/v1/connections", body).await;
        let body = json!({ "name": format!("{name}-c"), "connection": name, "owner": "us", "secret": certified(None) });
        world.make(&acme.operator, "/v1/credentials", body).await;
    }
    assert_eq!(called(&world, &acme, "login").await, (502, "vault.token.refused".to_owned()));
    assert_eq!(called(&world, &acme, "api").await, (502, "egress.vendor.tls".to_owned()));
    let fields = "Content-Type: application/json\r\n";
    let write = world.call(&acme.service, "POST", "/call/api/v1/things", fields, "{}").await;
    assert_eq!((write.status, write.code()), (502, "egress.vendor.tls".to_owned()), "a write is not lost by it");
    let rotated = async |name: &str, secret: String| {
        let path = format!("/v1/credentials/{name}-c/versions");
        world.ask(&acme.operator, "POST", &path, Some(json!({ "secret": secret }))).await
    };
    for name in ["login", "api"] {
        let refused = rotated(name, certified(None)).await;
        assert_eq!(
            (refused.status, refused.code()),
            (409, "vault.version.unaccepted".to_owned()),
            "{}",
            refused.text()
        );
    }
    // One of its authority's is let in, as it is verified and as it is used.
    let taken = rotated("api", certified(Some(&authority))).await;
    assert_eq!(taken.status, 201, "{}", taken.text());
    assert_eq!(called(&world, &acme, "api").await, (200, String::new()));
    world.end().await;
}

/// A TLS server that demands a certificate of this authority's, and takes no other: its port. It says `{}` to all.
async fn closed_server(authority: &Issuer<'_, &KeyPair>, authority_pem: &str) -> u16 {
    let key = KeyPair::generate().expect("a key");
    let certificate = CertificateParams::new(vec![VENDOR_HOST.into()]).expect("names").signed_by(&key, authority);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority_pem.as_bytes()).expect("PEM")).expect("an authority");
    let clients =
        rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build();
    let chain = vec![certificate.expect("a certificate").der().clone()];
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_client_cert_verifier(clients.expect("a verifier"))
        .with_single_cert(chain, PrivateKeyDer::try_from(key.serialize_der()).expect("a key"));
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config.expect("a configuration")));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let port = listener.local_addr().expect("it is bound").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut head = [0; 4_096];
                let _read = stream.read(&mut head).await;
                let said = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\
                             content-length: 2\r\n\r\n{}";
                let _sent = stream.write_all(said).await;
                let _closed = stream.shutdown().await;
            });
        }
    });
    port
}
