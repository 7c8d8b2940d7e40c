//! The process dies in the middle of what it does: killed, and aborted, which leaves no dump of its memory; and the
//! root key is changed in between.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};

use lockgate_testkit::{Behaviour, Canned, Seen};
use rustix::process::Signal;
use serde_json::json;

use super::begin::{self, Tenant};
use super::watched::{Watched, told};

/// Everything; the gateway serves again afterwards.
pub async fn drive(watched: &Watched, tenant: &Tenant) {
    for (signal, what) in [(Signal::KILL, "a kill"), (Signal::ABORT, "an abort")] {
        dies(watched, tenant, signal, what).await;
    }
    root_key_is_changed(watched);
    let key = format!("X-Api-Key: {}\r\n", tenant.service);
    watched.calls("a call after it all", "GET /call/query/echo", &key, "").await.demand(401);
}

/// Dies while writes are under way, of which the vendor has the credential and the body.
async fn dies(watched: &Watched, tenant: &Tenant, signal: Signal, what: &str) {
    let line = "POST /query/write";
    watched.vendor.forget(line);
    watched.vendor.on(line, Behaviour::Gated(Canned::json(201, "{}")));
    let writes = |seen: &[Seen]| seen.iter().filter(|seen| seen.target.starts_with("/query/write")).count();
    let (to, before) = (watched.door(), writes(&watched.vendor.seen()));
    let name = format!("person in a write during {what}");
    let person = watched.nest.text(&name);
    watched.may_hold(&watched.at_vendor("query"), &name);
    let body = json!({ "person": person, "more": "x".repeat(100_000) }).to_string();
    let key = watched.nest.word(&format!("idempotency key of a write during {what}"));
    let fields =
        format!("X-Api-Key: {}\r\nContent-Type: application/json\r\nIdempotency-Key: {key}\r\n", tenant.service);
    let bytes = super::watched::request("POST /call/query/write", &fields, &body);
    let named = format!("a write during {what}");
    let call = watched.sends(&named, to, bytes);
    let dying = async {
        watched.vendor.wait_until(|seen| writes(seen) > before).await;
        watched.look_at_process();
        let status = watched.ended_by(signal);
        assert_eq!(status.signal(), Some(signal.as_raw()), "{status}");
    };
    let (answer, ()) = tokio::join!(call, dying);
    assert!(answer.is_none(), "it had no time to answer");
    let leaks = watched.leaks_at_rest();
    assert!(leaks.is_empty(), "after {what}: {} leaks:\n{}", leaks.len(), told(&leaks));
    watched.serve();
}

/// A process of the same user that may dump and is aborted does dump here, or says visibly that none does: else the
/// absence of a dump of the gateway's would show nothing.
#[test]
fn a_process_that_may_dump_does_and_so_the_gateways_silence_means_something() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -c unlimited; kill -ABRT $$"]).current_dir(folder.path()).stderr(Stdio::null());
    let status = command.status().expect("it runs");
    assert_eq!(status.signal(), Some(Signal::ABORT.as_raw()));
    if !status.core_dumped() {
        println!("skipped: no process dumps its memory on this machine");
    }
}

/// As the manual says, with what the commands print.
fn root_key_is_changed(watched: &Watched) {
    let config = watched.config().display().to_string();
    let does = |line: &str| super::commands::typed(watched, line, &["--config", &config], "", 0);
    assert_eq!(watched.ended_by(Signal::TERM).code(), Some(0));
    does("vault new-root-key");
    begin::learn_keys(watched, "second");
    does("vault status --json");
    does("vault rewrap");
    does("vault drop-previous");
    watched.holds_no_more(&watched.gate().join("root.key"), "root key (first)");
    let leaks = watched.leaks_at_rest();
    assert!(leaks.is_empty(), "after a change of the root key: {} leaks:\n{}", leaks.len(), told(&leaks));
    super::commands::trail(watched);
    watched.serve();
}
