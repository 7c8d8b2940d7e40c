//! A root key is changed step by step, and whatever breaks off in between is finished the next time.

use std::fs;
use std::sync::Arc;

use lockgate_audit::{Config as AuditConfig, Filter, Relay, Signer};
use lockgate_store::Statement;
use lockgate_vocabulary::{Clock, Secret, SystemEntropy};

use super::*;
use crate::config::Config;
use crate::root_key::{RootKeyFile, RootKeyNames};
use crate::tests::fixture::{House, OTHER, TENANT};

async fn trail(house: &House) -> Audit {
    let clock: Arc<dyn Clock> = Arc::new(house.clock.clone());
    let config = AuditConfig::new(house.folder.path().join("audit"), "test".parse().expect("a name"));
    let signer = Signer::new(&config.origin(), &Secret::new(vec![7; 32])).expect("a signer");
    Audit::open(&config, signer, clock, Arc::new(SystemEntropy)).await.expect("the trail opens").0
}

/// The acts of one trail, as their lines.
async fn acts(house: &House, audit: &Audit, tenant: Option<TenantId>, action: &str) -> Vec<String> {
    Relay::new(audit.clone(), house.store.clone()).pass().await.expect("relayed");
    let page = audit.entries(tenant, Filter::default(), None, 100).await.expect("read");
    let named = format!("\"{action}\"");
    page.items.iter().map(|record| record.line.to_string()).filter(|line| line.contains(&named)).collect()
}

/// A new root key in the file; what its keys are called.
fn new_root_key(house: &House) -> RootKeyNames {
    let file = RootKeyFile::read(&Config::with_file(house.root_key())).expect("read");
    let replacement = file.with_new_key(&SystemEntropy).expect("written");
    let names = replacement.names().clone();
    replacement.put_in_place().expect("in its place");
    names
}

fn drop_previous(house: &House) {
    let file = RootKeyFile::read(&Config::with_file(house.root_key())).expect("read");
    file.without_previous().expect("written").put_in_place().expect("in its place");
}

/// Everything that is wrapped by a root key but this one.
async fn by_others(house: &House, current: &str) -> u64 {
    let all = wrappings(&house.store).await.expect("read");
    all.iter().filter(|(name, _)| *name != current).map(|(_, keys)| keys).sum()
}

#[tokio::test]
async fn changing_the_root_key_wraps_tenants_keys_anew_and_keeps_everything_open() {
    let house = House::new().await;
    let audit = trail(&house).await;
    let vault = house.vault().await;
    vault.prepare(TENANT).await.expect("a key");
    let sealed = vault.seal(TENANT, "answer", b"", b"kept").expect("sealed");
    let digest = vault.digest(TENANT, "target", b"x");
    assert_eq!(vault.rewrap(&audit).await.expect("nothing to do").keys(), 0);
    assert!(acts(&house, &audit, None, "vault.rewrap").await.is_empty(), "what was not done is not recorded");

    let old = fs::read_to_string(house.root_key()).expect("read");
    let names = new_root_key(&house);
    let was = names.previous.expect("the one so far");
    let vault = house.vault().await;
    vault.prepare(OTHER).await.expect("a key under the new root key");
    let counts = wrappings(&house.store).await.expect("read");
    assert_eq!(counts, BTreeMap::from([(was.clone(), 2), (names.current.clone(), 1)]));

    let done = vault.rewrap(&audit).await.expect("rewrapped");
    let from = BTreeMap::from([(was.clone(), 2)]);
    assert_eq!(done, Rewrapped { from, to: names.current.clone(), unopened: vec![] }, "the tenant's and the house's");
    assert_eq!(vault.rewrap(&audit).await.expect("nothing left").keys(), 0);
    let told = acts(&house, &audit, None, "vault.rewrap").await;
    let whole = told.len() == 1 && told[0].contains(&was) && told[0].contains(&names.current) && told[0].contains("2");
    assert!(whole, "{told:?}");
    for tenant in [None, Some(TENANT)] {
        assert_eq!(acts(&house, &audit, tenant, "vault.key.rewrap").await.len(), 1, "{tenant:?}");
    }
    assert!(acts(&house, &audit, Some(OTHER), "vault.key.rewrap").await.is_empty());

    drop_previous(&house);
    let vault = house.vault().await;
    assert_eq!(vault.unseal(TENANT, "answer", b"", &sealed).expect("opens").expose(), b"kept");
    assert_eq!(vault.digest(TENANT, "target", b"x"), digest);
    assert!(vault.unopened().await.expect("read").is_empty());
    fs::write(house.root_key(), &old).expect("written");
    let refused = house.open().await.err().expect("the old root key opens nothing any more").to_string();
    assert!(refused.contains("did not seal this store"), "{refused}");
}

#[tokio::test]
async fn what_was_broken_off_is_finished_the_next_time_and_recorded_once() {
    let house = House::new().await;
    let audit = trail(&house).await;
    let vault = house.vault().await;
    for number in 1..=8 {
        vault.prepare(TenantId::from_u128(number)).await.expect("a key");
    }
    let names = new_root_key(&house);
    let vault = house.vault().await;
    // As far as a process gets that is killed after the fourth.
    let page = values![&names.current, "", 0i64, rows::PAGE_ROWS];
    let page = house.store.survey(&rows::KEYS_OTHERWISE, page).await.expect("read");
    assert_eq!(page.len(), 9);
    for row in &page[..4] {
        assert!(matches!(vault.rewrap_one(row, &audit).await, Ok(1)));
        assert!(matches!(vault.rewrap_one(row, &audit).await, Ok(0)), "another node was first");
    }
    drop(vault);

    let vault = house.vault().await;
    assert_eq!(by_others(&house, &names.current).await, 5);
    assert_eq!(vault.rewrap(&audit).await.expect("finished").keys(), 5);
    assert_eq!(by_others(&house, &names.current).await, 0);
    for tenant in std::iter::once(None).chain((1..=8).map(|number| Some(TenantId::from_u128(number)))) {
        assert_eq!(acts(&house, &audit, tenant, "vault.key.rewrap").await.len(), 1, "{tenant:?}");
    }
    drop_previous(&house);
    let vault = house.vault().await;
    assert!(vault.seal(TenantId::from_u128(8), "answer", b"", b"x").is_ok());
}

#[tokio::test]
async fn a_key_that_was_changed_is_named_and_holds_up_no_other() {
    static FORGE: Statement =
        Statement::tenant("test.key_forge", "UPDATE tenant_keys SET wrapped = $2 WHERE tenant = $1");
    static RENAME: Statement =
        Statement::tenant("test.key_rename", "UPDATE tenant_keys SET root_key = $2 WHERE tenant = $1");
    let house = House::new().await;
    let audit = trail(&house).await;
    let vault = house.vault().await;
    for tenant in [TENANT, OTHER] {
        vault.prepare(tenant).await.expect("a key");
    }
    let names = new_root_key(&house);
    let forged = Change::of(TENANT).step(&FORGE, values![vec![1u8; 60]]).expecting(1);
    house.store.apply(forged).await.expect("forged");
    let vault = house.vault().await;
    let done = vault.rewrap(&audit).await.expect("goes on");
    assert_eq!((done.keys(), done.unopened), (2, vec![TENANT]));
    assert_eq!(by_others(&house, &names.current).await, 1, "what does not open is left as it is");

    // The name in the row is no proof: it is bound into what was wrapped.
    let renamed = Change::of(TENANT).step(&RENAME, values![&names.current]).expecting(1);
    house.store.apply(renamed).await.expect("renamed");
    assert_eq!(by_others(&house, &names.current).await, 0);
    assert_eq!(vault.unopened().await.expect("read"), [TENANT]);
}

#[tokio::test]
async fn a_node_that_was_not_started_with_the_new_root_key_fails_closed() {
    let house = House::new().await;
    let before = house.vault().await;
    new_root_key(&house);
    let after = house.vault().await;
    before.refresh().await.expect("nothing is wrapped by the new one yet");
    after.prepare(TENANT).await.expect("a key under the new root key");
    house.store.confirm_epoch().await.expect("asked");
    let refused = before.refresh().await.expect_err("it cannot read that one").to_string();
    assert!(refused.contains("did not seal this store"), "{refused}");
    assert!(before.seal(TENANT, "answer", b"", b"x").is_err());
    assert!(house.vault().await.refresh().await.is_ok(), "started anew it can");
}
