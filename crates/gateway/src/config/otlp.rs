//! Where traces go: `[telemetry.otlp]`.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use http::Uri;
use http::uri::{Authority, Scheme};
use lockgate_egress::span::Share;
use serde::{Deserialize, Deserializer, de};

use super::ConfigProblem;

const CURE: &str = "Write the collector's address like \"http://127.0.0.1:4318\"";

/// Traces over OTLP. They are off where no endpoint is named.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Otlp {
    /// The collector's address, such as `http://127.0.0.1:4318`; `/v1/traces` is put behind it. Without it
    /// nothing is traced.
    pub endpoint: Option<String>,
    /// Which share of traces is exported, 0 to 1; 1 by default. The trace decides, so that all nodes, and
    /// all attempts of a call, are of one mind.
    #[serde(deserialize_with = "share")]
    pub sample_ratio: Share,
    /// Spans that wait for the next export; one more is dropped and counted. 4,096 by default.
    pub queue: usize,
    /// Seconds between two exports; 5 by default.
    pub interval_seconds: u32,
    /// Certificates (PEM) of the authorities that the collector's certificate must come from; the system's
    /// by default.
    pub ca_file: Option<PathBuf>,
    /// Lets spans travel unencrypted to another machine. There is no secret in them.
    pub danger_allow_plaintext: bool,
}

impl Default for Otlp {
    fn default() -> Self {
        Self {
            endpoint: None,
            sample_ratio: Share::ALL,
            queue: 4_096,
            interval_seconds: 5,
            ca_file: None,
            danger_allow_plaintext: false,
        }
    }
}

fn share<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Share, D::Error> {
    let share = f64::deserialize(deserializer)?;
    Share::of(share).ok_or_else(|| de::Error::custom("it is not between 0 and 1"))
}

/// A collector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collector {
    /// Its host and port.
    pub authority: Authority,
    /// The port, which the scheme says where the address does not.
    pub port: u16,
    /// Where traces are posted.
    pub path: String,
    /// Whether it is reached over TLS.
    pub encrypted: bool,
}

impl Otlp {
    /// Where spans are sent, if anywhere.
    pub fn collector(&self) -> Result<Option<Collector>, ConfigProblem> {
        let problem =
            |key: &str, what: &str, cure: &str| ConfigProblem::new(format!("telemetry.otlp.{key}"), what, cure);
        if !(1..=1_000_000).contains(&self.queue) {
            return Err(problem("queue", "it is not between 1 and 1,000,000", "Write how many spans may wait"));
        }
        let Some(endpoint) = &self.endpoint else { return Ok(None) };
        let uri = Uri::try_from(endpoint.as_str()).map_err(|_| problem("endpoint", "it is no address", CURE))?;
        let encrypted = uri.scheme() == Some(&Scheme::HTTPS);
        let plain = uri.scheme() == Some(&Scheme::HTTP);
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@') && (encrypted || plain));
        let authority = authority.ok_or_else(|| problem("endpoint", "it is not of the form http://host:port", CURE))?;
        if uri.query().is_some() {
            return Err(problem("endpoint", "it has a query", CURE));
        }
        let host = authority.host().trim_matches(['[', ']']);
        let stays = host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
        if plain && !stays && !self.danger_allow_plaintext {
            let cure = "Write https://, or set danger_allow_plaintext";
            return Err(problem("endpoint", "it leads unencrypted to another machine", cure));
        }
        Ok(Some(Collector {
            authority: authority.clone(),
            port: authority.port_u16().unwrap_or(if encrypted { 443 } else { 80 }),
            path: format!("{}/v1/traces", uri.path().trim_end_matches('/')),
            encrypted,
        }))
    }

    /// The time between two exports.
    pub fn interval(&self) -> Duration {
        Duration::from_secs(self.interval_seconds.max(1).into())
    }
}
