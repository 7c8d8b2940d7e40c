//! Commands from outside: what they print, and how they end.

use std::cell::RefCell;
use std::io::{Cursor, Write};
use std::rc::Rc;

use super::*;

#[derive(Clone, Default)]
struct Paper(Rc<RefCell<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Paper {
    fn text(&self) -> String {
        String::from_utf8(self.0.borrow().clone()).expect("text")
    }
}

struct Ended {
    code: ExitCode,
    out: String,
    err: String,
}

fn lockgate(arguments: &[&str], input: &str) -> Ended {
    let (out, err) = (Paper::default(), Paper::default());
    let mut console = Console::new(Cursor::new(input.to_owned().into_bytes()), out.clone(), err.clone());
    let all = std::iter::once("lockgate").chain(arguments.iter().copied());
    let code = run(all, &mut console);
    drop(console);
    Ended { code, out: out.text(), err: err.text() }
}

impl Ended {
    fn is(&self, code: u8) -> bool {
        format!("{:?}", self.code) == format!("{:?}", ExitCode::from(code))
    }
}

#[test]
fn help_is_no_failure_and_a_wrong_flag_is_one() {
    let help = lockgate(&["--help"], "");
    assert!(help.is(0) && help.out.contains("serve") && help.err.is_empty());
    let same = lockgate(&["help"], "");
    assert!(same.is(0) && same.out == help.out, "{}", same.out);
    let wrong = lockgate(&["serve", "--surprise"], "");
    assert!(wrong.is(2) && wrong.err.contains("--surprise"), "{}", wrong.err);
    assert!(lockgate(&[], "").is(2));
}

#[test]
fn json_is_asked_for_in_one_way_everywhere() {
    use clap::CommandFactory;

    Cli::command().debug_assert();
    let lines = [
        "init gate",
        "audit verify",
        "audit export",
        "vault status",
        "vault rewrap",
        "explain url",
        "demo --exit",
        "tenant list",
        "principal list",
        "api-key list",
        "provider list",
        "connection show crm",
        "credential list",
        "run list --outcome unknown",
        "subscription list",
        "delivery dead --cause conflict",
        "approval list",
        "listen shop --once 1",
    ];
    for line in lines {
        let words = || line.split(' ');
        let parsed = |words: Vec<&str>| Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert!(!parsed(std::iter::once("lockgate").chain(words()).collect()).json, "{line}");
        assert!(parsed(std::iter::once("lockgate").chain(words()).chain(["--json"]).collect()).json, "{line}");
        assert!(parsed(["lockgate", "--json"].into_iter().chain(words()).collect()).json, "{line}");
    }
}

#[test]
fn whoever_asks_for_json_gets_failures_in_it() {
    for line in [
        &["serve", "--config", "/nowhere/lockgate.toml", "--json"][..],
        &["tenant", "list", "--admin", "http://127.0.0.1:1", "--api-key", "lgk_1", "--json"],
        &["audit", "verify", "--dir", "/nowhere", "--key", "nonsense", "--json"],
        &["serve", "--surprise", "--json"],
    ] {
        let ended = lockgate(line, "");
        let told: serde_json::Value = serde_json::from_str(&ended.err).unwrap_or_else(|_| panic!("{}", ended.err));
        assert!(ended.is(2) && told["exit_code"] == 2 && told["error"].is_string(), "{told}");
    }
}

#[test]
fn an_admin_listener_that_does_not_answer_is_told_with_scheme_and_authority() {
    for (admin, other) in [("http://127.0.0.1:1", "https://"), ("https://127.0.0.1:1", "http://")] {
        let ended = lockgate(&["tenant", "list", "--admin", admin, "--api-key", "lgk_1"], "");
        let named = [admin, other, "--authority", "lockgate serve"].iter().all(|part| ended.err.contains(part));
        assert!(!ended.err.contains("vendor") && !ended.err.contains(".."), "{}", ended.err);
        assert!(ended.is(2) && named, "{}", ended.err);
    }
}

#[test]
fn listening_names_the_argument_that_makes_no_sense() {
    let flags = ["listen", "shop", "--admin", "http://127.0.0.1:1", "--api-key", "lgk_1"];
    let listen = |more: &[&str]| lockgate(&[&flags, more].concat(), "");
    for url in ["http://10.0.0.7/", "http://169.254.169.254/", "somewhere", "ftp://127.0.0.1/"] {
        let ended = listen(&["--forward", url]);
        assert!(ended.is(2) && ended.err.contains(&format!("--forward {url}")), "{url}: {}", ended.err);
        assert!(ended.err.contains("http://127.0.0.1:4000/hooks"), "{}", ended.err);
    }
    let none = listen(&["--once", "0"]);
    assert!(none.is(2) && none.err.contains("--once"), "{}", none.err);
    let nobody = listen(&[]);
    assert!(nobody.is(2) && nobody.err.contains("--admin") && nobody.out.is_empty(), "{}", nobody.err);
}

#[test]
fn a_configuration_that_is_not_there_is_named_with_its_cure() {
    let ended = lockgate(&["serve", "--config", "/nowhere/lockgate.toml"], "");
    assert!(ended.is(2));
    assert!(ended.err.contains("/nowhere/lockgate.toml") && ended.err.contains("lockgate init"), "{}", ended.err);
}

#[test]
fn explains_urls_line_by_line_in_order() {
    let input =
        "{\"id\":1,\"url\":\"https://0x7f.1/\"}\n\n{\"id\":\"two\",\"url\":\"https://api.example/\"}\nnot json\n";
    let dir = tempfile::tempdir().expect("a folder");
    let dns = dir.path().join("dns.json");
    std::fs::write(&dns, "{\"*\":\"203.0.114.7\"}").expect("written");
    let ended = lockgate(&["explain", "url", "--dns", &dns.display().to_string()], input);
    assert!(ended.is(0), "{}", ended.err);
    let lines: Vec<serde_json::Value> =
        ended.out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.len(), 3);
    assert_eq!((&lines[0]["id"], &lines[0]["verdict"]), (&serde_json::json!(1), &serde_json::json!("block")));
    assert_eq!((&lines[1]["id"], &lines[1]["verdict"]), (&serde_json::json!("two"), &serde_json::json!("allow")));
    assert_eq!(lines[2]["verdict"], "block");
}

#[test]
fn explain_names_the_flag_that_makes_no_sense() {
    let url = lockgate(&["explain", "url", "--dns", "/nowhere.json"], "");
    assert!(url.is(2) && url.err.contains("--dns"), "{}", url.err);
    let flags = ["explain", "token", "--keys", "/nowhere.json", "--issuer", "i", "--audience", "a", "--now", "1"];
    let token = lockgate(&flags, "");
    assert!(token.is(2) && token.err.contains("--keys"), "{}", token.err);
}

#[test]
fn explains_tokens_with_the_gates_own_words() {
    let dir = tempfile::tempdir().expect("a folder");
    let keys = dir.path().join("keys.json");
    std::fs::write(&keys, "{\"keys\":[]}").expect("written");
    let keys = keys.display().to_string();
    let flags = ["explain", "token", "--keys", &keys, "--issuer", "i", "--audience", "a", "--now", "-1"];
    let ended = lockgate(&flags, "{\"id\":7,\"token\":\"a.b\"}\n");
    assert!(ended.is(0), "{}", ended.err);
    let line: serde_json::Value = serde_json::from_str(&ended.out).expect("JSON");
    assert_eq!(line["id"], 7);
    assert_eq!(line["verdict"], "reject");
    assert!(line["code"].as_str().is_some_and(|code| code.starts_with("access.")), "{line}");
}

#[test]
fn init_makes_a_gateway_once_and_its_trail_verifies() {
    let dir = tempfile::tempdir().expect("a folder");
    let gate = dir.path().join("gate").display().to_string();
    let made = lockgate(&["init", &gate, "--json"], "");
    assert!(made.is(0), "{}", made.err);
    let told: serde_json::Value = serde_json::from_str(&made.out).expect("JSON");
    assert!(told["api_key"].as_str().is_some_and(|key| key.starts_with("lgk_")), "{told}");
    let config = told["config"].as_str().expect("a path").to_owned();

    let verified = lockgate(&["audit", "verify", "--config", &config, "--json"], "");
    assert!(verified.is(0), "{} {}", verified.out, verified.err);
    let report: serde_json::Value = serde_json::from_str(&verified.out).expect("JSON");
    assert_eq!(report["sound"], true);

    let again = lockgate(&["init", &gate], "");
    assert!(again.is(2) && again.err.contains("never overwritten"), "{}", again.err);
    let file = std::fs::read_to_string(&config).expect("there");
    assert!(!file.contains("lgk_"), "no secret is in the configuration");
}

#[test]
fn a_trail_is_exported_proven_and_its_change_noticed() {
    let dir = tempfile::tempdir().expect("a folder");
    let gate = dir.path().join("gate").display().to_string();
    let made = lockgate(&["init", &gate, "--json"], "");
    let told: serde_json::Value = serde_json::from_str(&made.out).expect("JSON");
    let config = told["config"].as_str().expect("a path");
    let key = told["checkpoint_verifier"].as_str().expect("a key");
    let tenant = told["tenant"].as_str().expect("a tenant");
    let file = |name: &str| dir.path().join(name).display().to_string();

    let export = lockgate(&["audit", "export", "--config", config, "--tenant", tenant, "--out", &file("trail")], "");
    assert!(export.is(0), "{}", export.err);
    let checked = lockgate(&["audit", "verify", "--export", &file("trail"), "--key", key], "");
    assert!(checked.is(0) && checked.out.contains("sound"), "{} {}", checked.out, checked.err);

    let proof = lockgate(&["audit", "prove", "--config", config, "--index", "0", "--out", &file("proof")], "");
    assert!(proof.is(0), "{}", proof.err);
    assert!(lockgate(&["audit", "verify", "--proof", &file("proof"), "--key", key], "").is(0));
    let text = std::fs::read_to_string(file("proof")).expect("there").replacen("node-1", "node-2", 1);
    std::fs::write(file("proof"), text).expect("written");
    assert!(lockgate(&["audit", "verify", "--proof", &file("proof"), "--key", key], "").is(1));

    let segment = std::path::Path::new(&gate).join("data/audit/00000000.log");
    let mut bytes = std::fs::read(&segment).expect("there");
    let place = bytes.iter().position(|byte| *byte == b'0').expect("a digit");
    bytes[place] = b'1';
    std::fs::write(&segment, bytes).expect("written");
    let noticed = lockgate(&["audit", "verify", "--dir", &format!("{gate}/data/audit"), "--key", key], "");
    assert!(noticed.is(1) && noticed.err.contains("not sound"), "{} {}", noticed.out, noticed.err);
}

#[test]
fn a_key_that_is_none_is_named() {
    let ended = lockgate(&["audit", "verify", "--dir", "/nowhere", "--key", "nonsense"], "");
    assert!(ended.is(2) && ended.err.contains("--key"), "{}", ended.err);
}
