//! Where a desk may be, and what reaches it.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use lockgate_vocabulary::SystemClock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

fn desk(url: &str) -> Desk {
    Desk::new(url, Arc::new(SystemClock::new()))
}

#[tokio::test]
async fn in_the_clear_a_desk_is_on_this_machine_alone() {
    for url in ["http://127.0.0.1:4000/hooks", "http://localhost:4000", "http://[::1]:4000/?a=b", "https://10.0.0.7/"] {
        assert_eq!(desk(url).check().await, Ok(()), "{url}");
    }
    for url in ["http://10.0.0.7/", "http://169.254.169.254/latest", "ftp://127.0.0.1/", "127.0.0.1:4000", ""] {
        assert!(matches!(desk(url).check().await, Err(DeskFailure::Url(_))), "{url}");
    }
}

#[tokio::test]
async fn a_delivery_reaches_the_desk_as_it_came() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/in?x=1", listener.local_addr().expect("an address"));
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("somebody");
        let (mut seen, mut piece) = (Vec::new(), [0; 1024]);
        while !seen.ends_with(b"{ \"a\":1 }") {
            let count = stream.read(&mut piece).await.expect("bytes");
            seen.extend_from_slice(&piece[..count]);
        }
        stream.write_all(b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nok").await.expect("written");
        String::from_utf8(seen).expect("text")
    });
    let mut headers = HeaderMap::new();
    for (name, value) in [("host", "gate"), ("content-length", "7"), ("webhook-id", "m1"), ("x-two", "a")] {
        headers.append(name, HeaderValue::from_static(value));
    }
    headers.append("x-two", HeaderValue::from_static("b"));
    let answer = desk(&url).post(&headers, Bytes::from_static(b"{ \"a\":1 }")).await.expect("an answer");
    assert_eq!((answer.status.as_u16(), &answer.body[..]), (202, &b"ok"[..]));
    let seen = served.await.expect("served").to_lowercase();
    assert!(seen.starts_with("post /in?x=1 http/1.1\r\n"), "{seen}");
    for line in ["content-length: 9\r\n", "webhook-id: m1\r\n", "x-two: a\r\n", "x-two: b\r\n", "host: 127.0.0.1:"] {
        assert!(seen.contains(line), "{line}: {seen}");
    }
    assert!(!seen.contains("host: gate") && !seen.contains("content-length: 7"), "{seen}");
}

#[tokio::test]
async fn a_desk_where_nobody_listens_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    drop(listener);
    let failure = desk(&url).post(&HeaderMap::new(), Bytes::new()).await.expect_err("nobody listens");
    assert!(matches!(failure, DeskFailure::Unanswered(_)) && !failure.to_string().contains("vendor"), "{failure}");
}
