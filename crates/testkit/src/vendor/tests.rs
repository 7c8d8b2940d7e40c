//! The vendor does what it is told, records what it reads, and shows a certificate from its authority.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Behaviour, Canned, Vendor};

#[expect(clippy::disallowed_methods, reason = "the test is the vendor's client")]
async fn exchange(vendor: &Vendor, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(vendor.address).await.expect("it listens");
    stream.write_all(request).await.expect("it reads");
    stream.shutdown().await.expect("half closed");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("it answers");
    answer
}

#[tokio::test]
async fn answers_as_told_and_remembers_what_it_saw() {
    let vendor = Vendor::start_plain().await;
    vendor.answers("POST /v1/things", Canned::json(201, "{\"id\":1}").header("x-one", "1"));
    let request = b"POST /v1/things HTTP/1.1\r\nHost: v\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    let answer = String::from_utf8(exchange(&vendor, request).await).expect("text");
    assert!(answer.starts_with("HTTP/1.1 201 ") && answer.ends_with("{\"id\":1}"), "{answer}");
    let seen = vendor.seen();
    assert_eq!(seen[0].body, b"abc");
    assert_eq!(seen[0].header("HOST"), Some("v"));
    assert_eq!(vendor.count("POST /v1/things"), 1);
}

#[tokio::test]
async fn plays_its_script_and_repeats_the_last_line() {
    let vendor = Vendor::start_plain().await;
    vendor.answers("GET /", Canned::bytes(503, "no"));
    vendor.on("GET /", Behaviour::Raw(b"garbage".to_vec()));
    let request = b"GET / HTTP/1.1\r\nHost: v\r\n\r\n";
    assert!(exchange(&vendor, request).await.starts_with(b"HTTP/1.1 503"));
    assert_eq!(exchange(&vendor, request).await, b"garbage");
    assert_eq!(exchange(&vendor, request).await, b"garbage");
    assert!(exchange(&vendor, b"GET /other HTTP/1.1\r\n\r\n").await.starts_with(b"HTTP/1.1 404"));
}

#[tokio::test]
async fn shows_a_certificate_that_its_authority_signed() {
    let vendor = Vendor::start("api.vendor.test").await;
    assert!(vendor.authority_pem.starts_with("-----BEGIN CERTIFICATE-----"));
}
