//! Answers of the admin API as a person reads them.

use std::fmt::Write;

use lockgate_vocabulary::Timestamp;
use serde_json::Value;

use crate::manual;

/// The columns of a list, of which it has those that any of its rows has something for.
const COLUMNS: &[&str] = &[
    "id",
    "delivery",
    "approval",
    "run",
    "tenant",
    "provider",
    "principal",
    "key",
    "connection",
    "issuer",
    "subscription",
    "kid",
    "name",
    "direction",
    "scheme",
    "origin",
    "kind",
    "object",
    "event_type",
    "bytes",
    "tries",
    "method",
    "endpoint",
    "status",
    "state",
    "expires_at",
    "outcome",
    "cause",
    "code",
    "failing_since",
    "received_at",
    "path",
];

/// A list as lines below the heads of its columns, anything else as `member: value` lines.
pub(super) fn shown(value: &Value, now: Timestamp) -> String {
    let mut out = String::new();
    match value.get("items").and_then(Value::as_array) {
        Some(items) if items.is_empty() => out.push_str("(none)\n"),
        Some(items) => table(&mut out, items, now),
        None => members(&mut out, "", value),
    }
    if let Some(next) = value.get("next").and_then(Value::as_str) {
        let _ = writeln!(out, "(more: --cursor {next})");
    }
    for other in value.get("not_covered").and_then(Value::as_array).into_iter().flatten() {
        let part = |name: &str| other.get(name).and_then(Value::as_str).unwrap_or_default();
        let _ = writeln!(out, "(not covered: the trail of {}, which grew last at {})", part("node"), part("heard_at"));
    }
    out
}

fn table(out: &mut String, items: &[Value], now: Timestamp) {
    let rows: Vec<Vec<String>> =
        items.iter().map(|item| COLUMNS.iter().map(|name| cell(item, name, now)).collect()).collect();
    let widths = COLUMNS.iter().enumerate().map(|(place, name)| {
        let widest = rows.iter().filter_map(|row| row.get(place)).map(|cell| cell.chars().count()).max();
        widest.filter(|widest| *widest > 0).map(|widest| widest.max(name.len()))
    });
    let widths: Vec<Option<usize>> = widths.collect();
    let heads: Vec<String> = COLUMNS.iter().map(|name| name.to_uppercase()).collect();
    for row in std::iter::once(&heads).chain(&rows) {
        let cells = row.iter().zip(&widths).filter_map(|(cell, width)| width.map(|width| format!("{cell:width$}")));
        let line: Vec<String> = cells.collect();
        let _ = writeln!(out, "{}", line.join("  ").trim_end());
    }
}

/// What stands in the specification of a row and in a column of its own.
const OF_SPEC: &[&str] = &["name", "direction", "scheme"];

/// What stands in a column for this row. A provider's name is in its description, and whether a key still
/// proves anything is told by its two ends.
fn cell(item: &Value, name: &str, now: Timestamp) -> String {
    let there = item.get(name).filter(|value| !value.is_null());
    if let Some(value) = there.or_else(|| item.get("spec")?.get(name).filter(|_| OF_SPEC.contains(&name))) {
        return plain(value);
    }
    let moment = |name: &str| item.get(name).and_then(Value::as_str);
    match name {
        "status" if moment("revoked_at").is_some() => "revoked".to_owned(),
        // Both are RFC 3339 in UTC with as many digits, so the texts have the order of the moments.
        "status" if moment("expires_at").is_some_and(|end| end <= now.to_string().as_str()) => "expired".to_owned(),
        "status" if item.get("revoked_at").is_some() => "live".to_owned(),
        _ => String::new(),
    }
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
    if let Some(cure) = text("code").and_then(manual::cure) {
        let _ = writeln!(out, "  {cure}");
    }
    if let Some(trace) = text("trace_id") {
        let _ = writeln!(out, "  trace {trace}");
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
