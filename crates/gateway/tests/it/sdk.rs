//! Providers' own libraries: what they sign is delivered by curl, and what is pushed by us they verify.
//!
//! `scripts/services` installs them from npm by their lock file; `tests/sdk/sign.mjs` calls them.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use lockgate_vocabulary::Clock as _;
use serde_json::{Value, json};

use crate::hooks_onward::{becomes, pushing, taken};
use crate::sender::{deliveries, subscribed};
use crate::world::World;

/// The program that calls the libraries, or a visible line that says that they are not there.
#[expect(clippy::disallowed_methods, reason = "tests are told by their environment where the libraries are")]
#[expect(clippy::print_stdout, reason = "a test that is skipped must say so")]
fn program() -> Option<PathBuf> {
    let told = std::env::var("LOCKGATE_TEST_SDK").ok();
    if told.is_none() {
        println!("skipped: LOCKGATE_TEST_SDK is not set (scripts/services sets it)");
    }
    told.map(|folder| PathBuf::from(folder).join("sign.mjs"))
}

/// What a command says on its output, given this input.
async fn said(mut command: Command, input: Vec<u8>) -> Vec<u8> {
    let run = move || {
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        child.stdin.take().expect("piped").write_all(&input).expect("it reads");
        let ended = child.wait_with_output().expect("it ends");
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        ended.stdout
    };
    tokio::task::spawn_blocking(run).await.expect("no panic")
}

async fn asked(program: &PathBuf, what: &str, now: i64, input: &Value) -> Value {
    let mut node = Command::new("node");
    node.arg(program).args([what, &now.to_string()]);
    let told = said(node, input.to_string().into_bytes()).await;
    serde_json::from_slice(&told).unwrap_or_else(|_| panic!("not JSON: {}", String::from_utf8_lossy(&told)))
}

/// Sends a body with these headers by curl; the status and the body of the answer.
async fn curled(world: &World, path: &str, headers: &Value, body: Vec<u8>) -> (u16, Value) {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--noproxy", "*", "--data-binary", "@-", "--write-out", "\n%{http_code}"]);
    for (name, value) in headers.as_object().expect("headers") {
        curl.args(["--header", &format!("{name}: {}", value.as_str().expect("text"))]);
    }
    curl.arg(format!("http://{}{path}", world.door));
    let told = String::from_utf8(said(curl, body).await).expect("text");
    let (body, status) = told.rsplit_once('\n').expect("a status");
    // Twilio wants an answer of its own, which is no JSON.
    (status.parse().expect("a status"), serde_json::from_str(body).unwrap_or_else(|_| json!(body)))
}

/// The body with one byte changed: as the provider says, or the one in the middle.
fn changed(told: &Value) -> Vec<u8> {
    let body = told["body"].as_str().expect("a body");
    match (told["change"][0].as_str(), told["change"][1].as_str()) {
        (Some(from), Some(to)) => body.replacen(from, to, 1).into_bytes(),
        _ => {
            let mut bytes = body.as_bytes().to_vec();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            bytes
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_every_library_signs_arrives_by_curl_and_with_one_byte_changed_does_not() {
    let Some(program) = program() else { return };
    let world = World::with("[traffic]\ncaller_per_minute = 1000000\ncaller_burst = 100000\n").await;
    let acme = world.tenant("acme").await;
    let all = asked(&program, "sign", world.clock.now().as_secs(), &Value::Null).await;
    let all = all.as_array().expect("deliveries").clone();
    assert_eq!(all.len(), 14, "every provider that has a library");
    for (number, told) in all.iter().enumerate() {
        let name = told["name"].as_str().expect("a name");
        let mut spec = json!({ "direction": "inbound", "scheme": told["scheme"] });
        if told["setting"].is_object() {
            spec["setting"] = told["setting"].clone();
        }
        let secrets: Vec<&str> =
            told["secrets"].as_array().expect("secrets").iter().map(|each| each.as_str().expect("text")).collect();
        let made = subscribed(&world, &acme, &name.replace('_', "-"), spec, &secrets).await;
        let path = made["path"].as_str().expect("a path").to_owned();
        let body = told["body"].as_str().expect("a body").as_bytes().to_vec();

        let (status, answer) = curled(&world, &path, &told["headers"], changed(told)).await;
        let code = answer["code"].as_str().unwrap_or_default();
        assert!(matches!(status, 400 | 401) && code.starts_with("webhooks."), "{name}, changed: {status} {answer}");
        assert_eq!(deliveries(&world, &acme).await.len(), number, "{name}: nothing is kept of it");
        let (status, answer) = curled(&world, &path, &told["headers"], body.clone()).await;
        assert_eq!(status, 200, "{name}: {answer}");
        let kept = deliveries(&world, &acme).await;
        let newest = kept.iter().find(|each| each["subscription"] == made["subscription"]).expect("it is kept");
        assert_eq!((kept.len(), &newest["bytes"]), (number + 1, &json!(body.len())), "{name}");
        let (status, _) = curled(&world, &path, &told["headers"], body).await;
        assert_eq!((status, deliveries(&world, &acme).await.len()), (200, number + 1), "{name}: the same again");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_pushed_is_verified_by_the_libraries_of_standard_webhooks() {
    let Some(program) = program() else { return };
    let (world, acme) = crate::hooks_onward::world().await;
    let (hook, made) = pushing(&world, &acme, json!({})).await;
    let body = "{\"said\": \"gr\u{fc}\u{df} dich\"}";
    let id = taken(&world, &hook, body).await;
    becomes(&world, &acme, &id, "delivered", 1).await;
    let seen = world.vendor.seen().last().expect("it was sent").clone();
    let headers: Value = seen.headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    let at: i64 = seen.header("webhook-timestamp").expect("a moment").parse().expect("seconds");
    let ours = json!({ "secret": made["signing_secret"], "headers": headers, "body": body });
    let takes = async |now: i64, ours: &Value| asked(&program, "verify", now, ours).await;
    let (all, none) =
        (json!({ "svix": true, "standardwebhooks": true }), json!({ "svix": false, "standardwebhooks": false }));
    assert_eq!(takes(at, &ours).await, all);
    let mut other = ours.clone();
    other["body"] = json!(body.replace("said", "sang"));
    assert_eq!(takes(at, &other).await, none, "another body");
    assert_eq!(takes(at + 301, &ours).await, none, "another time");
    let mut other = ours;
    other["headers"]["webhook-id"] = json!("dlv_another");
    assert_eq!(takes(at, &other).await, none, "another identifier");
    world.end().await;
}
