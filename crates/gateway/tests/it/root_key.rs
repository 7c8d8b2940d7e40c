//! The root key is changed from outside, step by step as `docs/operations.md` has it, and no credential is
//! entered again.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::SystemTime;

use lockgate_store::{Change, Statement, Store, Value as Bound};
use lockgate_testkit::{Behaviour, Canned, Vendor};
use lockgate_vocabulary::{SystemClock, TenantId, Timestamp};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::process::{Gate, Serving, ask, furnish, killed_during_a_write, lockgate, told};
use crate::world::{VENDOR_HOST, VENDOR_SECRET};

/// Everything that commands said, held to every root key that there was.
#[derive(Default)]
struct Said {
    all: String,
    keys: Vec<String>,
}

impl Said {
    fn ended(&mut self, gate: &Gate, line: &str, code: i32, parts: &[&str]) -> String {
        self.learn(gate);
        let arguments: Vec<&str> = line.split(' ').collect();
        let (ended, said) = told(gate, &arguments);
        assert_eq!(ended, Some(code), "{line}: {said}");
        for part in parts {
            assert!(said.contains(part), "{line}: no `{part}` in: {said}");
        }
        self.all.push_str(&said);
        self.learn(gate);
        said
    }

    fn state(&mut self, gate: &Gate) -> Value {
        let said = self.ended(gate, "vault status --json", 0, &[]);
        serde_json::from_str(&said).expect("JSON")
    }

    /// Notes the keys that are in the file now.
    fn learn(&mut self, gate: &Gate) {
        let text = std::fs::read_to_string(root_key(gate)).unwrap_or_default();
        self.keys.extend(text.lines().filter_map(|line| line.split(' ').nth(2)).map(str::to_owned));
    }

    fn no_key_was_told(&self) {
        assert!(self.keys.len() > 2);
        for key in &self.keys {
            assert_eq!(key.len(), 44, "base64 of 32 bytes");
            // Nor a part of one that is long enough to tell.
            let parts = [key.get(..12), key.get(30..43)];
            assert!(parts.into_iter().flatten().all(|part| !self.all.contains(part)), "a key was printed");
        }
    }
}

fn root_key(gate: &Gate) -> PathBuf {
    gate.folder().join("root.key")
}

fn stopped(serving: Serving) {
    serving.signal(Signal::TERM);
    assert_eq!(serving.wait(), Some(0));
}

/// A gateway that serves, and a vendor.
async fn begun() -> (Gate, Vendor, Serving) {
    let gate = Gate::init();
    let vendor = Vendor::start(VENDOR_HOST).await;
    vendor.on("POST /v1/things", Behaviour::Answer(Canned::json(201, "{}")));
    let serving = gate.serve();
    (gate, vendor, serving)
}

/// One call, with the credential that the vendor saw.
async fn called(serving: &Serving, service: &str, vendor: &Vendor) -> String {
    let answer = ask(serving.door, service, "POST", "/call/pay/v1/things", Some(json!({}))).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let seen = vendor.seen();
    seen.last().and_then(|seen| seen.header("authorization")).expect("a credential").to_owned()
}

fn copied(from: &Path, to: &Path) {
    std::fs::copy(from, to).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
}

#[tokio::test]
async fn the_root_key_is_changed_and_no_credential_is_entered_again() {
    let (gate, vendor, serving) = begun().await;
    let mut said = Said::default();
    let (_, service) = furnish(serving.admin, &gate.operator, &vendor).await;
    let bearer = format!("Bearer {VENDOR_SECRET}");
    assert_eq!(called(&serving, &service, &vendor).await, bearer);
    said.ended(&gate, "vault new-root-key", 2, &["audit.dir", "another process", "stop it first"]);
    stopped(serving);
    let first = std::fs::read_to_string(root_key(&gate)).expect("there");
    let settled = said.state(&gate);
    let was = settled["current"].as_str().expect("a name").to_owned();
    assert_eq!((&settled["state"], &settled["wraps"][&was]), (&json!("settled"), &json!(3)), "{settled}");

    said.ended(&gate, "vault new-root-key", 0, &[&was, "lockgate vault rewrap", "further nodes"]);
    let both = std::fs::read_to_string(root_key(&gate)).expect("there");
    let kept = first.lines().nth(1).expect("a line").replacen("current", "previous", 1);
    assert_eq!(both.lines().nth(2), Some(kept.as_str()));
    assert_eq!(std::fs::metadata(root_key(&gate)).expect("there").permissions().mode() & 0o7777, 0o600);
    let changing = said.state(&gate);
    let new = changing["current"].as_str().expect("a name").to_owned();
    let counts = (&changing["state"], &changing["previous"], &changing["wraps"]);
    assert_eq!(counts, (&json!("changing"), &json!(was), &json!({ was.as_str(): 3 })));
    said.ended(&gate, "vault new-root-key", 1, &["vault.root_key.changing", "lockgate vault drop-previous"]);
    said.ended(&gate, "vault drop-previous", 1, &["vault.root_key.needed", "lockgate vault rewrap", "3 keys"]);
    assert_eq!(std::fs::read_to_string(root_key(&gate)).expect("there"), both);

    let serving = gate.serve();
    assert_eq!(called(&serving, &service, &vendor).await, bearer, "with both keys");
    let made = ask(serving.admin, &gate.operator, "POST", "/v1/tenants", Some(json!({ "name": "later" }))).await;
    assert_eq!(made.status, 201, "{}", made.text());
    for line in ["vault rewrap", "vault drop-previous"] {
        said.ended(&gate, line, 2, &["audit.dir", "another process has this log open", "stop it first"]);
    }
    said.ended(&gate, "vault status", 0, &[&was, &new, "lockgate vault rewrap", "every node"]);
    stopped(serving);

    said.ended(&gate, "vault rewrap", 0, &["3 keys", &was, &new, "lockgate vault drop-previous"]);
    said.ended(&gate, "vault rewrap", 0, &["nothing was done"]);
    let rewrapped = said.state(&gate);
    assert_eq!((&rewrapped["state"], &rewrapped["wraps"]), (&json!("rewrapped"), &json!({ new.as_str(): 4 })));
    said.ended(&gate, "vault drop-previous", 0, &[&was, &new, "backup"]);
    said.ended(&gate, "vault drop-previous", 0, &["nothing is to be dropped"]);
    said.ended(&gate, "vault status", 0, &[&new, "4 keys", "Nothing is to be done"]);
    let serving = gate.serve();
    assert_eq!(called(&serving, &service, &vendor).await, bearer, "with the new key alone");
    stopped(serving);

    let second = std::fs::read_to_string(root_key(&gate)).expect("there");
    std::fs::write(root_key(&gate), &first).expect("put back");
    said.ended(&gate, "serve", 2, &["vault.root_key_file", "did not seal this store"]);
    said.ended(&gate, "vault new-root-key", 2, &["vault.root_key_file", "did not seal this store"]);
    said.ended(&gate, "vault status", 0, &["not here", &new, "put back the root key file"]);
    assert_eq!(std::fs::read_to_string(root_key(&gate)).expect("there"), first, "what is refused changes nothing");
    std::fs::write(root_key(&gate), &second).expect("put back");
    assert!(gate.verify().status.success());
    let trail = said.ended(&gate, "audit export", 0, &[]);
    for action in ["vault.root-key.made", "vault.rewrap", "vault.root-key.dropped"] {
        let lines: Vec<&str> = trail.lines().filter(|line| line.contains(&format!("\"{action}\""))).collect();
        let whole = lines.len() == 1 && lines[0].contains(&was) && lines[0].contains(&new);
        assert!(whole, "{action}: {lines:?}");
    }
    assert!(trail.contains("[\"keys\",3]"), "{trail}");
    said.no_key_was_told();
}

/// What `docs/operations.md` says of a leaked root key, in its order.
#[tokio::test]
async fn a_leaked_root_key_opens_old_copies_until_the_credentials_are_rotated_at_the_vendor() {
    let (gate, vendor, serving) = begun().await;
    let mut said = Said::default();
    let (operator, service) = furnish(serving.admin, &gate.operator, &vendor).await;
    stopped(serving);
    let (leaked, data) = (gate.folder().with_file_name("leaked"), gate.folder().join("data"));
    std::fs::create_dir(&leaked).expect("made");
    copied(&root_key(&gate), &leaked.join("root.key"));
    let files: Vec<_> = std::fs::read_dir(&data).expect("there").map(|file| file.expect("there")).collect();
    for file in files.iter().filter(|file| file.file_name().to_string_lossy().starts_with("lockgate.db")) {
        copied(&file.path(), &leaked.join(file.file_name()));
    }

    said.ended(&gate, "vault new-root-key", 0, &[]);
    said.ended(&gate, "vault rewrap", 0, &["3 keys"]);
    said.ended(&gate, "vault drop-previous", 0, &["destroy both"]);
    let trail = said.ended(&gate, "audit export", 0, &[]);
    let made = trail.lines().find(|line| line.contains("\"vault.root-key.made\"")).expect("recorded");
    let made: Value = serde_json::from_str(made).expect("JSON");
    let made = Timestamp::from_micros(made["entry"]["time"].as_i64().expect("a time")).to_string();
    let serving = gate.serve();
    let (admin, key) = (format!("http://{}", serving.admin), gate.folder().join("operator.key"));
    std::fs::write(&key, &operator).expect("written");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).expect("set");
    let typed = |words: &[&str]| {
        let key = key.display().to_string();
        let ended = lockgate(&[words, &["--json", "--admin", &admin, "--api-key-file", &key]].concat());
        assert!(ended.status.success(), "{words:?}: {}", String::from_utf8_lossy(&ended.stderr));
        serde_json::from_slice::<Value>(&ended.stdout).expect("JSON")
    };
    let taken_in = || {
        let id = typed(&["credential", "list"])["items"][0]["id"].as_str().expect("an id").to_owned();
        let versions = typed(&["credential", "show", &id])["versions"].take();
        let current = versions.as_array().expect("versions").iter().find(|version| version["status"] == "current");
        current.and_then(|version| version["created_at"].as_str()).expect("a moment").to_owned()
    };
    assert!(taken_in() < made, "it is one of those that were sealed before");
    let rotated = json!({ "secret": "sk_rotated_at_the_vendor", "danger_unverified": true });
    let answer = ask(serving.admin, &operator, "POST", "/v1/credentials/pay-key/versions", Some(rotated)).await;
    assert!(matches!(answer.status, 200 | 201), "{}", answer.text());
    assert!(taken_in() > made, "it is none of them any more");
    assert_eq!(called(&serving, &service, &vendor).await, "Bearer sk_rotated_at_the_vendor");
    stopped(serving);

    // Whoever has the old root key and the old copy reads what was in it, whatever was done here.
    for name in ["lockgate.db", "lockgate.db-wal", "lockgate.db-shm"] {
        _ = std::fs::remove_file(data.join(name));
        if leaked.join(name).exists() {
            copied(&leaked.join(name), &data.join(name));
        }
    }
    copied(&leaked.join("root.key"), &root_key(&gate));
    let serving = gate.serve();
    let opened = called(&serving, &service, &vendor).await;
    assert_eq!(opened, format!("Bearer {VENDOR_SECRET}"), "the old copy opens");
    stopped(serving);
    said.no_key_was_told();
}

#[tokio::test]
async fn a_lost_root_key_is_put_back_from_its_copy() {
    let gate = Gate::init();
    let (key, copy) = (root_key(&gate), gate.folder().with_file_name("copy"));
    std::fs::rename(&key, &copy).expect("moved");
    let mut said = Said::default();
    for line in ["serve", "vault status", "vault new-root-key", "vault rewrap", "vault drop-previous"] {
        said.ended(&gate, line, 2, &["vault.root_key_file", "restore it from its backup"]);
    }
    assert!(!key.exists(), "nothing is made in its place");
    std::fs::rename(&copy, &key).expect("moved");
    stopped(gate.serve());
}

#[test]
fn a_root_key_that_cannot_be_changed_is_told_with_its_cure() {
    let gate = Gate::init();
    let (key, moved) = (root_key(&gate), gate.folder().join("moved.key"));
    let before = std::fs::read(&key).expect("there");
    let mut said = Said::default();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).expect("set");
    said.ended(&gate, "vault new-root-key", 2, &["vault.root_key_file", "chmod 0600"]);
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).expect("set");
    std::fs::rename(&key, &moved).expect("moved");
    symlink(&moved, &key).expect("linked");
    said.ended(&gate, "vault new-root-key", 2, &["vault.root_key_file", "symbolic link"]);
    std::fs::remove_file(&key).expect("there");
    std::fs::rename(&moved, &key).expect("moved");

    let blocked = gate.folder().join(".root.key.new");
    std::fs::create_dir(&blocked).expect("made");
    said.ended(&gate, "vault new-root-key", 2, &["vault.root_key_file", "cannot be written anew", "run the command"]);
    std::fs::remove_dir(&blocked).expect("there");

    let text = std::fs::read_to_string(gate.config()).expect("there");
    let handed = text.replacen("root_key_file = \"root.key\"", "root_key_fd = 0", 1);
    assert_ne!(handed, text);
    std::fs::write(gate.config(), handed).expect("written");
    for line in ["vault new-root-key", "vault drop-previous"] {
        said.ended(&gate, line, 1, &["vault.root_key.handed_over", "`previous`"]);
    }
    assert_eq!(std::fs::read(&key).expect("there"), before);
    assert!(gate.verify().status.success());
}

#[tokio::test]
async fn a_tenants_key_that_somebody_changed_keeps_the_earlier_root_key_in_the_file() {
    static FORGE: Statement =
        Statement::tenant("test.key_forge", "UPDATE tenant_keys SET wrapped = $2 WHERE tenant = $1");
    static RENAME: Statement =
        Statement::tenant("test.key_rename", "UPDATE tenant_keys SET root_key = $2 WHERE tenant = $1");
    let gate = Gate::init();
    let serving = gate.serve();
    let made = ask(serving.admin, &gate.operator, "POST", "/v1/tenants", Some(json!({ "name": "acme" }))).await.json();
    let acme = made["tenant"]["tenant"].as_str().expect("an id").to_owned();
    stopped(serving);
    let forged = async |statement: &'static Statement, value: Bound| {
        let config = lockgate_store::Config::sqlite(gate.folder().join("data/lockgate.db"));
        let store = Store::open(&config, std::sync::Arc::new(SystemClock::new())).await.expect("opens");
        let change = Change::of(acme.parse::<TenantId>().expect("an id")).step(statement, vec![value]).expecting(1);
        store.apply(change).await.expect("forged");
        store.close().await.expect("closed");
    };
    let mut said = Said::default();
    said.ended(&gate, "vault new-root-key", 0, &[]);
    forged(&FORGE, vec![1u8; 60].into()).await;
    said.ended(&gate, "vault rewrap", 1, &["vault.root_key.unopened", &acme, "2 keys", "backup"]);
    said.ended(&gate, "vault drop-previous", 1, &["vault.root_key.needed", "1 key."]);
    let current = said.state(&gate)["current"].as_str().expect("a name").to_owned();
    forged(&RENAME, current.as_str().into()).await;
    said.ended(&gate, "vault drop-previous", 1, &["vault.root_key.unopened", &acme]);
    assert_eq!(std::fs::read_to_string(root_key(&gate)).expect("there").lines().count(), 3);
}

#[tokio::test]
async fn a_run_that_had_no_end_is_escalated_though_the_root_key_was_changed_before_the_next_start() {
    let (gate, _vendor, operator) = killed_during_a_write().await;
    let mut said = Said::default();
    for line in ["vault new-root-key", "vault rewrap", "vault drop-previous"] {
        said.ended(&gate, line, 0, &[]);
    }
    let serving = gate.serve();
    let runs = ask(serving.admin, &operator, "GET", "/v1/runs", None).await.json();
    assert_eq!(runs["items"][0]["outcome"], "unknown", "{runs}");
    let open = ask(serving.admin, &operator, "GET", "/v1/escalations?state=open", None).await.json();
    assert_eq!(open["items"][0]["run"], runs["items"][0]["id"], "{open}");
    stopped(serving);
}

/// A command on the gateway's folder that is killed as soon as it is so, unless it has ended before.
fn killed_once(gate: &Gate, command: &str, so: impl Fn() -> bool) -> Option<i32> {
    let config = gate.config();
    let mut child: Child = Command::new(env!("CARGO_BIN_EXE_lockgate"))
        .args(["vault", command, "--config"])
        .arg(config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    while !so() {
        if let Some(ended) = child.try_wait().expect("it is ours") {
            return ended.code();
        }
        std::thread::yield_now();
    }
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid")).expect("a pid");
    kill_process(pid, Signal::KILL).expect("it is ours");
    child.wait().expect("it ends").code()
}

/// What shows that the store's write-ahead log went on.
fn wal(gate: &Gate) -> Option<(u64, SystemTime)> {
    let log = std::fs::metadata(gate.folder().join("data/lockgate.db-wal")).ok()?;
    Some((log.len(), log.modified().ok()?))
}

#[tokio::test]
async fn whatever_is_killed_leaves_the_old_state_or_the_new_one_and_is_finished_the_next_time() {
    const TENANTS: usize = 40;
    let gate = Gate::init();
    let serving = gate.serve();
    for number in 0..TENANTS {
        let body = json!({ "name": format!("tenant-{number}") });
        let made = ask(serving.admin, &gate.operator, "POST", "/v1/tenants", Some(body)).await;
        assert_eq!(made.status, 201, "{}", made.text());
    }
    stopped(serving);
    let mut said = Said::default();
    let before = std::fs::read_to_string(root_key(&gate)).expect("there");
    let kept = before.lines().nth(1).expect("a line").replacen("current", "previous", 1);
    let beside = gate.folder().join(".root.key.new");
    let text = || std::fs::read_to_string(root_key(&gate)).expect("a file is always there");
    // As soon as the new file begins, and as soon as the file so far is another one.
    let rounds = 6;
    for round in 0..rounds {
        let other = || text() != before;
        let so = || if round < rounds / 2 { beside.exists() || other() } else { other() };
        killed_once(&gate, "new-root-key", so);
        let now = text();
        let whole = now == before || (now.lines().count() == 3 && now.lines().nth(2) == Some(kept.as_str()));
        assert!(whole, "half a file, or another one");
        if now != before {
            break;
        }
    }
    if text() == before {
        said.ended(&gate, "vault new-root-key", 0, &[]);
    }
    assert!(said.state(&gate)["state"] == "changing");

    let (mut killed, mut ended) = (0, None);
    for round in 0_usize..200 {
        let (seen, changes) = (std::cell::Cell::new(wal(&gate)), std::cell::Cell::new(0));
        let so = || {
            let now = wal(&gate);
            if now != seen.replace(now) {
                changes.set(changes.get() + 1);
            }
            changes.get() > 3 + round
        };
        ended = killed_once(&gate, "rewrap", so);
        if ended.is_some() {
            break;
        }
        killed += 1;
        let state = said.state(&gate);
        assert!(state["state"] == "changing" || state["state"] == "rewrapped", "{state}");
    }
    assert_eq!((ended, killed > 0), (Some(0), true));
    said.ended(&gate, "vault rewrap", 0, &["nothing was done"]);
    assert_eq!(said.state(&gate)["state"], "rewrapped");

    // The earlier key goes wholly or not at all.
    let both = text();
    killed_once(&gate, "drop-previous", || beside.exists() || text() != both);
    assert!(text() == both || both.starts_with(&text()), "half a file");
    said.ended(&gate, "vault drop-previous", 0, &[]);
    assert_eq!(text().lines().count(), 2);
    stopped(gate.serve());
    assert!(gate.verify().status.success());
    let mut recorded = 0;
    for file in std::fs::read_dir(gate.folder().join("data/audit")).expect("there") {
        let bytes = std::fs::read(file.expect("there").path()).unwrap_or_default();
        recorded += String::from_utf8_lossy(&bytes).matches("\"vault.key.rewrap\"").count();
    }
    assert_eq!(recorded, TENANTS + 2, "each tenant's, the operators' own and the house's, once");
    said.no_key_was_told();
}

#[tokio::test]
async fn tenants_have_new_keys_made_and_everything_stays_open() {
    let (gate, vendor, serving) = begun().await;
    let mut said = Said::default();
    let (operator, service) = furnish(serving.admin, &gate.operator, &vendor).await;
    let bearer = format!("Bearer {VENDOR_SECRET}");
    assert_eq!(called(&serving, &service, &vendor).await, bearer);
    said.ended(&gate, "vault rekey", 2, &["audit.dir", "another process", "stop it first"]);
    stopped(serving);
    let root = said.state(&gate)["current"].as_str().expect("a name").to_owned();
    let wraps = |said: &mut Said| said.state(&gate)["wraps"][&root].clone();
    assert_eq!(wraps(&mut said), json!(3));
    said.ended(&gate, "vault rekey --tenant nobody", 2, &["--tenant"]);
    said.ended(&gate, "vault rekey --before yesterday", 2, &["--before"]);
    said.ended(&gate, "vault rekey --before 2999-01-01T00:00:00Z", 2, &["--before", "ahead"]);
    let nobody = "vault rekey --tenant ten_00000000000000000000000076";
    said.ended(&gate, nobody, 2, &["--tenant", "no tenant with this id has a key"]);
    said.ended(&gate, "vault rekey --before 2001-01-01T00:00:00Z", 0, &["nothing was done"]);
    assert_eq!(wraps(&mut said), json!(3), "what is refused makes none");

    let made: Value = serde_json::from_str(&said.ended(&gate, "vault rekey --json", 0, &[])).expect("JSON");
    assert_eq!((&made["keys"], &made["left_out"]), (&json!(3), &json!(0)), "{made}");
    let before = made["before"].as_str().expect("a moment");
    said.ended(&gate, &format!("vault rekey --before {before}"), 0, &["3 left out", "nothing was done"]);
    assert_eq!(wraps(&mut said), json!(6), "one more for each, once");

    let serving = gate.serve();
    assert_eq!(called(&serving, &service, &vendor).await, bearer, "what the keys so far sealed is open");
    let body = json!({ "secret": "another-secret-of-the-vendors", "danger_unverified": true });
    let rotated = ask(serving.admin, &operator, "POST", "/v1/credentials/pay-key/versions", Some(body)).await;
    assert_eq!(rotated.status, 201, "{}", rotated.text());
    stopped(serving);
    let serving = gate.serve();
    assert_eq!(called(&serving, &service, &vendor).await, "Bearer another-secret-of-the-vendors");
    let trail = ask(serving.admin, &operator, "GET", "/v1/audit?limit=1000", None).await.json();
    let of_keys = trail["items"].as_array().expect("items").iter().filter(|entry| entry["action"] == "vault.key.made");
    assert_eq!(of_keys.count(), 1, "each is in its tenant's trail");
    stopped(serving);
    said.learn(&gate);
    assert!(said.keys.iter().filter_map(|key| key.get(..12)).all(|part| !said.all.contains(part)), "a key was printed");
    assert!(gate.verify().status.success());
}
