//! How the way out stands: numbers of all tenants together, so that no label tells of one of them.

use lockgate_traffic::Census;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// What is set when somebody asks.
#[derive(Debug)]
pub(super) struct Outward {
    breakers_open: Gauge,
    vendors_limited: Gauge,
    calls_under_way: Gauge,
    idle_lines: Gauge,
    limits_unchecked: Gauge,
}

impl Outward {
    /// The gauges, each with its name.
    pub(super) fn registered(registry: &mut Registry) -> Self {
        let mut gauge = |name: &str, help: &str| {
            let gauge = Gauge::default();
            registry.register(name, help, Gauge::clone(&gauge));
            gauge
        };
        Self {
            breakers_open: gauge("breakers_open", "Connections whose breaker lets nothing out, or one call that tries"),
            vendors_limited: gauge("vendors_limited", "Connections whose vendor's limit is used up"),
            calls_under_way: gauge("calls_under_way", "Calls to vendors that are under way"),
            idle_lines: gauge("idle_lines", "Lines to vendors that wait for their next call"),
            limits_unchecked: gauge(
                "limits_unchecked",
                "How often the shared counters could not be asked since the start",
            ),
        }
    }

    pub(super) fn set(&self, census: Census, idle_lines: usize, unchecked: u64) {
        let to = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        self.breakers_open.set(to(census.breakers_open));
        self.vendors_limited.set(to(census.vendors_limited));
        self.calls_under_way.set(to(census.under_way));
        self.idle_lines.set(i64::try_from(idle_lines).unwrap_or(i64::MAX));
        self.limits_unchecked.set(to(unchecked));
    }
}
