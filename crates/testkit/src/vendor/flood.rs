//! A vendor that speaks HTTP/2 alone, and answers its first call with frames without end.
//!
//! It writes frames byte by byte itself, reads whatever comes back, so that nothing is held up by it, and stops
//! when its peer closes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::certificate;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const ACK: u8 = 1;

/// Bytes that are written at once at least.
const AT_ONCE: usize = 16 * 1024;

/// One frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a frame's length has 24 bits").to_be_bytes();
    let mut out = length[1..].to_vec();
    out.extend([kind, flags]);
    out.extend(stream.to_be_bytes());
    out.extend(payload);
    out
}

/// The running vendor. It stops when its runtime does.
pub struct Flood {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its authority's certificate, PEM.
    pub authority_pem: String,
    written: Arc<AtomicU64>,
    calls: Arc<AtomicU64>,
}

impl Flood {
    /// Starts it with a certificate for this host. To the first call of a connection, which is on stream 1, it
    /// writes the first bytes, then the second again and again.
    pub async fn start(host: &str, first: Vec<u8>, again: Vec<u8>) -> Self {
        let (authority_pem, mut config) = certificate::for_hosts(&[host]);
        Arc::make_mut(&mut config).alpn_protocols = vec![b"h2".to_vec()];
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        let this = Self { address, authority_pem, written: Arc::default(), calls: Arc::default() };
        let (written, calls) = (Arc::clone(&this.written), Arc::clone(&this.calls));
        let again = again.repeat(AT_ONCE / again.len().max(1) + 1);
        tokio::spawn(async move {
            let acceptor = TlsAcceptor::from(config);
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, first, again) = (acceptor.clone(), first.clone(), again.clone());
                let (written, calls) = (Arc::clone(&written), Arc::clone(&calls));
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    if until_called(&mut stream).await.is_ok() {
                        calls.fetch_add(1, Ordering::SeqCst);
                        flood(stream, &first, &again, &written).await;
                    }
                });
            }
        });
        this
    }

    /// How many bytes its peers took.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::SeqCst)
    }

    /// How many calls reached it.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }
}

/// Reads until the head of a call was sent.
async fn until_called<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> std::io::Result<()> {
    let mut preface = [0; PREFACE.len()];
    stream.read_exact(&mut preface).await?;
    stream.write_all(&[frame(SETTINGS, 0, 0, &[]), frame(SETTINGS, ACK, 0, &[])].concat()).await?;
    stream.flush().await?;
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await?;
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let mut payload = vec![0; length];
        stream.read_exact(&mut payload).await?;
        if head[3] == HEADERS {
            return Ok(());
        }
    }
}

async fn flood<S: AsyncRead + AsyncWrite + Send + 'static>(stream: S, first: &[u8], again: &[u8], written: &AtomicU64) {
    let (mut from, mut to) = tokio::io::split(stream);
    let reading = tokio::spawn(async move {
        let mut sink = vec![0; AT_ONCE];
        while from.read(&mut sink).await.is_ok_and(|count| count > 0) {}
    });
    let mut next = first;
    while to.write_all(next).await.is_ok() && to.flush().await.is_ok() {
        written.fetch_add(next.len() as u64, Ordering::SeqCst);
        next = again;
        tokio::task::yield_now().await;
    }
    reading.abort();
}
