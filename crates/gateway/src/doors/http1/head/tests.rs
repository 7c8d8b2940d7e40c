//! Heads as a whole.

use lockgate_vocabulary::limit;
use proptest::prelude::*;

use super::*;

fn read(text: &[u8]) -> Result<Option<Judged>, Violation> {
    Head::default().read(text)
}

fn fields(fields: &str) -> Result<Option<Judged>, Violation> {
    read(format!("GET / HTTP/1.1\r\nHost: a.test\r\n{fields}\r\n").as_bytes())
}

fn judged(text: &str) -> Judged {
    read(text.as_bytes()).expect("it keeps the rules").expect("it is whole")
}

#[test]
fn takes_a_usual_request() {
    let text = "POST /call/pay/v1 HTTP/1.1\r\nHost: a.test:8443\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n";
    let head = judged(text);
    assert_eq!(head, Judged { length: text.len(), cut: None, framing: Framing::Length(12), last: false });
}

#[test]
fn says_nothing_before_the_head_is_whole() {
    let text = b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
    for end in 0..text.len() {
        assert_eq!(read(&text[..end]), Ok(None), "{end}");
    }
}

#[test]
fn every_line_ends_in_crlf() {
    for bad in ["GET / HTTP/1.1\nHost: a\n\n", "GET / HTTP/1.1\r\nHost: a\n", "GET / HTTP/1.1\r\nA: b\n\r\n"] {
        assert_eq!(read(bad.as_bytes()), Err(Violation::LineEnd), "{bad:?}");
    }
    assert_eq!(fields("A: b\rc\r\n"), Err(Violation::Control));
    assert_eq!(fields("A: b\r\r\n"), Err(Violation::Control));
}

#[test]
fn the_request_line_is_three_words() {
    let cases = [
        ("GET HTTP/1.1\r\n", Violation::RequestLine),
        ("GET  / HTTP/1.1\r\n", Violation::RequestLine),
        ("GET / HTTP/1.1 \r\n", Violation::RequestLine),
        ("\r\n", Violation::RequestLine),
        ("GET / HTTP/1.2x\r\n", Violation::RequestLine),
        ("GET / http/1.1\r\n", Violation::RequestLine),
        ("GET / HTTP/2.0\r\n", Violation::Version),
        ("get / HTTP/1.1\r\n", Violation::Method),
        ("GET\t/ HTTP/1.1 x\r\n", Violation::Method),
        ("G@T / HTTP/1.1\r\n", Violation::Method),
        ("CONNECT a:443 HTTP/1.1\r\n", Violation::MethodUnknown),
        ("TRACE / HTTP/1.1\r\n", Violation::MethodUnknown),
        ("BREW / HTTP/1.1\r\n", Violation::MethodUnknown),
        ("GET * HTTP/1.1\r\n", Violation::Target),
        ("GET /a#b HTTP/1.1\r\n", Violation::Target),
    ];
    for (line, violation) in cases {
        assert_eq!(read(line.as_bytes()), Err(violation), "{line:?}");
    }
}

#[test]
fn there_is_exactly_one_well_formed_host() {
    let cases = [
        "",
        "Host:\r\n",
        "Host: a b\r\n",
        "Host: a\r\nhost: a\r\n",
        "Host: u@a\r\n",
        "Host: a/b\r\n",
        "Host: \u{e9}\r\n",
    ];
    for host in cases {
        let text = format!("GET / HTTP/1.1\r\n{host}\r\n");
        assert_eq!(read(text.as_bytes()), Err(Violation::Host), "{host:?}");
    }
}

#[test]
fn old_requests_need_no_host_and_are_the_last() {
    let head = judged("GET / HTTP/1.0\r\n\r\n");
    assert!(head.last);
    assert_eq!(read(b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), Err(Violation::Framing));
}

#[test]
fn an_absolute_target_must_agree_with_host() {
    let head = judged("GET http://A.test:80/b?c HTTP/1.1\r\nHost: a.test:80\r\n\r\n");
    assert_eq!(head.cut, Some(4..20));
    for host in ["b.test:80", "a.test", "a.test:8080"] {
        let text = format!("GET http://a.test:80/b HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(read(text.as_bytes()), Err(Violation::Host), "{host}");
    }
    assert_eq!(read(b"GET http://a.test/ HTTP/1.0\r\n\r\n"), Err(Violation::Host));
}

#[test]
fn the_body_has_one_length() {
    assert_eq!(fields("").map(|head| head.map(|head| head.framing)), Ok(Some(Framing::Length(0))));
    let chunked = fields("Transfer-Encoding:  Chunked \r\n").map(|head| head.map(|head| head.framing));
    assert_eq!(chunked, Ok(Some(Framing::Chunked)));
    let cases = [
        ("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", Violation::Framing),
        ("Transfer-Encoding: chunked\r\nContent-Length: 1\r\n", Violation::Framing),
        ("Transfer-Encoding: gzip, chunked\r\n", Violation::Framing),
        ("Transfer-Encoding: chunked, identity\r\n", Violation::Framing),
        ("Transfer-Encoding: identity\r\n", Violation::Framing),
        ("Transfer-Encoding:\r\n", Violation::Framing),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", Violation::Repeated),
        ("Content-Length: 1\r\nContent-Length: 1\r\n", Violation::Repeated),
        ("Content-Length: 01\r\n", Violation::Framing),
        ("Content-Length:\r\n", Violation::Framing),
        ("Content-Length: 100000001\r\n", Violation::BodyTooLarge),
        ("Content_Length: 1\r\n", Violation::Field),
        ("Transfer_Encoding: chunked\r\n", Violation::Field),
    ];
    for (text, violation) in cases {
        assert_eq!(fields(text), Err(violation), "{text:?}");
    }
}

#[test]
fn fields_are_a_token_a_colon_and_clean_text() {
    for bad in
        ["Name : b\r\n", " A: b\r\n", "A: b\r\n c\r\n", "A\r\n", ": b\r\n", "A(: b\r\n", "A\u{85}: b\r\n", "A b: c\r\n"]
    {
        assert_eq!(fields(bad), Err(Violation::Field), "{bad:?}");
    }
    for bad in ["A: \0\r\n", "A: \u{b}\r\n", "A: \u{7f}\r\n", "A: \u{1f}Transfer-Encoding: chunked\r\n"] {
        assert_eq!(fields(bad), Err(Violation::Control), "{bad:?}");
    }
    assert!(fields("A:\r\nB: \t x \t\r\nC: caf\u{e9}\r\nX.Custom|Pipe: ok\r\n").is_ok());
}

#[test]
fn what_is_acted_upon_stands_once() {
    for name in ["Authorization", "X-Api-Key", "Idempotency-Key", "Content-Type", "X-DryRun", "traceparent"] {
        assert_eq!(fields(&format!("{name}: a\r\n{name}: a\r\n")), Err(Violation::Repeated), "{name}");
    }
    assert!(fields("Accept: a\r\nAccept: b\r\n").is_ok());
}

#[test]
fn connection_upgrade_and_expect() {
    let last = |text: &str| fields(text).expect("it keeps the rules").expect("it is whole").last;
    assert!(!last("Connection: keep-alive\r\n"));
    assert!(last("Connection: close\r\n"));
    assert!(last("Connection: Upgrade\r\nUpgrade: websocket\r\n"));
    assert!(last("Upgrade: h2c\r\n"));
    assert!(!last("Expect: 100-Continue\r\n"));
    assert_eq!(fields("Expect: 200-ok\r\n"), Err(Violation::Expectation));
    assert_eq!(fields("Connection: close, X-Api-Key\r\n"), Err(Violation::Connection));
}

#[test]
fn heads_have_limits() {
    let long = format!("GET /{} HTTP/1.1\r\n", "a".repeat(limit::TARGET_BYTES));
    assert_eq!(read(long.as_bytes()), Err(Violation::TargetTooLong));
    assert_eq!(read("G".repeat(limit::TARGET_BYTES + 64).as_bytes()), Err(Violation::TargetTooLong));
    let fits = format!("GET /{} HTTP/1.1\r\n", "a".repeat(limit::TARGET_BYTES - 1));
    assert_eq!(read(fits.as_bytes()), Ok(None));

    assert!(fields(&"A: b\r\n".repeat(limit::HEADER_COUNT - 1)).is_ok());
    assert_eq!(fields(&"A: b\r\n".repeat(limit::HEADER_COUNT)), Err(Violation::HeadTooLarge));
    assert_eq!(fields(&format!("A: {}\r\n", "b".repeat(limit::HEAD_BYTES))), Err(Violation::HeadTooLarge));
    let endless = format!("GET / HTTP/1.1\r\nA: {}", "b".repeat(limit::HEAD_BYTES));
    assert_eq!(read(endless.as_bytes()), Err(Violation::HeadTooLarge));
}

proptest! {
    /// However the bytes arrive, the verdict is the same.
    #[test]
    fn the_verdict_does_not_depend_on_how_bytes_arrive(
        text in "(GET|POST|X) (/|/a|http://a/b|\\*) HTTP/1\\.[012]\r?\n((Host|A|Content-Length|Transfer-Encoding): ?(a|1|chunked)\r?\n){0,4}\r\n",
        cuts in proptest::collection::vec(0usize..120, 0..5),
    ) {
        let bytes = text.as_bytes();
        let whole = read(bytes);
        let mut ends: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        ends.push(bytes.len());
        ends.sort_unstable();
        let mut head = Head::default();
        let mut last = Ok(None);
        for end in ends {
            last = head.read(&bytes[..end]);
            if !matches!(last, Ok(None)) {
                break;
            }
        }
        prop_assert_eq!(last, whole);
    }
}
