//! Disks that are full or may not be written: each refuses what it must, says so, and the gateway comes
//! back as its manual says. The disks are small ones in memory, so these tests need the right to mount.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use lockgate_testkit::{Canned, Vendor};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::process::{Gate, Serving, ask, furnish};
use crate::world::VENDOR_HOST;

const LINE: &str = "POST /v1/things";

/// A disk of its own, which goes with this.
pub struct Disk(PathBuf);

impl Disk {
    /// Puts a small disk where this folder is, with what is in the folder. Says so where it may not.
    #[expect(clippy::print_stderr, reason = "a test that is skipped must say so")]
    fn under(folder: &Path, size: &str) -> Option<Self> {
        std::fs::create_dir_all(folder).expect("a folder");
        let aside = folder.with_extension("aside");
        std::fs::rename(folder, &aside).expect("moved");
        std::fs::create_dir(folder).expect("a folder");
        let size = format!("size={size},mode=0700");
        let made = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder).output();
        if !made.is_ok_and(|made| made.status.success()) {
            eprintln!("skipped: this user may not mount a disk");
            return None;
        }
        let disk = Self(folder.to_owned());
        // Segments are made with room ahead, which a small disk does not have.
        let from = aside.join(".");
        let copied =
            Command::new("cp").args(["-a", "--sparse=always"]).args([&from, folder]).output().expect("it runs");
        assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
        Some(disk)
    }

    /// Lets nobody write to it any more.
    fn read_only(&self) {
        let made = Command::new("mount").args(["-o", "remount,ro"]).arg(&self.0).output().expect("it runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }

    /// Leaves no room on it.
    pub fn fill(&self) {
        let mut file = std::fs::File::create(self.0.join("filler")).expect("room for a name");
        for piece in [65_536, 4_096, 512, 1] {
            while file.write_all(&vec![0; piece]).is_ok() {}
        }
    }

    pub fn free(&self) {
        std::fs::remove_file(self.0.join("filler")).expect("there");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.0).output());
    }
}

struct House {
    gate: Gate,
    vendor: Vendor,
    serving: Serving,
    operator: String,
    service: String,
}

impl House {
    async fn open(gate: Gate) -> Self {
        let vendor = Vendor::start(VENDOR_HOST).await;
        vendor.answers(LINE, Canned::json(201, "{}"));
        let serving = gate.serve();
        let (operator, service) = furnish(serving.admin, &gate.operator, &vendor).await;
        Self { gate, vendor, serving, operator, service }
    }

    async fn write(&self, more: &str, body: &str) -> Answer {
        let mut client = Client::connect(self.serving.door).await;
        let (key, length) = (&self.service, body.len());
        client
            .send(format!(
                "POST /call/pay/v1/things HTTP/1.1\r\nHost: gate\r\nX-Api-Key: {key}\r\n{more}Content-Length: {length}\r\n\r\n{body}"
            ))
            .await;
        client.answer().await.expect("an answer")
    }

    async fn ready(&self) -> (u16, Value) {
        let answer = ask(self.serving.door, "lgk_", "GET", "/readyz", None).await;
        (answer.status, answer.json()["checks"].clone())
    }
}

#[tokio::test]
async fn a_full_disk_under_the_trail_refuses_every_call_until_the_next_start() {
    let gate = Gate::init();
    let text = std::fs::read_to_string(gate.config()).expect("there");
    std::fs::write(gate.config(), text.replace("[audit]", "[audit]\nsegment_bytes = 65536")).expect("written");
    let Some(disk) = Disk::under(&gate.folder().join("data/audit"), "4m") else { return };
    let house = House::open(gate).await;
    assert_eq!(house.write("", "{}").await.status, 201);
    disk.fill();
    let (mut acknowledged, mut refused) = (1, None);
    for _ in 0..5_000 {
        let answer = house.write("", "{}").await;
        if answer.status == 503 {
            refused = Some(answer);
            break;
        }
        assert_eq!(answer.status, 201, "{}", answer.text());
        acknowledged += 1;
    }
    let refused = refused.expect("a full disk refuses");
    assert_eq!(refused.code(), "audit.unavailable", "{}", refused.text());
    let sent = house.vendor.count(LINE);
    assert!(sent == acknowledged, "{sent} sent, {acknowledged} acknowledged: nothing is sent without its record");
    for _ in 0..3 {
        assert_eq!(house.write("", "{}").await.code(), "audit.unavailable");
    }
    let (status, checks) = house.ready().await;
    assert_eq!((status, &checks["audit"]), (503, &json!(false)));
    assert_eq!(ask(house.serving.door, "lgk_", "GET", "/healthz", None).await.status, 200);

    disk.free();
    assert_eq!(house.write("", "{}").await.code(), "audit.unavailable", "what failed once is not trusted again");
    assert_eq!(house.vendor.count(LINE), acknowledged);
    let House { gate, vendor, serving, operator, service } = house;
    serving.signal(Signal::KILL);
    serving.wait();
    let serving = gate.serve();
    let house = House { gate, vendor, serving, operator, service };
    assert_eq!(house.ready().await.0, 200);
    assert_eq!(house.write("", "{}").await.status, 201);
    let runs = ask(house.serving.admin, &house.operator, "GET", "/v1/runs?limit=1000", None).await.json();
    let runs = runs["items"].as_array().expect("items").clone();
    assert!(runs.len() > acknowledged && runs.iter().skip(1).all(|run| run["outcome"].is_string()), "{}", runs.len());
    let verified = house.gate.verify();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
    house.serving.signal(Signal::TERM);
    assert_eq!(house.serving.wait(), Some(0));
}

#[tokio::test]
async fn a_full_disk_under_the_spool_refuses_large_bodies_alone() {
    let gate = Gate::init();
    let Some(disk) = Disk::under(&gate.folder().join("data/spool"), "256k") else { return };
    let house = House::open(gate).await;
    disk.fill();
    let large = "x".repeat(1_000_000);
    let answer = house.write("", &large).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "gateway.fault.unavailable"), "{}", answer.text());
    assert!(!answer.text().contains("spool") && !answer.text().contains('/'), "{}", answer.text());
    assert_eq!(house.vendor.count(LINE), 0);
    assert_eq!(house.write("", "{}").await.status, 201, "a small body needs no disk");
    disk.free();
    assert_eq!(house.write("", &"x".repeat(100_000)).await.status, 201, "and with room it goes on");
    let trail = ask(house.serving.admin, &house.operator, "GET", "/v1/audit?limit=1000", None).await.text();
    assert!(trail.contains("gateway.fault.unavailable"), "it is in the trail");
    house.serving.signal(Signal::TERM);
    assert_eq!(house.serving.wait(), Some(0));
}

/// A gate whose store lies on a disk of its own.
pub fn stored_apart(size: &str) -> Option<(Gate, Disk)> {
    let gate = Gate::init();
    let (data, store) = (gate.folder().join("data"), gate.folder().join("store"));
    std::fs::create_dir(&store).expect("a folder");
    for entry in std::fs::read_dir(&data).expect("there") {
        let path = entry.expect("there").path();
        let name = path.file_name().expect("a name").to_owned();
        if name.to_string_lossy().starts_with("lockgate.db") {
            std::fs::rename(&path, store.join(name)).expect("moved");
        }
    }
    let disk = Disk::under(&store, size)?;
    let text = std::fs::read_to_string(gate.config()).expect("there");
    std::fs::write(gate.config(), text.replace("data/lockgate.db", "store/lockgate.db")).expect("written");
    Some((gate, disk))
}

#[tokio::test]
async fn a_full_disk_under_the_store_refuses_what_must_be_kept_and_comes_back() {
    let Some((gate, disk)) = stored_apart("8m") else { return };
    let house = House::open(gate).await;
    disk.fill();
    let make = async |number: usize| {
        let body = json!({ "name": format!("more-{number}"), "kind": "service", "scopes": [], "addresses": [] });
        ask(house.serving.admin, &house.operator, "POST", "/v1/principals", Some(body)).await
    };
    let mut refused = None;
    for number in 0..2_000 {
        let made = make(number).await;
        if made.status != 201 {
            refused = Some(made);
            break;
        }
    }
    let refused = refused.expect("a full disk refuses");
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert!(!refused.text().to_lowercase().contains("sqlite") && !refused.text().contains('/'), "{}", refused.text());
    let keyed = house.write("Idempotency-Key: one\r\n", "{}").await;
    assert_eq!(keyed.status, 503, "{}", keyed.text());
    assert_eq!(house.vendor.count(LINE), 0, "nothing is sent whose key is not kept");
    disk.free();
    assert_eq!(make(9_999).await.status, 201);
    assert_eq!(house.write("Idempotency-Key: one\r\n", "{}").await.status, 201);
    let again = house.write("Idempotency-Key: one\r\n", "{}").await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (201, Some("true")));
    assert_eq!(house.vendor.count(LINE), 1);
    house.serving.signal(Signal::TERM);
    assert_eq!(house.serving.wait(), Some(0));
    assert!(house.gate.verify().status.success());
}

#[test]
fn what_may_not_be_written_stops_the_start_with_a_name() {
    let start = |gate: &Gate| {
        let config = gate.config().display().to_string();
        let ended = Command::new(env!("CARGO_BIN_EXE_lockgate")).args(["serve", "--config", &config]).output();
        let ended = ended.expect("it runs");
        (ended.status.code(), String::from_utf8_lossy(&ended.stderr).into_owned())
    };
    let gate = Gate::init();
    let Some(disk) = Disk::under(&gate.folder().join("data/audit"), "8m") else { return };
    disk.read_only();
    let (code, told) = start(&gate);
    assert!(matches!(code, Some(2 | 70)) && told.contains("audit"), "{code:?} {told}");
    assert!(!told.contains("panicked"), "{told}");
    let Some((gate, disk)) = stored_apart("8m") else { return };
    disk.read_only();
    let (code, told) = start(&gate);
    assert!(matches!(code, Some(2 | 70)) && (told.contains("store") || told.contains("database")), "{code:?} {told}");
    assert!(!told.contains("panicked"), "{told}");
}
