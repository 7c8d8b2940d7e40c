//! The binary itself, killed while it asks a vendor for the next tokens: what came of it is unknown, shows as that, is
//! asked again by its rest and no sooner, and ends by the vendor's word alone.

use std::time::Duration;

use lockgate_testkit::{Behaviour, Canned, Vendor};
use lockgate_vocabulary::{Clock as _, SystemClock, Timestamp};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::browser::{Browser, location, query};
use crate::client::{Answer, Client};
use crate::connect::{ISSUER, LINE, SUBJECT, TOKEN, tokens};
use crate::process::{Gate, Serving, ask, furnish};
use crate::world::VENDOR_HOST;

/// A lease holds as long as an answer may take at the least.
const LEAST: Duration = Duration::from_secs(10);

/// A gateway with an account that is connected, and whose token is over at once.
struct House {
    gate: Gate,
    serving: Serving,
    vendor: Vendor,
    operator: String,
    service: String,
}

impl House {
    async fn furnished() -> Self {
        let (gate, vendor) = (Gate::init(), Vendor::start(VENDOR_HOST).await);
        let serving = gate.serve();
        let (operator, service) = furnish(serving.admin, &gate.operator, &vendor).await;
        let at = |path: &str| format!("https://{VENDOR_HOST}:{}{path}", vendor.address.port());
        let auth = json!({
            "placement": "oauth", "token_url": at("/login/token"), "scope": "things.read",
            "authorization": { "url": at("/login/auth"), "issuer": ISSUER },
        });
        let provider = json!({
            "name": "vendor-crm", "title": "Vendor", "auth": auth, "base_url": at(""),
            "endpoints": [{ "method": "GET", "path": "/v1/things/{id}" }],
        });
        let spec = json!({
            "trust_pem": vendor.authority_pem, "danger_private_networks": ["127.0.0.0/8"], "retries": 0,
            "limits": { "per_minute": 1_000_000, "burst": 100_000 },
        });
        for (path, body) in [
            ("/v1/providers", provider),
            ("/v1/connections", json!({ "name": "crm", "provider": "vendor-crm", "spec": spec })),
            ("/v1/credentials", json!({ "name": "c", "connection": "crm", "owner": "o", "secret": "gateway:secret" })),
        ] {
            let made = ask(serving.admin, &operator, "POST", path, Some(body)).await;
            assert_eq!(made.status, 201, "{path}: {}", made.text());
        }
        vendor.answers(LINE, Canned::json(200, "{}"));
        vendor.answers(TOKEN, tokens(1, 1));
        let house = Self { gate, serving, vendor, operator, service };
        house.connect().await;
        house
    }

    async fn connect(&self) {
        let body = json!({ "subject": SUBJECT, "return_to": "https://product.example/" });
        let opened = self.asked("POST", "/v1/connections/crm/connect", Some(body)).await.json();
        let mut browser = Browser::default();
        let text = |member: &str| opened[member].as_str().expect("a text").to_owned();
        let led = location(&browser.visit(self.serving.door, &text("url")).await);
        let callback = format!("{}?code=c&state={}&iss={ISSUER}", text("redirect_uri"), query(&led)["state"]);
        let brought = query(&location(&browser.visit(self.serving.door, &callback).await));
        let body = json!({ "session": brought["session"], "subject": SUBJECT, "confirm": brought["confirm"] });
        let done = self.asked("POST", "/v1/connections/crm/connect/finish", Some(body)).await;
        assert_eq!((done.status, &done.json()["state"]), (200, &json!("done")), "{}", done.text());
    }

    async fn asked(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        ask(self.serving.admin, &self.operator, method, path, body).await
    }

    async fn grant(&self) -> Value {
        self.asked("GET", "/v1/connections/crm/grant", None).await.json()
    }

    async fn called(&self) -> Answer {
        ask(self.serving.door, &self.service, "GET", "/call/crm/v1/things/1", None).await
    }

    /// The first answer that is not had with the token of before: it lives for a second, whoever is killed.
    async fn without_the_token_of_before(&self) -> Answer {
        loop {
            let answer = self.called().await;
            if answer.status != 200 {
                return answer;
            }
            let last = self.vendor.seen().pop().expect("a call");
            assert_eq!(last.all("authorization"), ["Bearer canary-access-1"]);
        }
    }

    /// Calls until the vendor is asked for the next tokens, which it holds back; the line on which somebody waits.
    async fn refreshing(&self, next: Canned) -> Client {
        self.vendor.forget(TOKEN);
        self.vendor.on(TOKEN, Behaviour::Gated(next));
        loop {
            let mut client = Client::connect(self.serving.door).await;
            client
                .send(format!(
                    "GET /call/crm/v1/things/1 HTTP/1.1\r\nHost: gate\r\nX-Api-Key: {}\r\n\r\n",
                    self.service
                ))
                .await;
            // As long as the token lives calls are answered.
            tokio::select! {
                () = self.vendor.wait_for(TOKEN, 2) => return client,
                answer = client.answer() => assert_eq!(answer.expect("an answer").status, 200),
            }
        }
    }

    /// Kills the process, and starts it again.
    fn killed(self) -> Self {
        let Self { gate, serving, vendor, operator, service } = self;
        serving.signal(Signal::KILL);
        assert_eq!(serving.wait(), None, "it had no time to end");
        let serving = gate.serve();
        Self { gate, serving, vendor, operator, service }
    }

    /// The refresh tokens with which the vendor was asked.
    fn refreshes(&self) -> Vec<String> {
        let seen = self.vendor.seen().into_iter().filter(|seen| seen.line() == TOKEN);
        let forms = seen.map(|seen| query(&format!("?{}", String::from_utf8_lossy(&seen.body))));
        forms.filter_map(|form| form.get("refresh_token").cloned()).collect()
    }

    fn end(self) {
        self.serving.signal(Signal::TERM);
        assert_eq!(self.serving.wait(), Some(0));
        assert!(self.gate.verify().status.success());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_in_whose_midst_the_process_was_killed_is_unknown_and_asked_again_by_its_rest() {
    let (house, clock) = (House::furnished().await, SystemClock::new());
    let waiting = house.refreshing(tokens(2, 3_600)).await;
    let (begun, before) = (clock.elapsed(), clock.now());
    let house = house.killed();
    drop(waiting);
    let told = house.grant().await;
    assert_eq!((&told["number"], house.vendor.count(TOKEN)), (&json!(1), 2), "{told}");
    // Whoever calls waits for the lease of the one that is gone, and then asks once. That answer is lost as well.
    house.vendor.forget(TOKEN);
    house.vendor.on(TOKEN, Behaviour::Hang);
    house.vendor.answers(TOKEN, tokens(3, 3_600));
    let mut answer = house.without_the_token_of_before().await;
    // On a busy machine the vendor may not be reached in time: nothing was sent then, and it stays unknown.
    while house.vendor.count(TOKEN) == 2 {
        assert_eq!((answer.status, &house.grant().await["state"]), (503, &json!("unknown")), "{}", answer.text());
        answer = house.called().await;
    }
    assert_eq!((answer.status, answer.code().as_str()), (503, "vault.grant.unknown"), "{}", answer.text());
    let refused_at = clock.elapsed();
    assert!(refused_at - begun >= LEAST, "it was asked while the first answer could still come");
    let told = house.grant().await;
    assert_eq!((&told["state"], &told["number"]), (&json!("unknown"), &json!(1)), "{told}");
    let since = told["unknown_since"].as_str().and_then(|at| at.parse::<Timestamp>().ok()).expect("a moment");
    assert!(since <= before, "since the attempt in whose midst it was killed: {told}");
    let again = house.called().await;
    // A machine that took longer than the rest of a second shows nothing by it.
    if clock.elapsed() - refused_at < Duration::from_millis(500) {
        assert_eq!(again.code(), "vault.grant.unknown", "nobody asks before its rest is over");
        assert_eq!(house.vendor.count(TOKEN), 3);
    }
    while house.called().await.status != 200 {
        assert!(house.vendor.count(TOKEN) <= 4, "it is not repeated blindly");
    }
    assert_eq!(house.refreshes(), ["canary-refresh-1"; 3]);
    let told = house.grant().await;
    assert_eq!((&told["state"], &told["number"]), (&json!("held"), &json!(2)), "{told}");
    let last = house.vendor.seen().pop().expect("a call");
    assert_eq!(last.all("authorization"), ["Bearer canary-access-3"]);
    house.end();
}

/// The answer is on the machine and nothing of it is kept: the process stands still while the vendor answers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_killed_between_the_vendors_answer_and_its_keeping_leaves_it_to_the_vendors_word() {
    let house = House::furnished().await;
    let waiting = house.refreshing(tokens(2, 3_600)).await;
    house.serving.signal(Signal::STOP);
    house.vendor.release();
    for _ in 0..10_000 {
        tokio::task::yield_now().await;
    }
    let house = house.killed();
    drop(waiting);
    // The vendor gave the next ones, and takes the one before no more.
    house.vendor.forget(TOKEN);
    house.vendor.answers(TOKEN, Canned::json(400, r#"{"error":"invalid_grant"}"#));
    let answer = house.without_the_token_of_before().await;
    assert_eq!((answer.status, answer.code().as_str()), (409, "vault.grant.ended"), "{}", answer.text());
    let shown = house.asked("GET", "/v1/connections/crm", None).await.json();
    assert_eq!(shown["status"], "degraded", "{shown}");
    assert!(shown["reason"].as_str().is_some_and(|reason| reason.contains("was lost")), "{shown}");
    assert_eq!(house.grant().await["state"], "ended");
    assert_eq!((house.called().await.status, house.vendor.count(TOKEN)), (409, 3), "it is asked no more");
    house.vendor.forget(TOKEN);
    house.vendor.answers(TOKEN, tokens(9, 3_600));
    house.connect().await;
    assert_eq!(house.called().await.status, 200);
    assert_eq!(house.refreshes(), ["canary-refresh-1"; 2]);
    house.end();
}
