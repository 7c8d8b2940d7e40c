//! Settings of external issuers: strict where nothing is said, refused where they make no sense.

use lockgate_vocabulary::ErrandOwner;
use std::time::Duration;

use lockgate_vocabulary::{Refusal, TenantId};
use serde_json::{Value, json};

use super::{IssuerSpec, KeySource, Mapped, TrustedIssuer, is_sound_url};
use crate::authn::TokenPolicy;
use crate::jose::Algorithm;

const URL: &str = "https://idp.test/realm";
const AUDIENCE: &str = "https://gateway.test";

fn spec(settings: &Value) -> IssuerSpec {
    serde_json::from_value(settings.clone()).expect("settings")
}

fn resolve(url: &str, settings: &Value) -> Result<TrustedIssuer, Refusal> {
    TrustedIssuer::resolve(url, None, &spec(settings), "".into(), AUDIENCE)
}

#[test]
fn nothing_said_is_strict() {
    let issuer = resolve(URL, &json!({})).expect("sound");
    let strict = TokenPolicy::strict(URL, AUDIENCE);
    assert_eq!(format!("{:?}", issuer.policy), format!("{strict:?}"));
    let places = [
        "https://idp.test/.well-known/oauth-authorization-server/realm",
        "https://idp.test/realm/.well-known/openid-configuration",
    ];
    assert_eq!(issuer.source, KeySource::Metadata(places.map(String::from).into()));
    assert_eq!(issuer.principal("a"), Some(Mapped::Alike("a")));
    let root = resolve("https://idp.test/", &json!({})).expect("sound");
    let KeySource::Metadata(places) = root.source else { panic!("metadata") };
    assert_eq!(places[0], "https://idp.test/.well-known/oauth-authorization-server");
    assert_eq!(places[1], "https://idp.test/.well-known/openid-configuration");
}

#[test]
fn a_tenants_issuer_reaches_what_the_tenant_and_the_house_both_open() {
    let settings = spec(&json!({ "danger_private_networks": ["10.1.0.0/16", "192.168.0.0/16"] }));
    let open = |networks: &[&str]| -> Vec<ipnet::IpNet> { networks.iter().map(|net| net.parse().unwrap()).collect() };
    let owner = Some(TenantId::from_u128(1));
    let issuer = TrustedIssuer::resolve(URL, owner, &settings, "".into(), AUDIENCE).expect("sound");
    let reached = |networks: &[&str]| issuer.errand_owner(&open(networks));
    assert_eq!(reached(&[]), ErrandOwner::Tenant(TenantId::from_u128(1), Vec::new()));
    assert_eq!(
        reached(&["10.0.0.0/8"]),
        ErrandOwner::Tenant(TenantId::from_u128(1), vec![("10.1.0.0".parse().unwrap(), 16)])
    );
    let house = TrustedIssuer::resolve(URL, None, &settings, "".into(), AUDIENCE).expect("sound");
    assert_eq!(house.errand_owner(&[]), ErrandOwner::House);
    let clear = spec(&json!({ "danger_plain_http": true }));
    assert!(TrustedIssuer::resolve(URL, None, &clear, "".into(), AUDIENCE).is_ok());
    assert!(TrustedIssuer::resolve(URL, owner, &clear, "".into(), AUDIENCE).is_err());
}

#[test]
fn everything_can_be_said() {
    let settings = json!({
        "audience": "ours", "algorithms": ["PS256", "ES384"], "types": ["JWT"], "header_members": ["x5t"],
        "tenant_claim": "tid", "tenants": {"T": "tenant-a"}, "scope_claim": "scp", "scope_is_list": true,
        "scopes": {"x": ["integration.connections.read"]}, "clients": {"c": "svc"}, "skew_seconds": 0,
        "lifetime_seconds": 60, "jwks_uri": "https://keys.test/k", "danger_subject_differs": true,
    });
    let issuer = resolve(URL, &settings).expect("sound");
    let policy = &issuer.policy;
    assert!(policy.header.algorithms.has(Algorithm::Ps256) && !policy.header.algorithms.has(Algorithm::Rs256));
    assert_eq!((&*policy.audience, &*policy.header.types[0], policy.client_is_subject), ("ours", "JWT", false));
    assert_eq!((policy.skew, policy.most_lifetime), (Duration::ZERO, Duration::from_secs(60)));
    assert_eq!((&*policy.tenant_claim, &*policy.scope_claim, policy.scope_is_list), ("tid", "scp", true));
    assert_eq!(issuer.source, KeySource::Keys("https://keys.test/k".into()));
    assert_eq!(issuer.scopes("x y").to_string(), "integration.connections.read");
    assert_eq!((issuer.principal("c"), issuer.principal("d")), (Some(Mapped::Written("svc")), None));
    let long = resolve(URL, &json!({"danger_lifetime_seconds": 86_400})).expect("sound");
    assert_eq!(long.policy.most_lifetime, Duration::from_secs(86_400));
}

#[test]
fn what_makes_no_sense_is_named() {
    let cases = [
        (json!({"audience": ""}), "/audience"),
        (json!({"algorithms": ["RS256", "HS256"]}), "/algorithms/1"),
        (json!({"algorithms": ["none"]}), "/algorithms/0"),
        (json!({"types": [""]}), "/types"),
        (json!({"header_members": ["crit"]}), "/header_members/0"),
        (json!({"header_members": ["x5t", "jku"]}), "/header_members/1"),
        (json!({"tenant_claim": ""}), "/tenant_claim"),
        (json!({"scope_claim": ""}), "/scope_claim"),
        (json!({"tenants": {"a/b": "Not A Tenant"}}), "/tenants/a~1b"),
        (json!({"scopes": {"a": ["nonsense"]}}), "/scopes/a"),
        (json!({"skew_seconds": 301}), "/skew_seconds"),
        (json!({"lifetime_seconds": 3601}), "/lifetime_seconds"),
        (json!({"lifetime_seconds": 0}), "/lifetime_seconds"),
        (json!({"danger_lifetime_seconds": 86_401}), "/danger_lifetime_seconds"),
        (json!({"jwks_uri": "http://idp.test"}), "/jwks_uri"),
        (json!({"metadata_uri": "idp.test"}), "/metadata_uri"),
    ];
    for (settings, pointer) in cases {
        let refusal = resolve(URL, &settings).expect_err("refused");
        let pointers: Vec<&str> = refusal.violations().iter().map(|violation| &*violation.pointer).collect();
        assert_eq!(pointers, [pointer], "{settings}");
        assert_eq!(refusal.status(), 422);
    }
    assert!(resolve("http://idp.test", &json!({})).is_err());
    assert!(serde_json::from_value::<IssuerSpec>(json!({"unknown": 1})).is_err());
}

#[test]
fn urls_are_https_and_plain() {
    for url in ["https://a", "https://a.test:8443/x/y", "https://[2001:db8::1]/", "https://192.0.2.1"] {
        assert!(is_sound_url(url, false), "{url}");
    }
    for url in [
        "",
        "a",
        "//a",
        "https://",
        "https:///x",
        "ftp://a",
        "http://a",
        "http://127.0.0.1",
        "https://u@a",
        "https://u:p@a",
        "https://a?b",
        "https://a#b",
        "https://a\\b",
        "https://a b",
        "https://é",
        "javascript:alert(1)",
    ] {
        assert!(!is_sound_url(url, false), "{url}");
    }
    assert!(!is_sound_url(&format!("https://a/{}", "x".repeat(512)), false));
    for (url, sound) in
        [("http://127.0.0.1:4400", true), ("http://[::1]:1", true), ("http://localhost", true), ("http://a", false)]
    {
        assert_eq!(is_sound_url(url, true), sound, "{url}");
    }
}
