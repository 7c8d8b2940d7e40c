//! The gateway's broker: NATS with JetStream, to which deliveries are published and which says that it kept them.
//!
//! The line is opened when the first delivery wants it and opened again by itself. A delivery's identifier goes
//! along as `Nats-Msg-Id`, so that the stream's own window of duplicates swallows what is published twice.

use std::sync::Arc;

use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::{self, Context};
use async_nats::{ConnectOptions, HeaderMap, ServerAddr};
use bytes::Bytes;
use lockgate_vocabulary::{Fault, read_owned_file};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio::sync::OnceCell;

use crate::config::NatsConfig;
use crate::refusal::WebhookRefusal;

const OPENING: &str = "reading webhooks.nats";

/// Bytes of a file with a token.
const TOKEN_BYTES: usize = 4_096;

/// A broker, perhaps not spoken to yet.
pub struct Broker {
    address: ServerAddr,
    options: ConnectOptions,
    line: OnceCell<Context>,
}

impl std::fmt::Debug for Broker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Broker").field("connected", &self.line.initialized()).finish_non_exhaustive()
    }
}

impl Broker {
    /// Reads the settings. Nobody is spoken to yet.
    pub fn open(config: &NatsConfig) -> Result<Self, Fault> {
        let address: ServerAddr = config.url.parse().map_err(|error| Fault::broken(OPENING, error))?;
        if address.username().is_some() || address.password().is_some() {
            // What stands in a URL stands in logs and process lists sooner or later.
            return Err(Fault::broken(OPENING, "a URL has neither user name nor password: write token_file"));
        }
        // Deliveries go where the operator said, and nowhere that a server only speaks of.
        let mut options = ConnectOptions::new().name("lockgate").ignore_discovered_servers();
        let here = address.host().parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback());
        if address.tls_required() {
            options = options.require_tls(true).tls_client_config(trust(config)?);
        } else if !here && !config.danger_allow_plaintext {
            let what = "nats:// is for loopback alone: write tls://, or set danger_allow_plaintext";
            return Err(Fault::broken(OPENING, what));
        }
        if let Some(file) = &config.token_file {
            let bytes = read_owned_file(file, TOKEN_BYTES).map_err(|problem| Fault::broken(OPENING, problem))?;
            let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
            let token = String::from_utf8(line.trim_ascii().to_vec());
            options = options.token(token.map_err(|_| Fault::broken(OPENING, "the token is not text"))?);
        }
        Ok(Self { address, options, line: OnceCell::new() })
    }

    /// Publishes, and answers once the stream has said that it kept it.
    pub(crate) async fn publish(&self, subject: String, id: &str, body: Bytes) -> Result<(), WebhookRefusal> {
        let told = |what: &dyn std::fmt::Display, refusal: WebhookRefusal| {
            tracing::warn!(error = %what, "the broker did not take a delivery");
            refusal
        };
        let line = self.line.get_or_try_init(|| async {
            let client = self.options.clone().connect(self.address.clone()).await?;
            Ok::<_, async_nats::ConnectError>(jetstream::new(client))
        });
        let line = line.await.map_err(|error| told(&error, WebhookRefusal::BrokerUnavailable))?;
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Msg-Id", id);
        headers.insert("Content-Type", "application/cloudevents+json");
        let sent = line.publish_with_headers(subject, headers, body).await;
        let kept = sent.map_err(|error| told(&error, unsent(error.kind())))?.await;
        kept.map(drop).map_err(|error| told(&error, unkept(error.kind())))
    }
}

/// Why a message was not even sent. One that the server would never take stays too large.
const fn unsent(kind: PublishErrorKind) -> WebhookRefusal {
    match kind {
        PublishErrorKind::MaxPayloadExceeded => WebhookRefusal::BrokerTooLarge,
        _ => WebhookRefusal::BrokerUnavailable,
    }
}

/// Why nobody said that it was kept.
const fn unkept(kind: PublishErrorKind) -> WebhookRefusal {
    match kind {
        PublishErrorKind::MaxPayloadExceeded => WebhookRefusal::BrokerTooLarge,
        PublishErrorKind::TimedOut | PublishErrorKind::BrokenPipe => WebhookRefusal::BrokerUnavailable,
        _ => WebhookRefusal::BrokerRefused,
    }
}

/// Whom to trust: the system's authorities, or those of the file.
fn trust(config: &NatsConfig) -> Result<ClientConfig, Fault> {
    let mut roots = RootCertStore::empty();
    match &config.ca_file {
        Some(file) => {
            let certificates = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
            for certificate in certificates.map_err(|error| Fault::broken(OPENING, error.to_string()))? {
                roots.add(certificate).map_err(|error| Fault::broken(OPENING, error))?;
            }
        }
        None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
    }
    if roots.is_empty() {
        return Err(Fault::broken(OPENING, "no authority's certificate was found to trust"));
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| Fault::broken(OPENING, error))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests;
