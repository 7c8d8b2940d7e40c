//! A log that was cut back, is gone or went another way is refused; one that only grew is not.

use std::error::Error;
use std::time::Duration;

use lockgate_store::Config as StoreConfig;
use lockgate_vocabulary::{Clock, Fault};

use super::*;
use crate::export::export;
use crate::tests::{Count, Scene, copied, make_runs, tenant};
use crate::verify::{Flaw, Options, verify};
use crate::{Audit, FileWitness, Recovered, Relay};

async fn open_held(scene: &Scene, known: &[String]) -> Result<(Audit, Recovered), Fault> {
    let elsewhere = Elsewhere { witness: None, known: known.to_vec() };
    let clock: Arc<dyn Clock> = scene.clock.clone();
    Audit::open_with(&scene.config, scene.signer(), elsewhere, clock, Arc::new(Count::default())).await
}

/// Opens the log, makes so many runs, and ends it. Gives its last checkpoint.
async fn session(scene: &Scene, from: u128, runs: u128) -> String {
    let (audit, _) = scene.open().await;
    make_runs(&audit, from, runs, 2).await;
    audit.shutdown().await.expect("ended");
    audit.last_checkpoint().expect("signed").to_string()
}

fn way(opened: Result<(Audit, Recovered), Fault>) -> Way {
    let fault = opened.expect_err("it is refused");
    assert!(fault.to_string().contains("audit.rolled-back"), "{fault}");
    fault.source().and_then(|source| source.downcast_ref::<RolledBack>()).expect("it says why").way.clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_put_back_or_is_gone_is_refused() {
    let scene = Scene::new();
    session(&scene, 0, 3).await;
    let (earlier, whole) = (scene.elsewhere("earlier"), scene.elsewhere("whole"));
    copied(scene.log(), &earlier);
    let known = [session(&scene, 10, 3).await];
    copied(scene.log(), &whole);
    let key = scene.signer().verifier().clone();
    let options = Options { known: known.to_vec() };

    copied(&earlier, scene.log());
    assert!(scene.verify().is_sound(), "by itself it looks like a younger log");
    let report = verify(scene.log(), &key, &options);
    assert!(matches!(report.bad.map(|bad| bad.flaw), Some(Flaw::Truncated { .. })));
    let exported = export(scene.log(), &key, Some(tenant(1)), &options, &mut Vec::new());
    assert!(matches!(exported, Err(crate::prove::Failure::Bad(_))));
    assert!(matches!(way(open_held(&scene, &known).await), Way::Short { entries, .. } if entries > 0));

    std::fs::remove_dir_all(scene.log()).expect("removed");
    assert!(matches!(way(open_held(&scene, &known).await), Way::Short { entries: 0, .. }));
    assert!(!scene.log().join("00000000.log").exists(), "nothing is begun in its place");

    copied(&whole, scene.log());
    assert!(verify(scene.log(), &key, &options).is_sound());
    let (audit, _) = open_held(&scene, &known).await.expect("it is what is remembered");
    audit.shutdown().await.expect("ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_went_another_way_is_refused() {
    let scene = Scene::new();
    session(&scene, 0, 3).await;
    let earlier = scene.elsewhere("earlier");
    copied(scene.log(), &earlier);
    let known = [session(&scene, 10, 3).await];
    copied(&earlier, scene.log());
    session(&scene, 50, 9).await;
    assert!(scene.verify().is_sound(), "each way is sound by itself");
    assert!(matches!(way(open_held(&scene, &known).await), Way::Other { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_only_grew_is_opened_with_or_without_its_hashes() {
    let scene = Scene::new();
    let known = [session(&scene, 0, 3).await];
    session(&scene, 10, 3).await;
    let (audit, _) = open_held(&scene, &known).await.expect("it extends it");
    audit.shutdown().await.expect("ended");
    for change in [0, 1] {
        let tiles = scene.log().join("tiles-0");
        assert!(tiles.exists());
        match change {
            0 => std::fs::write(&tiles, vec![7; std::fs::read(&tiles).expect("read").len()]).expect("changed"),
            _ => std::fs::remove_file(&tiles).expect("removed"),
        }
        let (audit, _) = open_held(&scene, &known).await.expect("its entries say the same");
        audit.shutdown().await.expect("ended");
    }
    assert!(scene.verify().is_sound());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_remembered_must_be_of_this_log() {
    let scene = Scene::new();
    session(&scene, 0, 1).await;
    assert!(matches!(way(open_held(&scene, &["nothing".to_owned()]).await), Way::Foreign(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_is_told_once_a_second_and_never_goes_back() {
    let scene = Scene::new();
    let clock: Arc<dyn Clock> = scene.clock.clone();
    let store = Store::open(&StoreConfig::sqlite(scene.elsewhere("store.db")), clock).await.expect("opened");
    let told = async || remembered(&scene.config, &store).await.expect("read");
    assert!(told().await.is_empty());
    let (audit, _) = scene.open().await;
    let relay = Relay::new(audit.clone(), store.clone());
    relay.pass().await.expect("relayed");
    let first = told().await;
    assert_eq!(first, [audit.last_checkpoint().expect("signed").to_string()]);

    make_runs(&audit, 0, 1, 1).await;
    let second = audit.checkpoint().await.expect("signed").to_string();
    relay.pass().await.expect("relayed");
    assert_eq!(told().await, first, "a second has not gone by");
    scene.clock.advance(Duration::from_secs(1));
    relay.pass().await.expect("relayed");
    assert_eq!(told().await, std::slice::from_ref(&second));

    let (key, now) = (audit.verifier().clone(), scene.clock.now());
    remember(&store, &key, &first[0], now).await.expect("asked");
    assert_eq!(told().await, [second], "an earlier one does not replace a later one");
    accept(&store, &key, &first[0], now).await.expect("asked");
    assert_eq!(told().await, first, "but where a loss is accepted, it does");
    audit.shutdown().await.expect("ended");
    relay.remember().await.expect("told");
    assert_eq!(told().await, [audit.last_checkpoint().expect("signed").to_string()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_file_holds_the_log_too() {
    let mut scene = Scene::new();
    let path = scene.elsewhere("witness");
    scene.config.witness_file = Some(path.clone());
    assert_eq!(witnessed(&scene.config).expect("read"), None);
    let witness: Arc<dyn Witness> = Arc::new(FileWitness::open(&path).expect("opened"));
    let elsewhere = Elsewhere { witness: Some(witness), known: Vec::new() };
    let clock: Arc<dyn Clock> = scene.clock.clone();
    let opened = Audit::open_with(&scene.config, scene.signer(), elsewhere, clock, Arc::new(Count::default())).await;
    let (audit, _) = opened.expect("opened");
    make_runs(&audit, 0, 2, 1).await;
    audit.shutdown().await.expect("ended");
    let last = witnessed(&scene.config).expect("read").expect("told");
    assert_eq!(last, audit.last_checkpoint().expect("signed").to_string());
    std::fs::remove_dir_all(scene.log()).expect("removed");
    assert!(matches!(way(open_held(&scene, std::slice::from_ref(&last)).await), Way::Short { entries: 0, .. }));

    // Half a note behind it, one alone, and no note at all.
    let told = std::fs::read_to_string(&path).expect("read");
    std::fs::write(&path, format!("{told}lockgate/n1\n7\n")).expect("torn");
    assert_eq!(witnessed(&scene.config).expect("read"), Some(last.clone()));
    std::fs::write(&path, &last).expect("alone");
    assert_eq!(witnessed(&scene.config).expect("read"), Some(last));
    std::fs::write(&path, "anything\n").expect("spoilt");
    assert_eq!(witnessed(&scene.config).expect("read").as_deref(), Some("anything"));
}
