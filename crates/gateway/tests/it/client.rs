//! A client that sends what it is told, byte for byte, and reads answers one after the other.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// One answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut same = self.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        let first = same.next().map(|(_, value)| value.as_str());
        assert!(same.next().is_none(), "{name} stands twice: {:?}", self.headers);
        first
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The code of a refusal.
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    /// The whole answer with what differs between any two answers blanked: trace, run, date, what is left.
    pub fn blanked(&self) -> (u16, Vec<(String, String)>, String) {
        let varies = ["traceparent", "x-lockgate-run", "date", "x-ratelimit-remaining", "x-ratelimit-reset"];
        let headers = self.headers.iter().filter(|(name, _)| !varies.contains(&name.as_str())).cloned().collect();
        let trace = self.json()["trace_id"].as_str().unwrap_or_default().to_owned();
        (self.status, headers, self.text().replace(&trace, "-"))
    }
}

/// A connection to a listener.
pub struct Client {
    stream: TcpStream,
    rest: Vec<u8>,
}

impl Client {
    #[expect(clippy::disallowed_methods, reason = "the test is the gateway's client")]
    pub async fn connect(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.expect("it listens"), rest: Vec::new() }
    }

    /// The same from this address of the machine's own.
    pub async fn connect_from(from: IpAddr, address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(SocketAddr::new(from, 0)).expect("loopback has many addresses");
        Self { stream: socket.connect(address).await.expect("it listens"), rest: Vec::new() }
    }

    /// The same where nobody may listen any more.
    #[expect(clippy::disallowed_methods, reason = "the test is the gateway's client")]
    pub async fn try_connect(address: SocketAddr) -> Option<Self> {
        Some(Self { stream: TcpStream::connect(address).await.ok()?, rest: Vec::new() })
    }

    /// Sends bytes.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        // A server that has closed already is what some tests are about; what it answered tells.
        drop(self.stream.write_all(bytes.as_ref()).await);
    }

    /// Sends nothing more.
    pub async fn finish(&mut self) {
        drop(self.stream.shutdown().await);
    }

    /// Closes the connection as a process does that dies: what is under way is reset.
    pub fn reset(self) {
        let linger = socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        linger.expect("a socket");
    }

    /// The next answer; nothing at the end of the stream.
    pub async fn answer(&mut self) -> Option<Answer> {
        loop {
            if let Some((answer, used)) = parse(&self.rest) {
                self.rest.drain(..used);
                if answer.status >= 200 {
                    return Some(answer);
                }
                continue;
            }
            match self.stream.read_buf(&mut self.rest).await {
                Ok(count) if count > 0 => {}
                _ => return None,
            }
        }
    }

    /// Waits for more bytes; whether there were any before the end of the stream.
    pub async fn more(&mut self) -> bool {
        matches!(self.stream.read_buf(&mut self.rest).await, Ok(count) if count > 0)
    }

    /// What has arrived and is no whole answer.
    pub fn unread(&self) -> &[u8] {
        &self.rest
    }

    /// All answers until the server closes.
    pub async fn answers(mut self) -> Vec<Answer> {
        let mut all = Vec::new();
        while let Some(answer) = self.answer().await {
            all.push(answer);
        }
        all
    }
}

/// The answer at the start of `bytes`, and how many bytes it has.
pub fn parse(bytes: &[u8]) -> Option<(Answer, usize)> {
    let head_end = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&bytes[..head_end]).expect("an answer's head is text");
    let mut lines = head.trim_end().split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().expect("a status");
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let named = |name: &str| headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    let header = |name: &str| named(name).map(|(_, value)| value.clone());
    let (body, used) = match (header("content-length"), header("transfer-encoding")) {
        (Some(length), _) => {
            let length: usize = length.parse().expect("a length");
            (bytes.get(head_end..head_end + length)?.to_vec(), length)
        }
        (None, Some(_)) => chunks(&bytes[head_end..])?,
        (None, None) => (Vec::new(), 0),
    };
    Some((Answer { status, headers, body }, head_end + used))
}

fn chunks(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let line = bytes[at..].windows(2).position(|window| window == b"\r\n")?;
        let size =
            std::str::from_utf8(&bytes[at..at + line]).ok().and_then(|text| usize::from_str_radix(text, 16).ok());
        let size = size.expect("a chunk size");
        at += line + 2;
        let chunk = bytes.get(at..at + size + 2)?;
        body.extend_from_slice(&chunk[..size]);
        at += size + 2;
        if size == 0 {
            return Some((body, at));
        }
    }
}
