//! A process that is killed again and again while it is under load: what it acknowledged is there, what it
//! left open is unknown, and nothing is done twice.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use lockgate_testkit::{Canned, SeededEntropy, Vendor};
use lockgate_vocabulary::Entropy as _;
use rustix::process::Signal;
use serde_json::Value;
use tokio::sync::Notify;

use crate::client::{Answer, Client};
use crate::process::{Gate, ask, furnish};
use crate::world::VENDOR_HOST;

const ROUNDS: usize = 12;
const CALLERS: usize = 8;

/// What callers were told before the process died.
#[derive(Default)]
struct Told {
    answers: Mutex<Vec<(String, Answer)>>,
    count: AtomicUsize,
    more: Notify,
}

fn request(service: &str, key: &str) -> String {
    // Every other write has a key; a body that nobody else sends tells it apart at the vendor.
    let keyed =
        if key.ends_with(['0', '2', '4', '6', '8']) { format!("Idempotency-Key: {key}\r\n") } else { String::new() };
    format!(
        "POST /call/pay/v1/things HTTP/1.1\r\nHost: gate\r\nX-Api-Key: {service}\r\n{keyed}Content-Length: {}\r\n\r\n{key}",
        key.len()
    )
}

/// Writes until nobody answers any more.
async fn write_on(door: SocketAddr, service: String, name: String, told: Arc<Told>) {
    let Some(mut client) = Client::try_connect(door).await else { return };
    for number in 0.. {
        let key = format!("{name}-{number}");
        client.send(request(&service, &key)).await;
        let Some(answer) = client.answer().await else { return };
        assert_eq!(answer.status, 201, "{}", answer.text());
        told.answers.lock().expect("not poisoned").push((key, answer));
        told.count.fetch_add(1, Ordering::AcqRel);
        told.more.notify_waiters();
    }
}

/// Waits until so many were told.
async fn wait_for(told: &Told, count: usize) {
    loop {
        let more = told.more.notified();
        if told.count.load(Ordering::Acquire) >= count {
            return;
        }
        more.await;
    }
}

/// Every run of the tenant: its outcome by its id.
async fn runs(admin: SocketAddr, operator: &str) -> HashMap<String, Value> {
    let (mut all, mut cursor) = (HashMap::new(), String::new());
    loop {
        let page = ask(admin, operator, "GET", &format!("/v1/runs?limit=1000{cursor}"), None).await.json();
        for run in page["items"].as_array().expect("items") {
            let id = run["id"].as_str().expect("an id").to_owned();
            assert!(all.insert(id, run["outcome"].clone()).is_none(), "a run stands twice: {run}");
        }
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_was_acknowledged_survives_any_number_of_kills() {
    let gate = Gate::init();
    let vendor = Vendor::start(VENDOR_HOST).await;
    vendor.answers("POST /v1/things", Canned::json(201, r#"{"done":true}"#));
    let (told, chance) = (Arc::new(Told::default()), SeededEntropy::new(0x6b11));
    let mut serving = gate.serve();
    let (operator, service) = furnish(serving.admin, &gate.operator, &vendor).await;
    for round in 0..ROUNDS {
        let callers: Vec<_> = (0..CALLERS)
            .map(|caller| write_on(serving.door, service.clone(), format!("{round}-{caller}"), told.clone()))
            .map(tokio::spawn)
            .collect();
        let mut byte = [0];
        chance.fill(&mut byte);
        wait_for(&told, told.count.load(Ordering::Acquire) + 1 + usize::from(byte[0] % 48)).await;
        serving.signal(Signal::KILL);
        assert_eq!(serving.wait(), None, "it had no time to end");
        for caller in callers {
            caller.await.expect("whoever was answered was answered well");
        }

        serving = gate.serve();
        let runs = runs(serving.admin, &operator).await;
        let open: Vec<_> = runs.iter().filter(|(_, outcome)| !outcome.is_string()).collect();
        assert!(open.is_empty(), "round {round}: {open:?} are open");
        assert!(runs.len() >= vendor.seen().len(), "round {round}: something was sent without a record");
        for (key, answer) in told.answers.lock().expect("not poisoned").iter() {
            let outcome = answer.header("x-lockgate-run").and_then(|run| runs.get(run));
            let known = outcome.is_some_and(|outcome| outcome == "succeeded" || outcome == "unknown");
            assert!(known, "round {round}: {key} is {outcome:?} in the trail");
        }
        let verified = gate.verify();
        assert!(verified.status.success(), "round {round}: {}", String::from_utf8_lossy(&verified.stdout));
    }

    let before = vendor.seen().len();
    let answers = std::mem::take(&mut *told.answers.lock().expect("not poisoned"));
    let keyed: Vec<_> = answers.iter().filter(|(key, _)| request("", key).contains("Idempotency-Key")).collect();
    let mut client = Client::connect(serving.door).await;
    for (key, first) in &keyed {
        client.send(request(&service, key)).await;
        let again = client.answer().await.expect("an answer");
        assert_eq!((again.status, &again.body), (first.status, &first.body), "{key}: {}", again.text());
        assert_eq!(again.header("idempotent-replayed"), Some("true"), "{key}");
        assert_eq!(again.header("x-lockgate-run"), first.header("x-lockgate-run"), "{key}");
    }
    assert_eq!(vendor.seen().len(), before, "nothing is sent again");
    let bodies: Vec<Vec<u8>> = vendor.seen().into_iter().map(|seen| seen.body).collect();
    assert_eq!(bodies.iter().collect::<HashSet<_>>().len(), bodies.len(), "nothing was sent twice");
    for (key, _) in &answers {
        assert!(bodies.iter().any(|body| body == key.as_bytes()), "{key} was acknowledged and never sent");
    }
    println!("{ROUNDS} kills: {} acknowledged, {} of them by their key", answers.len(), keyed.len());
    serving.signal(Signal::TERM);
    assert_eq!(serving.wait(), Some(0));
    assert!(gate.verify().status.success());
}
