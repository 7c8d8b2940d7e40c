//! Bodies: how long, how whole, how fast, of which kind.

use std::time::Duration;

use lockgate_vocabulary::Clock as _;
use serde_json::{Value, json};

use super::{SECRET, hooked};
use crate::client::{Answer, Client};
use crate::sender::{Hook, deliver, deliveries, door, github, head, refusal};
use crate::world::World;

/// The body in chunks of so many bytes.
fn chunked(body: &str, each: usize) -> String {
    let mut out = String::new();
    for piece in body.as_bytes().chunks(each) {
        out.push_str(&format!("{:x}\r\n{}\r\n", piece.len(), String::from_utf8_lossy(piece)));
    }
    out + "0\r\n\r\n"
}

async fn deliver_chunked(world: &World, hook: &Hook, id: &str, body: &str) -> Answer {
    let mut client = Client::connect(world.door).await;
    let head = head(&hook.path, &github(SECRET, id, body));
    client.send(format!("{head}Transfer-Encoding: chunked\r\n\r\n{}", chunked(body, 700))).await;
    client.answer().await.expect("an answer")
}

/// What is larger is refused, and what is as large is not, however its length is told.
async fn holds_to(most: usize, more: Value) {
    let (world, acme, hook) = hooked(more).await;
    let (fits, large) = ("x".repeat(most), "y".repeat(most + 1));
    let told = deliver(world.door, &hook.path, &github(SECRET, "told", &large), &large).await;
    assert_eq!(refusal(&told), (413, "webhooks.body.too_large".to_owned()), "{}", told.text());
    let counted = deliver_chunked(&world, &hook, "counted", &large).await;
    assert_eq!(refusal(&counted), (413, "webhooks.body.too_large".to_owned()), "{}", counted.text());
    assert!(deliveries(&world, &acme).await.is_empty());

    let told = deliver(world.door, &hook.path, &github(SECRET, "told", &fits), &fits).await;
    assert_eq!((told.status, &told.json()["duplicate"]), (200, &json!(false)), "{}", told.text());
    let other = format!("{}z", "x".repeat(most - 1));
    let counted = deliver_chunked(&world, &hook, "counted", &other).await;
    assert_eq!((counted.status, &counted.json()["duplicate"]), (200, &json!(false)), "{}", counted.text());
    let kept = deliveries(&world, &acme).await;
    assert!(kept.len() == 2 && kept.iter().all(|delivery| delivery["bytes"] == most), "{kept:?}");
    world.end().await;
}

#[tokio::test]
async fn a_body_is_as_large_as_its_subscription_says() {
    holds_to(2_000, json!({ "body_bytes": 2_000 })).await;
}

#[tokio::test]
async fn a_body_is_a_mebibyte_where_nothing_is_said() {
    holds_to(1024 * 1024, json!({})).await;
}

#[tokio::test]
async fn a_length_that_is_too_large_is_refused_before_the_body_comes() {
    let (world, acme, hook) = hooked(json!({ "body_bytes": 2_000 })).await;
    let mut client = Client::connect(world.door).await;
    let head = head(&hook.path, &github(SECRET, "d-1", ""));
    client.send(format!("{head}Content-Length: 2001\r\n\r\n")).await;
    let refused = client.answer().await.expect("an answer without a byte of the body");
    assert_eq!(refusal(&refused), (413, "webhooks.body.too_large".to_owned()), "{}", refused.text());
    assert!(deliveries(&world, &acme).await.is_empty());
    world.end().await;
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_taken_for_a_short_one() {
    let (world, acme, hook) = hooked(json!({})).await;
    // The signature is that of what comes, so only the missing end tells.
    let head = head(&hook.path, &github(SECRET, "d-1", "half"));
    for framing in ["Content-Length: 8\r\n\r\nhalf", "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"] {
        let mut client = Client::connect(world.door).await;
        client.send(format!("{head}{framing}")).await;
        client.finish().await;
        if let Some(answer) = client.answer().await {
            assert_eq!(refusal(&answer), (400, "webhooks.body.broken".to_owned()), "{}", answer.text());
        }
        let mut client = Client::connect(world.door).await;
        client.send(format!("{head}{framing}")).await;
        client.reset();
    }
    let mut client = Client::connect(world.door).await;
    client.send(format!("{head}Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nno number\r\n\r\n")).await;
    let broken = client.answer().await.expect("an answer");
    assert_eq!(refusal(&broken), (400, "webhooks.body.broken".to_owned()), "{}", broken.text());
    // Whoever breaks the framing is read no further, and waited for until it is gone.
    drop(client);
    assert!(deliveries(&world, &acme).await.is_empty());
    super::taken(&world, &hook, "d-1", "half").await;
    world.end().await;
}

#[tokio::test]
async fn a_body_that_stalls_is_given_up_after_ten_seconds() {
    let (world, acme, hook) = hooked(json!({})).await;
    let mut client = Client::connect(world.door).await;
    let until = world.clock.elapsed() + Duration::from_secs(10);
    let head = head(&hook.path, &github(SECRET, "d-1", "whole"));
    client.send(format!("{head}Content-Length: 5\r\n\r\nwhol")).await;
    while !world.clock.wakes().contains(&until) {
        tokio::task::yield_now().await;
    }
    world.clock.advance(Duration::from_secs(10) - Duration::from_millis(1));
    assert_eq!(world.read("nobody", "/healthz").await.status, 200, "the gateway goes on");
    assert!(client.unread().is_empty());
    world.clock.advance(Duration::from_millis(1));
    let refused = client.answer().await.expect("an answer");
    assert_eq!(refusal(&refused), (408, "webhooks.body.stalled".to_owned()), "{}", refused.text());
    world.pass(Duration::ZERO).await;
    assert!(deliveries(&world, &acme).await.is_empty());
    world.end().await;
}

#[tokio::test]
async fn a_body_of_a_kind_that_its_scheme_does_not_sign_is_refused() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let url = "https://hooks.acme.test/sms";
    let sms =
        door(&world, &acme, ("sms", "twilio"), "a twilio token", json!({ "setting": { "public_url": url } })).await;
    // SHA-1 has 20 bytes; which ones does not matter before the media type is known.
    let signed = ("X-Twilio-Signature".to_owned(), "AAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned());
    for media_type in ["text/plain", "multipart/form-data; boundary=x", "not a type"] {
        let fields = vec![signed.clone(), ("Content-Type".to_owned(), media_type.to_owned())];
        let answer = deliver(world.door, &sms.path, &fields, "Body=hello").await;
        assert_eq!(refusal(&answer), (415, "webhooks.media-type.unfit".to_owned()), "{media_type}: {}", answer.text());
    }
    let form = vec![signed, ("Content-Type".to_owned(), "application/x-www-form-urlencoded".to_owned())];
    let answer = deliver(world.door, &sms.path, &form, "Body=hello").await;
    assert_eq!(refusal(&answer), (401, "webhooks.signature.mismatch".to_owned()), "{}", answer.text());
    assert!(deliveries(&world, &acme).await.is_empty());
    world.end().await;
}

#[tokio::test]
async fn where_there_is_no_room_for_a_body_its_provider_is_asked_to_come_again() {
    const MOST: usize = 26 * 1024 * 1024;
    let world = World::with("[webhooks]\nbody_bytes = 33554432\nbody_bytes_per_tenant = 33554432\n").await;
    let acme = world.tenant("acme").await;
    let hook = door(&world, &acme, ("code", "github"), SECRET, json!({ "body_bytes": MOST })).await;
    // Whoever knows the URL begins the largest body and never ends it.
    let mut stranger = Client::connect(world.door).await;
    let begun = format!("{}Content-Length: {MOST}\r\n\r\n", head(&hook.path, &github("a guess", "d-1", "")));
    stranger.send(begun).await;
    stranger.send(vec![b'x'; MOST - 1]).await;
    let body = "y".repeat(20_000);
    let fields = github(SECRET, "d-2", &body);
    let send = async || deliver(world.door, &hook.path, &fields, &body).await;
    // What it sent is read in some of these turns. A body that is held meanwhile would be in the stranger's way.
    for _ in 0..200 {
        assert_eq!(world.read("nobody", "/healthz").await.status, 200);
    }
    // However often that is: some providers take a 4xx for the end.
    for number in 0..130 {
        let refused = send().await;
        assert_eq!(refusal(&refused), (503, "webhooks.body.room".to_owned()), "{number}: {}", refused.text());
        assert_eq!(refused.header("retry-after"), Some("5"));
    }
    let small = deliver(world.door, &hook.path, &github(SECRET, "d-3", "[3]"), "[3]").await;
    assert_eq!(small.status, 200, "there is always room for a small one: {}", small.text());
    stranger.reset();
    let mut answer = send().await;
    for _ in 0..10_000 {
        if answer.status != 503 {
            break;
        }
        answer = send().await;
    }
    assert_eq!(answer.status, 200, "{}", answer.text());
    world.end().await;
}
