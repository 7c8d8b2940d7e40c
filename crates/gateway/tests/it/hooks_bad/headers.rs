//! Heads of deliveries that two readers could read in two ways, or that are too long to be read.

use serde_json::json;

use super::{SECRET, hooked, taken};
use crate::client::{Answer, Client};
use crate::sender::{Fields, WHSEC, deliver, deliveries, door, github, head, refusal, standard};
use crate::world::World;

fn with(fields: &Fields, name: &str, value: &str) -> Fields {
    let mut fields = fields.clone();
    fields.push((name.to_owned(), value.to_owned()));
    fields
}

/// The field's first value.
fn value<'a>(fields: &'a Fields, name: &str) -> &'a str {
    &fields.iter().find(|(known, _)| known == name).expect("there").1
}

#[tokio::test]
async fn a_security_header_that_stands_twice_is_refused() {
    let (world, acme, hook) = hooked(json!({})).await;
    let standing = door(&world, &acme, ("out", "standardwebhooks"), WHSEC, json!({})).await;
    let now = 1_780_000_000;
    let both = [
        (&hook, github(SECRET, "d-1", "{}"), "{}"),
        (&standing, standard(WHSEC, "m-1", now, "{\"a\":1}"), "{\"a\":1}"),
    ];
    for (hook, good, body) in &both {
        for (name, told) in good {
            // Once more the same, and another one in front of it.
            let same = with(good, name, told);
            let other = [vec![(name.to_lowercase(), "x".to_owned())], good.clone()].concat();
            for fields in [same, other] {
                let answer = deliver(world.door, &hook.path, &fields, body).await;
                let refused = refusal(&answer);
                assert_eq!(refused, (400, "webhooks.header.duplicated".to_owned()), "{name}: {}", answer.text());
            }
            // Two in one line are no signature, identifier or moment.
            let joined: Fields = good
                .iter()
                .map(|(known, value)| {
                    (known.clone(), if known == name { format!("{value}, {value}") } else { value.clone() })
                })
                .collect();
            let answer = deliver(world.door, &hook.path, &joined, body).await;
            let event = name == "X-GitHub-Event";
            assert_eq!(answer.status, if event { 200 } else { 400 }, "{name}: {}", answer.text());
        }
    }
    assert_eq!(deliveries(&world, &acme).await.len(), 1, "only the one whose event is no word");
    assert_eq!(deliver(world.door, &standing.path, &both[1].1, both[1].2).await.status, 200);
    world.end().await;
}

#[tokio::test]
async fn what_is_not_written_as_its_scheme_writes_it_is_refused() {
    let (world, acme, hook) = hooked(json!({})).await;
    let good = github(SECRET, "d-1", "{}");
    let signature = value(&good, "X-Hub-Signature-256").to_owned();
    let digits = signature.trim_start_matches("sha256=").to_owned();
    let cases = [
        (format!("sha256={}", digits.to_uppercase()), 400, "webhooks.signature.malformed"),
        (
            format!("sha256={}", digits.strip_prefix(char::is_alphanumeric).expect("a digit")),
            400,
            "webhooks.signature.malformed",
        ),
        (format!("sha256={digits}00"), 400, "webhooks.signature.malformed"),
        (digits.clone(), 400, "webhooks.signature.malformed"),
        (format!("sha1={digits}"), 400, "webhooks.signature.malformed"),
        (format!("sha256={}", "0".repeat(64)), 401, "webhooks.signature.mismatch"),
        (String::new(), 400, "webhooks.signature.malformed"),
    ];
    for (signature, status, code) in cases {
        let fields = vec![("X-Hub-Signature-256".to_owned(), signature.clone())];
        let answer = deliver(world.door, &hook.path, &fields, "{}").await;
        assert_eq!(refusal(&answer), (status, code.to_owned()), "{signature:?}: {}", answer.text());
    }
    let none = deliver(world.door, &hook.path, &Vec::new(), "{}").await;
    assert_eq!(refusal(&none), (401, "webhooks.signature.missing".to_owned()));
    for id in ["a b", "../../x", "d.1", "%00", &"x".repeat(129)] {
        let answer = deliver(world.door, &hook.path, &github(SECRET, id, "{}"), "{}").await;
        assert_eq!(refusal(&answer), (400, "webhooks.id.malformed".to_owned()), "{id}: {}", answer.text());
    }
    assert!(deliveries(&world, &acme).await.is_empty());
    world.end().await;
}

async fn raw(world: &World, request: String) -> Answer {
    let mut client = Client::connect(world.door).await;
    client.send(request).await;
    client.answer().await.expect("an answer")
}

#[tokio::test]
async fn a_head_that_is_folded_or_flooded_never_reaches_a_scheme() {
    let (world, acme, hook) = hooked(json!({})).await;
    let good = github(SECRET, "d-1", "{}");
    let ending = "Content-Length: 2\r\n\r\n{}";
    let signature = value(&good, "X-Hub-Signature-256");
    for folded in [
        format!("X-Hub-Signature-256: sha256=\r\n {}\r\n", signature.trim_start_matches("sha256=")),
        format!("X-Hub-Signature-256:\r\n\t{signature}\r\n"),
        format!("X-Hub-Signature-256 : {signature}\r\n"),
        format!("X-Hub-Signature-256: {signature}\n"),
        format!("X-Hub-Signature-256: {signature}\0\r\n"),
    ] {
        let answer = raw(&world, format!("{}{folded}{ending}", head(&hook.path, &Vec::new()))).await;
        assert_eq!(refusal(&answer), (400, "gateway.head.malformed".to_owned()), "{folded:?}: {}", answer.text());
    }
    let many: String = (0..100).map(|number| format!("x-{number}: y\r\n")).collect();
    let answer = raw(&world, format!("{}{many}{ending}", head(&hook.path, &good))).await;
    assert_eq!(refusal(&answer), (431, "gateway.head.too_large".to_owned()), "{}", answer.text());
    let long = format!("x-long: {}\r\n", "y".repeat(40_000));
    let answer = raw(&world, format!("{}{long}{ending}", head(&hook.path, &good))).await;
    assert_eq!(refusal(&answer), (431, "gateway.head.too_large".to_owned()), "{}", answer.text());
    assert!(deliveries(&world, &acme).await.is_empty());
    taken(&world, &hook, "d-1", "{}").await;
    world.end().await;
}

#[tokio::test]
async fn more_signatures_than_a_sender_needs_are_refused_unread() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let hook = door(&world, &acme, ("out", "standardwebhooks"), WHSEC, json!({})).await;
    let good = standard(WHSEC, "m-1", 1_780_000_000, "{}");
    let signature = value(&good, "webhook-signature").to_owned();
    let zero = format!("v1,{}=", "A".repeat(43));
    let listed = |before: usize| {
        let all = [vec![zero.clone(); before], vec![signature.clone()]].concat().join(" ");
        let changed = |(name, value): &(String, String)| {
            (name.clone(), if name == "webhook-signature" { all.clone() } else { value.clone() })
        };
        good.iter().map(changed).collect::<Fields>()
    };
    let answer = deliver(world.door, &hook.path, &listed(16), "{}").await;
    assert_eq!(refusal(&answer), (400, "webhooks.signature.candidates".to_owned()), "{}", answer.text());
    assert!(deliveries(&world, &acme).await.is_empty());
    assert_eq!(deliver(world.door, &hook.path, &listed(15), "{}").await.status, 200);
    world.end().await;
}
