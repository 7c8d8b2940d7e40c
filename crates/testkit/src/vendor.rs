//! A vendor on loopback: a real HTTPS server with an authority of its own, scripted answers, and an
//! account of every request that reached it.
//!
//! It writes its answers byte by byte itself, so that it can misbehave in ways that no HTTP library does.

pub(crate) mod certificate;
mod flood;
pub(crate) mod request;

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore};
use tokio_rustls::TlsAcceptor;

pub use flood::{Flood, frame};
pub use request::Seen;

/// A well-formed answer.
#[derive(Debug, Clone)]
pub struct Canned {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Canned {
    /// An answer with a JSON body.
    pub fn json(status: u16, body: &str) -> Self {
        Self { status, headers: Vec::new(), body: body.as_bytes().to_vec() }.header("content-type", "application/json")
    }

    /// An answer with this body and no media type.
    pub fn bytes(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn message(&self, method: &str) -> Vec<u8> {
        let mut out = format!("HTTP/1.1 {} Canned\r\n", self.status).into_bytes();
        for (name, value) in &self.headers {
            out.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        out.extend_from_slice(format!("content-length: {}\r\n\r\n", self.body.len()).as_bytes());
        if method != "HEAD" {
            out.extend_from_slice(&self.body);
        }
        out
    }
}

/// What the vendor does with a request.
#[derive(Debug, Clone)]
pub enum Behaviour {
    /// Answers, and keeps the connection.
    Answer(Canned),
    /// Answers 200 with the body that it was sent.
    Echo,
    /// The same, with `challenge_response` where it was sent `challenge`, as an endpoint that wants webhooks does.
    Agree,
    /// Reads the request and closes without a byte.
    Hang,
    /// Writes these bytes as they are and closes.
    Raw(Vec<u8>),
    /// Writes these bytes and then nothing, with the connection left open.
    Stall(Vec<u8>),
    /// Writes the first bytes, then the second again and again until the peer closes.
    Endless(Vec<u8>, Vec<u8>),
    /// Waits until [`Vendor::release`] is called, then answers.
    Gated(Canned),
    /// Writes the first bytes, then one byte of the others with each [`Vendor::drip`], and closes.
    Drip(Vec<u8>, Vec<u8>),
    /// Writes these bytes as soon as it has a request's head, reads nothing more, and closes.
    Eager(Vec<u8>),
}

struct State {
    script: Mutex<HashMap<String, VecDeque<Behaviour>>>,
    seen: Mutex<Vec<Seen>>,
    connections: Mutex<usize>,
    gate: Notify,
    drops: Semaphore,
    arrived: Notify,
}

/// The running vendor. It stops when its runtime does.
pub struct Vendor {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its authority's certificate, PEM.
    pub authority_pem: String,
    state: Arc<State>,
}

impl Vendor {
    /// Starts a vendor over TLS, with a certificate for this host.
    pub async fn start(host: &str) -> Self {
        Self::start_for(&[host]).await
    }

    /// The same with a certificate for several hosts; `*.` stands for every label.
    pub async fn start_for(hosts: &[&str]) -> Self {
        let (authority_pem, tls) = certificate::for_hosts(hosts);
        Self::listen(authority_pem, Some(TlsAcceptor::from(tls))).await
    }

    /// Starts a vendor over plain TCP.
    pub async fn start_plain() -> Self {
        Self::listen(String::new(), None).await
    }

    async fn listen(authority_pem: String, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        let state = Arc::new(State {
            script: Mutex::default(),
            seen: Mutex::default(),
            connections: Mutex::default(),
            gate: Notify::new(),
            drops: Semaphore::new(0),
            arrived: Notify::new(),
        });
        tokio::spawn(accept(listener, tls, state.clone()));
        Self { address, authority_pem, state }
    }

    /// What to do with the next request for this method and path, such as `GET /v1/things`. The last
    /// behaviour of a path stays; a path without one does what `*` does, or answers 404.
    pub fn on(&self, line: &str, behaviour: Behaviour) {
        lock(&self.state.script).entry(line.to_owned()).or_default().push_back(behaviour);
    }

    /// The same with a well-formed answer.
    pub fn answers(&self, line: &str, canned: Canned) {
        self.on(line, Behaviour::Answer(canned));
    }

    /// Forgets what it was told for this path.
    pub fn forget(&self, line: &str) {
        lock(&self.state.script).remove(line);
    }

    /// Lets everybody go on who waits at the gate.
    pub fn release(&self) {
        self.state.gate.notify_waiters();
    }

    /// Lets one more byte go of an answer that drips.
    pub fn drip(&self) {
        self.state.drops.add_permits(1);
    }

    /// Every request so far, in the order of arrival.
    pub fn seen(&self) -> Vec<Seen> {
        lock(&self.state.seen).clone()
    }

    /// How many requests for this method and path have arrived.
    pub fn count(&self, line: &str) -> usize {
        self.seen().iter().filter(|seen| seen.line() == line).count()
    }

    /// Waits until so many requests for this method and path have arrived.
    pub async fn wait_for(&self, line: &str, count: usize) {
        loop {
            let arrived = self.state.arrived.notified();
            if self.count(line) >= count {
                return;
            }
            arrived.await;
        }
    }

    /// Waits until what has arrived is as wanted.
    pub async fn wait_until(&self, is_so: impl Fn(&[Seen]) -> bool) {
        loop {
            let arrived = self.state.arrived.notified();
            if is_so(&lock(&self.state.seen)) {
                return;
            }
            arrived.await;
        }
    }

    /// How many connections were opened to it, whether or not a request came.
    pub fn connections(&self) -> usize {
        *lock(&self.state.connections)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        *lock(&state.connections) += 1;
        let (tls, state) = (tls.clone(), state.clone());
        tokio::spawn(async move {
            // A peer that gives up ends the connection in an error; that is what some tests are about.
            let _ = match tls {
                Some(tls) => match tls.accept(stream).await {
                    Ok(stream) => serve(stream, &state).await,
                    Err(error) => Err(error),
                },
                None => serve(stream, &state).await,
            };
        });
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, state: &State) -> std::io::Result<()> {
    let mut rest = Vec::new();
    while let Some(mut seen) = request::head(&mut stream, &mut rest).await? {
        let behaviour = next_behaviour(state, &seen.line());
        if !matches!(behaviour, Behaviour::Eager(_)) {
            request::body(&mut seen, &mut stream, &mut rest).await?;
        }
        let method = seen.method.clone();
        let behaviour = match behaviour {
            Behaviour::Echo => Behaviour::Answer(Canned::bytes(200, seen.body.clone())),
            Behaviour::Agree => {
                let body = String::from_utf8_lossy(&seen.body).replace("\"challenge\":", "\"challenge_response\":");
                Behaviour::Answer(Canned::bytes(200, body.into_bytes()))
            }
            other => other,
        };
        lock(&state.seen).push(seen);
        let gate = state.gate.notified();
        state.arrived.notify_waiters();
        match behaviour {
            Behaviour::Answer(canned) => stream.write_all(&canned.message(&method)).await?,
            Behaviour::Gated(canned) => {
                gate.await;
                stream.write_all(&canned.message(&method)).await?;
            }
            Behaviour::Hang | Behaviour::Echo | Behaviour::Agree => return Ok(()),
            Behaviour::Raw(bytes) => {
                stream.write_all(&bytes).await?;
                return stream.shutdown().await;
            }
            Behaviour::Eager(bytes) => {
                stream.write_all(&bytes).await?;
                return stream.shutdown().await;
            }
            Behaviour::Drip(first, others) => {
                stream.write_all(&first).await?;
                stream.flush().await?;
                for byte in others {
                    state.drops.acquire().await.map_err(std::io::Error::other)?.forget();
                    stream.write_all(&[byte]).await?;
                    stream.flush().await?;
                }
                return stream.shutdown().await;
            }
            Behaviour::Stall(bytes) => {
                stream.write_all(&bytes).await?;
                stream.flush().await?;
                return std::future::pending().await;
            }
            Behaviour::Endless(first, again) => {
                stream.write_all(&first).await?;
                loop {
                    stream.write_all(&again).await?;
                }
            }
        }
        stream.flush().await?;
    }
    Ok(())
}

fn next_behaviour(state: &State, line: &str) -> Behaviour {
    let mut script = lock(&state.script);
    let path = line.split('?').next().filter(|path| script.contains_key(*path)).unwrap_or("*");
    let found =
        script.get_mut(path).and_then(|queue| if queue.len() > 1 { queue.pop_front() } else { queue.front().cloned() });
    found.unwrap_or_else(|| Behaviour::Answer(Canned::json(404, r#"{"error":"no_such_resource"}"#)))
}

#[cfg(test)]
mod tests;
