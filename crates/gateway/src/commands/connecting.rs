//! `lockgate connection connect`: a person at a desk connects an account.
//!
//! It opens a connect session that leads back to a listener of its own on this machine (RFC 8252 section 7.3), prints
//! the link, waits for the browser, and ends the session. Whoever typed the line and whoever uses the browser are the
//! same person at the same machine, which is what ending it says.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use lockgate_egress::OperatorClient;
use lockgate_vocabulary::{Clock, SystemClock};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::resource::{self, Connect};
use super::{Console, Failure};
use crate::shutdown::Signals;

/// How long a connect session lasts.
const LASTS: Duration = Duration::from_secs(600);

/// How often it is looked whether the session has come to nothing.
const LOOK: Duration = Duration::from_secs(2);

/// Whose account it is: whoever is at a desk connects it for the tenant.
const SUBJECT: &str = "an operator at a desk";

/// Bytes of a browser's request that are read, and how long that may take.
const REQUEST: usize = 8 * 1024;
const READ: Duration = Duration::from_secs(5);

/// What the browser shows in the end. It loads nothing.
const PAGE: &str = "You may close this window. Whether the account is connected, the command line says.\n";

/// What a browser brought back.
enum Brought {
    /// The session's confirmation.
    Confirm(String),
    /// Why there is none.
    Error(String),
}

/// Connects the account of this connection.
pub async fn run(
    (id, replace): (&str, bool),
    connect: &Connect,
    json: bool,
    console: &mut Console,
) -> Result<(), Failure> {
    let mut signals =
        Signals::listen().map_err(|error| Failure::Internal(format!("listening for signals: {error}")))?;
    let asking = Asking { client: resource::client(connect)?, connect, json };
    let unbound = |error| Failure::Internal(format!("listening on this machine: {error}"));
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.map_err(unbound)?;
    let port = listener.local_addr().map_err(unbound)?.port();
    let path = format!("/v1/connections/{}/connect", resource::segment(id));
    let body = json!({ "subject": SUBJECT, "return_to": format!("http://127.0.0.1:{port}/"), "replace": replace });
    let opened = asking.send(&path, &body).await?;
    let text = |member: &str| opened.get(member).and_then(Value::as_str).unwrap_or_default().to_owned();
    let session = text("session");
    console.note(&format!(
        "Open this in a browser on this machine, and let the client in at the vendor:\n\n  {}\n\nIt is good for ten \
         minutes, and once. The vendor must know the redirect URI {}",
        text("url"),
        text("redirect_uri")
    ))?;
    let clock = SystemClock::new();
    let brought = tokio::select! {
        brought = await_browser(&listener, &session, &clock) => brought,
        () = clock.sleep(LASTS) => return Err(Failure::Refused("Nobody came back within ten minutes. Begin again.".into())),
        code = asking.over(&path, &session, &clock) => Brought::Error(code),
        () = signals.come() => return Err(Failure::Refused("Nobody came back before it was interrupted.".into())),
    };
    match brought {
        Brought::Confirm(confirm) => {
            let body = json!({ "session": session, "subject": SUBJECT, "confirm": confirm });
            let done = asking.send(&format!("{path}/finish"), &body).await?;
            console.say(&if json { done.to_string() } else { format!("{id}: the account is connected.") })
        }
        Brought::Error(code) => Err(Failure::Refused(format!(
            "The account is not connected: {code}. docs/generated/refusals.md says what to do; then begin again."
        ))),
    }
}

/// What asks the admin API.
struct Asking<'a> {
    client: OperatorClient,
    connect: &'a Connect,
    json: bool,
}

impl Asking<'_> {
    /// Done once the session has come to nothing, with why: a browser that was sent away elsewhere says nothing here.
    async fn over(&self, path: &str, session: &str, clock: &SystemClock) -> String {
        loop {
            clock.sleep(LOOK).await;
            let asked = self.client.send(Method::GET, &format!("{path}?session={session}"), None).await;
            let told: Value =
                asked.ok().and_then(|answer| serde_json::from_slice(&answer.body).ok()).unwrap_or_default();
            if matches!(told.get("state").and_then(Value::as_str), Some("failed" | "expired")) {
                return told.get("code").and_then(Value::as_str).unwrap_or("vault.connect.over").to_owned();
            }
        }
    }

    async fn send(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let body = Bytes::from(body.to_string());
        let answer = self.client.send(Method::POST, path, Some(body)).await;
        let answer = answer.map_err(|failure| resource::away(self.connect, &failure))?;
        if !answer.status.is_success() {
            return Err(resource::refusal(&answer, self.json));
        }
        serde_json::from_slice(&answer.body).map_err(|_| Failure::Internal(format!("{path} did not answer in JSON")))
    }
}

/// Waits for the browser that comes back for this session. Whoever else comes is sent away.
async fn await_browser(listener: &TcpListener, session: &str, clock: &SystemClock) -> Brought {
    loop {
        let Ok((mut stream, _)) = listener.accept().await else {
            clock.sleep(Duration::from_millis(100)).await;
            continue;
        };
        let target = tokio::select! {
            target = target(&mut stream) => target,
            () = clock.sleep(READ) => None,
        };
        let brought = target.as_deref().and_then(|target| brought(target, session));
        let (status, page) = if brought.is_some() { ("200 OK", PAGE) } else { ("404 Not Found", "") };
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nCache-Control: \
             no-store\r\nReferrer-Policy: no-referrer\r\nConnection: close\r\n\r\n{page}",
            page.len()
        );
        // A browser that is gone has brought what it brought.
        drop(stream.write_all(answer.as_bytes()).await);
        drop(stream.shutdown().await);
        if let Some(brought) = brought {
            return brought;
        }
    }
}

/// The target of a GET request.
async fn target(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::with_capacity(1_024);
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        if head.len() > REQUEST || stream.read_buf(&mut head).await.ok()? == 0 {
            return None;
        }
    }
    let line = head.split(|byte| *byte == b'\r').next()?;
    let mut words = std::str::from_utf8(line).ok()?.split(' ');
    (words.next()? == "GET").then(|| words.next().map(str::to_owned))?
}

/// What a target brings back for this session.
fn brought(target: &str, session: &str) -> Option<Brought> {
    let (path, query) = target.split_once('?')?;
    let value = |name: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find_map(|(known, value)| (known == name).then(|| value.to_owned()))
    };
    let plain = |text: &String| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if path != "/" || value("session").as_deref() != Some(session) {
        return None;
    }
    match (value("confirm").filter(plain), value("error").filter(plain)) {
        (Some(confirm), None) => Some(Brought::Confirm(confirm)),
        (None, Some(code)) => Some(Brought::Error(code)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
