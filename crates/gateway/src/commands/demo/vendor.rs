//! The demonstration's vendor: a real HTTPS server on loopback that checks its credential and, on some
//! paths, behaves as vendors do on bad days.
//!
//! It has its own certificate authority, made at start, which the demonstration's connection trusts.
//! Not here: anything of the gateway. The vendor knows nothing of it but the requests that arrive.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use lockgate_vocabulary::Fault;

/// What the vendor saw of one request.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Method and path.
    pub line: String,
    /// The `Authorization` header.
    pub authorization: Option<String>,
    /// The names of all headers.
    pub headers: Vec<String>,
}

/// The running vendor.
pub struct Vendor {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its authority's certificate, PEM.
    pub authority_pem: String,
    state: Arc<State>,
}

struct State {
    credential: String,
    seen: Mutex<Vec<Seen>>,
    limited: AtomicU32,
    down: AtomicBool,
}

impl Vendor {
    /// Starts a vendor that accepts one bearer credential for the host `host`.
    pub async fn start(host: &str, credential: &str) -> Result<Self, Fault> {
        let (authority_pem, tls) = certificate(host)?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(|e| Fault::broken("bind the vendor", e))?;
        let address = listener.local_addr().map_err(|e| Fault::broken("bind the vendor", e))?;
        let state = Arc::new(State {
            credential: credential.to_owned(),
            seen: Mutex::default(),
            limited: AtomicU32::new(0),
            down: AtomicBool::new(false),
        });
        tokio::spawn(accept(listener, TlsAcceptor::from(tls), state.clone()));
        Ok(Self { address, authority_pem, state })
    }

    /// What it has seen so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.state.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many requests reached a path.
    pub fn count(&self, line: &str) -> usize {
        self.seen().iter().filter(|seen| seen.line == line).count()
    }

    /// Makes `/v1/health` fail, or answer again.
    pub fn set_down(&self, down: bool) {
        self.state.down.store(down, Ordering::SeqCst);
    }
}

async fn accept(listener: TcpListener, tls: TlsAcceptor, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, state) = (tls.clone(), state.clone());
        tokio::spawn(async move {
            let Ok(stream) = tls.accept(stream).await else { return };
            let service = service_fn(move |request| answer(state.clone(), request));
            // A connection that the gateway gives up ends in an error; that is part of the demonstration.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(state: Arc<State>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let authorization = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let seen = Seen {
        line: format!("{} {}", request.method(), request.uri().path()),
        authorization: authorization.map(str::to_owned),
        headers: request.headers().keys().map(ToString::to_string).collect(),
    };
    let accepted = authorization == Some(format!("Bearer {}", state.credential).as_str());
    state.seen.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
    if !accepted {
        return Ok(json(StatusCode::UNAUTHORIZED, r#"{"error":"invalid_credential"}"#));
    }
    Ok(match (request.method(), request.uri().path()) {
        (&Method::GET, "/v1/customers/cus_1") => {
            json(StatusCode::OK, r#"{"id":"cus_1","name":"Ada Example","plan":"gold"}"#)
        }
        (&Method::GET, "/v1/limited") => limited(&state),
        (&Method::GET, "/v1/moved") => moved("http://169.254.169.254/latest/meta-data/"),
        (&Method::GET, "/v1/moved-private") => moved("https://10.0.0.5/admin"),
        (&Method::GET, "/v1/garbage") => json(StatusCode::OK, "{\"id\": not json at all"),
        (&Method::GET, "/v1/health") if state.down.load(Ordering::SeqCst) => {
            json(StatusCode::INTERNAL_SERVER_ERROR, r#"{"error":"database exploded at db-7.internal"}"#)
        }
        (&Method::GET, "/v1/health") => json(StatusCode::OK, r#"{"status":"ok"}"#),
        // The vendor took the order and never says what became of it.
        (&Method::POST, "/v1/payments") => std::future::pending().await,
        _ => json(StatusCode::NOT_FOUND, r#"{"error":"no_such_resource"}"#),
    })
}

fn limited(state: &State) -> Response<Full<Bytes>> {
    if state.limited.fetch_add(1, Ordering::SeqCst) > 0 {
        return json(StatusCode::OK, r#"{"status":"after the wait"}"#);
    }
    let mut response = json(StatusCode::TOO_MANY_REQUESTS, r#"{"error":"rate_limited"}"#);
    response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
    response
}

fn moved(location: &'static str) -> Response<Full<Bytes>> {
    let mut response = json(StatusCode::FOUND, "{}");
    response.headers_mut().insert(header::LOCATION, header::HeaderValue::from_static(location));
    response
}

fn json(status: StatusCode, body: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(body.as_bytes())));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}

/// A certificate authority and a certificate for the vendor's host, both new.
fn certificate(host: &str) -> Result<(String, Arc<rustls::ServerConfig>), Fault> {
    let broken = |error: rcgen::Error| Fault::broken("make the vendor's certificate", error);
    let authority_key = rcgen::KeyPair::generate().map_err(broken)?;
    let mut authority = rcgen::CertificateParams::new(Vec::new()).map_err(broken)?;
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
    authority.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
    authority.distinguished_name.push(rcgen::DnType::CommonName, "demonstration vendor authority");
    let authority_pem = authority.self_signed(&authority_key).map_err(broken)?.pem();
    let issuer = rcgen::Issuer::new(authority, authority_key);

    let key = rcgen::KeyPair::generate().map_err(broken)?;
    let leaf = rcgen::CertificateParams::new(vec![host.to_owned()]).map_err(broken)?;
    let leaf = leaf.signed_by(&key, &issuer).map_err(broken)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
            builder.with_no_client_auth().with_single_cert(vec![leaf.der().clone()], key)
        })
        .map_err(|error| Fault::broken("make the vendor's certificate", error))?;
    Ok((authority_pem, Arc::new(config)))
}
