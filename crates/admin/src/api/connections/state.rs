//! How a connection stands at this moment, as far as this node knows.

use lockgate_access::registry::ConnectionRecord;
use lockgate_traffic::Pressure;
use lockgate_vocabulary::{TenantId, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use crate::admin::Parts;

/// A connection, and how it stands.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ShownConnection {
    /// What is written down of it.
    #[serde(flatten)]
    pub(crate) record: ConnectionRecord,
    /// How it stands on the node that answers; null where that node called nothing of it of late. Each node
    /// knows its own calls alone: ask every node's listener for the whole.
    pub(crate) state: Option<ConnectionState>,
}

impl ShownConnection {
    /// What is told of it at this moment.
    pub(crate) fn of(record: ConnectionRecord, parts: &Parts, tenant: TenantId) -> Self {
        let pressure = parts.traffic.pressure(tenant, record.connection);
        let state = pressure.map(|pressure| ConnectionState::of(pressure, parts.clock.now()));
        Self { record, state }
    }
}

/// How a connection stands on one node.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConnectionState {
    /// The breaker: `closed`, `open` or `half-open`.
    breaker: &'static str,
    /// When an open breaker lets one call try (RFC 3339); null where it is not open.
    breaker_tries_at: Option<String>,
    /// Calls under way.
    under_way: u32,
    /// Calls that may be under way at once.
    concurrent: u32,
    /// Calls that the vendor has left for us in its window; null where it has not said so.
    vendor_remaining: Option<u32>,
    /// When the vendor's limit, which is used up, opens again (RFC 3339); null where calls go out.
    vendor_opens_at: Option<String>,
}

impl ConnectionState {
    fn of(pressure: Pressure, now: Timestamp) -> Self {
        let at = |wait| now.after(wait).to_string();
        Self {
            breaker: pressure.breaker.as_str(),
            breaker_tries_at: pressure.breaker_open_for.map(at),
            under_way: pressure.under_way,
            concurrent: pressure.concurrent,
            vendor_remaining: pressure.vendor_remaining,
            vendor_opens_at: pressure.vendor_held_for.map(at),
        }
    }
}
