//! What each verb sends, and how answers read. The gateway's side is tested over HTTP.

use clap::Parser;
use http::Method;
use lockgate_vocabulary::Timestamp;
use serde_json::{Value, json};

use super::{Connect, Order, Resource, api_key, order, print, segment};

mod hooks;

fn body(order: &Order) -> Option<Value> {
    order.body.as_ref().map(|text| serde_json::from_slice(text).unwrap_or_else(|error| panic!("{error}")))
}

#[derive(Parser)]
struct Line {
    #[command(subcommand)]
    resource: Resource,
}

fn parsed(line: Result<Line, clap::Error>) -> Line {
    line.unwrap_or_else(|error| panic!("{error}"))
}

fn sent(line: &str, input: &str) -> Order {
    let line = Line::try_parse_from(shell(line)).unwrap_or_else(|error| panic!("{error}"));
    order(&line.resource, &mut input.as_bytes()).unwrap_or_else(|usage| panic!("{}", usage.0))
}

/// Splits at spaces, but for what stands in single quotes.
fn shell(line: &str) -> Vec<String> {
    let parts = line.split('\'').enumerate();
    let words = parts.flat_map(|(index, part)| match index % 2 {
        0 => part.split_whitespace().map(str::to_owned).collect(),
        _ => vec![part.to_owned()],
    });
    std::iter::once("lockgate".to_owned()).chain(words).collect()
}

#[test]
fn an_api_key_comes_from_a_file_that_its_owner_alone_may_read() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("key");
    std::fs::write(&file, " lgk_1\r\nthe operator's\n").expect("written");
    let connect = Connect { admin: String::new(), api_key_file: Some(file.clone()), api_key: None, authority: None };
    for (mode, refused) in [(0o600, false), (0o400, false), (0o640, true), (0o604, true)] {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).expect("set");
        match api_key(&connect) {
            Ok(key) => assert!(!refused && key.expose() == b"lgk_1", "{mode:o}"),
            Err(usage) => {
                assert!(refused && usage.0.contains("chmod 600") && !usage.0.contains("lgk_1"), "{}", usage.0)
            }
        }
    }
}

#[test]
fn a_secret_comes_from_standard_input_and_loses_one_line_end() {
    let order = sent("credential create --name s --connection c --owner me --secret-stdin", "sk_live_1\r\n");
    assert_eq!((&order.method, order.path.as_str()), (&Method::POST, "/v1/credentials"));
    let wanted = json!({ "name": "s", "connection": "c", "owner": "me", "sensitivity": "high", "secret": "sk_live_1" });
    assert_eq!(body(&order), Some(wanted));
    assert!(!format!("{order:?}").contains("sk_live_1"));
    let order = sent("credential create --name s --connection c --owner me --backend corp --secret-stdin", "x");
    assert_eq!(body(&order).map(|body| body["backend"].clone()), Some(json!("corp")), "who else is to keep it");
}

#[test]
fn back_ends_are_listed_and_a_signing_key_is_withdrawn_by_its_name() {
    let order = sent("backend list", "");
    assert_eq!((&order.method, order.path.as_str(), body(&order)), (&Method::GET, "/v1/backends", None));
    let order = sent("signing-key list", "");
    assert_eq!((&order.method, order.path.as_str()), (&Method::GET, "/v1/signing-keys"));
    let order = sent("signing-key withdraw a/b", "");
    assert_eq!((&order.method, order.path.as_str()), (&Method::POST, "/v1/signing-keys/a%2Fb/withdraw"));
    assert_eq!(body(&order), None);
}

#[test]
fn a_secret_of_any_text_is_written_as_json() {
    for secret in ["\"\\/\u{1}\u{7f}é\u{1f600}", "{\"type\": \"service_account\",\n \"key\": \"a\\nb\"}", "\u{1}\u{2}"]
    {
        let order = sent("credential rotate s --secret-stdin", secret);
        assert_eq!(order.path, "/v1/credentials/s/versions");
        assert_eq!(body(&order), Some(json!({ "secret": secret })));
    }
}

#[test]
fn the_steps_of_a_rotation_are_one_request_each() {
    let stage = sent("credential stage s --finish-in 2h --acknowledge-gap --secret-stdin", "sk_2");
    assert_eq!(stage.path, "/v1/credentials/s/versions");
    let wanted = json!({ "stage": true, "finish_in": 7_200, "acknowledge_gap": true, "secret": "sk_2" });
    assert_eq!(body(&stage), Some(wanted));
    let rotate = sent("credential rotate s --danger-unverified --expires-in 90d --secret-stdin", "sk_2");
    let wanted = json!({ "danger_unverified": true, "expires_in": 7_776_000, "secret": "sk_2" });
    assert_eq!(body(&rotate), Some(wanted));
    let moment = "2026-01-31T12:00:00Z";
    for (line, path, wanted) in [
        ("verify s 2", "versions/verify", json!({ "version": 2 })),
        ("finish s 2", "versions/finish", json!({ "version": 2, "danger_unverified": false })),
        ("rollback s", "rollback", json!({ "acknowledge_gap": false })),
        ("rollback s --to 1", "rollback", json!({ "version": 1, "acknowledge_gap": false })),
        (
            "destroy s 1 --unused-since 2026-01-31T12:00:00Z",
            "versions/destroy",
            json!({ "version": 1, "unused_since": moment }),
        ),
        (
            "compromised s --since 2026-01-31T12:00:00Z --reason leaked",
            "compromise",
            json!({ "since": moment, "reason": "leaked" }),
        ),
    ] {
        let order = sent(&format!("credential {line}"), "");
        assert_eq!((&order.method, order.path.as_str()), (&Method::POST, &*format!("/v1/credentials/s/{path}")));
        assert_eq!(body(&order), Some(wanted), "{line}");
    }
    for deed in ["recover", "purge"] {
        let order = sent(&format!("credential {deed} s"), "");
        assert_eq!((order.path.as_str(), order.body.is_none()), (&*format!("/v1/credentials/s/{deed}"), true));
    }
    let uses = sent("credential uses s --since 2026-01-31T12:00:00Z", "");
    assert_eq!(uses.path, "/v1/credentials/s/uses?since=2026-01-31T12%3A00%3A00Z");
}

#[test]
fn an_empty_secret_is_refused_before_anything_is_sent() {
    let line = Line::try_parse_from(shell("credential rotate s --secret-stdin")).ok().map(|line| line.resource);
    let usage = order(&line.expect("it parses"), &mut "\n".as_bytes()).expect_err("nothing came");
    assert!(usage.0.contains("--secret-stdin"), "{}", usage.0);
}

#[test]
fn a_declared_use_names_connection_method_and_path() {
    let order = sent(
        "principal create --name billing --kind service --scope integration.connections.call --use 'stripe GET /v1/{id}'",
        "",
    );
    let uses = body(&order).and_then(|body| body.get("endpoints").cloned());
    assert_eq!(uses, Some(json!([{ "connection": "stripe", "method": "GET", "path": "/v1/{id}" }])));
    let bad = Line::try_parse_from(shell("principal create --name b --kind service --scope x --use stripe"));
    let usage = super::order(&parsed(bad).resource, &mut "".as_bytes()).expect_err("two words are missing");
    assert!(usage.0.contains("CONNECTION METHOD PATH"));
}

#[test]
fn names_are_encoded_into_one_segment() {
    assert_eq!(segment("../v1/tenants?x"), "..%2Fv1%2Ftenants%3Fx");
    assert_eq!(sent("connection show a/b", "").path, "/v1/connections/a%2Fb");
    assert_eq!(sent("run list --outcome unknown --limit 5", "").path, "/v1/runs?outcome=unknown&limit=5");
}

#[test]
fn an_escalation_is_listed_by_its_state_and_resolved_with_what_was_found() {
    let listed = sent("escalation list --state open --limit 5 --cursor 1-run_x", "");
    assert_eq!(
        (&listed.method, listed.path.as_str()),
        (&Method::GET, "/v1/escalations?state=open&limit=5&cursor=1-run_x")
    );
    let order = sent("escalation resolve run_1 --reason not_done --note 'not in the ledger'", "");
    assert_eq!((&order.method, order.path.as_str()), (&Method::POST, "/v1/escalations/run_1/resolve"));
    assert_eq!(body(&order), Some(json!({ "reason": "not_done", "note": "not in the ledger" })));
    assert_eq!(body(&sent("escalation resolve run_1 --reason done", "")), Some(json!({ "reason": "done" })));
    for line in ["escalation resolve run_1", "escalation resolve run_1 --reason maybe", "escalation list --state all"] {
        assert!(Line::try_parse_from(shell(line)).is_err(), "{line}");
    }
}

#[test]
fn a_refusal_reads_as_code_reason_and_place() {
    let answer = lockgate_egress::OperatorAnswer {
        status: http::StatusCode::UNPROCESSABLE_ENTITY,
        headers: http::HeaderMap::new(),
        body: json!({ "code": "access.input.invalid", "title": "Not valid.", "trace_id": "00ff",
            "violations": [{ "pointer": "/name", "reason": "too long" }] })
        .to_string()
        .into(),
    };
    let mut console = crate::commands::Console::new(std::io::empty(), std::io::sink(), std::io::sink());
    let failure = print(&answer, false, &mut console).expect_err("it was refused");
    let text = failure.to_string();
    assert!(matches!(failure, crate::commands::Failure::Refused(_)));
    for part in [
        "access.input.invalid",
        "/name: too long",
        "00ff",
        crate::manual::cure("access.input.invalid").expect("a cure"),
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let failure = print(&answer, true, &mut console).expect_err("it was refused");
    let told: Value = serde_json::from_str(&failure.to_string()).expect("JSON");
    assert_eq!(told["code"], "access.input.invalid");
}

#[test]
fn a_list_reads_as_lines_and_says_how_to_go_on() {
    let list = json!({ "items": [{ "id": "conn_1", "name": "stripe", "status": "active", "spec": {} }], "next": "c2" });
    let shown = |value: &Value| super::print::shown(value, Timestamp::from_secs(1_795_320_000));
    assert_eq!(shown(&list), "ID      NAME    STATUS\nconn_1  stripe  active\n(more: --cursor c2)\n");
    assert_eq!(shown(&json!({ "items": [], "next": null })), "(none)\n");
    assert_eq!(shown(&json!({ "id": "x", "spec": { "a": 1 }, "gone": null })), "id: x\nspec:\n  a: 1\n");
    let later = "2027-01-01T00:00:00.000000Z";
    let key = |name: &str, end: &str, revoked: Value| json!({ "key": name, "expires_at": end, "revoked_at": revoked });
    let keys = [
        key("a", later, json!(null)),
        key("b", "2026-01-01T00:00:00.000000Z", json!(null)),
        key("c", later, json!(later)),
    ];
    let text = shown(&json!({ "items": keys }));
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    let stati: Vec<&str> = lines.iter().map(|line| line[1]).collect();
    assert_eq!(
        (lines[0].as_slice(), stati),
        (&["KEY", "STATUS", "EXPIRES_AT"][..], vec!["STATUS", "live", "expired", "revoked"])
    );
    let vendors = json!({ "items": [{ "origin": "catalog", "spec": { "name": "stripe" } }] });
    assert_eq!(shown(&vendors), "NAME    ORIGIN\nstripe  catalog\n");
}

#[test]
fn a_length_of_time_has_a_unit() {
    assert_eq!(super::seconds("90d"), Ok(90 * 86_400));
    assert_eq!(super::seconds("15m"), Ok(900));
    for bad in ["90", "d", "1w", "-1d", "99999999999999999999d", ""] {
        assert!(super::seconds(bad).is_err(), "{bad}");
    }
}
