//! The law of the house, held on every run of the suite.

use xtask::{Breach, graph, refusals, source, syntax, text};

fn hold(breaches: Vec<Breach>) {
    let lines: Vec<String> = breaches.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "{} breaches:\n{}", lines.len(), lines.join("\n"));
}

#[test]
fn rooms_depend_only_to_the_left() {
    let metadata = graph::metadata().expect("cargo tells its metadata");
    hold(graph::breaches(&metadata));
}

#[test]
fn nothing_banned_is_compiled() {
    let tree = graph::tree().expect("cargo prints its tree");
    assert!(tree.contains("hyper v"), "the tree was read");
    hold(graph::banned(&tree));
    assert_eq!(graph::banned("hyper v1.0.0\nring v0.17.0").len(), 1);
}

#[test]
fn files_and_functions_keep_their_proportions() {
    let files = source::files().expect("git lists the files");
    hold(files.iter().filter(|file| file.is_rust()).flat_map(syntax::breaches).collect());
}

#[test]
fn texts_keep_the_law() {
    let files = source::files().expect("git lists the files");
    hold(files.iter().flat_map(text::breaches).collect());
}

#[test]
fn every_refusal_is_shown_by_a_test() {
    let files = source::files().expect("git lists the files");
    hold(refusals::breaches(&files));
}

#[test]
fn the_law_can_be_broken() {
    let bad = source::File {
        path: "crates/egress/src/bad.rs".into(),
        text: "fn get_it(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8) {\n    if a > 0 { if b > 0 { if c > 0 { if d > 0 { if e > 0 { h.expose(); } } } } }\n}\n#[allow(dead_code)]\nmod utils {}\npub trait Thing {}\n"
            .into(),
    };
    let shape = syntax::breaches(&bad);
    for word in ["8 arguments", "get_", "nests deeper", "#[allow]", "utils", "not on the list of seams"] {
        assert!(shape.iter().any(|breach| breach.what.contains(word)), "{word} is not noticed: {shape:?}");
    }
    let bad = source::File {
        path: "crates/gateway/src/bad.rs".into(),
        text: "fn dial(h: Secret) { TcpStream::connect(h.expose()); }\n".into(),
    };
    let words = text::breaches(&bad);
    for word in ["//!", "Secret", "dials"] {
        assert!(words.iter().any(|breach| breach.what.contains(word)), "{word} is not noticed: {words:?}");
    }
}

#[test]
fn a_refusal_without_a_test_is_noticed() {
    let declared = source::File {
        path: "crates/egress/src/refusal.rs".into(),
        text: "    pub enum EgressRefusal {\n        Private = 403, \"egress.address.nowhere\", \"t\", \"c\";\n".into(),
    };
    let found = refusals::breaches(std::slice::from_ref(&declared));
    assert_eq!(found.len(), 1);
    let test = source::File { path: "crates/egress/tests/it.rs".into(), text: "EgressRefusal::Private".into() };
    assert!(refusals::breaches(&[declared, test]).is_empty());
}
