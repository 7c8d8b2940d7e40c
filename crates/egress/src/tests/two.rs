//! HTTP/2 to vendors: one line for many calls, and the same judgement of what comes over it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Request, Response, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use lockgate_testkit::Vendor;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::world::{SECRET, World, code};
use crate::EgressRefusal;

/// A vendor that speaks HTTP/2 alone.
struct Two {
    address: SocketAddr,
    pem: String,
    lines: Arc<AtomicUsize>,
    calls: Arc<AtomicUsize>,
}

impl Two {
    async fn start() -> Self {
        let (pem, config) = certificate();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let two = Self { address, pem, lines: Arc::default(), calls: Arc::default() };
        let (lines, calls) = (two.lines.clone(), two.calls.clone());
        tokio::spawn(async move {
            let acceptor = TlsAcceptor::from(config);
            while let Ok((stream, _)) = listener.accept().await {
                lines.fetch_add(1, Ordering::SeqCst);
                let (acceptor, calls) = (acceptor.clone(), calls.clone());
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let service = service_fn(move |request| answer(request, calls.clone()));
                    let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                    drop(server.serve_connection(TokioIo::new(stream), service).await);
                });
            }
        });
        two
    }
}

async fn answer(request: Request<Incoming>, calls: Arc<AtomicUsize>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    calls.fetch_add(1, Ordering::SeqCst);
    assert_eq!(request.version(), Version::HTTP_2);
    assert!(!request.headers().contains_key("host"), "the authority is enough");
    let right = request.headers().get("authorization").is_some_and(|value| value == &format!("Bearer {SECRET}"));
    let path = request.uri().path().to_owned();
    let body = request.into_body().collect().await?.to_bytes();
    let response = Response::builder().status(if right { 200 } else { 401 });
    let response = match path.as_str() {
        "/base/v1/small" => response.body(Full::new(Bytes::from(vec![b'x'; 100]))),
        _ => response.body(Full::new(body)),
    };
    Ok(response.expect("a response"))
}

fn certificate() -> (String, Arc<rustls::ServerConfig>) {
    let authority_key = KeyPair::generate().expect("a key");
    let mut authority = CertificateParams::new(Vec::new()).expect("parameters");
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    authority.distinguished_name.push(DnType::CommonName, "test authority");
    let pem = authority.self_signed(&authority_key).expect("it signs itself").pem();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().expect("a key");
    let leaf = CertificateParams::new(vec!["vendor.test".to_owned()]).expect("parameters");
    let leaf = leaf.signed_by(&key, &issuer).expect("signed");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![leaf.der().clone()], key))
        .expect("a certificate fits its key");
    config.alpn_protocols = vec![b"h2".to_vec()];
    (pem, Arc::new(config))
}

async fn world(two: &Two) -> World {
    let world = World::bare(Vendor::start("unused.test").await, crate::Config::default()).await;
    world.connect("crm", two.address.port(), &two.pem, |_, spec| spec["retries"] = serde_json::json!(0)).await;
    world
}

#[tokio::test]
async fn many_calls_share_a_line() {
    let two = Two::start().await;
    let world = world(&two).await;
    let mut order = world.order("POST /v1/things");
    order.body = Bytes::from_static(b"echo").into();
    assert_eq!(world.send(order).await.expect("an answer").body, "echo");
    let mut calls = Vec::new();
    for _ in 0..8 {
        calls.push(world.spawn(world.order("GET /v1/things/1")).await);
    }
    for call in calls {
        assert_eq!(call.await.expect("it ran").expect("an answer").status, 200);
    }
    assert_eq!((two.calls.load(Ordering::SeqCst), two.lines.load(Ordering::SeqCst)), (9, 1));
    assert_eq!(world.egress.idle_lines(), 1);
}

#[tokio::test]
async fn the_same_limits_hold() {
    let two = Two::start().await;
    let world = world(&two).await;
    assert_eq!(code(world.call("GET /v1/small").await), EgressRefusal::AnswerTooLarge.info().code);
    assert_eq!(two.calls.load(Ordering::SeqCst), 1);
    assert_eq!(world.call("GET /v1/things/1").await.expect("an answer").status, 200);
    assert_eq!(two.lines.load(Ordering::SeqCst), 1, "a refused answer does not cost the line");
}
