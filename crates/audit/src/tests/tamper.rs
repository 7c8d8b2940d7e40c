//! Whatever is done to a closed log by somebody without its key is noticed.

use super::*;
use crate::verify::{Bad, Flaw};

/// A small closed log of three trails.
fn small() -> Scene {
    let scene = Scene::with_segments_of(4 * 1024);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("built");
    runtime.block_on(async {
        let (audit, _) = scene.open().await;
        make_runs(&audit, 0, 1, 2).await;
        audit.checkpoint().await.expect("signed");
        make_runs(&audit, 1, 1, 2).await;
        audit.shutdown().await.expect("ended");
    });
    assert!(scene.verify().is_sound());
    scene
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    (0..).map(|number| dir.join(format!("{number:08}.log"))).take_while(|path| path.exists()).collect()
}

/// The data of a segment, without what was filled and not used.
fn data(path: &Path) -> Vec<u8> {
    std::fs::read(path).expect("read").into_iter().take_while(|byte| *byte != 0).collect()
}

fn found(scene: &Scene) -> Option<Bad> {
    scene.verify().bad
}

#[test]
fn any_byte_that_is_changed_is_noticed_at_its_record() {
    let scene = small();
    let mut first = 0;
    for path in segments(scene.log()) {
        let whole = std::fs::read(&path).expect("read");
        let used = data(&path).len();
        let mut line = 0u64;
        for place in 0..whole.len().min(used + 3) {
            // Every byte is changed, in one of three ways.
            let mut changed = whole.clone();
            changed[place] ^= [0x01, 0x20, 0x80][place % 3];
            std::fs::write(&path, &changed).expect("changed");
            let bad = found(&scene).unwrap_or_else(|| panic!("byte {place} of {path:?} was changed unnoticed"));
            let name = path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
            assert_eq!(bad.segment, name, "byte {place}: {bad}");
            if place < used {
                assert_eq!(bad.index, Some(first + line), "byte {place}: {bad}");
                assert_eq!(bad.line, Some(line + 1), "byte {place}: {bad}");
                line += u64::from(whole[place] == b'\n');
            }
        }
        first += line;
        std::fs::write(&path, &whole).expect("restored");
    }
    assert!(found(&scene).is_none());
}

#[test]
fn without_the_side_files_any_changed_byte_is_noticed_too() {
    let scene = small();
    for derived in ["tiles-0", "state", "00000000.idx"] {
        _ = std::fs::remove_file(scene.log().join(derived));
    }
    assert!(found(&scene).is_none(), "they are not needed");
    for path in segments(scene.log()) {
        let whole = std::fs::read(&path).expect("read");
        for place in (0..data(&path).len()).step_by(5) {
            let mut changed = whole.clone();
            changed[place] ^= [0x01, 0x04, 0x10][place % 3];
            std::fs::write(&path, &changed).expect("changed");
            assert!(found(&scene).is_some(), "byte {place} of {path:?} was changed unnoticed");
        }
        std::fs::write(&path, &whole).expect("restored");
    }
}

#[test]
fn any_changed_byte_of_the_checkpoints_is_noticed() {
    let scene = small();
    let path = scene.log().join("checkpoints");
    let whole = std::fs::read(&path).expect("read");
    for place in 0..whole.len() {
        let mut changed = whole.clone();
        changed[place] ^= [0x01, 0x04, 0x10][place % 3];
        std::fs::write(&path, &changed).expect("changed");
        assert!(found(&scene).is_some(), "byte {place} was changed unnoticed");
    }
}

/// Changes the lines of the first segment that has several, and says what verification finds.
fn with_lines(change: impl Fn(&mut Vec<Vec<u8>>)) -> Bad {
    let scene = small();
    let path = segments(scene.log()).remove(0);
    let mut lines: Vec<Vec<u8>> = data(&path).split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    change(&mut lines);
    std::fs::write(&path, lines.concat()).expect("changed");
    found(&scene).expect("it is noticed")
}

#[test]
fn a_removed_a_repeated_and_a_moved_line_are_named() {
    let bad = with_lines(|lines| drop(lines.remove(4)));
    assert_eq!((bad.index, bad.flaw), (Some(4), Flaw::Index { wanted: 4, found: 5 }));
    let bad = with_lines(|lines| lines.insert(4, lines[3].clone()));
    assert_eq!((bad.index, bad.flaw), (Some(4), Flaw::Index { wanted: 4, found: 3 }));
    let bad = with_lines(|lines| lines.swap(3, 4));
    assert_eq!((bad.index, bad.flaw), (Some(3), Flaw::Index { wanted: 3, found: 4 }));
    let bad = with_lines(|lines| lines.insert(2, b"\n".to_vec()));
    assert!(matches!(bad.flaw, Flaw::NotAnEntry(_)), "{bad}");
}

#[test]
fn lines_renumbered_after_a_removal_are_noticed_by_their_trail() {
    let scene = small();
    std::fs::remove_file(scene.log().join("tiles-0")).expect("removed");
    let path = segments(scene.log()).remove(0);
    let mut lines: Vec<String> =
        String::from_utf8(data(&path)).expect("text").lines().map(|line| format!("{line}\n")).collect();
    lines.remove(4);
    for (index, line) in lines.iter_mut().enumerate() {
        let (_, rest) = line.split_once(',').expect("members");
        *line = format!("{{\"index\":{index},{rest}");
    }
    std::fs::write(&path, lines.concat()).expect("changed");
    let bad = found(&scene).expect("it is noticed");
    assert!(matches!(bad.flaw, Flaw::Sequence { .. } | Flaw::Previous { .. } | Flaw::Heads), "{bad}");
}

#[test]
fn a_log_that_is_cut_is_noticed() {
    let scene = small();
    let paths = segments(scene.log());
    let last = paths.last().expect("segments");
    let whole = data(last);
    // At the end of a line: the checkpoint tells. Within one: the line does.
    let lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
    std::fs::write(last, lines[..lines.len() - 1].concat()).expect("cut");
    let bad = found(&scene).expect("it is noticed");
    assert!(matches!(bad.flaw, Flaw::Truncated { .. }), "{bad}");
    std::fs::write(last, &whole[..whole.len() - 1]).expect("cut");
    let bad = found(&scene).expect("it is noticed");
    assert!(matches!(bad.flaw, Flaw::Torn { .. }), "{bad}");
    std::fs::write(last, &whole).expect("restored");
    if paths.len() > 1 {
        std::fs::remove_file(&paths[0]).expect("removed");
        let bad = found(&scene).expect("it is noticed");
        assert!(matches!(bad.flaw, Flaw::Missing(_)), "{bad}");
    }
}

#[test]
fn a_log_cut_back_together_with_its_checkpoints_is_noticed_by_a_checkpoint_kept_elsewhere() {
    let scene = small();
    let path = scene.log().join("checkpoints");
    let notes = std::fs::read_to_string(&path).expect("read");
    let at = notes.rfind("lockgate/n1\n").expect("several");
    let (earlier, kept) = notes.split_at(at);
    let kept = kept.strip_suffix('\n').expect("an empty line").to_owned();
    let key = scene.signer().verifier().clone();
    let (_, last) = earlier.split_at(earlier.rfind("lockgate/n1\n").expect("several"));
    let before = key.checkpoint(last.strip_suffix('\n').expect("one")).expect("good");
    std::fs::write(&path, earlier).expect("cut");
    let mut left = before.size;
    for path in segments(scene.log()) {
        let data = data(&path);
        let lines: Vec<&[u8]> = data.split_inclusive(|byte| *byte == b'\n').collect();
        let keep = lines.len().min(usize::try_from(left).expect("small"));
        std::fs::write(&path, lines[..keep].concat()).expect("cut");
        left -= keep as u64;
    }
    assert!(found(&scene).is_none(), "by itself it looks like a younger log");
    let report = verify(scene.log(), &key, &Options { known: vec![kept] });
    assert!(matches!(report.bad.map(|bad| bad.flaw), Some(Flaw::Truncated { .. })));
}

#[test]
fn a_forged_checkpoint_and_a_wrong_key_are_noticed() {
    let scene = small();
    let path = scene.log().join("checkpoints");
    let notes = std::fs::read_to_string(&path).expect("read");
    let forger = signer("lockgate/n1", 9);
    let text = "lockgate/n1\n3\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
    std::fs::write(&path, format!("{}\n{notes}", forger.sign(text))).expect("forged");
    let bad = found(&scene).expect("it is noticed");
    assert!(matches!(bad.flaw, Flaw::Checkpoint { number: 1, .. }), "{bad}");
    // Signed with the right key over another root: the log itself contradicts it.
    std::fs::write(&path, format!("{}\n{notes}", scene.signer().sign(text))).expect("forged");
    let bad = found(&scene).expect("it is noticed");
    assert_eq!((bad.index, bad.flaw), (Some(2), Flaw::Root { size: 3, number: Some(1) }));
    std::fs::write(&path, &notes).expect("restored");
    let report = verify(scene.log(), forger.verifier(), &Options::default());
    assert!(matches!(report.bad.map(|bad| bad.flaw), Some(Flaw::Checkpoint { number: 1, .. })));
}

#[test]
fn a_whole_log_written_anew_without_the_key_is_noticed() {
    let (scene, other) = (small(), small());
    for path in segments(other.log()) {
        std::fs::copy(&path, scene.log().join(path.file_name().expect("a name"))).expect("copied");
    }
    std::fs::copy(other.log().join("tiles-0"), scene.log().join("tiles-0")).expect("copied");
    // Same node, well-formed, chained throughout: only the signed roots tell them apart.
    let bad = found(&scene).expect("it is noticed");
    assert!(matches!(bad.flaw, Flaw::Root { .. }), "{bad}");
}
