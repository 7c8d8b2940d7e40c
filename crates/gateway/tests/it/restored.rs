//! Backup and restore as the operations manual has them, with the binary itself: a copy that was made while the gateway
//! served lends the credentials of then, and one whose trail is older than its store is refused.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use lockgate_store::{Config, Store};
use lockgate_testkit::{Canned, Vendor};
use lockgate_vocabulary::SystemClock;
use rustix::process::Signal;

use crate::client::Client;
use crate::process::{Gate, Serving, ask, furnish};
use crate::world::{VENDOR_HOST, VENDOR_SECRET};

const LINE: &str = "POST /v1/things";

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set");
}

/// Copies a folder's files, private to whoever runs this.
fn copied(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    mode(to, 0o700);
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copied(&path, &target);
        } else {
            fs::copy(&path, &target).expect("copied");
            mode(&target, 0o600);
        }
    }
}

/// Puts a backup back into a folder of its own, with this trail.
fn restored(gate: &Gate, store: &Path, trail: &Path, to: &Path) {
    fs::create_dir_all(to.join("data")).expect("a folder");
    mode(to, 0o700);
    mode(&to.join("data"), 0o700);
    for name in ["lockgate.toml", "checkpoint.key", "checkpoint.vkey", "root.key"] {
        fs::copy(gate.folder().join(name), to.join(name)).expect("copied");
        mode(&to.join(name), 0o600);
    }
    fs::copy(store, to.join("data/lockgate.db")).expect("copied");
    mode(&to.join("data/lockgate.db"), 0o600);
    copied(trail, &to.join("data/audit"));
}

async fn called(serving: &Serving, service: &str) -> u16 {
    let mut client = Client::connect(serving.door).await;
    client
        .send(format!(
            "{} HTTP/1.1\r\nHost: gate\r\nX-Api-Key: {service}\r\nContent-Length: 2\r\n\r\n{{}}",
            LINE.replace(" /", " /call/pay/")
        ))
        .await;
    client.answer().await.expect("an answer").status
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_was_made_while_it_served_lends_what_it_had() {
    let (gate, vendor) = (Gate::init(), Vendor::start(VENDOR_HOST).await);
    let serving = gate.serve();
    let (operator, service) = furnish(serving.admin, &gate.operator, &vendor).await;
    vendor.answers(LINE, Canned::json(201, "{}"));
    assert_eq!(called(&serving, &service).await, 201);
    let backups = tempfile::tempdir().expect("a folder");
    let (early, late) = (backups.path().join("early"), backups.path().join("late"));
    copied(&gate.folder().join("data/audit"), &early);
    // Something that only the store and the later trail know.
    let made = ask(serving.admin, &operator, "POST", "/v1/connections/pay/disconnect", None).await;
    assert_eq!(made.status, 409, "{}", made.text());
    for number in 0..3 {
        let body = serde_json::json!({ "name": format!("later-{number}"), "kind": "service", "scopes": [] });
        assert_eq!(ask(serving.admin, &operator, "POST", "/v1/principals", Some(body)).await.status, 201);
    }
    // First the store, then the trail, while it serves.
    let config = Config::sqlite(gate.folder().join("data/lockgate.db"));
    let store = Store::open_as_it_is(&config, Arc::new(SystemClock::new())).await.expect("opened");
    let copy = backups.path().join("copy.db");
    store.backup_to(&copy).await.expect("copied");
    store.close().await.expect("closed");
    copied(&gate.folder().join("data/audit"), &late);
    serving.signal(Signal::TERM);
    assert_eq!(serving.wait(), Some(0));

    let again = backups.path().join("again/gate");
    restored(&gate, &copy, &late, &again);
    let serving = Serving::start(&again.join("lockgate.toml"));
    assert_eq!(called(&serving, &service).await, 201);
    let last = vendor.seen().pop().expect("a call");
    assert_eq!(last.all("authorization"), [format!("Bearer {VENDOR_SECRET}")]);
    serving.signal(Signal::TERM);
    assert_eq!(serving.wait(), Some(0));
    let config = again.join("lockgate.toml").display().to_string();
    let verified = crate::process::lockgate(&["audit", "verify", "--config", &config]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));

    // The trail of before in its place: somebody cut it back, or restored the wrong copy.
    fs::remove_dir_all(again.join("data/audit")).expect("removed");
    copied(&early, &again.join("data/audit"));
    let refused = Command::new(env!("CARGO_BIN_EXE_lockgate"))
        .args(["serve", "--config", &config])
        .stdin(Stdio::null())
        .output()
        .expect("it runs");
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(1) && told.contains("audit accept-loss"), "{told}");
}

#[tokio::test]
async fn a_store_is_nothing_without_its_root_key() {
    let gate = Gate::init();
    let serving = gate.serve();
    serving.signal(Signal::TERM);
    assert_eq!(serving.wait(), Some(0));
    let other = Gate::init();
    fs::copy(other.folder().join("root.key"), gate.folder().join("root.key")).expect("copied");
    mode(&gate.folder().join("root.key"), 0o600);
    let config = gate.config().display().to_string();
    let refused = Command::new(env!("CARGO_BIN_EXE_lockgate"))
        .args(["serve", "--config", &config])
        .stdin(Stdio::null())
        .output()
        .expect("it runs");
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(2) && told.contains("root key"), "{told}");
}
