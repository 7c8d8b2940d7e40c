//! Measured against sets of strangers, where they are at hand.
//!
//! Their licences differ, so they are not part of this repository: the folder is the one that
//! `LOCKGATE_CORPORA` names, or `../shared/corpora` beside the checkout.

use std::path::PathBuf;

use serde_json::Value;

use crate::json::{self, Flaw, Limits};
use crate::media_type::{self, MediaType};

#[expect(clippy::disallowed_methods, reason = "a test finds its corpora by the environment")]
fn lines(name: &str) -> Option<Vec<Value>> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/corpora");
    let folder = std::env::var("LOCKGATE_CORPORA").map_or_else(|_| PathBuf::from(beside), PathBuf::from);
    let Ok(text) = std::fs::read_to_string(folder.join("api").join(name)) else {
        println!("skipped: {name} is not here; set LOCKGATE_CORPORA to the folder that has it");
        return None;
    };
    Some(text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect())
}

fn word<'a>(line: &'a Value, member: &str) -> &'a str {
    line[member].as_str().unwrap_or_default()
}

fn base64(text: &str) -> Vec<u8> {
    let digit = |byte: u8| match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let mut out = Vec::new();
    for group in text.trim_end_matches('=').as_bytes().chunks(4) {
        let bits =
            group.iter().fold(0u32, |bits, byte| (bits << 6) | u32::from(digit(*byte))) << (6 * (4 - group.len()));
        out.extend(bits.to_be_bytes()[1..].iter().take(group.len() * 6 / 8));
    }
    out
}

#[test]
fn json_is_read_as_its_test_sets_demand() {
    let Some(lines) = lines("json_parsing.jsonl") else { return };
    let mut wrong = Vec::new();
    for line in &lines {
        let body = match line["body_b64"].as_str() {
            Some(body) => base64(body),
            None => word(&line["generator"], "repeat")
                .repeat(line["generator"]["times"].as_u64().unwrap_or(0) as usize)
                .into(),
        };
        let found = json::check(&body, &Limits::default()).err().map(|finding| finding.flaw);
        let right = match word(line, "expect") {
            // A member that stands twice is JSON by its grammar; here it is refused on purpose.
            "accept" => matches!(found, None | Some(Flaw::DuplicateName)),
            "reject" => found.is_some(),
            _ => true,
        };
        if !right {
            wrong.push(format!("{}: {found:?}", word(line, "name")));
        }
    }
    assert!(wrong.is_empty(), "{} of {}: {wrong:#?}", wrong.len(), lines.len());
}

#[test]
fn real_bodies_pass() {
    let Some(lines) = lines("benign_json_bodies.jsonl") else { return };
    for line in &lines {
        let text = line["body"].to_string();
        assert_eq!(json::check(text.as_bytes(), &Limits::default()), Ok(()), "{}", word(line, "name"));
    }
}

#[test]
fn content_types_are_judged_as_a_json_endpoint_must() {
    let Some(lines) = lines("content_types.jsonl") else { return };
    let mut wrong = Vec::new();
    for line in &lines {
        let parsed = MediaType::parse(word(line, "content_type").as_bytes());
        let accepted = parsed.as_ref().is_ok_and(MediaType::is_plain_json);
        let endpoint = match word(line, "expect_on_json_endpoint") {
            "accept" => accepted,
            "reject-415" => !accepted,
            _ => true,
        };
        // A parameter that stands twice is valid by the grammar; here it is refused on purpose.
        let grammar = match line["rfc9110_valid"].as_bool() {
            Some(true) => matches!(parsed, Ok(_) | Err(media_type::Flaw::Repeated)),
            Some(false) => parsed.is_err(),
            None => true,
        };
        let essence = parsed.as_ref().map_or(true, |media| media.essence() == word(line, "whatwg_essence"));
        if !(endpoint && grammar && essence) {
            wrong.push(format!("{:?}: {parsed:?}", word(line, "content_type")));
        }
    }
    assert!(wrong.is_empty(), "{} of {}: {wrong:#?}", wrong.len(), lines.len());
}
