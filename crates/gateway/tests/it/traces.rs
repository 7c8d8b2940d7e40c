//! Where a call stands in its trace: for the vendor, for the caller, and for a collector over OTLP.

use std::collections::HashMap;
use std::time::Duration;

use lockgate_testkit::{Behaviour, Canned, Vendor};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Told;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

use crate::client::Answer;
use crate::world::{Tenant, VENDOR_HOST, VENDOR_SECRET, World};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLERS_SPAN: &str = "00f067aa0ba902b7";
const LINE: &str = "GET /v1/things/1";

/// A world with a connection whose vendor answers, and what its configuration says about traces.
async fn world(otlp: &str) -> (World, Tenant) {
    let world = World::with(otlp).await;
    let acme = world.tenant("acme").await;
    world.connection(&acme, "pay").await;
    (world, acme)
}

fn to(collector: &Vendor, more: &str) -> String {
    format!("[telemetry.otlp]\nendpoint = \"http://{}\"\n{more}\n", collector.address)
}

async fn call(world: &World, acme: &Tenant, traceparent: &str) -> Answer {
    let more = format!("traceparent: {traceparent}\r\n");
    world.call(&acme.service, "GET", "/call/pay/v1/things/1", &more, "").await
}

fn of_caller() -> String {
    format!("00-{TRACE}-{CALLERS_SPAN}-00")
}

/// The trace, span and flags of a `traceparent`.
fn parts(traceparent: &str) -> (String, String, String) {
    let parts: Vec<&str> = traceparent.split('-').collect();
    assert_eq!((parts.len(), parts[0]), (4, "00"), "{traceparent}");
    (parts[1].to_owned(), parts[2].to_owned(), parts[3].to_owned())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Every span that the collector got.
fn spans(collector: &Vendor) -> Vec<Span> {
    let messages = collector.seen().into_iter().filter(|seen| seen.line() == "POST /v1/traces");
    messages
        .map(|seen| ExportTraceServiceRequest::decode(&*seen.body).expect("a message"))
        .flat_map(|message| message.resource_spans)
        .flat_map(|resource| resource.scope_spans)
        .flat_map(|scope| scope.spans)
        .collect()
}

fn attributes(span: &Span) -> HashMap<String, String> {
    let text = |value: Option<Told>| match value {
        Some(Told::StringValue(text)) => text,
        Some(Told::IntValue(number)) => number.to_string(),
        other => panic!("{other:?}"),
    };
    let each = span.attributes.iter().cloned();
    each.map(|attribute| (attribute.key, text(attribute.value.and_then(|value| value.value)))).collect()
}

#[tokio::test]
async fn a_callers_trace_goes_on_under_spans_of_ours() {
    let (world, acme) = world("").await;
    world.vendor.answers(LINE, Canned::json(200, "{}"));
    let mut spans = vec![CALLERS_SPAN.to_owned()];
    for flags in ["00", "01"] {
        let answer = call(&world, &acme, &format!("00-{TRACE}-{CALLERS_SPAN}-{flags}")).await;
        let seen = world.vendor.seen().pop().expect("a request");
        let told = [answer.header("traceparent").expect("one"), seen.header("traceparent").expect("one")];
        for (trace, span, kept) in told.map(parts) {
            assert_eq!((trace.as_str(), kept.as_str()), (TRACE, flags));
            spans.push(span);
        }
    }
    spans.dedup();
    assert_eq!(spans.len(), 3, "each call has a span of its own, none has the caller's: {spans:?}");
    world.end().await;
}

#[tokio::test]
async fn what_is_no_traceparent_is_replaced() {
    let (world, acme) = world("").await;
    world.vendor.answers(LINE, Canned::json(200, "{}"));
    let mut traces = Vec::new();
    for broken in [
        "",
        "nonsense",
        &format!("00-{TRACE}-{CALLERS_SPAN}"),
        &format!("00-{TRACE}-0000000000000000-01"),
        &format!("00-{}-{CALLERS_SPAN}-01", "0".repeat(32)),
        &format!("00-{}-{CALLERS_SPAN}-01", TRACE.to_uppercase()),
        &format!("ff-{TRACE}-{CALLERS_SPAN}-01"),
        &format!("00-{TRACE}-{CALLERS_SPAN}-01-more"),
    ] {
        let answer = call(&world, &acme, broken).await;
        assert_eq!(answer.status, 200, "{broken:?}: {}", answer.text());
        let (trace, span, flags) = parts(answer.header("traceparent").expect("one"));
        assert!(trace != TRACE && span != CALLERS_SPAN && flags == "00", "{broken:?}");
        let seen = world.vendor.seen().pop().expect("a request");
        assert_eq!(parts(seen.header("traceparent").expect("one")).0, trace, "the vendor is in the same trace");
        traces.push(trace);
    }
    traces.sort();
    traces.dedup();
    assert_eq!(traces.len(), 8, "each call starts a trace of its own");
    world.end().await;
}

#[tokio::test]
async fn a_collector_gets_the_call_and_its_attempts_in_the_callers_trace() {
    let collector = Vendor::start_plain().await;
    collector.answers("POST /v1/traces", Canned::bytes(200, ""));
    let (world, acme) = world(&to(&collector, "")).await;
    world.vendor.answers(LINE, Canned::json(503, "{}").header("retry-after", "0"));
    world.vendor.answers(LINE, Canned::json(200, "{}"));
    let more = format!("traceparent: {}\r\n", of_caller());
    let path = "/call/pay/v1/things/1?customer=Jane+Doe";
    let answer = {
        let calling = world.call(&acme.service, "GET", path, &more, "");
        tokio::pin!(calling);
        // The second attempt waits until the clock has moved, and it moves no faster than sockets do.
        let moving = async {
            while world.vendor.seen().len() < 2 {
                world.read("", "/healthz").await;
                let by = if world.vendor.seen().len() == 1 { 2 } else { 0 };
                world.clock.advance(Duration::from_millis(by));
            }
        };
        tokio::join!(&mut calling, moving).0
    };
    assert_eq!(answer.status, 200, "{}", answer.text());
    let tried: Vec<String> =
        world.vendor.seen().iter().map(|seen| parts(seen.header("traceparent").expect("one")).1).collect();
    let refused = world.call(&acme.service, "DELETE", "/call/pay/v2/nothing", &more, "").await;
    assert_eq!(refused.status, 403, "{}", refused.text());
    let (vendor_address, run) = (world.vendor.address, answer.header("x-lockgate-run").expect("one").to_owned());
    world.end().await;

    let spans = spans(&collector);
    assert!(spans.iter().all(|span| hex(&span.trace_id) == TRACE), "one trace: {spans:?}");
    let named = |name: &str| -> Vec<&Span> { spans.iter().filter(|span| span.name == name).collect() };
    let (calls, attempts) = (named("call"), named("attempt"));
    assert_eq!((calls.len(), attempts.len(), spans.len()), (2, 2, 4));
    assert!(calls.iter().all(|call| hex(&call.parent_span_id) == CALLERS_SPAN));
    let (first, last) = (calls[0], calls[1]);
    assert_eq!(hex(&first.span_id), parts(answer.header("traceparent").expect("one")).1);
    assert!(attempts.iter().all(|attempt| attempt.parent_span_id == first.span_id));
    let ids: Vec<String> = attempts.iter().map(|attempt| hex(&attempt.span_id)).collect();
    assert_eq!(ids, tried, "the vendor stands below the attempt that reached it");
    let of: Vec<HashMap<String, String>> = attempts.iter().map(|attempt| attributes(attempt)).collect();
    assert_eq!((of[0]["http.response.status_code"].as_str(), of[0]["lockgate.attempt"].as_str()), ("503", "1"));
    assert_eq!((of[1]["http.response.status_code"].as_str(), of[1]["lockgate.attempt"].as_str()), ("200", "2"));
    assert_eq!(attributes(first)["lockgate.run"], run);
    assert_eq!(attributes(last)["error.type"], refused.code());
    assert!(first.start_time_unix_nano < attempts[1].start_time_unix_nano, "the second attempt came later");

    // Nothing that somebody sent, and nothing secret, is in what left the house.
    let sent: Vec<u8> = collector.seen().into_iter().flat_map(|seen| seen.body).collect();
    let secrets = [VENDOR_SECRET, &acme.service, VENDOR_HOST, "Jane", "customer", "things/1", "v2/nothing", "billing"];
    for text in secrets.into_iter().chain([vendor_address.to_string().as_str()]) {
        assert!(!sent.windows(text.len()).any(|window| window == text.as_bytes()), "{text} left the house");
    }
}

#[tokio::test]
async fn a_trace_that_is_exported_says_so_to_whoever_comes_next() {
    let collector = Vendor::start_plain().await;
    collector.answers("POST /v1/traces", Canned::bytes(200, ""));
    for (ratio, flags, spans_sent) in [("1.0", "01", 2), ("0.0", "00", 0)] {
        let (world, acme) = world(&to(&collector, &format!("sample_ratio = {ratio}"))).await;
        world.vendor.answers(LINE, Canned::json(200, "{}"));
        let before = spans(&collector).len();
        let answer = call(&world, &acme, &of_caller()).await;
        let seen = world.vendor.seen().pop().expect("a request");
        for told in [answer.header("traceparent"), seen.header("traceparent")] {
            assert_eq!(parts(told.expect("one")).2, flags);
        }
        world.end().await;
        assert_eq!(spans(&collector).len() - before, spans_sent, "{ratio}");
    }
}

#[tokio::test]
async fn spans_are_sent_while_the_gateway_runs() {
    let collector = Vendor::start_plain().await;
    collector.answers("POST /v1/traces", Canned::bytes(200, ""));
    let (world, acme) = world(&to(&collector, "interval_seconds = 1")).await;
    world.vendor.answers(LINE, Canned::json(200, "{}"));
    assert_eq!(call(&world, &acme, &of_caller()).await.status, 200);
    world.clock.advance(Duration::from_secs(1));
    collector.wait_for("POST /v1/traces", 1).await;
    assert_eq!(spans(&collector).len(), 2);
    world.end().await;
}

#[tokio::test]
async fn a_collector_that_is_away_or_never_answers_harms_no_call() {
    let silent = Vendor::start_plain().await;
    silent.on("POST /v1/traces", Behaviour::Stall(Vec::new()));
    let endpoints = ["http://127.0.0.1:1".to_owned(), format!("http://{}", silent.address)];
    for endpoint in endpoints {
        let more = "queue = 4\ninterval_seconds = 1\n";
        let (world, acme) = world(&format!("[telemetry.otlp]\nendpoint = \"{endpoint}\"\n{more}")).await;
        world.vendor.answers(LINE, Canned::json(200, "{}"));
        for _ in 0..8 {
            assert_eq!(call(&world, &acme, &of_caller()).await.status, 200);
        }
        world.clock.advance(Duration::from_secs(1));
        let dropped = async |why: &str| {
            let text = world.ask("-", "GET", "/metrics", None).await.text();
            let line = format!("lockgate_spans_dropped_total{{why=\"{why}\"}} ");
            text.lines().find_map(|known| known.strip_prefix(&line).map(str::to_owned))
        };
        let mut rounds = 0;
        while dropped("unsent").await.is_none() {
            world.clock.advance(Duration::from_millis(100));
            rounds += 1;
            assert!(rounds < 1_000, "it was given up");
        }
        assert_eq!((dropped("full").await.as_deref(), dropped("unsent").await.as_deref()), (Some("12"), Some("4")));
        world.running.rooms.access.refresh().await.expect("the directory");
        assert_eq!(call(&world, &acme, &of_caller()).await.status, 200);
        let World { running, clock, .. } = world;
        let stopping = running.stop();
        tokio::pin!(stopping);
        // The last export is given up in its time too.
        loop {
            tokio::select! {
                biased;
                stopped = &mut stopping => break stopped.expect("it ends in order"),
                () = tokio::task::yield_now() => clock.advance(Duration::from_millis(10)),
            }
        }
    }
}
