//! The reader under a real hyper server: what reaches a handler, what the peer reads, and when it is cut off.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use lockgate_testkit::{ManualClock, SeededEntropy};
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinHandle;

use super::*;

/// A request as the handler saw it: its line and its body, or what was wrong with the body.
type Seen = (String, Result<Vec<u8>, String>);

struct Server {
    client: DuplexStream,
    clock: ManualClock,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: JoinHandle<Option<Violation>>,
}

impl Server {
    /// A server whose handler reads the body and answers 200, or 400 if the body is broken.
    fn start() -> Self {
        Self::with(64 * 1024, true, 0)
    }

    fn with(pipe: usize, reads_bodies: bool, answer: usize) -> Self {
        let (client, stream) = tokio::io::duplex(pipe);
        let clock = ManualClock::new();
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let manners = Arc::new(Manners::new(Arc::new(clock.clone()), Arc::new(SeededEntropy::new(1))));
        let heard = seen.clone();
        let service = service_fn(move |request| handle(heard.clone(), request, reads_bodies, answer));
        let task = tokio::spawn(async move {
            let io = TokioIo::new(Strict::new(stream, manners));
            let mut connection = Builder::new().half_close(true).serve_connection(io, service);
            // A peer that breaks off ends in an error here; the tests look at what it read.
            let _ = std::future::poll_fn(|cx| std::pin::Pin::new(&mut connection).poll(cx)).await;
            connection.into_parts().io.into_inner().violation()
        });
        Self { client, clock, seen, task }
    }

    /// Sends everything, and reads until the server closes.
    async fn exchange(mut self, bytes: &[u8]) -> Outcome {
        self.client.write_all(bytes).await.expect("the pipe takes it");
        self.client.shutdown().await.expect("half closed");
        self.rest().await
    }

    /// Reads until the server closes.
    async fn rest(mut self) -> Outcome {
        let mut answer = Vec::new();
        self.client.read_to_end(&mut answer).await.expect("the pipe gives it");
        let violation = self.task.await.expect("the server does not panic");
        let seen = self.seen.lock().expect("not poisoned").clone();
        Outcome { answer: String::from_utf8_lossy(&answer).into_owned(), seen, violation }
    }

    /// Lets everything happen that can happen without time going by.
    async fn settle() {
        for _ in 0..32 {
            tokio::task::yield_now().await;
        }
    }
}

#[derive(Debug)]
struct Outcome {
    answer: String,
    seen: Vec<Seen>,
    violation: Option<Violation>,
}

impl Outcome {
    /// The statuses of the answers, in order.
    fn statuses(&self) -> Vec<u16> {
        let heads = self.answer.match_indices("HTTP/1.");
        heads.filter_map(|(at, _)| self.answer.get(at + 9..)?.get(..3)?.parse().ok()).collect()
    }

    fn lines(&self) -> Vec<&str> {
        self.seen.iter().map(|(line, _)| line.as_str()).collect()
    }
}

async fn handle(
    seen: Arc<Mutex<Vec<Seen>>>,
    request: Request<Incoming>,
    reads_bodies: bool,
    answer: usize,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let line = format!("{} {}", request.method(), request.uri());
    let body = match reads_bodies {
        true => {
            request.into_body().collect().await.map(|body| body.to_bytes().to_vec()).map_err(|error| error.to_string())
        }
        false => Ok(Vec::new()),
    };
    let status = if body.is_ok() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    seen.lock().expect("not poisoned").push((line, body));
    let mut response = Response::new(Full::new(Bytes::from(vec![b'.'; answer])));
    *response.status_mut() = status;
    Ok(response)
}

const GET: &str = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test]
async fn a_usual_request_is_served() {
    let text = "POST /b?c HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
    let outcome = Server::start().exchange(text.as_bytes()).await;
    assert_eq!(outcome.statuses(), [200]);
    assert_eq!(outcome.seen, [("POST /b?c".to_owned(), Ok(b"abc".to_vec()))]);
    assert_eq!(outcome.violation, None);
}

#[tokio::test]
async fn a_bad_head_is_refused_once_and_reaches_nobody() {
    let outcome = Server::start().exchange(b"GET / HTTP/1.1\nHost: a\n\n").await;
    assert_eq!(outcome.violation, Some(Violation::LineEnd));
    assert_eq!(outcome.statuses(), [400]);
    assert!(outcome.seen.is_empty());
    let (head, body) = outcome.answer.split_once("\r\n\r\n").expect("a head and a body");
    assert!(head.contains("content-type: application/problem+json") && head.contains("connection: close"));
    let problem: serde_json::Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(problem["code"], "gateway.head.malformed");
    assert_eq!(problem["detail"], Violation::LineEnd.told());
}

#[tokio::test]
async fn every_kind_of_refusal_has_its_status() {
    let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(9000));
    let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "A: b\r\n".repeat(101));
    let cases = [
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 501),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        ("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000000\r\n\r\n", 413),
        (long.as_str(), 414),
        (many.as_str(), 431),
    ];
    for (text, status) in cases {
        let outcome = Server::start().exchange(text.as_bytes()).await;
        assert_eq!(outcome.statuses(), [status], "{text:?}");
        assert!(outcome.seen.is_empty());
    }
}

#[tokio::test]
async fn earlier_answers_are_finished_before_a_refusal() {
    let text = format!("{GET}{GET}GET /b HTTP/1.1\r\n\r\n{GET}");
    let outcome = Server::start().exchange(text.as_bytes()).await;
    assert_eq!(outcome.statuses(), [200, 200, 400]);
    assert_eq!(outcome.lines(), ["GET /a", "GET /a"]);
}

#[tokio::test]
async fn a_broken_body_reaches_the_handler_as_an_error_and_ends_the_connection() {
    let head = "POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (body, violation) in [
        ("3\r\nabcX", Violation::ChunkEnd),
        ("3 \r\nabc\r\n", Violation::ChunkSize),
        ("0\r\nA: b\r\n\r\n", Violation::Trailer),
    ] {
        let outcome = Server::start().exchange(format!("{head}{body}{GET}").as_bytes()).await;
        assert_eq!(outcome.statuses(), [400], "{body:?}");
        assert_eq!(outcome.lines(), ["POST /b"], "{body:?}");
        assert!(outcome.seen[0].1.is_err(), "{body:?}");
        assert_eq!(outcome.violation, Some(violation), "{body:?}");
    }
}

#[tokio::test]
async fn a_body_that_stops_in_the_middle_is_an_error() {
    let outcome = Server::start().exchange(b"POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc").await;
    assert!(outcome.seen[0].1.is_err());
    assert_eq!(outcome.statuses(), [400]);
}

#[tokio::test]
async fn what_follows_an_unread_body_is_never_a_request() {
    let text = format!("POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n{GET}");
    let outcome = Server::with(64 * 1024, false, 0).exchange(text.as_bytes()).await;
    assert_eq!(outcome.statuses(), [200]);
    assert_eq!(outcome.lines(), ["POST /b"]);
}

#[tokio::test]
async fn arrival_byte_by_byte_changes_nothing() {
    let text = format!(
        "{GET}POST http://a/b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\n\r\n{GET}"
    );
    let mut server = Server::start();
    for byte in text.as_bytes() {
        server.client.write_all(&[*byte]).await.expect("the pipe takes it");
        Server::settle().await;
    }
    server.client.shutdown().await.expect("half closed");
    let outcome = server.rest().await;
    assert_eq!(outcome.statuses(), [200, 200, 200]);
    assert_eq!(outcome.lines(), ["GET /a", "POST /b", "GET /a"]);
    assert_eq!(outcome.seen[1].1, Ok(b"abc".to_vec()));
}

#[tokio::test]
async fn long_heads_and_bodies_pass_whole() {
    let body = vec![b'x'; 3_000_000];
    let field = "y".repeat(30_000);
    let mut text =
        format!("POST /b HTTP/1.1\r\nHost: a\r\nA: {field}\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
    text.extend_from_slice(&body);
    text.extend_from_slice(GET.as_bytes());
    let server = Server::start();
    let Server { client, clock, seen, task } = server;
    let (read, mut write) = tokio::io::split(client);
    let writer = tokio::spawn(async move {
        write.write_all(&text).await.expect("the server reads");
        write.shutdown().await.expect("half closed");
    });
    let (mut read, mut answer) = (read, Vec::new());
    read.read_to_end(&mut answer).await.expect("the server answers");
    writer.await.expect("written");
    assert_eq!(task.await.expect("it ends"), None);
    let seen = seen.lock().expect("not poisoned");
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0].1, Ok(body));
    drop(clock);
}

#[tokio::test]
async fn an_idle_connection_is_closed_quietly_after_a_minute() {
    let mut server = Server::start();
    server.client.write_all(GET.as_bytes()).await.expect("the pipe takes it");
    Server::settle().await;
    server.clock.advance(Duration::from_secs(59));
    Server::settle().await;
    assert!(!server.task.is_finished());
    server.client.write_all(GET.as_bytes()).await.expect("the pipe takes it");
    Server::settle().await;
    server.clock.run(Duration::from_secs(59), Duration::from_secs(1)).await;
    assert!(!server.task.is_finished(), "each message begins the minute anew");
    server.clock.run(Duration::from_secs(2), Duration::from_secs(1)).await;
    let outcome = server.rest().await;
    assert_eq!(outcome.statuses(), [200, 200]);
}

#[tokio::test]
async fn a_head_has_ten_seconds_from_its_first_byte() {
    let mut server = Server::start();
    let mut seconds = 0;
    while !server.task.is_finished() {
        server.client.write_all(&GET.as_bytes()[seconds..=seconds]).await.expect("the pipe takes it");
        Server::settle().await;
        server.clock.run(Duration::from_secs(1), Duration::from_millis(250)).await;
        seconds += 1;
    }
    assert_eq!(seconds, 10);
    let outcome = server.rest().await;
    assert_eq!(outcome.answer, "", "there is nothing to answer yet");
}

#[tokio::test]
async fn a_body_that_drips_is_given_up() {
    let mut server = Server::start();
    server
        .client
        .write_all(b"POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")
        .await
        .expect("the pipe takes it");
    let mut seconds = 0;
    while !server.task.is_finished() && seconds < 100 {
        server.client.write_all(b"x").await.expect("the pipe takes it");
        Server::settle().await;
        server.clock.run(Duration::from_secs(1), Duration::from_millis(250)).await;
        seconds += 1;
    }
    assert!((30..=33).contains(&seconds), "{seconds}");
    let outcome = server.rest().await;
    assert!(outcome.seen[0].1.is_err());
    assert_eq!(outcome.statuses(), [400]);
}

#[tokio::test]
async fn a_body_that_keeps_a_least_pace_is_served() {
    let mut server = Server::start();
    let size = 90 * 8 * 1024;
    let head = format!("POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n");
    server.client.write_all(head.as_bytes()).await.expect("the pipe takes it");
    for _ in 0..90 {
        server.client.write_all(&[b'x'; 8 * 1024]).await.expect("the pipe takes it");
        Server::settle().await;
        server.clock.run(Duration::from_secs(1), Duration::from_millis(250)).await;
    }
    server.client.shutdown().await.expect("half closed");
    let outcome = server.rest().await;
    assert_eq!(outcome.statuses(), [200]);
    assert_eq!(outcome.seen[0].1.as_ref().map(Vec::len), Ok(size));
}

#[tokio::test]
async fn an_answer_that_nobody_takes_is_given_up() {
    let mut server = Server::with(1024, true, 1_000_000);
    server.client.write_all(GET.as_bytes()).await.expect("the pipe takes it");
    Server::settle().await;
    server.clock.run(Duration::from_secs(29), Duration::from_secs(1)).await;
    assert!(!server.task.is_finished());
    server.clock.run(Duration::from_secs(2), Duration::from_secs(1)).await;
    assert!(server.task.is_finished());
}

#[tokio::test]
async fn waiting_connections_keep_at_most_one_alarm_each_way() {
    let mut server = Server::start();
    for _ in 0..50 {
        server.client.write_all(GET.as_bytes()).await.expect("the pipe takes it");
        Server::settle().await;
        assert!(server.clock.sleepers() <= 2, "{}", server.clock.sleepers());
        server.clock.advance(Duration::from_millis(10));
    }
}

fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        3 => Just(GET.as_bytes().to_vec()),
        2 => Just(b"POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2;a=\"b\"\r\nhi\r\n0\r\n\r\n".to_vec()),
        2 => Just(b"PUT http://a/c HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nGET ".to_vec()),
        1 => Just(b"GET /d HTTP/1.0\r\n\r\n".to_vec()),
        1 => proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b' '), Just(b':'), any::<u8>()], 1..5),
    ];
    let all = proptest::collection::vec(piece, 1..5).prop_map(|pieces| pieces.concat());
    // A byte changed anywhere: what differs from well-formed by little is what readers disagree about.
    (all, any::<Option<(prop::sample::Index, u8)>>()).prop_map(|(mut bytes, change)| {
        if let Some((place, byte)) = change {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// hyper reads out of what is handed on exactly the messages that the judge saw, whatever the bytes.
    #[test]
    fn hyper_and_the_judge_count_the_same_messages(bytes in pieces()) {
        let mut judge = Judge::default();
        let mut rest = bytes.clone();
        while let Ok(Step { drop, pass }) = judge.step(&mut rest) {
            if drop + pass == 0 {
                break;
            }
            rest.drain(..drop + pass);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let outcome = runtime.block_on(async { Server::start().exchange(&bytes).await });
        prop_assert_eq!(outcome.seen.len() as u64, judge.heads(), "{:?}", outcome);
    }
}
