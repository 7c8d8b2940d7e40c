//! What a report says of a sound log, of one in use, and of the outbox. What it says of a changed one is
//! tried in the room's own tests.

use super::*;
use crate::tests::{Scene, actor, facts, make_runs, run, signer};

fn report(scene: &Scene) -> Report {
    scene.verify()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_counts_what_it_read() {
    let scene = Scene::new();
    let (audit, _) = scene.open().await;
    make_runs(&audit, 0, 4, 2).await;
    audit.shutdown().await.expect("ended");
    let report = report(&scene);
    assert!(report.is_sound() && !report.live);
    assert_eq!((report.entries, report.signed, report.unsigned()), (16, 16, 0));
    assert_eq!((report.trails, report.segments, report.checkpoints, report.open_runs), (3, 1, 2, 0));
    assert_eq!(
        report.to_string(),
        "lockgate/n1: 16 entries of 3 trails in 1 segments, 16 of them under 2 checkpoints; sound"
    );
    assert_eq!(serde_json::to_value(&report).expect("JSON")["bad"], serde_json::Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_in_use_is_verified_as_far_as_it_goes() {
    let scene = Scene::new();
    let (audit, _) = scene.open().await;
    let opened = audit.open_run(facts(&actor(1), run(1))).await.expect("opened");
    let path = scene.log().join("00000000.log");
    let live = report(&scene);
    assert!(live.is_sound() && live.live, "{live}");
    assert_eq!((live.unsigned(), live.open_runs), (1, 1));
    // The group that is being written while it is read.
    let whole = std::fs::read(&path).expect("read");
    let mut half = whole.clone();
    let end = whole.iter().position(|byte| *byte == 0).expect("filled");
    half[end] = b'{';
    std::fs::write(&path, &half).expect("half-written");
    assert!(report(&scene).is_sound());
    std::fs::write(&path, &whole).expect("restored");
    drop(opened);
    audit.shutdown().await.expect("ended");
    std::fs::write(&path, &half).expect("changed");
    assert!(!report(&scene).is_sound(), "once it is at rest nothing may be half-written");
}

#[tokio::test(flavor = "multi_thread")]
async fn checkpoints_kept_elsewhere_must_be_of_this_log() {
    let scene = Scene::new();
    let (audit, _) = scene.open().await;
    let early = audit.last_checkpoint().expect("signed").to_string();
    make_runs(&audit, 0, 2, 1).await;
    audit.shutdown().await.expect("ended");
    let key = scene.signer().verifier().clone();
    let with = |known: Vec<String>| verify(scene.log(), &key, &Options { known }).bad.map(|bad| bad.flaw);
    assert_eq!(with(vec![early.clone()]), None);
    let other = signer("lockgate/n1", 3).sign(&key.checkpoint(&early).expect("good").text());
    assert!(matches!(with(vec![other]), Some(Flaw::Known(_))));
    let lie = |size: u64| scene.signer().sign(&format!("lockgate/n1\n{size}\n{}\n", Hash::ZERO));
    assert_eq!(with(vec![lie(3)]), Some(Flaw::Root { size: 3, number: None }));
    assert!(matches!(with(vec![early, lie(2)]), Some(Flaw::Known(_))), "two of one size");
    assert!(matches!(with(vec![lie(1_000)]), Some(Flaw::Truncated { signed: 1_000, .. })));
}

#[test]
fn an_empty_directory_is_an_empty_log_and_a_missing_one_is_not() {
    let scene = Scene::new();
    assert!(matches!(report(&scene).bad.map(|bad| bad.flaw), Some(Flaw::Missing(_))));
    std::fs::create_dir_all(scene.log()).expect("made");
    assert_eq!(report(&scene).entries, 0);
    assert!(report(&scene).is_sound());
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let bad = Bad { index: Some(16), ..Bad::of(Flaw::Previous { before: Some(12) }) }.within("00000003.log", 7);
    assert_eq!(
        bad.to_string(),
        "00000003.log, line 7, entry 16: it names another hash for entry 12, the one before it in its trail: one was changed"
    );
    let json = serde_json::to_value(&bad).expect("JSON");
    assert_eq!((&json["segment"], &json["flaw"]["kind"]), (&"00000003.log".into(), &"previous".into()));
}
