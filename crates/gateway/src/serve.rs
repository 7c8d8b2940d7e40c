//! Sockets: accepting connections, TLS, one task for each, and their end.
//!
//! Here: [`Socket`], a bound listener, and its loop. Not here: what a request means.

mod connection;
mod peers;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::config::{ConfigProblem, Listen};
use crate::doors::http1::Manners;
use crate::shutdown::Stopping;
use crate::telemetry::{Connections, Metrics};
use crate::tls;
use peers::{Peers, Place};

/// How long the loop waits after an error of the machine's (no file descriptor left), so that it does
/// not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What every connection needs of the house.
#[derive(Clone)]
pub struct House {
    /// How long peers may keep us waiting, and by which clock.
    pub manners: Arc<Manners>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// When to stop.
    pub stopping: Stopping,
    /// How long connections may take to end then.
    pub drain: Duration,
}

/// A bound listener.
pub struct Socket {
    name: &'static str,
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    peers: Arc<Peers>,
    places: Arc<Semaphore>,
}

/// What a connection holds as long as it is open.
struct Seat {
    _place: Place,
    _permit: OwnedSemaphorePermit,
    counted: Connections,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.counted.open.dec();
    }
}

impl Socket {
    /// Binds a listener. `name` is its section in the configuration.
    pub async fn bind(name: &'static str, listen: &Listen) -> Result<Self, ConfigProblem> {
        let tls = match &listen.tls {
            Some(files) => Some(tls::acceptor(name, &files.certificate, &files.key)?),
            None => None,
        };
        let listener = TcpListener::bind(listen.address).await.map_err(|error| {
            let what = format!("{} cannot be listened on: {error}", listen.address);
            ConfigProblem::new(format!("{name}.listen"), what, "Choose a free port, or stop what uses it")
        })?;
        let places = Arc::new(Semaphore::new(listen.most_connections as usize));
        Ok(Self { name, listener, tls, peers: Peers::new(listen.most_connections_per_peer), places })
    }

    /// Where it listens: the port that was chosen, where the configuration said 0.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Accepts and serves connections until told to stop, then gives those under way their time to end.
    pub async fn run<F, A, B>(self, mut house: House, handler: F)
    where
        F: Fn(Request<Incoming>, SocketAddr) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Response<B>> + Send,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let counted = house.metrics.connections(self.name);
        let clock = house.manners.clock.clone();
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                biased;
                () = house.stopping.told() => break,
                Some(_) = connections.join_next() => continue,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    // Too many are closed without a word: an answer would cost what there is too little of.
                    let Some(seat) = self.seat(peer, &counted) else { continue };
                    let (house, handler, tls) = (house.clone(), handler.clone(), self.tls.clone());
                    connections.spawn(async move {
                        welcome(stream, tls, peer, house, handler).await;
                        drop(seat);
                    });
                }
                Err(error) => {
                    tracing::warn!(listener = self.name, %error, "a connection could not be accepted");
                    clock.sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(self.listener);
        let all = async { while connections.join_next().await.is_some() {} };
        tokio::select! {
            () = all => {}
            () = clock.sleep(house.drain) => {
                tracing::warn!(listener = self.name, "connections were cut off at the end");
            }
        }
    }

    fn seat(&self, peer: SocketAddr, counted: &Connections) -> Option<Seat> {
        let place = self.peers.take(peer.ip());
        let permit = self.places.clone().try_acquire_owned().ok();
        let Some((place, permit)) = place.zip(permit) else {
            counted.turned_away.inc();
            return None;
        };
        counted.open.inc();
        Some(Seat { _place: place, _permit: permit, counted: counted.clone() })
    }
}

/// One connection from its first byte to its last.
async fn welcome<F, A, B>(stream: TcpStream, tls: Option<TlsAcceptor>, peer: SocketAddr, house: House, handler: F)
where
    F: Fn(Request<Incoming>, SocketAddr) -> A,
    A: Future<Output = Response<B>>,
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    // Answers are written whole, so waiting for more to send only delays them.
    drop(stream.set_nodelay(true));
    let Some(tls) = tls else { return connection::serve(stream, peer, house, handler).await };
    let patience = house.manners.clock.sleep(house.manners.head.most);
    let shaken = tokio::select! {
        biased;
        shaken = tls.accept(stream) => shaken,
        () = patience => return,
    };
    match shaken {
        Ok(stream) => connection::serve(stream, peer, house, handler).await,
        Err(error) => tracing::debug!(%peer, %error, "a TLS handshake failed"),
    }
}

#[cfg(test)]
mod tests;
