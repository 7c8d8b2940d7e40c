//! One message to the collector: dialled, posted, and the line closed.
//!
//! This is one of the few places beside the way out that dial: the collector is the operator's own, named in
//! the configuration, and nothing of a caller's or a vendor's goes there.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, HOST, HeaderValue};
use http::{Method, Request};
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::config::{Collector, ConfigProblem};
use crate::tls;

const PROTOBUF: HeaderValue = HeaderValue::from_static("application/x-protobuf");

/// The way to a collector.
pub(super) struct Post {
    collector: Collector,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Post {
    pub(super) fn to(collector: Collector, ca_file: Option<&Path>) -> Result<Self, ConfigProblem> {
        let tls = if collector.encrypted { Some(trust(&collector, ca_file)?) } else { None };
        Ok(Self { collector, tls })
    }

    /// Sends a message; in one word or two why it did not arrive.
    #[expect(clippy::disallowed_methods, reason = "the operator's own collector; nothing of a caller's goes there")]
    pub(super) async fn send(&self, message: Vec<u8>) -> Result<(), &'static str> {
        let host = self.collector.authority.host().trim_matches(['[', ']']);
        let stream = TcpStream::connect((host, self.collector.port)).await.map_err(|_| "it cannot be reached")?;
        match &self.tls {
            Some((tls, name)) => {
                let stream = tls.connect(name.clone(), stream).await.map_err(|_| "its certificate is not trusted")?;
                self.deliver(stream, message).await
            }
            None => self.deliver(stream, message).await,
        }
    }

    async fn deliver<S>(&self, stream: S, message: Vec<u8>) -> Result<(), &'static str>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|_| "it speaks no HTTP")?;
        let answer = sender.send_request(self.request(message).map_err(|_| "its address cannot be written")?);
        tokio::pin!(answer);
        // Whoever waits for the answer drives the connection; where that ends first, the answer is decided.
        let answer = tokio::select! {
            biased;
            answer = &mut answer => answer,
            _ = connection => answer.await,
        };
        let answer = answer.map_err(|_| "it does not answer")?;
        if answer.status().is_success() { Ok(()) } else { Err("it refused them") }
    }

    fn request(&self, message: Vec<u8>) -> Result<Request<Full<Bytes>>, http::Error> {
        Request::builder()
            .method(Method::POST)
            .uri(&self.collector.path)
            .header(HOST, self.collector.authority.as_str())
            .header(CONTENT_TYPE, PROTOBUF)
            .header(CONNECTION, HeaderValue::from_static("close"))
            .body(Full::from(message))
    }
}

/// Whom to trust: the authorities of the file, or the system's.
fn trust(collector: &Collector, ca_file: Option<&Path>) -> Result<(TlsConnector, ServerName<'static>), ConfigProblem> {
    let problem = |key: &str, what: &dyn std::fmt::Display, cure: &str| {
        ConfigProblem::new(format!("telemetry.otlp.{key}"), what, cure)
    };
    let mut roots = RootCertStore::empty();
    if let Some(file) = ca_file {
        let text = tls::authorities("telemetry.otlp.ca_file", file)?;
        roots.add_parsable_certificates(CertificateDer::pem_slice_iter(text.as_bytes()).filter_map(Result::ok));
    } else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    let host = collector.authority.host().trim_matches(['[', ']']).to_owned();
    let name = ServerName::try_from(host).map_err(|error| problem("endpoint", &error, "Write the collector's name"))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| problem("endpoint", &error, "Report this; it is a fault of ours"))?;
    let config = config.with_root_certificates(roots).with_no_client_auth();
    Ok((TlsConnector::from(Arc::new(config)), name))
}
