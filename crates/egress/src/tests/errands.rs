//! The house's own errands, and the operator's way in.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};
use lockgate_testkit::{Behaviour, Canned, Vendor};
use lockgate_vocabulary::{
    Clock, Errand, ErrandAsk, ErrandFailure, ErrandOrder, ErrandOwner, ErrandPurpose, ErrandRequest, Secret,
    SystemClock, TenantId,
};

use crate::destination::Destination;
use crate::destination::resolve::StaticResolver;
use crate::{Config, Errands, OperatorClient, OperatorFailure};

fn errands(vendor: &Vendor, change: impl FnOnce(&mut Config)) -> Errands {
    let mut config =
        Config { danger_errand_networks: vec!["127.0.0.0/8".parse().expect("a network")], ..Config::default() };
    change(&mut config);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let names = [("issuer.test".to_owned(), vec!["127.0.0.1".parse().expect("an address")])];
    let names = StaticResolver::new(&names.into_iter().collect()).expect("a map");
    let destination = Destination::new(&config.destination, Arc::new(names), clock.clone()).expect("a guard");
    Errands::new(&config, destination, clock, Some(vendor.authority_pem.clone()))
}

fn order(url: String) -> ErrandOrder {
    let (purpose, owner) = (ErrandPurpose::IssuerKeys, ErrandOwner::House);
    ErrandOrder {
        purpose,
        owner,
        url,
        ask: ErrandAsk::Fetch,
        trust_pem: None,
        identity: None,
        pins: Vec::new(),
        most_bytes: 1_000,
        within: Duration::from_secs(5),
    }
}

#[tokio::test]
async fn an_errand_brings_what_was_asked_for() {
    let vendor = Vendor::start("issuer.test").await;
    vendor.answers("GET /keys", Canned::json(200, r#"{"keys":[]}"#).header("cache-control", "public, max-age=300"));
    let url = format!("https://issuer.test:{}/keys", vendor.address.port());
    let answer = errands(&vendor, |_| ()).run(order(url)).await.expect("an answer");
    assert_eq!((answer.status, answer.body.as_slice()), (200, br#"{"keys":[]}"#.as_slice()));
    assert_eq!(answer.fresh_for, Some(Duration::from_secs(300)));
    let seen = vendor.seen();
    assert_eq!((seen.len(), seen[0].header("authorization")), (1, None));
}

#[tokio::test]
async fn an_errand_is_under_the_same_guard() {
    let vendor = Vendor::start("issuer.test").await;
    let port = vendor.address.port();
    let closed = errands(&vendor, |config| config.danger_errand_networks.clear());
    for (url, wanted) in [
        (format!("https://issuer.test:{port}/keys"), "egress.address.loopback"),
        ("http://issuer.test/keys".into(), "egress.url.scheme"),
        ("https://169.254.169.254/".into(), "egress.address.metadata"),
        ("https://user@issuer.test/".into(), "egress.url.userinfo"),
    ] {
        let failed = closed.run(order(url.clone())).await.expect_err("refused");
        assert_eq!(failed, ErrandFailure::Refused(wanted), "{url}");
    }
    assert_eq!(vendor.connections(), 0);
}

#[tokio::test]
async fn what_is_open_to_the_house_is_closed_to_what_a_tenant_wrote() {
    let vendor = Vendor::start("issuer.test").await;
    let port = vendor.address.port();
    vendor.answers("GET /keys", Canned::json(200, "{}"));
    let open = errands(&vendor, |config| config.danger_allow_http_errands = true);
    let url = format!("https://issuer.test:{port}/keys");
    let of_tenant = |networks: &[(&str, u8)], url: &str| {
        let networks = networks.iter().map(|(at, bits)| (at.parse().expect("an address"), *bits)).collect();
        ErrandOrder { owner: ErrandOwner::Tenant(TenantId::from_u128(7), networks), ..order(url.to_owned()) }
    };
    for (networks, url, wanted) in [
        (&[][..], url.as_str(), "egress.address.loopback"),
        (&[("10.0.0.0", 8)][..], url.as_str(), "egress.address.loopback"),
        (&[("127.0.0.0", 99)][..], url.as_str(), "egress.address.loopback"),
        (&[("127.0.0.0", 8)][..], "http://issuer.test/keys", "egress.url.scheme"),
    ] {
        let failed = open.run(of_tenant(networks, url)).await.expect_err("refused");
        assert_eq!(failed, ErrandFailure::Refused(wanted), "{networks:?} {url}");
    }
    assert_eq!(vendor.connections(), 0);
    assert!(open.run(order(url.clone())).await.is_ok(), "the house's own go on");
    assert!(open.run(of_tenant(&[("127.0.0.0", 8)], &url)).await.is_ok(), "and what the tenant may open");
}

#[tokio::test]
async fn a_back_end_is_asked_in_the_words_of_its_protocol_and_trusted_by_its_own_authorities() {
    let vendor = Vendor::start("issuer.test").await;
    vendor.answers("PUT /v1/x", Canned::json(429, "{}").header("retry-after", "7"));
    let url = format!("https://issuer.test:{}/v1/x?version=2", vendor.address.port());
    let errands = errands(&vendor, |_| ());
    let asked = |trust_pem: Option<String>| {
        let headers = [("accept", "application/xml"), ("x-vault-token", "t")];
        let headers = headers.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        let body = Some(Bytes::from_static(b"{}"));
        let request = ErrandRequest { method: Method::PUT, headers: headers.to_vec(), body };
        let (purpose, ask) = (ErrandPurpose::VaultBackend, ErrandAsk::Request(request));
        errands.run(ErrandOrder { purpose, ask, trust_pem, ..order(url.clone()) })
    };
    let answer = asked(Some(vendor.authority_pem.clone())).await.expect("an answer");
    assert_eq!((answer.status, answer.retry_after), (429, Some(Duration::from_secs(7))));
    let seen = vendor.seen();
    assert_eq!((seen[0].line().as_str(), seen[0].body.as_slice()), ("PUT /v1/x?version=2", b"{}".as_slice()));
    assert_eq!((seen[0].header("accept"), seen[0].header("x-vault-token")), (Some("application/xml"), Some("t")));
    // The authorities of issuers do not vouch for a vault.
    assert!(asked(None).await.is_err());
    assert_eq!(vendor.seen().len(), 1);
}

#[tokio::test]
async fn an_errand_is_bounded() {
    let vendor = Vendor::start("issuer.test").await;
    let url = |path: &str| format!("https://issuer.test:{}{path}", vendor.address.port());
    let errands = errands(&vendor, |_| ());
    vendor.answers("GET /large", Canned::bytes(200, vec![b'x'; 1_001]));
    vendor.answers("GET /moved", Canned::bytes(302, "").header("location", "/keys"));
    vendor.answers("GET /packed", Canned::bytes(200, "x").header("content-encoding", "gzip"));
    vendor.on("GET /gone", Behaviour::Hang);
    for (path, wanted) in [
        ("/large", ErrandFailure::Unanswered("egress.answer.too_large")),
        ("/moved", ErrandFailure::Unanswered("egress.redirect.not_followed")),
        ("/packed", ErrandFailure::Unanswered("egress.answer.encoding")),
        ("/gone", ErrandFailure::Unanswered("egress.vendor.reset")),
    ] {
        assert_eq!(errands.run(order(url(path))).await.expect_err("refused"), wanted, "{path}");
    }
}

fn client(base: &str, pem: Option<String>) -> OperatorClient {
    OperatorClient::new(base, Secret::from("key_x".to_owned()), pem, Arc::new(SystemClock::new()))
}

#[tokio::test]
async fn the_operators_client_speaks_in_the_clear_to_this_machine_alone() {
    let gateway = Vendor::start_plain().await;
    gateway.answers("POST /v1/tenants", Canned::json(201, r#"{"tenant":"x"}"#));
    let base = format!("http://127.0.0.1:{}", gateway.address.port());
    let answer = client(&base, None).send(Method::POST, "/v1/tenants", Some(Bytes::from_static(b"{}"))).await;
    assert_eq!(answer.expect("an answer").status, 201);
    assert_eq!(gateway.seen()[0].header("x-api-key"), Some("key_x"));
    let far = client("http://192.0.2.7:8444", None).send(Method::GET, "/v1/tenants", None).await;
    assert!(matches!(far, Err(OperatorFailure::Address(_))), "{far:?}");
}

#[tokio::test]
async fn the_operators_client_checks_whom_it_speaks_to() {
    let gateway = Vendor::start("localhost").await;
    gateway.answers("GET /v1/tenants", Canned::json(200, "[]"));
    let base = format!("https://localhost:{}/", gateway.address.port());
    let trusted = client(&base, Some(gateway.authority_pem.clone()));
    assert_eq!(trusted.send(Method::GET, "/v1/tenants", None).await.expect("an answer").status, 200);
    let strange = client(&base, None).send(Method::GET, "/v1/tenants", None).await;
    assert!(matches!(strange, Err(OperatorFailure::Unreachable(_))), "{strange:?}");
}
