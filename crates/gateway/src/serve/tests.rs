//! Listeners over real sockets: caps, TLS, refusals that arrive, and the end.

use http_body_util::Full;
use lockgate_testkit::{ManualClock, SeededEntropy};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::*;
use crate::shutdown::{Stopper, channel};

struct Running {
    address: SocketAddr,
    stopper: Stopper,
    clock: ManualClock,
    gate: Arc<Notify>,
    metrics: Arc<Metrics>,
    task: JoinHandle<()>,
}

fn listen() -> Listen {
    Listen {
        address: "127.0.0.1:0".parse().expect("an address"),
        tls: None,
        most_connections: 8,
        most_connections_per_peer: 4,
    }
}

/// A listener whose `/slow` waits at a gate.
async fn start(listen: Listen) -> Running {
    let socket = Socket::bind("door", &listen).await.expect("it binds");
    let address = socket.address().expect("it is bound");
    let (stopper, stopping) = channel();
    let (clock, metrics, gate) = (ManualClock::new(), Arc::new(Metrics::default()), Arc::new(Notify::new()));
    let manners = Arc::new(Manners::new(Arc::new(clock.clone()), Arc::new(SeededEntropy::new(1))));
    let house = House { manners, metrics: metrics.clone(), stopping, drain: Duration::from_secs(30) };
    let waits = gate.clone();
    let handler = move |request: Request<Incoming>, _: SocketAddr| {
        let waits = waits.clone();
        async move {
            if request.uri().path() == "/slow" {
                waits.notified().await;
            }
            Response::new(Full::<Bytes>::from("hello"))
        }
    };
    let task = tokio::spawn(socket.run(house, handler));
    Running { address, stopper, clock, gate, metrics, task }
}

#[expect(clippy::disallowed_methods, reason = "the test is the listener's client")]
async fn connect(running: &Running) -> TcpStream {
    TcpStream::connect(running.address).await.expect("it listens")
}

async fn all(mut stream: impl tokio::io::AsyncRead + Unpin) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).await.expect("the connection ends in order");
    text
}

const LAST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn serves_and_counts() {
    let running = start(listen()).await;
    let mut stream = connect(&running).await;
    stream.write_all(LAST).await.expect("sent");
    assert!(all(stream).await.ends_with("hello"));
    assert!(running.metrics.text().contains("lockgate_connections{listener=\"door\"}"));
}

#[tokio::test]
async fn a_refusal_arrives_though_much_was_sent_behind_it() {
    let running = start(listen()).await;
    let mut stream = connect(&running).await;
    let mut bytes = b"GET / HTTP/1.1\nHost: a\n\n".to_vec();
    bytes.extend_from_slice(&[b'x'; 100_000]);
    stream.write_all(&bytes).await.expect("sent");
    stream.shutdown().await.expect("half closed");
    let text = all(stream).await;
    assert!(text.starts_with("HTTP/1.1 400 ") && text.contains("gateway.head.malformed"), "{text}");
    assert!(running.metrics.text().contains("lockgate_http_violations_total{code=\"gateway.head.malformed\"} 1"));
}

#[tokio::test]
async fn one_peer_gets_so_many_connections_and_then_places_again() {
    let running = start(listen()).await;
    let mut held = Vec::new();
    for _ in 0..4 {
        let mut stream = connect(&running).await;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("sent");
        let mut byte = [0u8; 1];
        stream.read_exact(&mut byte).await.expect("served");
        held.push(stream);
    }
    let mut fifth = connect(&running).await;
    let mut byte = [0u8; 1];
    assert_eq!(fifth.read(&mut byte).await.unwrap_or(0), 0, "closed without a word");
    drop(held);
    loop {
        let mut stream = connect(&running).await;
        if stream.write_all(LAST).await.is_ok() && stream.read(&mut byte).await.unwrap_or(0) == 1 {
            break;
        }
    }
}

#[tokio::test]
async fn answers_under_way_are_finished_when_told_to_stop() {
    let running = start(listen()).await;
    let mut stream = connect(&running).await;
    stream.write_all(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("sent");
    let mut idle = connect(&running).await;
    idle.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("sent");
    let mut first = [0u8; 9];
    idle.read_exact(&mut first).await.expect("served");
    running.stopper.stop();
    assert!(all(idle).await.ends_with("hello"), "an idle connection ends at once");
    assert!(!running.task.is_finished());
    running.gate.notify_one();
    let text = all(stream).await;
    assert!(text.ends_with("hello") && text.contains("connection: close"), "{text}");
    running.task.await.expect("it ends");
}

#[tokio::test]
async fn what_does_not_end_in_time_is_cut_off() {
    let running = start(listen()).await;
    let mut stream = connect(&running).await;
    stream.write_all(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("sent");
    while !running.metrics.text().contains("lockgate_connections{listener=\"door\"} 1") {
        tokio::task::yield_now().await;
    }
    running.stopper.stop();
    while !running.task.is_finished() {
        running.clock.advance(Duration::from_secs(1));
        tokio::task::yield_now().await;
    }
    let mut rest = Vec::new();
    drop(stream.read_to_end(&mut rest).await);
    assert!(rest.is_empty());
}

#[tokio::test]
async fn a_port_in_use_is_named_with_its_key() {
    let running = start(listen()).await;
    let taken = Listen { address: running.address, ..listen() };
    let problem = Socket::bind("admin", &taken).await.err().expect("it is in use");
    assert_eq!(problem.key, "admin.listen");
}

#[tokio::test]
async fn speaks_tls_with_its_certificate_and_gives_up_on_silence() {
    let dir = tempfile::tempdir().expect("a folder");
    let key = rcgen::KeyPair::generate().expect("a key");
    let leaf = rcgen::CertificateParams::new(vec!["gate.test".to_owned()]).expect("parameters");
    let certificate = leaf.self_signed(&key).expect("signed");
    let files = crate::config::TlsFiles { certificate: dir.path().join("c"), key: dir.path().join("k") };
    std::fs::write(&files.certificate, certificate.pem()).expect("written");
    std::fs::write(&files.key, key.serialize_pem()).expect("written");
    let running = start(Listen { tls: Some(files), ..listen() }).await;

    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate.der().clone()).expect("a certificate");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let name = rustls_pki_types::ServerName::try_from("gate.test").expect("a name");
    let mut stream = connector.connect(name, connect(&running).await).await.expect("a handshake");
    stream.write_all(LAST).await.expect("sent");
    assert!(all(stream).await.ends_with("hello"));

    let mut silent = connect(&running).await;
    while running.clock.sleepers() == 0 {
        tokio::task::yield_now().await;
    }
    running.clock.advance(Duration::from_secs(10));
    let mut byte = [0u8; 1];
    assert_eq!(silent.read(&mut byte).await.unwrap_or(0), 0);
}
