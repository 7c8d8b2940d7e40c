//! A witness has every checkpoint, in order, and they hold the log to what it was.

use std::sync::Arc;

use super::*;
use crate::Audit;
use crate::tests::{Count, Scene, make_runs};
use crate::verify::{Options, verify};

#[tokio::test(flavor = "multi_thread")]
async fn every_checkpoint_is_told() {
    let scene = Scene::new();
    std::fs::create_dir_all(scene.log()).expect("made");
    let path = scene.elsewhere("witness");
    let witness: Arc<dyn Witness> = Arc::new(FileWitness::open(&path).expect("opened"));
    let entropy = Arc::new(Count::default());
    let elsewhere = crate::Elsewhere { witness: Some(witness), known: Vec::new() };
    let opened = Audit::open_with(&scene.config, scene.signer(), elsewhere, scene.clock.clone(), entropy).await;
    let (audit, _) = opened.expect("the log opens");
    make_runs(&audit, 0, 2, 1).await;
    audit.checkpoint().await.expect("signed");
    audit.shutdown().await.expect("ended");
    let told = std::fs::read_to_string(&path).expect("read");
    assert_eq!(told, std::fs::read_to_string(scene.log().join("checkpoints")).expect("read"));
    let known: Vec<String> = told
        .split("\n\nlockgate/")
        .map(|note| format!("lockgate/{}\n", note.trim_start_matches("lockgate/").trim_end()))
        .collect();
    assert_eq!(known.len(), 3);
    let report = verify(scene.log(), scene.signer().verifier(), &Options { known });
    assert!(report.is_sound(), "{report}");
}

#[test]
fn a_file_that_cannot_be_made_is_a_fault() {
    assert!(FileWitness::open(std::path::Path::new("/nowhere/at/all")).is_err());
}
