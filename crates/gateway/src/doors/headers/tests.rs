//! Which fields stay at the door, and what the gateway's own may say.

use http::header::HeaderName;
use lockgate_vocabulary::Timestamp;

use super::*;

fn map(rows: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in rows {
        map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    map
}

#[test]
fn nothing_of_the_gateways_own_and_no_credential_goes_on() {
    let all = map(&[
        ("accept", "a"),
        ("authorization", "Bearer x"),
        ("connection", "close, X-Hop"),
        ("content-length", "3"),
        ("content-type", "application/json"),
        ("cookie", "a=b"),
        ("expect", "100-continue"),
        ("forwarded", "for=1"),
        ("host", "gate"),
        ("idempotency-key", "k"),
        ("keep-alive", "5"),
        ("prefer", "respond-async"),
        ("proxy-authorization", "x"),
        ("te", "trailers"),
        ("traceparent", "00"),
        ("tracestate", "a=b"),
        ("trailer", "x"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "h2c"),
        ("via", "1.1 a"),
        ("x-api-key", "lgk"),
        ("x-dryrun", "true"),
        ("x-forwarded-for", "192.0.2.1"),
        ("x-hop", "1"),
        ("x-lockgate-approval", "apr_1"),
        ("x-lockgate-session", "ses_1"),
        ("x-real-ip", "192.0.2.1"),
        ("x-vendor", "1"),
        ("x-vendor", "2"),
    ]);
    let kept = onward(all);
    let mut names: Vec<&str> = kept.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["accept", "content-type", "x-vendor"]);
    assert_eq!(kept.get_all("x-vendor").iter().count(), 2, "a field that stands twice goes on twice");
}

#[test]
fn a_dry_run_is_asked_for_in_one_way() {
    assert!(matches!(dry_run(&map(&[])), Ok(false)));
    assert!(matches!(dry_run(&map(&[("x-dryrun", "false")])), Ok(false)));
    assert!(matches!(dry_run(&map(&[("x-dryrun", "true")])), Ok(true)));
    for unclear in ["True", "1", "yes", "", "true "] {
        let mut headers = HeaderMap::new();
        headers.insert(DRY_RUN, HeaderValue::from_str(unclear).expect("a value"));
        let refusal = dry_run(&headers).expect_err("unclear");
        assert_eq!(refusal.code(), "gateway.header.invalid", "{unclear:?}");
        assert_eq!(refusal.violations()[0].pointer, "X-DryRun");
    }
}

#[test]
fn an_idempotency_key_goes_on_as_it_was_sent() {
    let key = |sent: &[&str]| {
        let mut headers = HeaderMap::new();
        for text in sent {
            headers.append(IDEMPOTENCY_KEY, HeaderValue::from_bytes(text.as_bytes()).expect("a value"));
        }
        idempotency_key(&headers)
    };
    assert_eq!(key(&[]), None);
    for text in ["\"8e03978e-40d5\"", "", "caf\u{e9}"] {
        assert_eq!(key(&[text]).as_deref(), Some(text));
    }
    assert_eq!(key(&["a", "b"]).as_deref(), Some("a, b"), "two are no key");
}

#[test]
fn a_preference_is_found_among_others() {
    assert!(respond_async(&map(&[("prefer", "wait=10, Respond-Async")])));
    assert!(respond_async(&map(&[("prefer", "a"), ("prefer", "respond-async")])));
    assert!(!respond_async(&map(&[("prefer", "respond-asynchronously")])));
    assert!(!respond_async(&map(&[])));
}

#[test]
fn what_is_written_names_run_and_trace() {
    let entropy = lockgate_testkit::SeededEntropy::new(1);
    let arrival = Arrival {
        peer: "192.0.2.1:1".parse().expect("an address"),
        listener: lockgate_vocabulary::Listener::Door,
        at: Timestamp::from_secs(0),
        trace: lockgate_vocabulary::TraceContext::start(&entropy),
    };
    let mut headers = HeaderMap::new();
    mark(&mut headers, Some(RunId::from_u128(7)), &arrival);
    assert_eq!(headers[RUN], RunId::from_u128(7).to_string());
    assert_eq!(headers[TRACEPARENT], arrival.trace.to_traceparent());
}
