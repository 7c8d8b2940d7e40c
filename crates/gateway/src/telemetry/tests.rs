//! What is counted is shown.

use std::time::Duration;

use lockgate_traffic::Census;

use super::*;
use crate::doors::http1::Violation;
use crate::routes::Serves;

#[test]
fn counts_requests_by_route_and_status() {
    let metrics = Metrics::default();
    metrics.answered(Some(Serves::Call), 200, Duration::from_millis(3));
    metrics.answered(Some(Serves::Call), 204, Duration::from_millis(3));
    metrics.answered(Some(Serves::Token), 401, Duration::from_millis(3));
    metrics.answered(None, 404, Duration::ZERO);
    metrics.refused("access.token.invalid");
    metrics.violated(Violation::LineEnd);
    metrics.failed();
    metrics.connections("door").open.inc();
    metrics.stands(3, 2, true);
    metrics.fell_back();
    metrics.stands_outward(Census { breakers_open: 4, vendors_limited: 5, under_way: 6 }, 7, 8);
    let text = metrics.text();
    for line in [
        "lockgate_requests_total{route=\"/call/{connection}/{path...}\",status=\"2xx\"} 2",
        "lockgate_requests_total{route=\"/oauth/token\",status=\"4xx\"} 1",
        "lockgate_unrouted_requests_total 1",
        "lockgate_refusals_total{code=\"access.token.invalid\"} 1",
        "lockgate_http_violations_total{code=\"gateway.head.malformed\"} 1",
        "lockgate_faults_total 1",
        "lockgate_audit_waiting_entries 3",
        "lockgate_audit_rows_set_aside 2",
        "lockgate_ready 1",
        "lockgate_fallbacks_total 1",
        "lockgate_breakers_open 4",
        "lockgate_vendors_limited 5",
        "lockgate_calls_under_way 6",
        "lockgate_idle_lines 7",
        "lockgate_limits_unchecked 8",
        "lockgate_connections{listener=\"door\"} 1",
        "lockgate_request_duration_seconds_count{route=\"/call/{connection}/{path...}\"} 2",
    ] {
        assert!(text.contains(line), "{line} is missing in:\n{text}");
    }
}

#[test]
fn a_level_that_is_none_is_refused_by_its_key() {
    let config = Telemetry { log: "info,=".into(), ..Telemetry::default() };
    assert_eq!(start_logs(&config).err().map(|problem| problem.key).as_deref(), Some("telemetry.log"));
    assert!(start_logs(&Telemetry::default()).is_ok());
    assert!(
        start_logs(&Telemetry { format: LogFormat::Json, ..Telemetry::default() }).is_ok(),
        "starting twice is no harm"
    );
}
