//! What is generated is checked in as it is generated, and codes are unique.

use std::collections::HashSet;
use std::path::Path;

use super::{ROOMS, refusals};

/// Compares with the file, or rewrites it where `UPDATE_GENERATED` is set.
fn held(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/generated").join(name);
    #[expect(clippy::disallowed_methods, reason = "a test's own switch")]
    if std::env::var("UPDATE_GENERATED").is_ok() {
        std::fs::write(&path, text).expect("it can be written");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == text,
        "docs/generated/{name} is out of date: UPDATE_GENERATED=1 cargo test -p lockgate-gateway generated"
    );
}

#[test]
fn generated_refusals_are_checked_in() {
    held("refusals.md", &refusals());
}

#[test]
fn generated_openapi_is_checked_in() {
    held("openapi.json", &lockgate_admin::openapi_document());
}

#[test]
fn a_code_is_one_rooms_and_stands_once() {
    let mut seen = HashSet::new();
    for (room, lines) in ROOMS {
        let room = room.split(':').next().expect("a room has a name");
        for line in *lines {
            assert!(line.code.starts_with(&format!("{room}.")), "{} is not {room}'s", line.code);
            assert!(seen.insert(line.code), "{} stands twice", line.code);
            assert!(line.title.ends_with('.') && !line.cure.is_empty(), "{}", line.code);
        }
    }
}
