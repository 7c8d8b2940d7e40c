//! What the gateway counts.

use std::time::Duration;

use lockgate_traffic::Census;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::outward::Outward;
use crate::doors::http1::Violation;
use crate::routes::{ROUTES, Serves};

/// Upper bounds in seconds: from a refusal in memory to the longest bulk call.
const SECONDS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 120.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByRoute {
    route: &'static str,
    status: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Timed {
    route: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByCode {
    code: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByOutcome {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByReason {
    why: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByListener {
    listener: &'static str,
}

/// Handles of one route.
#[derive(Debug)]
struct PerRoute {
    /// By the first digit of the status, from 1 to 5.
    statuses: [Counter; 5],
    seconds: Histogram,
}

/// The connections of one listener.
#[derive(Debug, Clone)]
pub struct Connections {
    /// Open at this moment.
    pub open: Gauge,
    /// Turned away, for there were too many.
    pub turned_away: Counter,
}

/// Everything that is counted.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    routes: Vec<PerRoute>,
    unrouted: Counter,
    refusals: Family<ByCode, Counter>,
    fallbacks: Counter,
    heard: Family<ByOutcome, Counter>,
    faults: Counter,
    violations: Family<ByCode, Counter>,
    /// Entries of the trail that wait for the disk, and whether the gateway can serve; set when asked for.
    waiting: Gauge,
    rows_aside: Gauge,
    ready: Gauge,
    outward: Outward,
    open: Family<ByListener, Gauge>,
    turned_away: Family<ByListener, Counter>,
    spans: Counter,
    spans_dropped: Family<ByReason, Counter>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("lockgate");
        let requests: Family<ByRoute, Counter> = Family::default();
        let seconds: Family<Timed, Histogram> = Family::new_with_constructor(|| Histogram::new(SECONDS));
        let (unrouted, fallbacks, faults) = (Counter::default(), Counter::default(), Counter::default());
        let (refusals, violations, heard) = (Family::default(), Family::default(), Family::default());
        let (open, turned_away) = (Family::default(), Family::default());
        let (waiting, rows_aside, ready) = (Gauge::default(), Gauge::default(), Gauge::default());
        let outward = Outward::registered(&mut registry);
        let (spans, spans_dropped) = (Counter::default(), Family::default());
        registry.register(
            "audit_waiting_entries",
            "Entries of the trail that wait for the disk",
            Gauge::clone(&waiting),
        );
        registry.register(
            "audit_rows_set_aside",
            "Rows of the outbox that were not ours since the start: whoever writes the store forges acts",
            Gauge::clone(&rows_aside),
        );
        registry.register("ready", "Whether the gateway can serve: 1 or 0", Gauge::clone(&ready));
        registry.register("requests", "Requests answered at the door", requests.clone());
        registry.register_with_unit("request_duration", "From head to answer", Unit::Seconds, seconds.clone());
        registry.register("unrouted_requests", "Requests for what is not served", unrouted.clone());
        registry.register("refusals", "Requests refused at the door, by code", Family::clone(&refusals));
        registry.register("fallbacks", "Calls answered in the place of a vendor that is down", fallbacks.clone());
        registry.register("deliveries_heard", "Deliveries at the door, by what became of them", Family::clone(&heard));
        registry.register("faults", "Requests that failed through our fault", faults.clone());
        registry.register("http_violations", "Messages that broke the rules of HTTP", Family::clone(&violations));
        registry.register("connections", "Connections open", Family::clone(&open));
        registry.register("connections_turned_away", "Connections refused", Family::clone(&turned_away));
        registry.register("spans_exported", "Spans that the collector took", Counter::clone(&spans));
        registry.register("spans_dropped", "Spans that reached no collector", Family::clone(&spans_dropped));
        let routes = ROUTES.iter().map(|row| PerRoute::new(row.path, &requests, &seconds)).collect();
        Self {
            registry,
            routes,
            unrouted,
            refusals,
            fallbacks,
            heard,
            faults,
            violations,
            waiting,
            rows_aside,
            ready,
            outward,
            open,
            turned_away,
            spans,
            spans_dropped,
        }
    }
}

impl PerRoute {
    fn new(route: &'static str, requests: &Family<ByRoute, Counter>, seconds: &Family<Timed, Histogram>) -> Self {
        let statuses =
            ["1xx", "2xx", "3xx", "4xx", "5xx"].map(|status| requests.get_or_create_owned(&ByRoute { route, status }));
        Self { statuses, seconds: seconds.get_or_create_owned(&Timed { route }) }
    }
}

impl Metrics {
    /// A delivery came: it was `kept`, a `duplicate`, `quarantined`, `refused`, or `failed` through our fault.
    pub fn heard(&self, outcome: &'static str) {
        self.heard.get_or_create(&ByOutcome { outcome }).inc();
    }

    /// A request was answered.
    pub fn answered(&self, serves: Option<Serves>, status: u16, took: Duration) {
        let Some(route) = serves.and_then(|serves| self.routes.get(serves as usize)) else {
            self.unrouted.inc();
            return;
        };
        if let Some(counter) = route.statuses.get(usize::from(status / 100).saturating_sub(1)) {
            counter.inc();
        }
        route.seconds.observe(took.as_secs_f64());
    }

    /// A request was refused.
    pub fn refused(&self, code: &'static str) {
        self.refusals.get_or_create(&ByCode { code }).inc();
    }

    /// A call was answered in the place of a vendor that is down.
    pub fn fell_back(&self) {
        self.fallbacks.inc();
    }

    /// A request failed through our fault.
    pub fn failed(&self) {
        self.faults.inc();
    }

    /// A peer broke the rules of HTTP.
    pub fn violated(&self, violation: Violation) {
        self.violations.get_or_create(&ByCode { code: violation.refusal().info().code }).inc();
    }

    /// The handles of a listener.
    pub fn connections(&self, listener: &'static str) -> Connections {
        let label = ByListener { listener };
        Connections {
            open: self.open.get_or_create_owned(&label),
            turned_away: self.turned_away.get_or_create_owned(&label),
        }
    }

    /// So many spans were taken by the collector.
    pub fn spans_exported(&self, count: u64) {
        self.spans.inc_by(count);
    }

    /// So many spans were dropped, for the queue was `full` or they were `unsent`.
    pub fn spans_dropped(&self, why: &'static str, count: u64) {
        if count > 0 {
            self.spans_dropped.get_or_create(&ByReason { why }).inc_by(count);
        }
    }

    /// How the house stands at this moment.
    pub fn stands(&self, waiting: usize, rows_aside: u64, ready: bool) {
        self.waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
        self.rows_aside.set(i64::try_from(rows_aside).unwrap_or(i64::MAX));
        self.ready.set(i64::from(ready));
    }

    /// How the way out stands at this moment.
    pub fn stands_outward(&self, census: Census, idle_lines: usize, unchecked: u64) {
        self.outward.set(census, idle_lines, unchecked);
    }

    /// Everything in the text form of OpenMetrics.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail; if it did, nothing is better than half.
        match encode(&mut text, &self.registry) {
            Ok(()) => text,
            Err(_) => String::new(),
        }
    }
}
