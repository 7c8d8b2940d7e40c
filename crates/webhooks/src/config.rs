//! What an operator may set about webhooks.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use lockgate_vocabulary::{Fault, TenantId};
use serde::Deserialize;

use crate::courier::CourierConfig;
use crate::ground::Ground;

/// The settings of this room.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Deliveries that are passed on at the same time, over all subscriptions; 64 by default, 1 to 4,096.
    pub workers: u32,
    /// Subscriptions of one tenant, those that were retired among them; 1,000 by default.
    pub subscriptions_per_tenant: u32,
    /// Hours after which an endpoint that only failed is paused; 24 by default, 1 to 720.
    pub pause_after_hours: u32,
    /// Failures without any success before an endpoint is paused; 10 by default.
    pub pause_after_failures: u32,
    /// Bytes of bodies that are in memory at the same time, of all tenants; 256 MiB by default.
    pub body_bytes: u64,
    /// The same of one tenant; 64 MiB by default.
    pub body_bytes_per_tenant: u64,
    /// Bytes of deliveries of one tenant that wait, for whatever reason; 4 GiB by default.
    pub waiting_bytes_per_tenant: u64,
    /// Hosts of tenants' endpoints, `*.example.com` for every name below; every public host by default.
    pub endpoint_hosts: Option<Vec<String>>,
    /// The same of one tenant, by its id, in place of the list for all.
    pub tenant_endpoint_hosts: BTreeMap<TenantId, Vec<String>>,
    /// The NATS JetStream to which deliveries are published; none by default.
    pub nats: Option<NatsConfig>,
}

/// A NATS server, or several of one cluster.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NatsConfig {
    /// Where it is: `tls://host:port`, or `nats://` on loopback alone. It has neither user name nor password.
    pub url: String,
    /// A file whose first line is the token that the server knows; its owner alone may read it.
    #[serde(default)]
    pub token_file: Option<PathBuf>,
    /// Certificates (PEM) trusted instead of the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Whether `nats://` may lead to another machine: deliveries then go in the clear.
    #[serde(default)]
    pub danger_allow_plaintext: bool,
}

impl fmt::Debug for NatsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Settings are shown before anybody refuses what should not stand in a URL.
        let url = match (self.url.split_once("://"), self.url.rsplit_once('@')) {
            (Some((scheme, _)), Some((_, host))) => format!("{scheme}://…@{host}"),
            (None, Some((_, host))) => format!("…@{host}"),
            (_, None) => self.url.clone(),
        };
        f.debug_struct("NatsConfig")
            .field("url", &url)
            .field("token_file", &self.token_file)
            .field("ca_file", &self.ca_file)
            .field("danger_allow_plaintext", &self.danger_allow_plaintext)
            .finish()
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            workers: 64,
            subscriptions_per_tenant: 1_000,
            pause_after_hours: 24,
            pause_after_failures: 10,
            body_bytes: 256 * 1024 * 1024,
            body_bytes_per_tenant: 64 * 1024 * 1024,
            waiting_bytes_per_tenant: 4 * 1024 * 1024 * 1024,
            endpoint_hosts: None,
            tenant_endpoint_hosts: BTreeMap::new(),
            nats: None,
        }
    }
}

impl Config {
    /// What of it is the courier's.
    pub(crate) fn courier(&self) -> CourierConfig {
        CourierConfig {
            workers: self.workers,
            pause_after: Duration::from_secs(u64::from(self.pause_after_hours) * 3_600),
            pause_failures: self.pause_after_failures,
        }
    }

    /// Refuses settings that make no sense.
    pub fn checked(&self) -> Result<&Self, Fault> {
        let wrong = |what: &'static str| Err(Fault::broken("reading the settings of webhooks", what));
        if !(1..=4_096).contains(&self.workers) {
            return wrong("webhooks.workers is not between 1 and 4,096");
        }
        if self.pause_after_failures == 0 || self.subscriptions_per_tenant == 0 {
            return wrong("webhooks.pause_after_failures and subscriptions_per_tenant are at least 1");
        }
        const LEAST: u64 = 32 * 1024 * 1024;
        if self.body_bytes_per_tenant < LEAST || self.body_bytes < self.body_bytes_per_tenant {
            return wrong("webhooks.body_bytes_per_tenant is at least 32 MiB, and body_bytes not less than it");
        }
        if !(1..=720).contains(&self.pause_after_hours) {
            return wrong("webhooks.pause_after_hours is not between 1 and 720");
        }
        Ground::new(self, &[])?;
        Ok(self)
    }
}
