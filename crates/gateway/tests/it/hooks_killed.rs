//! Deliveries while the process is killed, its store is away, or its disk is full: whatever was answered 200 is
//! kept once, and whatever is ours is 503.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::away::behind_wall;
use crate::client::{Answer, Client};
use crate::disk::stored_apart;
use crate::process::{Gate, ask};
use crate::sender::{self, deliver, deliveries, github, head, refusal};
use crate::world::World;

const SECRET: &str = "it is known to two alone";
const ROUNDS: usize = 6;
const SENDERS: usize = 6;

/// A door for GitHub's deliveries in a process; its tenant's operator and its path.
async fn furnish(admin: SocketAddr, house: &str) -> (String, String) {
    let make = async |key: &str, path: &str, body: Value| {
        let answer = ask(admin, key, "POST", path, Some(body)).await;
        assert_eq!(answer.status, 201, "{path}: {}", answer.text());
        answer.json()
    };
    let made = make(house, "/v1/tenants", json!({ "name": "acme" })).await;
    let operator = made["key"]["secret"].as_str().expect("a key").to_owned();
    let spec = json!({ "direction": "inbound", "scheme": "github", "per_minute": 10_000_000 });
    let body = json!({ "name": "code", "spec": spec, "secrets": [SECRET] });
    let made = make(&operator, "/v1/subscriptions", body).await;
    (operator, made["path"].as_str().expect("a path").to_owned())
}

/// What providers were told before the process died.
#[derive(Default)]
struct Told {
    answers: Mutex<HashMap<String, String>>,
    sent: Mutex<Vec<String>>,
    count: AtomicUsize,
    more: Notify,
}

/// Whether it was taken for new, and its delivery.
fn told_of(answer: &Answer) -> (bool, String) {
    assert_eq!(answer.status, 200, "{}", answer.text());
    (answer.json()["duplicate"] == false, answer.json()["delivery"].as_str().expect("an id").to_owned())
}

/// Delivers until nobody answers any more.
async fn deliver_on(door: SocketAddr, path: String, name: String, told: Arc<Told>) {
    let Some(mut client) = Client::try_connect(door).await else { return };
    for number in 0.. {
        let id = format!("{name}-{number}");
        told.sent.lock().expect("not poisoned").push(id.clone());
        let head = head(&path, &github(SECRET, &id, &id));
        client.send(format!("{head}Content-Length: {}\r\n\r\n{id}", id.len())).await;
        let Some(answer) = client.answer().await else { return };
        let (new, delivery) = told_of(&answer);
        assert!(new, "{id} was never sent before");
        told.answers.lock().expect("not poisoned").insert(id, delivery);
        told.count.fetch_add(1, Ordering::AcqRel);
        told.more.notify_waiters();
    }
}

async fn wait_for(told: &Told, count: usize) {
    loop {
        let more = told.more.notified();
        if told.count.load(Ordering::Acquire) >= count {
            return;
        }
        more.await;
    }
}

/// Every delivery: its id by what the provider calls it, each of which stands once.
async fn kept(admin: SocketAddr, operator: &str) -> HashMap<String, String> {
    let (mut all, mut cursor) = (HashMap::new(), String::new());
    loop {
        let path = format!("/v1/deliveries?limit=1000{cursor}");
        let page = ask(admin, operator, "GET", &path, None).await.json();
        for item in page["items"].as_array().expect("items") {
            let text = |name: &str| item[name].as_str().expect("text").to_owned();
            assert!(all.insert(text("provider_id"), text("delivery")).is_none(), "it stands twice: {item}");
        }
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_was_answered_200_is_kept_once_whenever_the_process_is_killed() {
    let gate = Gate::init();
    let (told, mut serving) = (Arc::new(Told::default()), gate.serve());
    let (operator, path) = furnish(serving.admin, &gate.operator).await;
    for round in 0..ROUNDS {
        let before = told.count.load(Ordering::Acquire);
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| deliver_on(serving.door, path.clone(), format!("{round}-{sender}"), told.clone()))
            .map(tokio::spawn)
            .collect();
        wait_for(&told, before + 1 + round * 7).await;
        serving.signal(Signal::KILL);
        assert_eq!(serving.wait(), None, "it had no time to end");
        for sender in senders {
            sender.await.expect("whoever was answered was answered well");
        }
        serving = gate.serve();
        let kept = kept(serving.admin, &operator).await;
        for (id, delivery) in told.answers.lock().expect("not poisoned").iter() {
            assert_eq!(kept.get(id), Some(delivery), "round {round}: {id} was answered 200");
        }
        let verified = gate.verify();
        assert!(verified.status.success(), "round {round}: {}", String::from_utf8_lossy(&verified.stdout));
    }

    // The providers send everything again: what was kept is known, and what was not is kept now.
    let (answers, sent) =
        (told.answers.lock().expect("not poisoned").clone(), told.sent.lock().expect("there").clone());
    let before = kept(serving.admin, &operator).await;
    for id in &sent {
        let answer = deliver(serving.door, &path, &github(SECRET, id, id), id).await;
        let (new, delivery) = told_of(&answer);
        assert_eq!(new, !before.contains_key(id), "{id}");
        assert!(answers.get(id).is_none_or(|first| *first == delivery), "{id}");
    }
    let after = kept(serving.admin, &operator).await;
    assert_eq!(after.len(), sent.len(), "each once");
    assert!(before.iter().all(|(id, delivery)| after.get(id) == Some(delivery)));
    let events = ask(serving.admin, &operator, "GET", "/v1/events?limit=1000", None).await.json();
    let all = events["items"].as_array().expect("items").clone();
    let received = all.iter().filter(|event| event["type"] == "WebhookDeliveryReceived").count();
    assert!(all.len() == 1_000 || received == sent.len(), "{received} events of {}", sent.len());
    println!("{ROUNDS} kills: {} sent, {} acknowledged, {} kept", sent.len(), answers.len(), before.len());
    serving.signal(Signal::TERM);
    assert_eq!(serving.wait(), Some(0));
    assert!(gate.verify().status.success());
}

/// What a provider is told while something of ours is away: to come again, and nothing of the reason.
fn demand_later(answer: &Answer) {
    assert_eq!(answer.status, 503, "{}", answer.text());
    let wait: u64 = answer.header("retry-after").expect("when to come again").parse().expect("seconds");
    assert!(wait >= 1, "{wait}");
    let text = answer.text().to_lowercase();
    for inner in ["sql", "disk", "127.0.0.1", "database", "connection refused"] {
        assert!(!text.contains(inner), "{inner} is told: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_away_is_nobodys_fault_but_ours_and_the_delivery_is_taken_later() {
    let Some((wall, store)) = behind_wall().await else { return };
    let world = World::with(&store).await;
    let acme = world.tenant("acme").await;
    let hook = sender::door(&world, &acme, ("code", "github"), SECRET, json!({})).await;
    let send = async |id: &str| deliver(world.door, &hook.path, &github(SECRET, id, id), id).await;
    assert!(told_of(&send("first").await).0);

    wall.stand(false);
    // At once, where what is known of subscriptions is fresh still, and once it is not.
    let (door, path) = (world.door, hook.path.clone());
    let second = tokio::spawn(async move { deliver(door, &path, &github(SECRET, "second", "second"), "second").await });
    while !second.is_finished() {
        world.clock.advance(Duration::from_millis(10));
        assert_eq!(world.read("nobody", "/healthz").await.status, 200);
    }
    demand_later(&second.await.expect("no panic"));
    world.clock.advance(Duration::from_secs(3));
    for id in ["first", "second", "third"] {
        demand_later(&send(id).await);
    }
    let nobodys = deliver(world.door, "/hooks/nobody", &Vec::new(), "").await;
    demand_later(&nobodys);

    wall.stand(true);
    world.pass(Duration::from_secs(1)).await;
    let again: Vec<bool> = [told_of(&send("first").await).0, told_of(&send("third").await).0].into();
    assert_eq!(again, [false, true]);
    told_of(&send("second").await);
    assert_eq!(deliveries(&world, &acme).await.len(), 3);
    world.end().await;
}

#[tokio::test]
async fn a_full_disk_under_the_store_takes_no_delivery_and_loses_none() {
    let Some((gate, disk)) = stored_apart("8m") else { return };
    let serving = gate.serve();
    let (operator, path) = furnish(serving.admin, &gate.operator).await;
    let large = |id: &str| format!("{id} {}", "x".repeat(20_000));
    let send = async |id: &str| deliver(serving.door, &path, &github(SECRET, id, &large(id)), &large(id)).await;
    assert!(told_of(&send("first").await).0);
    disk.fill();
    let (mut taken, mut refused) = (1, Vec::new());
    for number in 0..400 {
        let id = format!("d-{number}");
        let answer = send(&id).await;
        if answer.status == 200 {
            taken += 1;
            continue;
        }
        demand_later(&answer);
        refused.push(id);
        if refused.len() == 3 {
            break;
        }
    }
    assert_eq!(refused.len(), 3, "a full disk takes nothing");
    assert_eq!(kept(serving.admin, &operator).await.len(), taken, "what was not acknowledged is not there");
    disk.free();
    for id in &refused {
        assert!(told_of(&send(id).await).0, "{id}");
    }
    assert!(!told_of(&send("first").await).0);
    assert_eq!(kept(serving.admin, &operator).await.len(), taken + refused.len());
    let forged = deliver(serving.door, &path, &github("a guess", "d", "d"), "d").await;
    assert_eq!(refusal(&forged), (401, "webhooks.signature.mismatch".to_owned()));
    serving.signal(Signal::TERM);
    assert_eq!(serving.wait(), Some(0));
    assert!(gate.verify().status.success());
}
