//! The verbs for subscriptions, deliveries and approvals.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use clap::Parser;
use http::Method;
use serde_json::{Value, json};

use super::{Line, body, parsed, sent, shell};
use crate::commands::resource::{Order, print};

/// What a line that parses is refused with before anything is sent.
fn refused(line: &str, input: &str) -> String {
    let parsed = parsed(Line::try_parse_from(shell(line)));
    let usage = crate::commands::resource::order(&parsed.resource, &mut input.as_bytes());
    usage.map(|order| panic!("{line}: {order:?}")).unwrap_or_else(|usage| usage.0)
}

fn asked(order: &Order) -> (&Method, &str) {
    (&order.method, order.path.as_str())
}

fn file(name: &str, text: &str, mode: u32) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    std::fs::write(&path, text).expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("set");
    (folder, path)
}

#[test]
fn a_door_in_is_made_with_flags_and_its_secret_is_in_no_argument() {
    let (_folder, path) = file("secret", "whsec_\"1\"\n", 0o600);
    let by_file = sent(&format!("subscription create --name pay --scheme stripe --secret-file {}", path.display()), "");
    let by_stdin = sent("subscription create --name pay --scheme stripe --pull --secret-stdin", "whsec_\"1\"\r\n");
    let wanted = json!({
        "name": "pay", "spec": { "direction": "inbound", "scheme": "stripe", "setting": {} }, "secrets": ["whsec_\"1\""],
    });
    for order in [by_file, by_stdin] {
        assert_eq!(asked(&order), (&Method::POST, "/v1/subscriptions"));
        assert_eq!(body(&order), Some(wanted.clone()));
        assert!(!format!("{order:?}").contains("whsec_"));
    }
}

#[test]
fn what_a_scheme_needs_beside_a_secret_has_flags_of_its_own() {
    let (_folder, key) = file("key.pem", "abcd\n", 0o644);
    let line = format!(
        "subscription create --name p --scheme paypal --webhook-id WH-1 --public-key-file {} --address 192.0.2.0/24 \
         --public-url https://gate.example/hooks/x --push https://app.example/in",
        key.display()
    );
    let spec = body(&sent(&line, "")).and_then(|body| body.get("spec").cloned());
    let setting =
        json!({ "public_url": "https://gate.example/hooks/x", "webhook_id": "WH-1", "public_keys": ["abcd"] });
    let wanted = json!({
        "direction": "inbound", "scheme": "paypal", "setting": setting, "addresses": ["192.0.2.0/24"],
        "handoff": { "push": { "url": "https://app.example/in" } },
    });
    assert_eq!(spec, Some(wanted));
}

#[test]
fn deliveries_are_published_or_come_from_published_networks_where_that_is_said() {
    let line = "subscription create --name p --scheme paddle --nats --published-addresses --secret-stdin";
    let spec = body(&sent(line, "s")).and_then(|body| body.get("spec").cloned());
    let wanted = json!({
        "direction": "inbound", "scheme": "paddle", "setting": {}, "handoff": "nats", "published_addresses": true,
    });
    assert_eq!(spec, Some(wanted));
    assert!(Line::try_parse_from(shell("subscription create --name p --scheme paddle --nats --pull")).is_err());
}

#[test]
fn a_way_out_is_made_with_its_types_and_its_endpoint() {
    let line = "subscription create --name out --event-type invoice.* --event-type user.new --push https://a.example/";
    let wanted = json!({
        "direction": "outbound", "event_types": ["invoice.*", "user.new"], "endpoint": { "url": "https://a.example/" },
    });
    assert_eq!(body(&sent(line, "")), Some(json!({ "name": "out", "spec": wanted })));
}

#[test]
fn flags_that_contradict_each_other_or_say_too_little_are_refused_by_name() {
    for (line, named) in [
        ("subscription create --name a --scheme github --spec f.json", "--spec"),
        ("subscription create --name a --scheme github --event-type b --push https://a.example", "--event-type"),
        ("subscription create --name a --event-type b", "--push"),
        ("subscription create --name a --scheme github --push https://a.example --pull", "--pull"),
        ("subscription create --name a --public-url https://a.example", "--"),
        ("subscription create --name a --scheme github --secret-stdin --secret-file f", "--secret"),
        ("subscription create --name a --scheme github --secret s", "--secret"),
        ("subscription add-secret a --signing --secret-stdin", "--signing"),
        ("subscription withdraw-secret a --purpose both --version 1", "--purpose"),
        ("delivery replay dlv_1", "--reason"),
        ("delivery replay dlv_1 --subscription s --reason r", "--subscription"),
        ("delivery replay dlv_1 --cursor dlv_2 --reason r", "--cursor"),
        ("delivery replay --subscription s --quarantined --reason r", "--quarantined"),
        ("delivery replay dlv_1 --since 2026-01-01T00:00:00Z --reason r", "--since"),
        ("subscription create --name a --spec f.json --public-url https://a.example", "--public-url"),
        ("subscription create --name a --event-type b --push https://a.example --address 192.0.2.0/24", "--address"),
    ] {
        let Err(error) = Line::try_parse_from(shell(line)) else { panic!("{line} parses") };
        assert!(error.to_string().contains(named), "{line}: {error}");
    }
    let ways = refused("subscription create --name a", "");
    assert!(["--scheme", "--event-type", "--spec"].iter().all(|flag| ways.contains(flag)), "{ways}");
    assert!(refused("delivery replay --reason r", "").contains("--subscription"));
    assert!(refused("subscription add-secret a", "").contains("--signing"));
    let empty = refused("subscription add-secret a --secret-stdin", "\n");
    assert!(empty.contains("--secret-stdin"), "{empty}");
    let nowhere = refused("subscription create --name a --scheme github --secret-file /nowhere/s", "");
    assert!(nowhere.contains("--secret-file /nowhere/s"), "{nowhere}");
    let nowhere = refused("subscription create --name a --scheme discord --public-key-file /nowhere/k", "");
    assert!(nowhere.contains("--public-key-file /nowhere/k"), "{nowhere}");
    let nowhere = refused("subscription change a --spec /nowhere/spec.json", "");
    assert!(nowhere.contains("--spec /nowhere/spec.json"), "{nowhere}");
}

#[test]
fn a_secrets_file_is_its_owners_alone() {
    for (mode, text, said) in [(0o644, "s", "chmod 600"), (0o600, "\n", "no secret in it")] {
        let (_folder, path) = file("secret", text, mode);
        let told = refused(&format!("subscription add-secret a --secret-file {}", path.display()), "");
        assert!(told.contains("--secret-file") && told.contains(said), "{told}");
    }
}

#[test]
fn a_subscription_is_changed_paused_resumed_retired_and_verified() {
    let (_folder, path) = file("spec.json", "{\"direction\": \"inbound\", \"scheme\": \"github\"}", 0o644);
    let changed = sent(&format!("subscription change a/b --spec {}", path.display()), "");
    assert_eq!(asked(&changed), (&Method::PATCH, "/v1/subscriptions/a%2Fb"));
    assert_eq!(body(&changed), Some(json!({ "spec": { "direction": "inbound", "scheme": "github" } })));
    for (line, wanted) in [
        ("subscription pause s --reason 'moving house'", json!({ "status": "paused", "reason": "moving house" })),
        ("subscription resume s", json!({ "status": "active" })),
        ("subscription retire s", json!({ "status": "retired" })),
    ] {
        let order = sent(line, "");
        assert_eq!((asked(&order), body(&order)), ((&Method::PATCH, "/v1/subscriptions/s"), Some(wanted)), "{line}");
    }
    let verify = sent("subscription verify s", "");
    assert_eq!((asked(&verify), body(&verify)), ((&Method::POST, "/v1/subscriptions/s/verify"), None));
}

#[test]
fn secrets_are_added_and_withdrawn() {
    let given = sent("subscription add-secret s --secret-stdin --overlap-hours 0", "new\n");
    assert_eq!(asked(&given), (&Method::POST, "/v1/subscriptions/s/secrets"));
    assert_eq!(body(&given), Some(json!({ "overlap_hours": 0, "secret": "new" })));
    assert_eq!(body(&sent("subscription add-secret s --signing", "")), Some(json!({})));
    let withdrawn = sent("subscription withdraw-secret s --purpose sign --version 3", "");
    assert_eq!(asked(&withdrawn), (&Method::POST, "/v1/subscriptions/s/secrets/withdraw"));
    assert_eq!(body(&withdrawn), Some(json!({ "purpose": "sign", "version": 3 })));
}

#[test]
fn deliveries_are_sought_by_flags_and_played_again_with_a_reason() {
    let line = "delivery list --subscription pay --state dead --event-type a.b --since 2026-01-01T00:00:00Z --limit 5";
    let path = "/v1/deliveries?state=dead&subscription=pay&event_type=a.b&since=2026-01-01T00%3A00%3A00Z&limit=5";
    assert_eq!(sent(line, "").path, path);
    assert_eq!(sent("delivery dead --cause conflict", "").path, "/v1/dead-letters?cause=conflict");
    assert_eq!(sent("delivery show dlv_1", "").path, "/v1/deliveries/dlv_1");
    let some = sent("delivery replay dlv_1 dlv_2 --reason 'it was down'", "");
    assert_eq!(asked(&some), (&Method::POST, "/v1/deliveries/replay"));
    assert_eq!(body(&some), Some(json!({ "deliveries": ["dlv_1", "dlv_2"], "reason": "it was down" })));
    let all = sent("delivery replay --subscription pay --state delivered --until 2026-02-01T00:00:00Z --reason r", "");
    let wanted = json!({
        "subscription": "pay", "state": "delivered", "until": "2026-02-01T00:00:00Z", "reason": "r",
    });
    assert_eq!(body(&all), Some(wanted));
    let rest = sent("delivery replay --subscription pay --cursor dlv_9 --nonce run-1 --reason r", "");
    let wanted = json!({ "subscription": "pay", "cursor": "dlv_9", "nonce": "run-1", "reason": "r" });
    assert_eq!(body(&rest), Some(wanted));
    let held = sent("delivery replay dlv_1 --quarantined --reason r", "");
    assert_eq!(body(&held), Some(json!({ "deliveries": ["dlv_1"], "quarantined": true, "reason": "r" })));
}

#[test]
fn approvals_are_listed_and_decided() {
    assert_eq!(sent("approval list --state pending", "").path, "/v1/approvals?state=pending");
    assert_eq!(sent("approval show apr_1", "").path, "/v1/approvals/apr_1");
    for (verb, approve) in [("approve", true), ("deny", false)] {
        let order = sent(&format!("approval {verb} apr_1 --note seen"), "");
        assert_eq!(asked(&order), (&Method::POST, "/v1/approvals/apr_1/decide"));
        assert_eq!(body(&order), Some(json!({ "approve": approve, "note": "seen" })));
    }
}

#[test]
fn a_signing_secret_is_marked_as_shown_once() {
    let answer = lockgate_egress::OperatorAnswer {
        status: http::StatusCode::CREATED,
        headers: http::HeaderMap::new(),
        body: json!({ "subscription": "sub_1", "signing_secret": "whsec_x" }).to_string().into(),
    };
    for (as_json, noted) in [(false, true), (true, false)] {
        let (out, err) = (Paper::default(), Paper::default());
        let mut console = crate::commands::Console::new(std::io::empty(), out.clone(), err.clone());
        print(&answer, as_json, &mut console).expect("it was done");
        drop(console);
        assert!(out.text().contains("whsec_x") && !err.text().contains("whsec_x"));
        assert_eq!(err.text().contains("shown this once"), noted);
    }
}

#[test]
fn subscriptions_and_deliveries_read_as_lines() {
    let now = lockgate_vocabulary::Timestamp::from_secs(1_795_320_000);
    let shown = |value: &Value| crate::commands::resource::print::shown(value, now);
    let subscription = json!({
        "subscription": "sub_1", "name": "pay", "spec": { "direction": "inbound", "scheme": "stripe" },
        "path": "/hooks/sub_1", "status": "active", "reason": null,
    });
    assert_eq!(
        shown(&json!({ "items": [subscription] })),
        "SUBSCRIPTION  NAME  DIRECTION  SCHEME  STATUS  PATH\nsub_1         pay   inbound    stripe  active  /hooks/sub_1\n"
    );
    let delivery = json!({
        "delivery": "dlv_1", "subscription": "sub_1", "state": "quarantined", "event_type": "a.b", "bytes": 7,
        "tries": 0, "cause": "conflict", "code": "webhooks.delivery.conflict", "received_at": "2026-09-21T14:13:20Z",
    });
    let text = shown(&json!({ "items": [delivery] }));
    for part in ["DELIVERY", "EVENT_TYPE", "quarantined", "conflict", "webhooks.delivery.conflict", "RECEIVED_AT"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[derive(Clone, Default)]
struct Paper(std::rc::Rc<std::cell::RefCell<Vec<u8>>>);

impl Paper {
    fn text(&self) -> String {
        String::from_utf8(self.0.borrow().clone()).expect("text")
    }
}

impl std::io::Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
