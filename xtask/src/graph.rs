//! Who may depend on whom: the table of ARCHITECTURE.md, held against `cargo metadata`.

use std::process::Command;

use serde_json::Value;

use crate::{Breach, source};

/// What each room may use of the house. Left knows nothing of right; changing a row needs a decision record.
pub const ROOMS: &[(&str, &[&str])] = &[
    ("vocabulary", &[]),
    ("store", &["vocabulary"]),
    ("audit", &["vocabulary", "store"]),
    ("access", &["vocabulary", "store", "audit"]),
    ("vault", &["vocabulary", "store", "audit", "access"]),
    ("traffic", &["vocabulary", "store", "audit", "access"]),
    ("inspect", &["vocabulary"]),
    ("egress", &["vocabulary", "store", "audit", "access", "vault", "traffic", "inspect"]),
    ("webhooks", &["vocabulary", "store", "audit", "access", "vault", "traffic", "inspect", "egress"]),
    ("admin", &["vocabulary", "store", "audit", "access", "vault", "traffic", "inspect", "egress", "webhooks"]),
    (
        "gateway",
        &["vocabulary", "store", "audit", "access", "vault", "traffic", "inspect", "egress", "webhooks", "admin"],
    ),
    (
        "testkit",
        &["vocabulary", "store", "audit", "access", "vault", "traffic", "inspect", "egress", "webhooks", "admin"],
    ),
];

/// Heavy crates and the rooms that own them. One heavy dependency, one owner.
pub const OWNERS: &[(&str, &[&str])] = &[
    ("async-nats", &["webhooks"]),
    ("axum", &["admin"]),
    ("clap", &["gateway"]),
    ("cryptoki", &["vault"]),
    ("deadpool-postgres", &["store"]),
    ("jsonschema", &["inspect"]),
    ("mimalloc", &["gateway"]),
    ("opentelemetry-proto", &["gateway"]),
    ("prometheus-client", &["gateway"]),
    ("prost", &["gateway"]),
    ("redis", &["store"]),
    ("rusqlite", &["store"]),
    ("tokio-postgres", &["store"]),
    ("tokio-postgres-rustls", &["store"]),
    ("utoipa", &["access", "webhooks", "admin"]),
    ("utoipa-axum", &["admin"]),
];

/// What must not be anywhere in the tree, and why.
pub const BANNED: &[(&str, &str)] = &[
    ("ring", "one cryptographic provider: aws-lc-rs"),
    ("openssl-sys", "one cryptographic provider: aws-lc-rs"),
    ("native-tls", "one TLS implementation: rustls"),
    ("rsa", "RUSTSEC-2023-0071"),
    ("reqwest", "only egress dials, with hyper, to vetted addresses"),
    ("ureq", "only egress dials, with hyper, to vetted addresses"),
];

/// Asks cargo what each package declares.
pub fn metadata() -> std::io::Result<Value> {
    let told = cargo(&["metadata", "--format-version", "1", "--no-deps", "--locked", "--offline"])?;
    serde_json::from_str(&told).map_err(std::io::Error::other)
}

/// Asks cargo what is really compiled: the lock file also names optional crates that nothing turns on.
pub fn tree() -> std::io::Result<String> {
    cargo(&["tree", "--workspace", "--prefix", "none", "--format", "{p}", "--locked", "--offline"])
}

fn cargo(arguments: &[&str]) -> std::io::Result<String> {
    let out =
        Command::new(option_env!("CARGO").unwrap_or("cargo")).args(arguments).current_dir(source::root()).output()?;
    if !out.status.success() {
        return Err(std::io::Error::other(String::from_utf8_lossy(&out.stderr).into_owned()));
    }
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}

/// Every dependency that the tables do not allow.
pub fn breaches(metadata: &Value) -> Vec<Breach> {
    let mut found = Vec::new();
    for package in list(metadata, "packages") {
        let name = text(package, "name");
        let Some(room) = name.strip_prefix("lockgate-") else { continue };
        let Some((_, allowed)) = ROOMS.iter().find(|(known, _)| *known == room) else {
            found.push(Breach::of(name, "is not in the table of rooms"));
            continue;
        };
        for dependency in list(package, "dependencies") {
            let wanted = text(dependency, "name");
            let for_tests = dependency.get("kind").and_then(Value::as_str) == Some("dev");
            if let Some(other) = wanted.strip_prefix("lockgate-")
                && !allowed.contains(&other)
                && !(for_tests && other == "testkit")
            {
                found.push(Breach::of(name, format!("depends on {wanted}: the table of rooms does not allow it")));
            }
            if let Some((_, owners)) = OWNERS.iter().find(|(heavy, _)| *heavy == wanted)
                && !owners.contains(&room)
                && !for_tests
            {
                found.push(Breach::of(name, format!("depends on {wanted}, which belongs to {owners:?}")));
            }
        }
    }
    found
}

/// Banned crates in what `cargo tree` prints.
pub fn banned(tree: &str) -> Vec<Breach> {
    let compiled = |name: &str| tree.lines().any(|line| line.split(' ').next() == Some(name));
    BANNED
        .iter()
        .filter(|(name, _)| compiled(name))
        .map(|(name, reason)| Breach::of(*name, format!("is in the tree: {reason}")))
        .collect()
}

fn list<'a>(value: &'a Value, member: &str) -> &'a [Value] {
    value.get(member).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value.get(member).and_then(Value::as_str).unwrap_or_default()
}
