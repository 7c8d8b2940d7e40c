//! Messages to declared endpoints over real TLS: guarded like calls, bounded, and on lines of their own.

use std::sync::Arc;

use lockgate_testkit::{Behaviour, Canned, Vendor};
use tokio::task::JoinHandle;

use super::*;
use crate::Config;
use crate::destination::host::HostList;
use crate::tests::world::World;

const LINE: &str = "POST /hooks/one?v=1";

async fn world() -> World {
    World::bare(Vendor::start("vendor.test").await, Config::default()).await
}

fn parts(world: &World) -> EndpointParts {
    EndpointParts {
        url: format!("https://vendor.test:{}/hooks/one?v=1", world.vendor.address.port()),
        trust_pem: Some(world.vendor.authority_pem.clone()),
        pins: Vec::new(),
        danger_private_networks: vec!["127.0.0.0/8".parse().expect("a network")],
        allow: None,
    }
}

fn endpoint(world: &World) -> Endpoint {
    Endpoint::resolve(parts(world)).expect("an endpoint")
}

fn message(body: &'static str) -> Dispatch {
    let mut headers = HeaderMap::new();
    headers.insert("webhook-id", HeaderValue::from_static("dlv_1"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Dispatch { headers, body: Bytes::from_static(body.as_bytes()), within: Duration::from_secs(15) }
}

async fn send(world: &World, endpoint: &Endpoint) -> Result<Dispatched, DispatchFailure> {
    world.egress.dispatch(world.tenant, endpoint, message(r#"{"id":1}"#)).await
}

fn refused(url: &str) -> EgressRefusal {
    let parts = EndpointParts { url: url.into(), ..EndpointParts::default() };
    Endpoint::resolve(parts).expect_err("refused")
}

/// Lets time go by until the message that is sent beside the test has come to its end.
async fn until_done<T>(world: &World, sent: &JoinHandle<T>) {
    while !sent.is_finished() {
        world.pass(Duration::from_secs(1)).await;
    }
}

fn beside(world: &World, endpoint: Endpoint) -> JoinHandle<Result<Dispatched, DispatchFailure>> {
    let (egress, tenant, endpoint) = (world.egress.clone(), world.tenant, Arc::new(endpoint));
    tokio::spawn(async move { egress.dispatch(tenant, &endpoint, message("{}")).await })
}

#[tokio::test]
async fn a_message_arrives_as_it_was_composed() {
    let world = world().await;
    world.vendor.answers("*", Canned::json(202, r#"{"ok":true}"#).header("retry-after", "7"));
    let mut dispatch = message(r#"{ "id" : 1 }"#);
    for (name, value) in [("connection", "x"), ("host", "evil.test"), ("transfer-encoding", "chunked")] {
        dispatch.headers.insert(name, HeaderValue::from_static(value));
    }
    let got = world.egress.dispatch(world.tenant, &endpoint(&world), dispatch).await.expect("an answer");
    assert_eq!((got.status.as_u16(), got.retry_after), (202, Some(Duration::from_secs(7))));
    assert_eq!(&got.body[..], br#"{"ok":true}"#);
    let seen = &world.vendor.seen()[0];
    assert_eq!((seen.line().as_str(), seen.body.as_slice()), (LINE, br#"{ "id" : 1 }"#.as_slice()));
    assert_eq!(seen.header("host"), Some(format!("vendor.test:{}", world.vendor.address.port()).as_str()));
    for (name, value) in [
        ("webhook-id", Some("dlv_1")),
        ("content-type", Some("application/json")),
        ("accept-encoding", Some("identity")),
        ("content-length", Some("12")),
        ("connection", None),
        ("transfer-encoding", None),
    ] {
        assert_eq!(seen.header(name), value, "{name}");
    }
    assert!(seen.header("user-agent").expect("an agent").starts_with("lockgate/"));
}

#[tokio::test]
async fn an_empty_message_says_that_it_is_empty() {
    let world = world().await;
    world.vendor.answers("*", Canned::bytes(204, ""));
    world.egress.dispatch(world.tenant, &endpoint(&world), message("")).await.expect("an answer");
    assert_eq!(world.vendor.seen()[0].header("content-length"), Some("0"));
}

#[test]
fn an_endpoint_is_judged_when_it_is_declared() {
    for (url, wanted) in [
        ("http://example.com/", EgressRefusal::UrlScheme),
        ("ftp://example.com/", EgressRefusal::UrlScheme),
        ("https://user@example.com/", EgressRefusal::UrlUserinfo),
        ("https://example.com/#there", EgressRefusal::UrlFragment),
        ("https://example.com/ x", EgressRefusal::UrlCharacter),
        ("example.com", EgressRefusal::UrlMalformed),
        ("https://10.0.0.1/", EgressRefusal::AddressPrivate),
        ("https://127.0.0.1/", EgressRefusal::AddressLoopback),
        ("https://169.254.169.254/latest/meta-data", EgressRefusal::AddressMetadata),
        ("https://[::ffff:a00:1]/", EgressRefusal::AddressEmbedded),
        ("https://2130706433/", EgressRefusal::HostNumeric),
        ("https://localhost/", EgressRefusal::HostInternal),
        ("https://wiki/", EgressRefusal::HostSingleLabel),
        ("https://metadata.google.internal/", EgressRefusal::HostMetadata),
        ("https://example.com:25/", EgressRefusal::UrlPort),
    ] {
        assert_eq!(refused(url), wanted, "{url}");
    }
    let unreadable =
        EndpointParts { url: "https://example.com/".into(), trust_pem: Some("x".into()), ..EndpointParts::default() };
    assert_eq!(Endpoint::resolve(unreadable).expect_err("refused"), EgressRefusal::VendorCertificate);
    let fine = EndpointParts { url: "https://EXAMPLE.com/a/../b?c".into(), ..EndpointParts::default() };
    let fine = Endpoint::resolve(fine).expect("an endpoint");
    assert_eq!(fine.url().to_string(), "https://example.com/b?c");
    assert_eq!(format!("{fine:?}"), "Endpoint(example.com)");
}

#[tokio::test]
async fn a_private_address_is_reached_only_where_the_tenant_opened_it() {
    let world = world().await;
    world.vendor.answers("*", Canned::json(200, "{}"));
    for networks in [&[][..], &["10.0.0.0/8"][..]] {
        let networks = networks.iter().map(|network| network.parse().expect("a network")).collect();
        let closed = EndpointParts { danger_private_networks: networks, ..parts(&world) };
        let failed = send(&world, &Endpoint::resolve(closed).expect("an endpoint")).await.expect_err("refused");
        assert_eq!(failed.refusal, EgressRefusal::AddressLoopback);
        assert!(!failed.is_ours());
    }
    assert_eq!(world.vendor.connections(), 0);
    assert_eq!(send(&world, &endpoint(&world)).await.expect("an answer").status, StatusCode::OK);
}

#[tokio::test]
async fn a_name_without_an_address_may_have_one_later() {
    let world = world().await;
    let parts = EndpointParts { url: "https://nobody.test/".into(), ..EndpointParts::default() };
    let failed = send(&world, &Endpoint::resolve(parts).expect("an endpoint")).await.expect_err("refused");
    assert_eq!(failed.code(), "egress.name.unresolved");
}

#[tokio::test]
async fn an_endpoint_that_is_not_trusted_is_not_spoken_to() {
    let world = world().await;
    let stranger = Vendor::start("vendor.test").await;
    let system = EndpointParts { trust_pem: None, ..parts(&world) };
    let other = EndpointParts { trust_pem: Some(stranger.authority_pem.clone()), ..parts(&world) };
    let pinned = EndpointParts { pins: vec![[7; 32]], ..parts(&world) };
    for (parts, wanted) in [
        (system, EgressRefusal::VendorCertificate),
        (other, EgressRefusal::VendorCertificate),
        (pinned, EgressRefusal::VendorPin),
    ] {
        let failed = send(&world, &Endpoint::resolve(parts).expect("an endpoint")).await.expect_err("refused");
        assert_eq!(failed.refusal, wanted);
    }
    assert_eq!(world.vendor.seen().len(), 0);
}

#[tokio::test]
async fn an_endpoint_that_never_answers_is_given_up() {
    let world = world().await;
    world.vendor.on("*", Behaviour::Stall(Vec::new()));
    let sent = beside(&world, endpoint(&world));
    world.vendor.wait_for(LINE, 1).await;
    until_done(&world, &sent).await;
    let failed = sent.await.expect("it ran").expect_err("no answer");
    assert_eq!(failed.refusal, EgressRefusal::AnswerTimeout);
    assert!(failed.took >= Duration::from_secs(15), "{failed:?}");
    assert_eq!(world.egress.idle_lines(), 0);
}

#[tokio::test]
async fn an_endpoint_that_drips_its_head_is_given_up_and_one_that_drips_its_body_has_answered() {
    let world = world().await;
    world.vendor.on("*", Behaviour::Drip(b"HTTP/1.1 200 O".to_vec(), b"K\r\n".to_vec()));
    let sent = beside(&world, endpoint(&world));
    world.vendor.wait_for(LINE, 1).await;
    world.vendor.drip();
    until_done(&world, &sent).await;
    let failed = sent.await.expect("it ran").expect_err("no answer");
    assert_eq!(failed.refusal, EgressRefusal::AnswerTimeout);

    world.vendor.forget("*");
    world
        .vendor
        .on("*", Behaviour::Drip(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nab".to_vec(), b"cdefghi".to_vec()));
    let sent = beside(&world, endpoint(&world));
    world.vendor.wait_for(LINE, 2).await;
    // The head is on its way over loopback; nothing tells from outside when it was read.
    for _ in 0..20_000 {
        tokio::task::yield_now().await;
    }
    until_done(&world, &sent).await;
    let got = sent.await.expect("it ran").expect("an answer");
    assert_eq!(got.status, StatusCode::OK);
    assert!(got.body.len() < 9, "{got:?}");
    assert_eq!(world.egress.idle_lines(), 0);
}

#[tokio::test]
async fn an_answer_without_end_is_cut() {
    let world = world().await;
    let first = b"HTTP/1.1 500 No\r\ncontent-length: 10737418240\r\n\r\n".to_vec();
    world.vendor.on("*", Behaviour::Endless(first, vec![b'x'; 16 * 1024]));
    let got = send(&world, &endpoint(&world)).await.expect("an answer");
    assert_eq!((got.status.as_u16(), got.body.len()), (500, heard::MOST_BYTES));
    assert_eq!(world.egress.idle_lines(), 0);
}

#[tokio::test]
async fn an_answer_that_is_no_http_or_has_no_end_to_its_head_is_none() {
    let world = world().await;
    for (behaviour, wanted) in [
        (Behaviour::Raw(b"SSH-2.0-OpenSSH_9.6\r\n\r\n".to_vec()), EgressRefusal::AnswerHead),
        (
            Behaviour::Endless(b"HTTP/1.1 200 OK\r\n".to_vec(), b"x: y\r\n".repeat(500)),
            EgressRefusal::AnswerHeadTooLarge,
        ),
        (Behaviour::Hang, EgressRefusal::VendorReset),
    ] {
        world.vendor.forget("*");
        world.vendor.on("*", behaviour);
        let failed = send(&world, &endpoint(&world)).await.expect_err("no answer");
        assert_eq!(failed.refusal, wanted);
    }
}

#[tokio::test]
async fn a_redirect_is_a_status_and_nothing_more() {
    let world = world().await;
    let there = Canned::bytes(307, "").header("location", "https://169.254.169.254/latest/meta-data");
    world.vendor.answers("*", there);
    let got = send(&world, &endpoint(&world)).await.expect("an answer");
    assert_eq!(got.status.as_u16(), 307);
    assert_eq!(world.vendor.seen().len(), 1);
}

#[tokio::test]
async fn a_packed_answer_stays_packed() {
    let world = world().await;
    world.vendor.answers("*", Canned::bytes(200, "packed").header("content-encoding", "gzip"));
    assert_eq!(&send(&world, &endpoint(&world)).await.expect("an answer").body[..], b"packed");
}

#[tokio::test]
async fn a_line_is_used_again_for_the_same_tenant_endpoint_and_trust_alone() {
    let world = world().await;
    world.vendor.answers("*", Canned::json(200, "{}"));
    for _ in 0..3 {
        // Each time read anew, as after a change of something else about its subscription.
        send(&world, &endpoint(&world)).await.expect("an answer");
    }
    assert_eq!((world.vendor.connections(), world.egress.idle_lines()), (1, 1));
    let trust = format!("{}\n{}", world.vendor.authority_pem, world.vendor.authority_pem);
    let changed = EndpointParts { trust_pem: Some(trust), ..parts(&world) };
    send(&world, &Endpoint::resolve(changed).expect("an endpoint")).await.expect("an answer");
    assert_eq!(world.vendor.connections(), 2, "whom it trusts has changed");
    let other = EndpointParts { url: parts(&world).url.replace("one", "two"), ..parts(&world) };
    send(&world, &Endpoint::resolve(other).expect("an endpoint")).await.expect("an answer");
    assert_eq!(world.vendor.connections(), 3, "another endpoint");
    let stranger = TenantId::from_u128(7);
    world.egress.dispatch(stranger, &endpoint(&world), message("{}")).await.expect("an answer");
    assert_eq!(world.vendor.connections(), 4, "another tenant");
    world.pass(Duration::from_secs(61)).await;
    world.egress.tidy().await.expect("tidied");
    assert_eq!(world.egress.idle_lines(), 0);
}

#[tokio::test]
async fn a_line_that_the_endpoint_closed_is_replaced() {
    let world = world().await;
    world.vendor.on("*", Behaviour::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec()));
    for _ in 0..3 {
        assert_eq!(send(&world, &endpoint(&world)).await.expect("an answer").status, StatusCode::OK);
    }
    assert_eq!(world.vendor.connections(), 3);
}

#[tokio::test]
async fn a_host_that_is_not_listed_is_not_reached_though_it_was_declared_before() {
    let world = world().await;
    world.vendor.answers("*", Canned::json(200, "{}"));
    for (hosts, reached) in [(&["vendor.test"][..], true), (&["*.vendor.test", "other.test"], false), (&[], false)] {
        let allow = Some(HostList::parse(hosts.iter().copied()).expect("a list"));
        let listed = Endpoint::resolve(EndpointParts { allow, ..parts(&world) }).expect("an endpoint");
        let sent = send(&world, &listed).await;
        assert_eq!(sent.is_ok(), reached, "{hosts:?}");
        assert!(reached || sent.is_err_and(|failed| failed.refusal == EgressRefusal::HostNotAllowed));
    }
    assert_eq!(world.vendor.connections(), 1);
}
