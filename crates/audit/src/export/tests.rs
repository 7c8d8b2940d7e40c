//! A trail that was exported is checked with the public key alone, and nothing can be left out of it.

use std::collections::HashSet;

use super::*;
use crate::Deed;
use crate::tests::{Scene, make_runs, signer, tenant};

/// A log of three tenants in several segments, and the export of one trail.
async fn exported(owner: Option<TenantId>) -> (Scene, String) {
    let scene = Scene::with_segments_of(16 * 1024);
    let (audit, _) = scene.open().await;
    make_runs(&audit, 0, 45, 3).await;
    audit.record(Deed::by_house(Some(tenant(2)), "credential.rotate", "cred_1")).await.expect("recorded");
    audit.shutdown().await.expect("ended");
    let mut out = Vec::new();
    let told = export(scene.log(), scene.signer().verifier(), owner, &Options::default(), &mut out).expect("exported");
    assert_eq!(told.tenant, owner);
    (scene, String::from_utf8(out).expect("text"))
}

fn checked(scene: &Scene, text: &str) -> Result<(Exported, Vec<Entry>), Failure> {
    let mut entries = Vec::new();
    let exported = check(text.as_bytes(), scene.signer().verifier(), |entry| entries.push(entry.clone()))?;
    Ok((exported, entries))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_trail_is_exported_whole_and_alone() {
    for (owner, count) in [(Some(tenant(1)), 45), (Some(tenant(2)), 46)] {
        let (scene, text) = exported(owner).await;
        let (exported, entries) = checked(&scene, &text).expect("it proves itself");
        assert_eq!((exported.entries, entries.len()), (count, count as usize));
        assert_eq!(exported.checkpoint.size, scene.verify().entries);
        let sequences: Vec<u64> = entries.iter().map(|entry| entry.sequence).collect();
        assert_eq!(sequences, (1..=count).collect::<Vec<_>>());
        assert!(entries.iter().all(|entry| entry.tenant == owner));
        let others: HashSet<String> = (1..=3).map(|n| tenant(n).to_string()).collect();
        let named = others.iter().filter(|other| text.contains(*other)).count();
        assert_eq!(named, 1, "no other tenant is named in it");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_houses_own_trail_is_exported_too() {
    let (scene, text) = exported(None).await;
    let (exported, entries) = checked(&scene, &text).expect("it proves itself");
    assert!(exported.entries > 3 && entries.iter().all(|entry| entry.tenant.is_none()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trail_that_is_not_there_is_not_exported() {
    let (scene, _) = exported(Some(tenant(1))).await;
    let failed = export(scene.log(), scene.signer().verifier(), Some(tenant(9)), &Options::default(), &mut Vec::new());
    assert_eq!(failed, Err(Failure::NotThere));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_can_be_left_out_added_or_moved() {
    let (scene, text) = exported(Some(tenant(1))).await;
    let lines: Vec<&str> = text.lines().collect();
    let rebuilt = |lines: &[&str]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    assert!(checked(&scene, &rebuilt(&lines)).is_ok());
    for missing in 0..lines.len() {
        let mut fewer = lines.clone();
        fewer.remove(missing);
        assert!(checked(&scene, &rebuilt(&fewer)).is_err(), "line {missing} is left out");
    }
    for end in 1..lines.len() {
        let cut = rebuilt(&lines[..end]);
        assert!(checked(&scene, &cut).is_err(), "cut before line {end}");
        // The count alone does not help who cuts: the end is proven, too.
        let front = format!("\"entries\":{},", end - 1);
        assert!(checked(&scene, &cut.replacen("\"entries\":45,", &front, 1)).is_err(), "cut before line {end}");
    }
    let mut moved = lines.clone();
    moved.swap(3, 4);
    assert!(checked(&scene, &rebuilt(&moved)).is_err());
    let mut twice = lines.clone();
    twice.insert(4, lines[4]);
    assert!(checked(&scene, &rebuilt(&twice)).is_err());
    assert!(matches!(checked(&scene, text.trim_end()), Err(Failure::Malformed(_))), "a last line that breaks off");
}

#[tokio::test(flavor = "multi_thread")]
async fn any_changed_byte_is_noticed() {
    let (scene, text) = exported(Some(tenant(1))).await;
    let bytes = text.as_bytes();
    for place in (0..bytes.len()).step_by(97) {
        let mut changed = bytes.to_vec();
        changed[place] ^= [0x01, 0x02, 0x10][place % 3];
        let Ok(changed) = String::from_utf8(changed) else { continue };
        assert!(checked(&scene, &changed).is_err(), "byte {place} was changed unnoticed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_heads_entry_does_not_pass_for_the_last() {
    let (scene, text) = exported(Some(tenant(1))).await;
    let (_, other) = exported(Some(tenant(1))).await;
    // The beginning of one log's export with the entries of another's.
    let (beginning, _) = text.split_once('\n').expect("lines");
    let (_, entries) = other.split_once('\n').expect("lines");
    assert!(checked(&scene, &format!("{beginning}\n{entries}")).is_err());
    // A `heads` entry of the same log, truly in it, but not its last one.
    let earlier = scene.lines().into_iter().find(|line| line.contains("\"kind\":\"heads\"")).expect("one");
    let (before, rest) = text.split_once("\"heads\":").expect("a member");
    let (_, after) = rest.split_once("}\n").expect("lines");
    let swapped = format!("{before}\"heads\":{earlier}}}\n{after}");
    assert!(matches!(checked(&scene, &swapped), Err(Failure::NotProven(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_key_proves_nothing() {
    let (_, text) = exported(Some(tenant(1))).await;
    let other = signer("lockgate/n1", 5);
    assert!(check(text.as_bytes(), other.verifier(), |_| {}).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_side_files_cost_time_and_nothing_else() {
    let (scene, text) = exported(Some(tenant(1))).await;
    let path = scene.log().join("tiles-0");
    let mut tiles = std::fs::read(&path).expect("read");
    tiles[40] ^= 1;
    std::fs::write(&path, &tiles).expect("damaged");
    for tiles in [tiles.clone(), tiles[..100].to_vec(), Vec::new()] {
        std::fs::write(&path, tiles).expect("damaged");
        let mut out = Vec::new();
        export(scene.log(), scene.signer().verifier(), Some(tenant(1)), &Options::default(), &mut out)
            .expect("exported");
        assert_eq!(String::from_utf8(out).expect("text"), text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_log_is_not_exported() {
    let (scene, _) = exported(Some(tenant(1))).await;
    let path = scene.log().join("00000000.log");
    let changed = std::fs::read_to_string(&path).expect("read").replacen("12345", "12346", 1);
    std::fs::write(&path, changed).expect("changed");
    let failed = export(scene.log(), scene.signer().verifier(), Some(tenant(2)), &Options::default(), &mut Vec::new());
    assert!(matches!(failed, Err(Failure::Bad(_))), "whoever's entry it was");
}
