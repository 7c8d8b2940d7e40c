//! What is written is what a collector reads, and a collector that is away costs spans alone.

use lockgate_egress::span::{Share, Work};
use lockgate_testkit::{Behaviour, Canned, ManualClock, Vendor};
use lockgate_vocabulary::{ConnectionId, RunId, SystemEntropy, TenantId, Timestamp, TraceContext};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

use super::*;

fn span(work: Work, status: Option<u16>) -> Span {
    let trace = TraceContext::start(&SystemEntropy);
    let (begun, ended) = (Timestamp::from_secs(10), Timestamp::from_secs(11));
    let (run, method) = (RunId::from_u128(1), "GET");
    Span { trace: trace.trace, span: trace.span, parent: None, begun, ended, run, method, status, work }
}

fn attempt(status: Option<u16>) -> Span {
    let (tenant, connection) = (TenantId::from_u128(2), ConnectionId::from_u128(3));
    span(Work::Attempt { number: 1, tenant, connection, outcome: "answered" }, status)
}

fn open(endpoint: &str, queue: usize) -> (Spans, Arc<Exporter>, Arc<Metrics>, ManualClock) {
    let config = Otlp { endpoint: Some(endpoint.to_owned()), queue, ..Otlp::default() };
    let (clock, metrics) = (ManualClock::new(), Arc::new(Metrics::default()));
    let node = "node-1".parse().expect("a name");
    let (spans, exporter) =
        Exporter::open(&config, &node, Arc::new(clock.clone()), Arc::clone(&metrics)).expect("sound");
    (spans, exporter.expect("an endpoint is named"), metrics, clock)
}

fn counted(metrics: &Metrics, line: &str) -> bool {
    metrics.text().lines().any(|known| known == line)
}

#[test]
fn spans_are_written_as_the_conventions_say() {
    let node = Node::of(&"node-1".parse().expect("a name"));
    let refused = span(Work::Call { code: Some("access.scope.lacking") }, Some(403));
    let broken = span(Work::Call { code: None }, Some(500));
    let spans = [refused, broken, attempt(Some(404)), attempt(None), attempt(Some(200))];
    let told = ExportTraceServiceRequest::decode(&*node.message(&spans)).expect("a message");
    let [resource] = told.resource_spans.as_slice() else { panic!("one resource: {told:?}") };
    let name = resource.resource.as_ref().expect("a resource").attributes.first().expect("a name");
    assert_eq!(name.key, "service.name");
    let written = &resource.scope_spans.first().expect("a scope").spans;
    let shapes: Vec<_> = written
        .iter()
        .map(|span| (span.name.as_str(), span.kind, span.status.as_ref().expect("a status").code))
        .collect();
    assert_eq!(shapes, [("call", 2, 0), ("call", 2, 2), ("attempt", 3, 2), ("attempt", 3, 2), ("attempt", 3, 0)]);
    let first = written.first().expect("a span");
    assert_eq!((first.trace_id.len(), first.span_id.len(), first.parent_span_id.len()), (16, 8, 0));
    assert_eq!((first.start_time_unix_nano, first.end_time_unix_nano), (10_000_000_000, 11_000_000_000));
    let keys: Vec<&str> = first.attributes.iter().map(|attribute| attribute.key.as_str()).collect();
    let expected = ["http.request.method", "lockgate.run", "http.response.status_code", "http.route", "error.type"];
    assert_eq!(keys, expected);
}

#[tokio::test]
async fn what_waits_is_sent_in_batches_and_counted() {
    let collector = Vendor::start_plain().await;
    collector.answers("POST /v1/traces", Canned::bytes(200, ""));
    let (spans, exporter, metrics, _) = open(&format!("http://{}", collector.address), 1_000);
    for _ in 0..1_100 {
        spans.tell(attempt(Some(200)));
    }
    exporter.pass().await;
    assert_eq!(collector.count("POST /v1/traces"), 2);
    assert!(counted(&metrics, "lockgate_spans_exported_total 1000"), "{}", metrics.text());
    assert!(counted(&metrics, "lockgate_spans_dropped_total{why=\"full\"} 100"), "{}", metrics.text());
    let seen = collector.seen();
    assert!(seen.iter().all(|seen| seen.header("content-type") == Some("application/x-protobuf")));
    exporter.pass().await;
    assert_eq!(collector.count("POST /v1/traces"), 2, "nothing waits, nothing is sent");
}

#[tokio::test]
async fn a_collector_that_refuses_or_is_away_costs_spans_alone() {
    let collector = Vendor::start_plain().await;
    collector.answers("POST /v1/traces", Canned::bytes(503, ""));
    collector.on("POST /v1/traces", Behaviour::Hang);
    collector.on("POST /v1/traces", Behaviour::Stall(Vec::new()));
    let (spans, exporter, metrics, clock) = open(&format!("http://{}", collector.address), 10);
    for lost in 1..=3 {
        spans.tell(attempt(Some(200)));
        let passing = exporter.pass();
        tokio::pin!(passing);
        // The third answer never comes: its time runs out once the collector has the message.
        tokio::select! {
            () = &mut passing => {}
            () = collector.wait_for("POST /v1/traces", 3) => {
                clock.advance(PATIENCE);
                passing.await;
            }
        }
        assert!(counted(&metrics, &format!("lockgate_spans_dropped_total{{why=\"unsent\"}} {lost}")), "{lost}");
    }
    let (spans, exporter, metrics, _) = open("http://127.0.0.1:1", 10);
    spans.tell(attempt(Some(200)));
    exporter.pass().await;
    assert!(counted(&metrics, "lockgate_spans_dropped_total{why=\"unsent\"} 1"), "{}", metrics.text());
}

#[tokio::test]
async fn a_collector_over_tls_must_show_a_certificate_of_the_named_authority() {
    let collector = Vendor::start("localhost").await;
    collector.answers("POST /v1/traces", Canned::bytes(200, ""));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, &collector.authority_pem).expect("written");
    let endpoint = Some(format!("https://localhost:{}", collector.address.port()));
    for (ca_file, arrives) in [(Some(file), true), (None, false)] {
        let config = Otlp { endpoint: endpoint.clone(), ca_file, ..Otlp::default() };
        let metrics = Arc::new(Metrics::default());
        let node = "node-1".parse().expect("a name");
        let opened = Exporter::open(&config, &node, Arc::new(ManualClock::new()), Arc::clone(&metrics));
        let (spans, exporter) = opened.expect("sound");
        spans.tell(attempt(Some(200)));
        exporter.expect("an endpoint is named").pass().await;
        assert_eq!(counted(&metrics, "lockgate_spans_exported_total 1"), arrives, "{}", metrics.text());
    }
    let config = Otlp { endpoint, ca_file: Some("/nowhere".into()), ..Otlp::default() };
    let node = "node-1".parse().expect("a name");
    let refused = Exporter::open(&config, &node, Arc::new(ManualClock::new()), Arc::default()).err();
    assert_eq!(refused.expect("refused").key, "telemetry.otlp.ca_file");
}

#[test]
fn without_an_endpoint_nobody_is_told() {
    let node = "node-1".parse().expect("a name");
    let opened = Exporter::open(&Otlp::default(), &node, Arc::new(ManualClock::new()), Arc::default());
    let (spans, exporter) = opened.expect("sound");
    assert!(exporter.is_none() && !spans.records(TraceContext::start(&SystemEntropy).trace));
    assert_eq!(Otlp::default().sample_ratio, Share::ALL);
}
