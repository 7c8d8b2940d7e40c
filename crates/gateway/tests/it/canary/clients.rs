//! Clients that prove themselves by a private key: taken in, used, rotated, and given where a secret is wanted.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lockgate_testkit::Canned;
use rcgen::{CertificateParams, KeyPair, PublicKeyData as _};
use serde_json::{Value, json};

use super::begin::Tenant;
use super::calls::connected;
use super::watched::Watched;
use crate::world::VENDOR_HOST;

/// A private key, which is to be found nowhere: its scalar, and a line of it as PEM.
fn planted(watched: &Watched, name: &str) -> (KeyPair, Vec<u8>) {
    let key = KeyPair::generate().expect("a key");
    let der = key.serialize_der();
    // PKCS#8 of a P-256 key: the scalar is the octet string behind the version of `ECPrivateKey` (RFC 5915).
    let at = der.windows(5).position(|at| at == [0x02, 0x01, 0x01, 0x04, 0x20]).expect("a scalar") + 5;
    let scalar = der[at..at + 32].to_vec();
    watched.nest.raw(name, scalar.clone());
    let pem = key.serialize_pem();
    let line = pem.lines().nth(1).expect("a line of base 64");
    watched.nest.raw(&format!("{name} as PEM"), line.as_bytes().to_vec());
    (key, scalar)
}

/// The key as a JWK.
fn jwk(key: &KeyPair, scalar: &[u8]) -> Value {
    let (x, y) = key.der_bytes()[1..].split_at(32);
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    json!({ "kty": "EC", "crv": "P-256", "kid": "k1", "x": part(x), "y": part(y), "d": part(scalar) })
}

/// Takes keys in for clients of both kinds, calls with them, rotates them, and gives them where they do not belong.
pub async fn drive(watched: &Watched, tenant: &Tenant) {
    let (key, scalar) = planted(watched, "private key of a client");
    let (next, next_scalar) = planted(watched, "next private key of a client");
    let certificate = |key: &KeyPair| {
        CertificateParams::new(vec!["client.test".into()])
            .expect("names")
            .self_signed(key)
            .expect("a certificate")
            .pem()
    };
    for (name, kind, more) in [
        (
            "signed",
            "DPoP",
            json!({ "client_auth": "private_key_jwt", "assertion_audience": "https://a.test", "dpop": true }),
        ),
        ("certified", "Bearer", json!({ "client_auth": "mtls", "certificate_bound": true })),
    ] {
        let token = watched.nest.token(&format!("token of {name}"));
        let token_url = format!("https://{VENDOR_HOST}:{}/login-{name}/token", watched.vendor.address.port());
        let mut auth = json!({ "placement": "oauth", "token_url": token_url });
        auth.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        let granted = json!({ "access_token": token, "token_type": kind, "expires_in": 3_600 });
        watched.vendor.answers(&format!("POST /login-{name}/token"), Canned::json(200, &granted.to_string()));
        watched.vendor.answers(&format!("GET /{name}/ok"), Canned::json(200, "{}"));
        watched.may_hold(&watched.at_vendor(name), &format!("token of {name}"));
        let pem = |key: &KeyPair| match name {
            "certified" => format!("client:{}{}", certificate(key), key.serialize_pem()),
            _ => format!("client:{}", key.serialize_pem()),
        };
        connected(watched, tenant, name, auth, &pem(&key)).await;
        let fields = format!("X-Api-Key: {}\r\n", tenant.service);
        let called = async |what: &str| {
            let line = format!("GET /call/{name}/ok");
            watched.calls(&format!("{what} of {name}"), &line, &fields, "").await.demand(200);
        };
        called("a call by a key").await;
        let rotated = async |what: &str, secret: String, status: u16| {
            let line = format!("POST /v1/credentials/{name}-key/versions");
            let body = json!({ "secret": secret });
            watched.asks(&format!("{what} of {name}"), &tenant.operator, &line, Some(body)).await.demand(status);
        };
        rotated("another key", pem(&next), 201).await;
        called("a call by another key").await;
        rotated("a key without an id", next.serialize_pem(), 422).await;
        rotated("two keys", format!("{}{}", pem(&key), next.serialize_pem()), 422).await;
    }
    // Where a secret is wanted a key would be sent.
    for (what, secret) in [
        ("a key for a secret", format!("client:{}", key.serialize_pem())),
        ("a JWK for a secret", format!("client:{}", jwk(&key, &scalar))),
        ("another JWK for a secret", format!("client:{}", jwk(&next, &next_scalar))),
    ] {
        let body = json!({ "secret": secret });
        let line = "POST /v1/credentials/oauth-key/versions";
        watched.asks(what, &tenant.operator, line, Some(body)).await.demand(422);
    }
}
