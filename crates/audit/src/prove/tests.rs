//! One record, proven by a file and a public key.

use super::*;
use crate::tests::{Scene, make_runs, signer, tenant};
use crate::{Audit, Deed};

async fn log() -> (Scene, Audit, AuditId) {
    let scene = Scene::with_segments_of(16 * 1024);
    let (audit, _) = scene.open().await;
    make_runs(&audit, 0, 20, 3).await;
    let id = audit.record(Deed::by_house(Some(tenant(2)), "credential.rotate", "cred_1")).await.expect("recorded");
    make_runs(&audit, 20, 20, 3).await;
    audit.checkpoint().await.expect("signed");
    (scene, audit, id)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_proven_while_the_log_is_in_use() {
    let (scene, audit, id) = log().await;
    let proof = prove(scene.log(), audit.verifier(), Wanted::Id(id)).expect("proven");
    let key: VerifierKey = audit.verifier().to_string().parse().expect("a key");
    drop((scene, audit));
    let proven = check(&proof, &key).expect("the file and the key are enough");
    assert_eq!((proven.entry.id, proven.entry.tenant), (id, Some(tenant(2))));
    assert!(proven.line.contains("credential.rotate"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_record_can_be_proven_by_its_place() {
    let (scene, audit, _) = log().await;
    let lines = scene.lines();
    for (index, line) in lines.iter().enumerate() {
        let proof = prove(scene.log(), audit.verifier(), Wanted::Index(index as u64)).expect("proven");
        assert_eq!(&*check(&proof, audit.verifier()).expect("checked").line, line);
    }
    let beyond = prove(scene.log(), audit.verifier(), Wanted::Index(lines.len() as u64));
    assert_eq!(beyond, Err(Failure::NotThere));
    let unknown = prove(scene.log(), audit.verifier(), Wanted::Id(AuditId::from_u128(1)));
    assert_eq!(unknown, Err(Failure::NotThere));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_checkpoint_covers_is_not_proven_yet() {
    let (scene, audit, _) = log().await;
    let id = audit.record(Deed::by_house(None, "a.b", "c")).await.expect("recorded");
    assert_eq!(prove(scene.log(), audit.verifier(), Wanted::Id(id)), Err(Failure::Unsigned));
    audit.checkpoint().await.expect("signed");
    assert!(prove(scene.log(), audit.verifier(), Wanted::Id(id)).is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn any_changed_byte_of_a_proof_is_noticed() {
    let (scene, audit, id) = log().await;
    let proof = prove(scene.log(), audit.verifier(), Wanted::Id(id)).expect("proven");
    for place in 0..proof.len() {
        let mut changed = proof.clone().into_bytes();
        changed[place] ^= [0x01, 0x02, 0x10][place % 3];
        let Ok(changed) = String::from_utf8(changed) else { continue };
        assert!(check(&changed, audit.verifier()).is_err(), "byte {place}: {changed}");
    }
    assert!(check(&proof, signer("lockgate/n1", 7).verifier()).is_err());
    assert!(check(&format!("{proof}{}", " ".repeat(PROOF_BYTES)), audit.verifier()).is_err());
    assert!(check(&proof.replacen("{\"format\"", "{\"more\":1,\"format\"", 1), audit.verifier()).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_record_has_no_proof() {
    let (scene, audit, id) = log().await;
    audit.shutdown().await.expect("ended");
    for number in 0..scene.verify().segments {
        let path = scene.log().join(format!("{number:08}.log"));
        let changed = std::fs::read_to_string(&path).expect("read").replace("credential.rotate", "credential.remove");
        std::fs::write(path, changed).expect("changed");
    }
    let failed = prove(scene.log(), audit.verifier(), Wanted::Id(id));
    assert!(matches!(failed, Err(Failure::NotProven(_))), "{failed:?}");
}
