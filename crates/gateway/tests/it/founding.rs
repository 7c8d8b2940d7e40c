//! How a house comes to be: the first operator in whatever store the configuration names, and what is told
//! where there is no house, or one already.

use lockgate_vocabulary::{RunId, SystemClock, SystemEntropy};
use rustix::process::Signal;
use serde_json::Value;

use crate::away::postgres;
use crate::process::{Gate, Serving, ask, lockgate, told};

#[tokio::test]
async fn a_store_without_a_house_is_not_served_until_one_is_made() {
    let gate = Gate::init();
    for name in ["lockgate.db", "lockgate.db-wal", "lockgate.db-shm"] {
        _ = std::fs::remove_file(gate.folder().join("data").join(name));
    }
    let trail = gate.folder().join("data/audit");
    let before = std::fs::read(trail.join("checkpoints")).expect("there");
    let (code, said) = told(&gate, &["serve"]);
    assert_eq!(code, Some(2), "{said}");
    for part in ["store.engine", "lockgate.db", "access.house.missing", "Restore the database", "lockgate bootstrap"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(std::fs::read(trail.join("checkpoints")).expect("there"), before, "the trail is not touched");

    let (code, said) = told(&gate, &["bootstrap", "--json"]);
    assert_eq!(code, Some(0), "{said}");
    let made: Value = serde_json::from_str(&said).expect("JSON");
    let serving = gate.serve();
    let tenants = ask(serving.admin, made["api_key"].as_str().expect("a key"), "GET", "/v1/tenants", None).await;
    assert_eq!(tenants.status, 200, "{}", tenants.text());
    let lost = ask(serving.admin, &gate.operator, "GET", "/v1/tenants", None).await;
    assert_eq!(lost.status, 401, "the operator of the lost store is nobody");
    serving.signal(Signal::TERM);
    assert_eq!(serving.wait(), Some(0));
    assert!(gate.verify().status.success());
}

#[test]
fn a_second_house_is_refused() {
    let gate = Gate::init();
    let (code, said) = told(&gate, &["bootstrap"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("access.house.founded") && said.contains("another schema"), "{said}");
    assert!(gate.verify().status.success(), "nothing was written");
}

#[test]
fn another_key_or_name_than_the_trails_is_what_is_suspected_first() {
    let (gate, other) = (Gate::init(), Gate::init());
    for (name, replaced) in [("checkpoint.key", false), ("lockgate.toml", true)] {
        let path = gate.folder().join(name);
        let kept = std::fs::read(&path).expect("there");
        let wrong = match replaced {
            true => String::from_utf8(kept.clone()).expect("text").replace("node-1", "node-9").into_bytes(),
            false => std::fs::read(other.folder().join(name)).expect("there"),
        };
        std::fs::write(&path, wrong).expect("written");
        for command in [&["serve"][..], &["audit", "verify"]] {
            let (code, said) = told(&gate, command);
            assert!(code == Some(1) || code == Some(2), "{code:?} {said}");
            assert!(said.contains("audit.checkpoint_key_file") && said.contains("`node`"), "{name}: {said}");
        }
        std::fs::write(&path, kept).expect("written");
    }
    assert!(gate.verify().status.success());
}

#[test]
fn a_node_is_not_joined_where_the_store_cannot_be_shared() {
    let gate = Gate::init();
    let (config, dir) = (gate.config().display().to_string(), gate.folder().join("further").display().to_string());
    let join = |more: &[&str]| {
        let ended = lockgate(&[&["init", &dir, "--join", &config], more].concat());
        (ended.status.code(), String::from_utf8_lossy(&ended.stderr).into_owned())
    };
    let (code, said) = join(&["--node", "node-2"]);
    assert!(code == Some(2) && said.contains("--join") && said.contains("postgres"), "{said}");
    let (code, said) = join(&["--node", "node-1"]);
    assert!(code == Some(2) && said.contains("--node") && said.contains("no other node has"), "{said}");
    let (code, said) = join(&[]);
    assert!(code == Some(2) && said.contains("--node"), "{said}");
    assert!(!gate.folder().join("further").exists(), "nothing is made");
}

#[tokio::test]
async fn the_first_operator_and_a_further_node_are_made_on_postgresql() {
    let Some(url) = postgres() else { return };
    let dir = tempfile::tempdir().expect("a folder");
    let folder = dir.path().join("gate");
    let made = lockgate(&["init", &folder.display().to_string(), "--keys-only", "--json"]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    assert!(!folder.join("data").exists(), "no store is made");
    let config = folder.join("lockgate.toml");
    let schema = RunId::generate(&SystemClock::new(), &SystemEntropy).to_string();
    let text = std::fs::read_to_string(&config).expect("there");
    let engine = "kind = \"sqlite\"\npath = \"data/lockgate.db\"";
    let text = text.replace(engine, &format!("kind = \"postgres\"\nurl = \"{url}\"\nschema = \"t_{schema}\""));
    let text = text.replace("127.0.0.1:8443", "127.0.0.1:0").replace("127.0.0.1:8444", "127.0.0.1:0");
    std::fs::write(&config, text.replace("format = \"text\"", "format = \"json\"")).expect("written");

    let gate = Gate::of(dir, String::new());
    let (code, said) = told(&gate, &["serve"]);
    assert!(code == Some(2) && said.contains("access.house.missing") && said.contains(&schema), "{said}");
    let (code, said) = told(&gate, &["bootstrap", "--json"]);
    assert_eq!(code, Some(0), "{said}");
    let made: Value = serde_json::from_str(&said).expect("JSON");
    let (code, said) = told(&gate, &["bootstrap"]);
    assert!(code == Some(1) && said.contains("access.house.founded"), "{said}");

    let serving = gate.serve();
    let tenants = ask(serving.admin, made["api_key"].as_str().expect("a key"), "GET", "/v1/tenants", None).await;
    assert_eq!(tenants.status, 200, "{}", tenants.text());
    let further = gate.folder().with_file_name("further");
    let folder = further.display().to_string();
    let joined = lockgate(&["init", &folder, "--node", "node-2", "--join", &gate.folder().display().to_string()]);
    assert!(joined.status.success(), "{}", String::from_utf8_lossy(&joined.stderr));
    let same = |name: &str| {
        let read = |folder: &std::path::Path| std::fs::read(folder.join(name)).expect("there");
        read(&gate.folder()) == read(&further)
    };
    assert!(same("root.key") && !same("checkpoint.key") && !same("checkpoint.vkey"));
    let second = Serving::start(&further.join("lockgate.toml"));
    let tenants = ask(second.admin, made["api_key"].as_str().expect("a key"), "GET", "/v1/tenants", None).await;
    assert_eq!(tenants.status, 200, "the same operator on the other node: {}", tenants.text());
    for process in [serving, second] {
        process.signal(Signal::TERM);
        assert_eq!(process.wait(), Some(0));
    }
    assert!(gate.verify().status.success());
    let config = further.join("lockgate.toml").display().to_string();
    assert!(lockgate(&["audit", "verify", "--config", &config]).status.success());
}
