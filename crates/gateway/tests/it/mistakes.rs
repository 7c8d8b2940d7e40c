//! What an operator gets wrong: each mistake ends `serve` with 2, and what is said names the key, the path or the
//! value, and a cure.

use crate::process::{Gate, told};

/// What `serve` says where this stands in the configuration instead of that.
fn said(gate: &Gate, old: &str, new: &str) -> String {
    let text = std::fs::read_to_string(gate.config()).expect("there");
    assert!(text.contains(old), "{old} is not in the configuration");
    std::fs::write(gate.config(), text.replacen(old, new, 1)).expect("written");
    let (code, said) = told(gate, &["serve"]);
    std::fs::write(gate.config(), text).expect("written");
    assert_eq!(code, Some(2), "{new}: {said}");
    said
}

fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not said: {text}");
    }
}

#[test]
fn a_mistaken_setting_is_named_with_its_cure() {
    let gate = Gate::init();
    let rate = "caller_per_minute = 1000000";
    says(&said(&gate, rate, "caller_per_minute = 0"), &["traffic.caller_per_minute: it is 0", "at least 1"]);
    says(&said(&gate, "caller_burst = 100000", "caller_burst = 0"), &["traffic.caller_burst: it is 0"]);
    says(&said(&gate, "tenant_burst = 100000", "tenant_burst = 0"), &["traffic.tenant_burst: it is 0"]);
    let tenant = "tenant_per_minute = 1000000";
    says(&said(&gate, tenant, "tenant_per_minute = 0"), &["traffic.tenant_per_minute: it is 0"]);
    let access = "[access]\n";
    let issuer = "[access.tokens]\nissuer = \"gateway.example\"\n[access]\n";
    says(&said(&gate, access, issuer), &["access.tokens.issuer", "https URL", "Correct or remove"]);
    let plain = "[access.issuers.\"http://x\"]\n[access]\n";
    says(&said(&gate, access, plain), &["access.issuers.\"http://x\"", "https"]);
    let redis = "[store.redis]\nurl = \"redis://cache.example:6379/0\"\n[store.engine]";
    says(&said(&gate, "[store.engine]", redis), &["store.redis", "rediss://"]);
}

#[test]
fn a_mistaken_back_end_is_named_with_its_cure() {
    let gate = Gate::init();
    let login = "login = { kind = \"token\", danger_token_file = \"token\" }";
    for (section, parts) in [
        ("kind = \"kv1\"", ["vault.backends.corp", "unknown variant"]),
        ("kind = \"kv2\"\nurl = \"https://vault.example\"", ["vault.backends.corp", "login"]),
        (
            "kind = \"kv2\"\nurl = \"https://vault.example/v1\"\nlogin = LOGIN",
            ["vault.backends.corp", "https:// and a host"],
        ),
        (
            "kind = \"kv2\"\nurl = \"https://vault.example\"\nmount = \"../sys\"\nlogin = LOGIN",
            ["vault.backends.corp", "mounted"],
        ),
        (
            "kind = \"kv2\"\nurl = \"https://vault.example\"\nprefix = \"../sys\"\nlogin = LOGIN",
            ["vault.backends.corp", "prefix"],
        ),
        (
            "kind = \"kv2\"\nurl = \"https://vault.example\"\nca_file = \"none.pem\"\nlogin = LOGIN",
            ["vault.backends.corp", "authorities"],
        ),
        (
            "kind = \"kv2\"\nurl = \"https://vault.example\"\nkey = 1\nlogin = LOGIN",
            ["vault.backends.corp", "unknown field"],
        ),
    ] {
        let section = section.replace("LOGIN", login.trim_start_matches("login = "));
        let more = format!("[vault.backends.corp]\n{section}\n[access]\n");
        says(&said(&gate, "[access]\n", &more), &parts);
    }
    // Answers call the gateway's own vault so.
    let login = login.replace("\"token\" }", "\"token\" }\n[access]\n");
    let more = format!("[vault.backends.embedded]\nkind = \"kv2\"\nurl = \"https://vault.example\"\n{login}");
    says(&said(&gate, "[access]\n", &more), &["vault.backends.embedded", "own vault"]);
}

#[test]
fn a_door_on_every_address_demands_a_name_for_its_tokens() {
    let gate = Gate::init();
    let files = "certificate_file = \"door.pem\"\nkey_file = \"door.key\"";
    let listen = "listen = \"127.0.0.1:0\"";
    for any in ["0.0.0.0:0", "[::]:0"] {
        let new = format!("listen = \"{any}\"\n{files}");
        says(&said(&gate, listen, &new), &["access.tokens.issuer", any, "https://gateway.example"]);
    }
}

#[test]
fn a_postgresql_that_cannot_be_used_is_named_with_its_cure() {
    let gate = Gate::init();
    let engine = "kind = \"sqlite\"\npath = \"data/lockgate.db\"";
    for url in ["nonsense", "postgres://nobody@127.0.0.1:1/nothing"] {
        let told = said(&gate, engine, &format!("kind = \"postgres\"\nurl = \"{url}\""));
        says(&told, &["store.engine.url", "PostgreSQL", "Check the URL"]);
    }
}

#[test]
fn files_that_cannot_be_used_are_named_with_a_cure() {
    let gate = Gate::init();
    let file = gate.folder().join("file");
    std::fs::write(&file, "no folder").expect("written");
    says(&said(&gate, "data_dir = \"data\"", "data_dir = \"file\""), &["data_dir", "gate/file", "Name a folder"]);
    let not = "path = \"file\"";
    says(&said(&gate, "path = \"data/lockgate.db\"", not), &["store.engine.path", "gate/file", "own database"]);
    let audit = "[audit]\ndir = \"file\"";
    says(&said(&gate, "[audit]", audit), &["audit.dir", "gate/file", "audit verify"]);
}

#[test]
fn a_trail_that_another_process_has_open_is_named() {
    let gate = Gate::init();
    let serving = gate.serve();
    let (code, said) = told(&gate, &["serve"]);
    assert_eq!(code, Some(2), "{said}");
    says(&said, &["audit.dir", "another process has this log open", "no other process uses it"]);
    serving.signal(rustix::process::Signal::TERM);
    assert_eq!(serving.wait(), Some(0));
}
