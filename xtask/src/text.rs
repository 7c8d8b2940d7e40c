//! What no text of the tree may contain, and what every module must begin with.

use crate::Breach;
use crate::source::File;

/// Rooms whose production code may look inside a `Secret`.
/// `vault` lends credentials; `access` compares and signs; `audit` and `store` turn their own key or
/// password into a signer or a session once, at start.
pub const MAY_EXPOSE: &[&str] = &["vocabulary", "vault", "access", "audit", "store"];

/// Single files elsewhere that may, each with what it does: none of them ever holds a vendor's credential.
pub const SHOWN_ONCE: &[(&str, &str)] = &[
    ("crates/admin/src/api/api_keys.rs", "shows a new key in the answer to its making"),
    ("crates/admin/src/api/subscriptions.rs", "shows a new signing secret in the answer to its making"),
    ("crates/egress/src/idempotency.rs", "opens an answer that was kept sealed for the caller's own repetition"),
    ("crates/egress/src/operation.rs", "opens a request and an answer that were kept sealed"),
    ("crates/egress/src/operator_client.rs", "sends the operator's own key to the operator's own gateway"),
    ("crates/gateway/src/commands/bootstrap.rs", "shows the first operator's key"),
    ("crates/gateway/src/commands/init.rs", "shows the first operator's key"),
    ("crates/webhooks/src/approval.rs", "opens a request that was kept sealed"),
    ("crates/webhooks/src/envelope.rs", "opens a delivery that was kept sealed"),
];

/// Files beside the way out that dial, each with what it dials. What drivers of the store dial stands in the
/// table of heavy crates. A new row needs a decision record.
pub const DIALLERS: &[(&str, &str)] =
    &[("crates/gateway/src/telemetry/otlp/post.rs", "the operator's own collector of traces (decision 0009)")];

/// Calls that dial or resolve.
const DIALLING: &[&str] = &["TcpStream::connect(", "UnixStream::connect(", "TcpSocket::new_", "lookup_host("];

/// Folder names that no file may have.
const NAMELESS: &[&str] = &["utils.rs", "util.rs", "common.rs", "helpers.rs", "misc.rs", "types.rs"];

/// What a file's text breaks.
pub fn breaches(file: &File) -> Vec<Breach> {
    let mut found = Vec::new();
    for (number, line) in file.text.lines().enumerate().map(|(index, line)| (index + 1, line)) {
        if let Some(what) = unwelcome(line) {
            found.push(Breach::at(&file.path, number, what));
        }
    }
    if file.is_rust() {
        found.extend(rust(file));
    }
    found
}

fn unwelcome(line: &str) -> Option<&'static str> {
    // The words are put together here so that this file does not break its own rule.
    let machine = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("artif", "actory")];
    if machine.iter().any(|word| line.contains(word)) {
        return Some("names a path or a host of one machine");
    }
    let undone = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X:")];
    if undone.iter().any(|word| line.contains(word)) && !line.contains(concat!("TO", "DO(#")) {
        return Some(concat!("work left undone names its issue: TO", "DO(#12)"));
    }
    None
}

fn rust(file: &File) -> Vec<Breach> {
    let mut found = Vec::new();
    let name = file.path.rsplit('/').next().unwrap_or_default();
    if name == "mod.rs" {
        found.push(Breach::of(&file.path, "write foo.rs and foo/, never mod.rs"));
    }
    if NAMELESS.contains(&name) {
        found.push(Breach::of(&file.path, "the file's name says nothing of what lives in it"));
    }
    if !file.text.starts_with("//!") {
        found.push(Breach::of(&file.path, "begins without `//!`: say what lives here, what does not, and why"));
    }
    let shown_once = SHOWN_ONCE.iter().any(|(path, _)| *path == file.path);
    let may_expose = shown_once || file.is_test() || file.room().is_none_or(|room| MAY_EXPOSE.contains(&room));
    for (index, line) in file.text.lines().enumerate() {
        let dials = DIALLING.iter().any(|call| line.contains(call)) && file.room().is_some_and(|room| room != "egress");
        if dials && !file.is_test() && !DIALLERS.iter().any(|(path, _)| *path == file.path) {
            found.push(Breach::at(&file.path, index + 1, "dials: only the way out does, and who is in the table"));
        }
        if !may_expose && line.contains(".expose()") {
            found.push(Breach::at(&file.path, index + 1, "looks inside a Secret: only the vault's side may"));
        }
    }
    found
}
