//! Requests that two parsers could read in two ways, in our own spellings: for each there is one reading,
//! which is what the vendor gets, or a refusal, a closed connection and nothing at the vendor.

use lockgate_testkit::{Canned, Seen};

use crate::client::{Answer, Client};
use crate::http1::open_world;
use crate::world::{Tenant, World};

/// A call with these bytes between the request line with `Host` and key, and the end of the head.
fn post(acme: &Tenant, fields: &str, body: &str) -> Vec<u8> {
    let key = &acme.service;
    format!("POST /call/any/v1/x HTTP/1.1\r\nHost: gate\r\nX-Api-Key: {key}\r\n{fields}\r\n{body}").into_bytes()
}

/// A request that stands behind another and must not be read where that one is refused.
fn follower(acme: &Tenant) -> Vec<u8> {
    format!("GET /call/any/v1/smuggled HTTP/1.1\r\nHost: gate\r\nX-Api-Key: {}\r\n\r\n", acme.service).into_bytes()
}

async fn exchange(world: &World, bytes: &[u8]) -> (Vec<Answer>, Vec<Seen>) {
    let before = world.vendor.seen().len();
    let mut client = Client::connect(world.door).await;
    client.send(bytes).await;
    client.finish().await;
    let answers = client.answers().await;
    (answers, world.vendor.seen().split_off(before))
}

/// Everything is refused with one answer, and what follows is never read.
async fn refuses_all(world: &World, acme: &Tenant, cases: Vec<Vec<u8>>) {
    let mut wrong = Vec::new();
    for case in cases {
        let (answers, seen) = exchange(world, &[case.clone(), follower(acme)].concat()).await;
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        let [status] = statuses.as_slice() else {
            wrong.push(format!("{statuses:?} {}", String::from_utf8_lossy(&case)));
            continue;
        };
        let fine = matches!(status, 400 | 413 | 414 | 431 | 501 | 505) && seen.is_empty();
        let told = answers[0].header("content-type") == Some("application/problem+json")
            && !answers[0].text().contains(&acme.service);
        if !fine || !told {
            wrong.push(format!("{status} {} at the vendor: {}", seen.len(), String::from_utf8_lossy(&case)));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n---\n"));
}

async fn world() -> (World, Tenant) {
    let (world, acme) = open_world().await;
    world.vendor.answers("*", Canned::json(200, "{}"));
    (world, acme)
}

#[tokio::test]
async fn fields_that_are_read_in_two_ways_are_refused() {
    let (world, acme) = world().await;
    let fields = [
        "X-A: 1\r\n 2\r\n",
        "X-A: 1\r\n\t2\r\n",
        " X-A: 1\r\n",
        "X-A: 1\n",
        "X-A: 1\r\r\n",
        "X-A: 1\rX-B: 2\r\n",
        "X-A: a\0b\r\n",
        "X\0A: 1\r\n",
        "X-A: a\x7f\r\n",
        "X-A: a\x0b\r\n",
        "X-A: a\x0c\r\n",
        "X-A: a\x08\r\n",
        "X-A : 1\r\n",
        "X-A\t: 1\r\n",
        ": 1\r\n",
        "X-A\r\n",
        "X(A): 1\r\n",
        "X-\u{e9}: 1\r\n",
        "X A: 1\r\n",
        "\"X\": 1\r\n",
        "Host: gate\r\n",
        "Host: other\r\n",
        "host: gate\r\n",
        "X_Api_Key: a\r\n",
        "X-Api-Key: a\r\n",
        "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n",
        "Content-Type: a/b\r\nContent-Type: c/d\r\n",
        "Idempotency-Key: a\r\nIdempotency-Key: a\r\n",
        "X-DryRun: true\r\nX-DryRun: false\r\n",
        "X_DryRun: true\r\n",
        "Connection: Host\r\n",
        "Connection: X-Api-Key\r\n",
        "Connection: Content-Length\r\n",
        "Connection: a b\r\n",
        "Connection: close, X-DryRun\r\n",
        "Connection: Transfer_Encoding\r\n",
        "Connection: ,\r\n",
        "Connection:\r\n",
        "Expect: 100-continue, x\r\n",
        "Expect: x\r\n",
        "Expect: 100-continue\r\nExpect: 100-continue\r\n",
        "Upgrade: h2c\r\nUpgrade: websocket\r\n",
    ];
    refuses_all(&world, &acme, fields.iter().map(|fields| post(&acme, fields, "")).collect()).await;
    assert!(world.vendor.seen().is_empty());
    world.end().await;
}

#[tokio::test]
async fn lengths_that_are_read_in_two_ways_are_refused() {
    let (world, acme) = world().await;
    let mut cases: Vec<Vec<u8>> = [
        "+3",
        "-3",
        "03",
        "3,3",
        "3, 3",
        "0x3",
        "3 3",
        "3;",
        "3.0",
        "3e0",
        "",
        "3_0",
        "\u{ff13}",
        "a",
        "\"3\"",
        "3\x0b",
        "99999999999999999999",
        "18446744073709551619",
        "9223372036854775811",
        "4294967299000",
        "+",
        "0b11",
        "0o3",
    ]
    .iter()
    .map(|length| post(&acme, &format!("Content-Length: {length}\r\n"), "abc"))
    .collect();
    cases.extend(
        [
            "Content-Length: 3\r\nContent-Length: 3\r\n",
            "Content-Length: 3\r\nContent-Length: 4\r\n",
            "Content-Length : 3\r\n",
            "Content_Length: 3\r\n",
            "Content-Length\x0b: 3\r\n",
            "Content-Length:\r\n 3\r\n",
            "Content-Length: 3\r\ncontent-LENGTH: 0\r\n",
        ]
        .iter()
        .map(|fields| post(&acme, fields, "abc")),
    );
    let chunked = "3\r\nabc\r\n0\r\n\r\n";
    cases.extend(
        [
            "identity",
            "chunked, identity",
            "gzip, chunked",
            "chunked, chunked",
            "xchunked",
            "chunkedx",
            "\x0bchunked",
            "chunked;q=1",
            "\"chunked\"",
            "chunked,",
            ",chunked",
            "",
            "chunke",
            "gzip",
            "chunked\r\n\tfoo",
            "chunked\0",
            "c\u{ff48}unked",
            "chun ked",
            "trailers",
        ]
        .iter()
        .map(|coding| post(&acme, &format!("Transfer-Encoding: {coding}\r\n"), chunked)),
    );
    cases.extend(
        [
            "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
            "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "Transfer_Encoding: chunked\r\n",
            "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding : chunked\r\n",
            "Transfer-Encoding:\r\n chunked\r\n",
            "X-A: b\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding\n: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
        ]
        .iter()
        .map(|fields| post(&acme, fields, chunked)),
    );
    let old = String::from_utf8(post(&acme, "Transfer-Encoding: chunked\r\n", chunked)).expect("text");
    cases.push(old.replacen("HTTP/1.1", "HTTP/1.0", 1).into_bytes());
    refuses_all(&world, &acme, cases).await;
    world.end().await;
}

#[tokio::test]
async fn chunks_that_are_read_in_two_ways_are_refused() {
    let (world, acme) = world().await;
    let bodies = [
        "0x3\r\nabc\r\n0\r\n\r\n",
        "+3\r\nabc\r\n0\r\n\r\n",
        "-3\r\nabc\r\n0\r\n\r\n",
        " 3\r\nabc\r\n0\r\n\r\n",
        "3 \r\nabc\r\n0\r\n\r\n",
        "3\t\r\nabc\r\n0\r\n\r\n",
        "3;\r\nabc\r\n0\r\n\r\n",
        "3; a=b\r\nabc\r\n0\r\n\r\n",
        "3;a=\r\nabc\r\n0\r\n\r\n",
        "3 ;a\r\nabc\r\n0\r\n\r\n",
        "3;a=\"\r\nabc\r\n0\r\n\r\n",
        "3;a=\"b\\\r\nabc\r\n0\r\n\r\n",
        "3;a\x0b\r\nabc\r\n0\r\n\r\n",
        "3;a\rb\r\nabc\r\n0\r\n\r\n",
        "3\nabc\r\n0\r\n\r\n",
        "3\r\nabc\n0\r\n\r\n",
        "3\r\nabc0\r\n\r\n",
        "3\r\nabcd\r\n0\r\n\r\n",
        "2\r\nabc\r\n0\r\n\r\n",
        "3\r\nabc\r\n0\n\r\n",
        "3\r\nabc\r\n0\r\n\n",
        "000000003\r\nabc\r\n0\r\n\r\n",
        "100000000000000003\r\nabc\r\n0\r\n\r\n",
        "ffffffffffffffff\r\nabc\r\n0\r\n\r\n",
        "fffffffe\r\nabc\r\n0\r\n\r\n",
        "\r\nabc\r\n0\r\n\r\n",
        "g\r\nabc\r\n0\r\n\r\n",
        "3_0\r\nabc\r\n0\r\n\r\n",
        "3\r\nabc\r\n0\r\nX: y\r\n\r\n",
        "3\r\nabc\r\n0\r\nContent-Length: 5\r\n\r\n",
        "3\r\nabc\r\n0\r\nHost: evil\r\n\r\n",
        "3\r\nabc\r\n0\r\nX-Api-Key: a\r\n\r\n",
        "3\r\nabc\r\n0\r\n \r\n\r\n",
        "3\r\r\nabc\r\n0\r\n\r\n",
        "3\r\n\r\nabc\r\n0\r\n\r\n",
        "\u{ff13}\r\nabc\r\n0\r\n\r\n",
        "3\0\r\nabc\r\n0\r\n\r\n",
        "3h\r\nabc\r\n0\r\n\r\n",
    ];
    let long = format!("3;{}\r\nabc\r\n0\r\n\r\n", "a".repeat(300));
    let cases = bodies.into_iter().map(str::to_owned).chain([long]);
    refuses_all(&world, &acme, cases.map(|body| post(&acme, "Transfer-Encoding: chunked\r\n", &body)).collect()).await;
    world.end().await;
}

#[tokio::test]
async fn request_lines_that_are_read_in_two_ways_are_refused() {
    let (world, acme) = world().await;
    let key = format!("Host: gate\r\nX-Api-Key: {}\r\n\r\n", acme.service);
    let lines = [
        "GET /call/any/v1/x\r\n",
        "GET /call/any/v1/x HTTP/0.9\r\n",
        "GET /call/any/v1/x HTTP/2.0\r\n",
        "PRI * HTTP/2.0\r\n",
        "get /call/any/v1/x HTTP/1.1\r\n",
        "Get /call/any/v1/x HTTP/1.1\r\n",
        "GET\t/call/any/v1/x HTTP/1.1\r\n",
        "GET  /call/any/v1/x HTTP/1.1\r\n",
        "GET /call/any/v1/x  HTTP/1.1\r\n",
        "GET /call/any/v1/x HTTP/1.1 \r\n",
        " GET /call/any/v1/x HTTP/1.1\r\n",
        "\nGET /call/any/v1/x HTTP/1.1\r\n",
        "\r\n\r\nGET /call/any/v1/x HTTP/1.1\r\n",
        "\u{feff}GET /call/any/v1/x HTTP/1.1\r\n",
        "\0GET /call/any/v1/x HTTP/1.1\r\n",
        "GET /call/any/v1/x HTTP/1.1\n",
        "GET /call/any/v1/x HTTP/1.2\r\n",
        "GET /call/any/v1/x HTTP/11\r\n",
        "GET /call/any/v1/x http/1.1\r\n",
        "GET /call/any/v1/x HTTP/1.1x\r\n",
        "GET /call/any/v1/x HTTP/01.1\r\n",
        "GET /call/any/v1/x HTTP/1.10\r\n",
        "GET /call/any/v1/x HTTP/1.1\r\r\n",
        "GET /call/any/v1/x HTTP /1.1\r\n",
        "GET /call/any/v1/x HTTP/1,1\r\n",
        "GET * HTTP/1.1\r\n",
        "OPTIONS * HTTP/1.1\r\n",
        "GET gate HTTP/1.1\r\n",
        "GET gate:443 HTTP/1.1\r\n",
        "CONNECT gate:443 HTTP/1.1\r\n",
        "TRACE /call/any/v1/x HTTP/1.1\r\n",
        "GET call/any/v1/x HTTP/1.1\r\n",
        "GET http://other/call/any/v1/x HTTP/1.1\r\n",
        "GET http://gate:80/call/any/v1/x HTTP/1.1\r\n",
        "GET http://gate@other/call/any/v1/x HTTP/1.1\r\n",
        "GET http://gate\\@other/call/any/v1/x HTTP/1.1\r\n",
        "GET http:///call/any/v1/x HTTP/1.1\r\n",
        "GET http:/call/any/v1/x HTTP/1.1\r\n",
        "GET ftp://gate/call/any/v1/x HTTP/1.1\r\n",
        "GET gopher://gate/call/any/v1/x HTTP/1.1\r\n",
        "GET /call/any/v1/x#f HTTP/1.1\r\n",
        "GET /call/any/v1\\x HTTP/1.1\r\n",
        "GET /call/any/v1/x\0 HTTP/1.1\r\n",
        "GET /call/any/v1/x\x7f HTTP/1.1\r\n",
        "GET /call/any/v1/\"x HTTP/1.1\r\n",
        "GET /call/any/v1/<x> HTTP/1.1\r\n",
        "GET /call/any/v1/% HTTP/1.1\r\n",
        "GET /call/any/v1/%2 HTTP/1.1\r\n",
        "GET /call/any/v1/%zz HTTP/1.1\r\n",
        "GET /call/any/v1/%u002e HTTP/1.1\r\n",
        "GET /call/any/v1/x?a=% HTTP/1.1\r\n",
        "GET /call/any/v1/x|y HTTP/1.1\r\n",
        "GET /call/any/v1/x HTTP/1.1\r\n \r\n",
        "BREW /call/any/v1/x HTTP/1.1\r\n",
        "GET /call/any/v1/x\tHTTP/1.1\r\n",
        "GET\r\n/call/any/v1/x HTTP/1.1\r\n",
        "G\u{c9}T /call/any/v1/x HTTP/1.1\r\n",
        "G=T /call/any/v1/x HTTP/1.1\r\n",
        "HTTP/1.1 200 OK\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "GET  HTTP/1.1\r\n",
    ];
    let mut cases: Vec<Vec<u8>> = lines.iter().map(|line| format!("{line}{key}").into_bytes()).collect();
    for raw in [&b"\xff"[..], b"\xc0\xae\xc0\xae", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf5\x80\x80\x80"] {
        cases.push([b"GET /call/any/v1/", raw, b" HTTP/1.1\r\n", key.as_bytes()].concat());
    }
    cases.push([b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n", key.as_bytes()].concat());
    for host in [
        "", "a b", "a,b", "a@b", "a/b", "[::1", "a:99999", "a:80:80", "a:", "a\\b", "a\tb", "a?b", "[::1]x", "\u{e9}",
        "a%2eb",
    ] {
        let rest = format!("X-Api-Key: {}\r\n\r\n", acme.service);
        cases.push(format!("GET /call/any/v1/x HTTP/1.1\r\nHost: {host}\r\n{rest}").into_bytes());
    }
    cases.push(format!("GET /call/any/v1/x HTTP/1.1\r\nX-Api-Key: {}\r\n\r\n", acme.service).into_bytes());
    refuses_all(&world, &acme, cases).await;
    world.end().await;
}

#[tokio::test]
async fn a_path_with_two_readings_reaches_nobody() {
    let (world, acme) = world().await;
    for path in [
        "%2e%2e/x",
        "..%2fx",
        "%2e",
        "a/%2E%2e/b",
        "..",
        "../x",
        ".",
        "a/./b",
        "a//b",
        "a%2fb",
        "a%2Fb",
        "a%5cb",
        "a%00b",
        "%c0%ae%c0%ae/x",
        "%c0%af",
        "%e0%80%af",
        "%f0%80%80%af",
        "%ff",
        "%ed%a0%80",
        "..;/x",
        "..;a=b",
        ".;x",
        "a/..;/b",
        "%2e%2e;/x",
        "%2e;",
        "a%0d%0ab",
        "a%0ab",
        "a%09b",
        "a%7fb",
        "a%1fb",
        "%80",
        "%c3",
        ".%2e",
        "%2e.",
        "a/%2e%2e",
    ] {
        for method in ["GET", "DELETE"] {
            let answer = world.call(&acme.service, method, &format!("/call/any/v1/{path}"), "", "").await;
            assert_eq!((answer.status, answer.code().as_str()), (400, "access.path.ambiguous"), "{method} {path}");
        }
    }
    assert!(world.vendor.seen().is_empty());
    world.end().await;
}

#[tokio::test]
async fn what_has_one_reading_arrives_once_as_it_was_judged() {
    let (world, acme) = world().await;
    let chunked = |body: &str| post(&acme, "Transfer-Encoding: chunked\r\n", body);
    let get = |target: &str| {
        format!("GET {target} HTTP/1.1\r\nHost: gate\r\nX-Api-Key: {}\r\n\r\n", acme.service).into_bytes()
    };
    for (bytes, line, body) in [
        (post(&acme, "Content-Length: \t3 \t\r\n", "abc"), "POST /v1/x", "abc"),
        (post(&acme, "Content-Length: 0\r\n", ""), "POST /v1/x", ""),
        (post(&acme, "", ""), "POST /v1/x", ""),
        (post(&acme, "Transfer-Encoding: Chunked\r\n", "3\r\nabc\r\n0\r\n\r\n"), "POST /v1/x", "abc"),
        (chunked("3;a=b;c=\"d;\\\"\"\r\nabc\r\n0\r\n\r\n"), "POST /v1/x", "abc"),
        (chunked("1\r\na\r\n002\r\nbc\r\n00\r\n\r\n"), "POST /v1/x", "abc"),
        (post(&acme, "Content-Length: 20\r\n", "GET / HTTP/1.1\r\nA: b"), "POST /v1/x", "GET / HTTP/1.1\r\nA: b"),
        (chunked("5\r\n0\r\n\r\n\r\n0\r\n\r\n"), "POST /v1/x", "0\r\n\r\n"),
        (post(&acme, "Expect: 100-continue\r\nContent-Length: 3\r\n", "abc"), "POST /v1/x", "abc"),
        (post(&acme, "X-A: \u{e9}\r\nX-B:\r\nX-B: 2\r\n", ""), "POST /v1/x", ""),
        (get("http://gate/call/any/v1/a"), "GET /v1/a", ""),
        (get("HTTP://GATE/call/any/v1/a"), "GET /v1/a", ""),
        (get("http://user:pass@gate/call/any/v1/a"), "GET /v1/a", ""),
        (get("/call/any/v1/%41%7e"), "GET /v1/A~", ""),
        (get("/call/any/v1/%252e%252e%252fx"), "GET /v1/%252e%252e%252fx", ""),
        (get("/call/any/v1/%3f%23%3d%25"), "GET /v1/%3F%23%3D%25", ""),
        (get("/call/any/v1/...a"), "GET /v1/...a", ""),
        (get("/call/any/v1/a:b=c/d:@!$&'()*+,="), "GET /v1/a:b=c/d:@!$&'()*+,=", ""),
        (get("/call/any/v1/a?b=%0d%0a&c=../..//"), "GET /v1/a?b=%0d%0a&c=../..//", ""),
        (get("/call/any/v1/\u{f6}"), "GET /v1/%C3%B6", ""),
        ([b"\r\n".to_vec(), get("/call/any/v1/a")].concat(), "GET /v1/a", ""),
    ] {
        let (answers, seen) = exchange(&world, &bytes).await;
        let shown = String::from_utf8_lossy(&bytes).into_owned();
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses, [200], "{shown}");
        let seen: Vec<_> =
            seen.iter().map(|seen| (seen.line(), String::from_utf8_lossy(&seen.body).into_owned())).collect();
        assert_eq!(seen, [(line.to_owned(), body.to_owned())], "{shown}");
    }
    world.end().await;
}

#[tokio::test]
async fn what_follows_the_last_message_is_never_read() {
    let (world, acme) = world().await;
    let old = String::from_utf8(post(&acme, "Content-Length: 3\r\n", "abc")).expect("text").replacen("1.1", "1.0", 1);
    for last in [
        post(&acme, "Connection: close\r\nContent-Length: 3\r\n", "abc"),
        post(&acme, "Connection: keep-alive, CLOSE\r\nContent-Length: 3\r\n", "abc"),
        post(&acme, "Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 3\r\n", "abc"),
        post(&acme, "Upgrade: websocket\r\nContent-Length: 3\r\n", "abc"),
        old.clone().into_bytes(),
        old.replacen("Host", "Connection: keep-alive\r\nHost", 1).into_bytes(),
    ] {
        let (answers, seen) = exchange(&world, &[last.clone(), follower(&acme)].concat()).await;
        let shown = String::from_utf8_lossy(&last).into_owned();
        assert_eq!((answers.len(), seen.len()), (1, 1), "{shown}");
        assert_eq!((answers[0].status, seen[0].body.as_slice()), (200, b"abc".as_slice()), "{shown}");
        assert!(seen[0].all("upgrade").is_empty() && seen[0].all("connection").is_empty(), "{shown}");
    }
    // Without any of it the next request is one of its own, judged like any other.
    let (answers, seen) =
        exchange(&world, &[post(&acme, "Content-Length: 3\r\n", "abc"), follower(&acme)].concat()).await;
    let lines: Vec<String> = seen.iter().map(Seen::line).collect();
    assert_eq!((answers.len(), lines), (2, vec!["POST /v1/x".to_owned(), "GET /v1/smuggled".to_owned()]));
    world.end().await;
}

#[tokio::test]
async fn a_request_behind_a_refused_call_is_judged_by_its_own() {
    let (world, acme) = world().await;
    // A body that nobody wants is read or the connection ends; never are its bytes taken for a request.
    let body = String::from_utf8(follower(&acme)).expect("text");
    for path in ["/call/nope/v1/x", "/call/any/other", "/nowhere", "/healthz"] {
        let head = format!("POST {path} HTTP/1.1\r\nHost: gate\r\nX-Api-Key: {}\r\n", acme.service);
        let whole = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
        let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
        for bytes in [whole, chunked] {
            let (answers, seen) = exchange(&world, bytes.as_bytes()).await;
            assert!(answers.len() == 1 && answers[0].status >= 400, "{path}: {answers:?}");
            assert!(seen.is_empty(), "{path}: the body was taken for a request");
        }
    }
    world.end().await;
}

#[tokio::test]
async fn a_form_names_no_other_method() {
    let (world, acme) = world().await;
    let padded = format!("a={}&_method=DELETE", "x".repeat(100_000));
    let part = "--b\r\nContent-Disposition: form-data; name=\"_method\"\r\n\r\nDELETE\r\n--b--\r\n";
    for (kind, body) in [
        ("application/x-www-form-urlencoded", "a=1&_method=DELETE"),
        ("application/x-www-form-urlencoded", padded.as_str()),
        ("multipart/form-data; boundary=b", part),
    ] {
        let typed = format!("Content-Type: {kind}\r\n");
        let answer = world.call(&acme.service, "POST", "/call/any/v1/things", &typed, body).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "egress.body.override"), "{kind}");
    }
    assert!(world.vendor.seen().is_empty());
    world.end().await;
}
