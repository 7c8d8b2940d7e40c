//! What a start repairs, and what keeps it from starting.

use std::fs;
use std::path::PathBuf;

use lockgate_vocabulary::ConnectionId;

use crate::entry::{Entry, Facts};
use crate::tests::{Scene, actor, attempt, closing, facts, make_runs, run, signer, tenant};
use crate::{Outcome, Recovered};

/// A closed log with a few runs in several segments.
async fn closed(segment_bytes: u64, runs: u128) -> Scene {
    let scene = Scene::with_segments_of(segment_bytes);
    let (audit, _) = scene.open().await;
    make_runs(&audit, 0, runs, 3).await;
    audit.shutdown().await.expect("ended");
    scene
}

/// A log whose process ended without closing it: two runs are open, and nothing was signed since they began.
async fn crashed() -> Scene {
    let scene = Scene::new();
    let (audit, _) = scene.open().await;
    make_runs(&audit, 0, 2, 2).await;
    let (one, other) = (actor(1), actor(2));
    for (own, number) in [(&one, 10), (&other, 11)] {
        let opened = audit.open_run(facts(own, run(number))).await.expect("opened");
        opened.attempt(attempt(1));
        std::mem::forget(opened);
    }
    // What a crash leaves is a copy of the files at some moment.
    let copy = Scene::new();
    crate::tests::copied(scene.log(), copy.log());
    audit.shutdown().await.expect("ended");
    copy
}

fn last_segment(scene: &Scene) -> PathBuf {
    let path = |number: u32| scene.log().join(format!("{number:08}.log"));
    let last = (0..).take_while(|number| path(*number).exists()).last().expect("a segment");
    path(last)
}

fn data(path: &PathBuf) -> Vec<u8> {
    fs::read(path).expect("read").into_iter().take_while(|byte| *byte != 0).collect()
}

async fn refusal(scene: &Scene) -> String {
    scene.try_open().await.expect_err("it must not open").to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_closed_goes_on_where_it_ended() {
    let scene = closed(16 * 1024, 40).await;
    let before = scene.verify();
    let (audit, recovered) = scene.open().await;
    assert_eq!(recovered, Recovered { entries: before.entries, ..Recovered::default() });
    make_runs(&audit, 100, 5, 3).await;
    audit.shutdown().await.expect("ended");
    let report = scene.verify();
    assert!(report.is_sound(), "{report}");
    assert!(report.entries > before.entries + 15);
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_without_an_end_are_closed_as_unknown_and_told() {
    let scene = crashed().await;
    let (audit, recovered) = scene.open().await;
    let told: Vec<_> = recovered.unfinished.iter().map(|lost| (lost.tenant, lost.run)).collect();
    assert_eq!(told, [(tenant(1), run(10)), (tenant(2), run(11))]);
    let first = &recovered.unfinished[0];
    assert_eq!((first.connection, &*first.connection_name), (ConnectionId::from_u128(40), "stripe-main"));
    assert_eq!((&*first.method, &*first.endpoint, &*first.operation), ("POST", "/v1/customers/{id}", "write"));
    assert!(recovered.unsigned > 0);
    let report = scene.verify();
    assert!(report.is_sound(), "{report}");
    assert_eq!(report.open_runs, 0);
    let entries: Vec<Entry> =
        scene.lines().iter().map(|line| Entry::parse(line.as_bytes()).expect("an entry")).collect();
    let opened = entries.iter().find(|entry| entry.facts.run() == Some(run(10))).expect("the run");
    let end = entries.iter().rfind(|entry| entry.facts.run() == Some(run(10))).expect("its end");
    let Facts::Closed(closed) = &end.facts else { panic!("it is closed: {end:?}") };
    assert_eq!((closed.outcome, closed.measured), (Outcome::Unknown, None));
    assert_eq!((&end.trace, &end.actor), (&opened.trace, &opened.actor), "the end names the same caller and trace");
    audit.shutdown().await.expect("ended");
    let (_, recovered) = scene.open().await;
    assert!(recovered.unfinished.is_empty(), "they are told once");
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_line_at_the_end_is_cut_off_and_kept_aside() {
    for torn in [b"{\"index\":".to_vec(), b"{\"index\":9\0\0\0\0\0\"}\n{\"ind".to_vec(), b"\0\0\0x".to_vec()] {
        let scene = crashed().await;
        let before = scene.verify().entries;
        let path = last_segment(&scene);
        let mut bytes = data(&path);
        bytes.extend_from_slice(&torn);
        fs::write(&path, bytes).expect("torn");
        assert!(!scene.verify().is_sound(), "verification tells it");
        let (audit, recovered) = scene.open().await;
        assert_eq!((recovered.entries, recovered.torn_bytes), (before, torn.len() as u64));
        assert_eq!(fs::read(scene.log().join(format!("torn-{before}"))).expect("kept"), torn);
        make_runs(&audit, 50, 3, 2).await;
        audit.shutdown().await.expect("ended");
        let report = scene.verify();
        assert!(report.is_sound(), "{report}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_complete_line_that_is_wrong_is_never_cut_off() {
    let scene = crashed().await;
    let path = last_segment(&scene);
    let whole = data(&path);
    let lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
    let last = lines.len() - 1;
    let mut changed = whole.clone();
    let at = whole.len() - 5;
    changed[at] = b'#';
    for (bytes, wanted) in [
        (changed, format!("00000000.log, line {}, entry {last}", last + 1)),
        (lines[..last].iter().chain([&&b"{}\n"[..]]).copied().collect::<Vec<_>>().concat(), "expected".to_owned()),
        (lines.iter().chain([&lines[last]]).copied().collect::<Vec<_>>().concat(), "should stand here".to_owned()),
    ] {
        fs::write(&path, bytes).expect("changed");
        let said = refusal(&scene).await;
        assert!(said.contains(&wanted), "{said}");
    }
    fs::write(&path, &whole).expect("restored");
    scene.open().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_entry_is_named_by_the_next_of_its_trail_or_by_a_checkpoint() {
    let scene = crashed().await;
    for derived in ["state", "tiles-0"] {
        _ = fs::remove_file(scene.log().join(derived));
    }
    let path = last_segment(&scene);
    let text = String::from_utf8(data(&path)).expect("text");
    fs::write(&path, text.replacen("\"took_us\":12345", "\"took_us\":12346", 1)).expect("changed");
    let said = refusal(&scene).await;
    assert!(said.contains("the entry before it in its trail is not the one whose hash it names"), "{said}");
    fs::write(&path, text.replacen("\"torn_bytes\":0", "\"torn_bytes\":1", 1)).expect("changed");
    let said = refusal(&scene).await;
    assert!(said.contains("heads") || said.contains("hash"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_cut_below_its_last_checkpoint_does_not_open() {
    let scene = closed(64 * 1024, 4).await;
    let path = last_segment(&scene);
    let whole = data(&path);
    let cut = whole
        .iter()
        .rposition(|byte| *byte == b'\n')
        .and_then(|end| whole[..end].iter().rposition(|byte| *byte == b'\n'));
    fs::write(&path, &whole[..=cut.expect("lines")]).expect("cut");
    let said = refusal(&scene).await;
    assert!(said.contains("its end is missing"), "{said}");
    fs::remove_file(&path).expect("removed");
    let said = refusal(&scene).await;
    assert!(said.contains("there is no segment"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_segment_another_node_and_another_key_keep_it_closed() {
    let scene = closed(8 * 1024, 20).await;
    let second = scene.log().join("00000001.log");
    let bytes = fs::read(&second).expect("read");
    fs::remove_file(&second).expect("removed");
    assert!(refusal(&scene).await.contains("00000001.log is missing"));
    fs::write(&second, bytes).expect("restored");
    let clock = scene.clock.clone();
    let other = signer("lockgate/n1", 2);
    let fault =
        crate::Audit::open(&scene.config, other, clock.clone(), std::sync::Arc::new(crate::tests::Count::default()));
    assert!(fault.await.expect_err("another key").to_string().contains("checkpoint"));
    for derived in ["state", "checkpoints"] {
        fs::remove_file(scene.log().join(derived)).expect("removed");
    }
    let mut config = scene.config.clone();
    config.node = "n2".parse().expect("a name");
    let other = signer("lockgate/n2", 1);
    let fault = crate::Audit::open(&config, other, clock, std::sync::Arc::new(crate::tests::Count::default()));
    assert!(fault.await.expect_err("another node").to_string().contains("another node's"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_derived_is_made_again() {
    let scene = closed(8 * 1024, 30).await;
    let files = ["state", "tiles-0", "00000000.idx", "00000002.idx"];
    for file in files {
        fs::remove_file(scene.log().join(file)).expect("removed");
    }
    let (audit, _) = scene.open().await;
    audit.shutdown().await.expect("ended");
    for file in files {
        assert!(scene.log().join(file).exists(), "{file}");
    }
    assert!(scene.verify().is_sound());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_from_the_kept_state_looks_at_the_last_segment_only() {
    let scene = closed(8 * 1024, 60).await;
    let first = scene.log().join("00000000.log");
    let whole = fs::read(&first).expect("read");
    let mut changed = whole.clone();
    changed[100] ^= 1;
    fs::write(&first, changed).expect("changed");
    let (audit, _) = scene.open().await;
    audit.shutdown().await.expect("ended");
    assert!(!scene.verify().is_sound(), "verification looks at all of them");
    fs::remove_file(scene.log().join("state")).expect("removed");
    assert!(refusal(&scene).await.contains("00000000.log"), "without the state a start does too");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_that_was_begun_and_not_used_is_used() {
    let scene = closed(8 * 1024, 10).await;
    let segments = scene.verify().segments;
    fs::write(scene.log().join(format!("{segments:08}.log")), vec![0; 8 * 1024]).expect("begun");
    fs::write(scene.log().join("next.tmp"), b"half").expect("begun");
    let (audit, _) = scene.open().await;
    audit.record(crate::Deed::by_house(None, "a.b", "c")).await.expect("recorded");
    audit.shutdown().await.expect("ended");
    let report = scene.verify();
    assert!(report.is_sound(), "{report}");
    assert_eq!(report.segments, segments + 1);
    assert!(scene.lines().iter().any(|line| line.contains("a.b")));
}

#[tokio::test(flavor = "multi_thread")]
async fn closings_that_nobody_waited_for_are_there_after_a_start() {
    let scene = Scene::new();
    let (audit, _) = scene.open().await;
    let opened = audit.open_run(facts(&actor(1), run(1))).await.expect("opened");
    opened.close(closing());
    audit.checkpoint().await.expect("signed");
    let copy = Scene::new();
    crate::tests::copied(scene.log(), copy.log());
    let (_, recovered) = copy.open().await;
    assert_eq!((recovered.unfinished.len(), recovered.unsigned), (0, 0));
}
