//! Vendors that repeat what they were sent: the credential comes back to nobody, however it was read.

use lockgate_testkit::{Behaviour, Canned};
use serde_json::json;

use super::world::{SECRET, World, json_body, read, refusal};

const LINE: &str = "GET /base/v1/things/1";

/// An answer in chunks, with a field of its own.
fn chunked(field: &str, chunks: &[&str]) -> Behaviour {
    let mut text = format!("HTTP/1.1 200 OK\r\nx-echo: {field}\r\ntransfer-encoding: chunked\r\n\r\n");
    for chunk in chunks {
        text.push_str(&format!("{:x}\r\n{chunk}\r\n", chunk.len()));
    }
    text.push_str("0\r\n\r\n");
    Behaviour::Raw(text.into_bytes())
}

fn masked() -> String {
    "*".repeat(SECRET.len())
}

#[tokio::test]
async fn a_body_that_flows_is_masked_and_a_field_is_dropped() {
    let world = World::new().await;
    let (front, back) = SECRET.split_at(9);
    let whole = format!("you sent Bearer {SECRET}.");
    let cases: [&[&str]; 4] = [
        &[&whole],
        &["you sent Bearer ", front, back, "."],
        &["you sent Bearer ", front],
        &[front, "x", back, "sk_live_"],
    ];
    for chunks in cases {
        world.vendor.forget(LINE);
        world.vendor.on(LINE, chunked(&format!("Bearer {SECRET}"), chunks));
        let order = world.order("GET /v1/things/1");
        let run = order.run;
        let got = world.send(order).await.expect("an answer");
        assert_eq!(got.body, chunks.concat().replace(SECRET, &masked()));
        assert!(!got.headers.contains_key("x-echo"));
        let ended = world.run(run).await.ended.expect("it ended");
        assert_eq!(ended.answer_bytes, Some(chunks.concat().len() as u64), "nothing that was held back is lost");
    }
    world.vendor.forget(LINE);
    world.vendor.on(LINE, chunked("innocent", &["{}"]));
    assert_eq!(world.call("GET /v1/things/1").await.expect("an answer").headers["x-echo"], "innocent");
}

#[tokio::test]
async fn a_length_that_was_announced_is_kept() {
    let world = World::new().await;
    world.vendor.answers(LINE, Canned::json(200, &format!(r#"{{"token":"{SECRET}"}}"#)));
    let got = world.call("GET /v1/things/1").await.expect("an answer");
    assert_eq!(got.body, format!(r#"{{"token":"{}"}}"#, masked()));
    assert_eq!(world.egress.idle_lines(), 1, "its line is used again");
}

#[tokio::test]
async fn what_is_kept_or_read_whole_is_masked() {
    let world = World::new().await;
    let line = "POST /base/v1/things";
    let echo = Canned::json(201, &format!(r#"{{"token":"{SECRET}"}}"#)).header("etag", SECRET);
    world.vendor.answers(line, echo);
    for replayed in [false, true] {
        let mut order = world.order("POST /v1/things");
        order.idempotency_key = Some("key-1".into());
        json_body(&mut order, "{}");
        let reply = world.egress.call(world.worker().await, order).await.expect("a reply");
        assert_eq!(reply.replayed(), replayed);
        let got = read(reply).await.expect("an answer");
        assert_eq!(got.body, format!(r#"{{"token":"{}"}}"#, masked()));
        assert!(!got.headers.contains_key("etag"));
    }
    world.vendor.answers("GET /base/v1/checked", Canned::json(200, &format!(r#"{{"id":1,"name":"{SECRET}"}}"#)));
    let got = world.call("GET /v1/checked").await.expect("an answer");
    assert_eq!(got.body, format!(r#"{{"id":1,"name":"{}"}}"#, masked()));
}

#[tokio::test]
async fn more_than_is_read_ahead_is_masked_at_the_seam() {
    let world = World::new().await;
    let line = "POST /base/v1/things";
    // Too much to be kept for its key: what was read so far goes on, and the rest follows it.
    let large = format!("{}{SECRET}{}", "x".repeat(1_048_570), "y".repeat(10_000));
    world.vendor.answers(line, Canned::bytes(201, large.clone()));
    let mut order = world.order("POST /v1/things");
    order.idempotency_key = Some("key-1".into());
    let got = world.send(order).await.expect("an answer");
    assert!(got.body == large.replace(SECRET, &masked()), "{} bytes", got.body.len());
}

#[tokio::test]
async fn an_error_tells_it_neither_as_text_nor_as_a_code() {
    let world = World::with(|_, spec| spec["retries"] = json!(0)).await;
    let encoded: String = SECRET.bytes().map(|byte| format!("{byte:02x}")).collect();
    for (status, said) in [(403, SECRET), (500, SECRET), (500, encoded.as_str()), (404, encoded.as_str())] {
        for media in ["application/json", "text/plain"] {
            world.vendor.forget(LINE);
            let body = format!(r#"{{"error":{{"code":"{said}","message":"bad token {said}"}}}}"#);
            world.vendor.answers(LINE, Canned::bytes(status, body).header("content-type", media));
            let told = match world.call("GET /v1/things/1").await {
                Ok(got) => got.body,
                stopped => refusal(stopped).told().unwrap_or_default().to_owned(),
            };
            assert!(!told.is_empty() && !told.contains(said), "{status} {media}: {told}");
        }
    }
}

#[tokio::test]
async fn a_credential_in_the_query_or_encoded_is_masked_as_it_was_sent() {
    let spellings = [
        (json!({ "placement": "query", "name": "api_key" }), SECRET.to_owned()),
        (json!({ "placement": "header", "name": "x-key", "prefix": "Token " }), SECRET.to_owned()),
        (json!({ "placement": "basic" }), "c2tfbGl2ZV80ZUMzOUhxTHlqV0Rhcmp0VDF6ZHA3ZGM6".to_owned()),
    ];
    for (auth, sent) in spellings {
        let world = World::with(|provider, _| provider["auth"] = auth).await;
        world.vendor.answers("*", Canned::bytes(200, format!("<{sent}>")));
        let got = world.call("GET /v1/things/1").await.expect("an answer");
        let seen = world.vendor.seen().pop().expect("it arrived");
        assert!(format!("{seen:?}").contains(&sent), "{seen:?}");
        assert_eq!(got.body, format!("<{}>", "*".repeat(sent.len())));
    }
}

/// A credential of which each spelling differs from the others.
const ODD: &str = "sk_live/abc+def/..==";

fn each(text: &str, write: impl Fn(u8) -> String) -> String {
    text.bytes().map(write).collect()
}

#[tokio::test]
async fn every_spelling_is_masked_in_bodies_and_dropped_from_fields() {
    let placements = [
        (json!({ "placement": "query", "name": "api_key" }), ODD, ODD),
        (json!({ "placement": "bearer" }), ODD, ODD),
        (json!({ "placement": "basic" }), "user:p4ss/word", "user:p4ss/word"),
        (json!({ "placement": "basic" }), "user:p4ss/word", "p4ss/word"),
    ];
    for (auth, secret, told) in placements {
        let world = World::lending(secret, |provider, _| provider["auth"] = auth).await;
        let spelled = [
            told.to_owned(),
            told.replace('/', "\\/"),
            told.replace('/', "%2F").replace('+', "%2b").replace('=', "%3D"),
            each(told, |byte| format!("%{byte:02x}")),
            each(told, |byte| format!("\\u00{byte:02X}")),
            each(told, |byte| format!("{byte:02x}")),
            each(told, |byte| format!("{byte:02X}")),
        ];
        for text in spelled {
            let (front, back) = text.split_at(text.len() / 2);
            for chunks in [vec![text.as_str()], vec![front, back], vec!["{\"echo\":\"", front, back, "\"}"]] {
                world.vendor.forget("*");
                world.vendor.on("*", chunked(&text, &chunks));
                let got = world.call("GET /v1/things/1").await.expect("an answer");
                let whole = chunks.concat();
                assert_eq!(got.body, whole.replace(&text, &"*".repeat(text.len())), "{secret}: {text}");
                assert!(!got.headers.contains_key("x-echo"), "{secret}: {text}");
            }
        }
    }
}

#[tokio::test]
async fn the_header_encoded_once_more_is_masked_but_for_its_edges() {
    let world = World::lending(ODD, |_, _| ()).await;
    for before in ["", "Bearer ", "authorization: Bearer "] {
        let encoded = base64(format!("{before}{ODD}").as_bytes());
        for text in [encoded.replace('+', "-").replace('/', "_"), encoded] {
            world.vendor.forget(LINE);
            world.vendor.answers(LINE, Canned::bytes(200, text.clone()));
            let got = world.call("GET /v1/things/1").await.expect("an answer");
            let masked = got.body.matches('*').count();
            assert!(got.body.len() == text.len() && masked + 2 >= ODD.len() * 4 / 3, "{text}: {}", got.body);
        }
    }
}

#[tokio::test]
async fn escapes_inside_of_escapes_and_other_shapes_are_masked() {
    let wide: String = ODD.chars().flat_map(|character| [character, '\0']).collect();
    let lines = |end: &str| {
        base64(ODD.as_bytes()).as_bytes().chunks(12).map(String::from_utf8_lossy).collect::<Vec<_>>().join(end)
    };
    let shapes = [
        ("json, then percent", ODD.replace('/', "%5C%2F")),
        ("html twice", ODD.replace('/', "&amp;#47;").replace('+', "&amp;plus;")),
        ("html inside of Go's json", ODD.replace('+', "\\u0026#43;")),
        ("html, then percent", ODD.replace('/', "%26%2347%3B")),
        ("json, then html", ODD.replace('/', "&#92;/")),
        ("percent three times", ODD.replace('/', "%25252F")),
        ("base64 in lines", lines("\r\n")),
        ("base64 in lines, escaped", lines("\\r\\n")),
        ("base64 in lines, escaped twice", lines("\\\\n")),
        ("hexadecimal with blanks", each(ODD, |byte| format!("{byte:02x} "))),
        ("hexadecimal with colons", each(ODD, |byte| format!("{byte:02X}:"))),
        ("16 bits", wide),
        ("cut off", "you sent Bearer sk_live/abc+".to_owned()),
        ("cut off within an escape", "you sent Bearer sk_live%2Fabc%2Bd%6".to_owned()),
    ];
    for (name, text) in shapes {
        let world = World::lending(ODD, |_, _| ()).await;
        for size in [1, 5, text.len()] {
            let characters: Vec<char> = text.chars().collect();
            let chunks: Vec<String> = characters.chunks(size).map(|chunk| chunk.iter().collect()).collect();
            let chunks: Vec<&str> = chunks.iter().map(String::as_str).collect();
            world.vendor.forget(LINE);
            world.vendor.on(LINE, chunked("none", &chunks));
            let got = world.call("GET /v1/things/1").await.expect("an answer");
            assert_eq!(got.body.len(), text.len(), "{name}");
            // Of base64 the last digit may stay, which the credential determines in part.
            let edges = ['*', '\0', '=', ' ', ':', '0'];
            let left = got.body.trim_start_matches("you sent Bearer ").trim_matches(edges);
            let hidden = left.chars().all(|character| matches!(character, '*' | '\0'));
            assert!(hidden, "{name} in pieces of {size}: {}", got.body);
            if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
                world.vendor.forget(LINE);
                world.vendor.on(LINE, chunked(&text, &["{}"]));
                let got = world.call("GET /v1/things/1").await.expect("an answer");
                assert!(!got.headers.contains_key("x-echo"), "{name}");
            }
        }
    }
}

#[tokio::test]
async fn what_was_sent_is_masked_encoded_once_more() {
    let placements = [
        (json!({ "placement": "query", "name": "api_key" }), ODD, "sk_live%2Fabc%2Bdef%2F..%3D%3D".to_owned()),
        (json!({ "placement": "basic" }), "user:p4ss/word", base64(b"user:p4ss/word")),
    ];
    for (auth, secret, sent) in placements {
        let world = World::lending(secret, |provider, _| provider["auth"] = auth).await;
        for before in ["", "a", "Basic "] {
            let text = base64(format!("{before}{sent}").as_bytes());
            for status in [200, 404] {
                world.vendor.forget("*");
                let body = format!(r#"{{"echo":"{text}"}}"#);
                world.vendor.answers("*", Canned::json(status, &body));
                let got = world.call("GET /v1/things/1").await.expect("an answer");
                let longest =
                    text.as_bytes().windows(8).filter(|part| got.body.contains(&*String::from_utf8_lossy(part)));
                assert!(longest.count() <= before.len() * 2, "{secret} {status}: {text}: {}", got.body);
            }
        }
    }
}

#[tokio::test]
async fn a_large_answer_that_repeats_itself_as_the_credential_does_arrives() {
    let secret = format!("{}b", "a".repeat(8191));
    let world = World::lending(&secret, |_, _| ()).await;
    let large = format!("{}{}c", "a".repeat(300_000), secret);
    world.vendor.answers(LINE, Canned::bytes(200, large.clone()));
    let got = world.call("GET /v1/things/1").await.expect("an answer");
    assert!(got.body == format!("{}{}c", "a".repeat(300_000), "*".repeat(8192)), "{} bytes", got.body.len());
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
