//! A vendor that repeats what it was sent, in every spelling, asked by a caller that tries to get at it.

use lockgate_testkit::Canned;
use serde_json::json;

use crate::world::{VENDOR_HOST, VENDOR_SECRET, World};

/// A credential of which each spelling differs from the others.
const ODD: &str = "sk_live/abc+def/..==";

#[tokio::test]
async fn no_spelling_of_a_credential_reaches_a_caller() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let placements = [
        ("parameter", json!({ "placement": "query", "name": "api_key" }), ODD, ODD, "sk_live%2Fabc%2Bdef%2F..%3D%3D"),
        ("token", json!({ "placement": "bearer" }), ODD, "c2tfbGl2ZS9hYmMrZGVmLy4uPT", "sk_live\\/abc+def\\/..=="),
        ("pair", json!({ "placement": "basic" }), "user:p4ss/word", "p4ss/word", "dXNlcjpwNHNzL3dvcm"),
    ];
    for (name, auth, secret, one, another) in placements {
        let provider = json!({
            "name": format!("vendor-{name}"), "title": "Vendor", "auth": auth,
            "base_url": format!("https://{VENDOR_HOST}:{}", world.vendor.address.port()),
            "endpoints": [{ "method": "GET", "path": "/anything" }],
        });
        world.make(&acme.operator, "/v1/providers", provider).await;
        let spec = json!({ "retries": 0, "trust_pem": world.vendor.authority_pem, "danger_private_networks": ["127.0.0.0/8"] });
        let body = json!({ "name": name, "provider": format!("vendor-{name}"), "spec": spec });
        world.make(&acme.operator, "/v1/connections", body).await;
        let body = json!({ "name": format!("{name}-key"), "connection": name, "owner": "us", "secret": secret });
        world.make(&acme.operator, "/v1/credentials", body).await;

        let echo = format!(r#"{{"one":"{one}","another":"{another}"}}"#);
        world.vendor.answers("*", Canned::json(200, &echo).header("x-one", one).header("x-another", another));
        let packed = "Accept-Encoding: gzip\r\nRange: bytes=0-19\r\nIf-Range: \"a\"\r\n";
        let answer = world.call(&acme.service, "GET", &format!("/call/{name}/anything"), packed, "").await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
        let (one_masked, another_masked) = ("*".repeat(one.len()), "*".repeat(another.len()));
        assert_eq!(answer.text(), format!(r#"{{"one":"{one_masked}","another":"{another_masked}"}}"#), "{name}");
        assert_eq!((answer.header("x-one"), answer.header("x-another")), (None, None), "{name}");
        let seen = world.vendor.seen().pop().expect("it arrived");
        assert_eq!(seen.header("accept-encoding"), Some("identity"));
        assert_eq!((seen.header("range"), seen.header("if-range")), (None, None));

        world.vendor.forget("*");
        world.vendor.answers("*", Canned::bytes(200, "\u{1f}packed").header("content-encoding", "gzip"));
        let answer = world.call(&acme.service, "GET", &format!("/call/{name}/anything"), packed, "").await;
        assert_eq!((answer.status, answer.json()["code"].as_str()), (502, Some("egress.answer.encoding")), "{name}");
        world.vendor.forget("*");
    }
    world.end().await;
}

#[tokio::test]
async fn no_caller_chooses_a_charset_in_which_a_credential_hides() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    world.connection_with(&acme, "pay", json!({ "retries": 0, "breaker": { "least_calls": 10_000 } })).await;
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let ask = async || {
        world.call(&acme.service, "GET", "/call/pay/v1/things/1", "Accept: text/plain; charset=utf-16le\r\n", "").await
    };
    // A vendor that does what it is asked for is not asked, and one that does so all the same is refused.
    let echo = wide(&format!("Bearer {VENDOR_SECRET}"));
    let told = Canned::bytes(200, echo.clone()).header("content-type", "text/plain; charset=utf-16le");
    world.vendor.answers("GET /v1/things/1", told);
    let refused = ask().await;
    assert_eq!((refused.status, refused.code().as_str()), (502, "egress.answer.charset"), "{}", refused.text());
    assert_eq!(world.vendor.seen()[0].header("accept"), Some("text/plain"));
    world.vendor.forget("GET /v1/things/1");
    world.vendor.answers("GET /v1/things/1", Canned::bytes(200, echo).header("content-type", "text/plain"));
    let masked = ask().await;
    assert!(!masked.body.windows(8).any(|window| window == &wide(VENDOR_SECRET)[..8]), "{:?}", masked.body);
    world.end().await;
}
