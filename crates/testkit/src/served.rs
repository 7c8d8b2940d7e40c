//! A server on loopback whose answers are computed from what it is asked: for counterparts that keep something.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::vendor::{Canned, Seen, certificate, request};

/// What answers: nothing means that it reads and never says a word.
pub(crate) type Answering = Arc<dyn Fn(&Seen) -> Option<Canned> + Send + Sync>;

/// The running server. It stops when its runtime does.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    pub(crate) authority_pem: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Served {
    /// A server over TLS with a certificate for this host.
    pub(crate) async fn start(host: &str, answering: Answering) -> Self {
        let (authority_pem, tls) = certificate::for_hosts(&[host]);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        let seen = Arc::new(Mutex::default());
        tokio::spawn(accept(listener, TlsAcceptor::from(tls), answering, Arc::clone(&seen)));
        Self { address, authority_pem, seen }
    }

    /// Every request so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn accept(listener: TcpListener, tls: TlsAcceptor, answering: Answering, account: Arc<Mutex<Vec<Seen>>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, answering, account) = (tls.clone(), Arc::clone(&answering), Arc::clone(&account));
        tokio::spawn(async move {
            // A peer that gives up ends the connection in an error; that is what some tests are about.
            if let Ok(stream) = tls.accept(stream).await {
                let _ = serve(stream, answering, &account).await;
            }
        });
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    answering: Answering,
    account: &Mutex<Vec<Seen>>,
) -> std::io::Result<()> {
    let mut rest = Vec::new();
    while let Some(mut seen) = request::head(&mut stream, &mut rest).await? {
        request::body(&mut seen, &mut stream, &mut rest).await?;
        let (method, answer) = (seen.method.clone(), answering(&seen));
        account.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
        match answer {
            Some(canned) => stream.write_all(&canned.message(&method)).await?,
            None => return std::future::pending().await,
        }
        stream.flush().await?;
    }
    Ok(())
}
