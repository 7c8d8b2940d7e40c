//! Answers of the admin API as a person reads them.

use std::fmt::Write;

use serde_json::Value;

/// What a row of a list shows, where it has it.
const SHOWN: &[&str] = &[
    "id",
    "run",
    "tenant",
    "principal",
    "key",
    "provider",
    "connection",
    "issuer",
    "name",
    "kind",
    "method",
    "endpoint",
    "status",
    "state",
    "outcome",
    "code",
];

/// A list as lines, anything else as `member: value` lines.
pub(super) fn shown(value: &Value) -> String {
    let mut out = String::new();
    match value.get("items").and_then(Value::as_array) {
        Some(items) => {
            for item in items {
                let cells = SHOWN.iter().filter_map(|name| item.get(name));
                let cells: Vec<String> = cells.map(plain).collect();
                out.push_str(&cells.join("  "));
                out.push('\n');
            }
            if let Some(next) = value.get("next").and_then(Value::as_str) {
                let _ = writeln!(out, "(more: --cursor {next})");
            }
            if items.is_empty() {
                out.push_str("(none)\n");
            }
        }
        None => members(&mut out, "", value),
    }
    out
}

/// A refusal with its code, what helps, and what is wrong where.
pub(super) fn refused(status: u16, value: &Value) -> String {
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let mut out = format!(
        "{} ({}, {status})\n",
        text("title").unwrap_or("the gateway gave no reason"),
        text("code").unwrap_or("no code"),
    );
    if let Some(detail) = text("detail") {
        let _ = writeln!(out, "  {detail}");
    }
    for violation in value.get("violations").and_then(Value::as_array).into_iter().flatten() {
        let part = |name: &str| violation.get(name).and_then(Value::as_str).unwrap_or_default();
        let _ = writeln!(out, "  {}: {}", part("pointer"), part("reason"));
    }
    if let Some(trace) = text("trace_id") {
        let _ = writeln!(out, "  trace {trace}; docs/generated/refusals.md has the cure");
    }
    out
}

fn members(out: &mut String, indent: &str, value: &Value) {
    let Value::Object(object) = value else {
        let _ = writeln!(out, "{indent}{}", plain(value));
        return;
    };
    for (name, member) in object {
        match member {
            Value::Null => {}
            Value::Object(inner) if !inner.is_empty() => {
                let _ = writeln!(out, "{indent}{name}:");
                members(out, &format!("{indent}  "), member);
            }
            other => {
                let _ = writeln!(out, "{indent}{name}: {}", plain(other));
            }
        }
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
