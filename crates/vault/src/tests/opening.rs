//! Opening a vault on a store, and sealing.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use lockgate_store::values;
use lockgate_vocabulary::{Clock, SystemEntropy, TenantId};

use super::fixture::{House, OTHER, TENANT};
use crate::config::Config;
use crate::root_key::generate_root_key_file;
use crate::rows::{self, STATEMENTS};
use crate::seal::StreamOpener;
use crate::vault::{HOUSE, Vault};

#[tokio::test]
async fn every_statement_is_sound() {
    let house = House::new().await;
    house.store.prepare_all(STATEMENTS).await.expect("prepared");
    let mut names: Vec<&str> = STATEMENTS.iter().map(|statement| statement.name).collect();
    names.dedup();
    assert_eq!(names.len(), STATEMENTS.len());
}

#[tokio::test]
async fn what_is_sealed_opens_after_a_restart_for_the_same_place_alone() {
    let house = House::new().await;
    let vault = house.vault().await;
    for tenant in [TENANT, OTHER] {
        vault.prepare(tenant).await.expect("a key");
    }
    let sealed = vault.seal(TENANT, "answer", b"run_1", b"kept").expect("sealed");
    let again = house.vault().await;
    assert_eq!(again.unseal(TENANT, "answer", b"run_1", &sealed).expect("opens").expose(), b"kept");
    assert!(again.unseal(OTHER, "answer", b"run_1", &sealed).is_err());
    assert!(again.unseal(TENANT, "spool", b"run_1", &sealed).is_err());
    assert!(again.unseal(TENANT, "answer", b"run_2", &sealed).is_err());
    assert!(again.unseal(TENANT, "answer", b"run_1", &sealed[1..]).is_err());
}

#[tokio::test]
async fn a_tenant_without_a_key_seals_nothing_until_it_has_one() {
    let house = House::new().await;
    let vault = house.vault().await;
    let fault = vault.seal(TENANT, "answer", b"", b"x").expect_err("no key");
    assert!(fault.is_unavailable());
    vault.prepare(TENANT).await.expect("a key");
    vault.prepare(TENANT).await.expect("the same key");
    assert!(vault.seal(TENANT, "answer", b"", b"x").is_ok());
    let rows = house.store.read(TENANT, &rows::KEYS_OF, vec![]).await.expect("read");
    assert_eq!(rows.len(), 1);
}

#[tokio::test]
async fn two_nodes_that_make_a_key_at_once_agree_on_one() {
    let house = House::new().await;
    let (one, two) = (house.vault().await, house.vault().await);
    let (first, second) = tokio::join!(one.prepare(TENANT), two.prepare(TENANT));
    first.expect("a key");
    second.expect("a key");
    let sealed = one.seal(TENANT, "answer", b"", b"x").expect("sealed");
    assert_eq!(two.unseal(TENANT, "answer", b"", &sealed).expect("opens").expose(), b"x");
}

#[tokio::test]
async fn the_house_seals_for_itself_from_the_start() {
    let house = House::new().await;
    let sealed = house.vault().await.seal(HOUSE, "signing-key", b"kid", b"private").expect("sealed");
    let again = house.vault().await;
    assert_eq!(again.unseal(HOUSE, "signing-key", b"kid", &sealed).expect("opens").expose(), b"private");
}

#[tokio::test]
async fn digests_stay_the_same_and_differ_by_tenant() {
    let house = House::new().await;
    let one = house.vault().await.digest(TENANT, "target", b"/v1");
    assert_eq!(house.vault().await.digest(TENANT, "target", b"/v1"), one);
    assert_ne!(house.vault().await.digest(OTHER, "target", b"/v1"), one);
    let elsewhere = House::new().await;
    assert_ne!(elsewhere.vault().await.digest(TENANT, "target", b"/v1"), one);
}

#[tokio::test]
async fn streams_open_with_the_vault() {
    let house = House::new().await;
    let vault = house.vault().await;
    vault.prepare(TENANT).await.expect("a key");
    let mut sealer = vault.stream_sealer(TENANT, "spool", b"run_1").expect("starts");
    let plain = vec![9u8; 200_000];
    let mut sealed = Vec::new();
    sealer.push(&plain, &mut sealed).expect("seals");
    sealer.finish(&mut sealed).expect("ends");
    let (prelude, rest) = sealed.split_at(StreamOpener::PRELUDE);
    let mut opener = vault.stream_opener(TENANT, "spool", b"run_1", prelude).expect("starts");
    let mut opened = Vec::new();
    opener.push(rest, &mut opened).expect("opens");
    opener.finish(&mut opened).expect("whole");
    assert_eq!(opened, plain);
    assert!(vault.stream_opener(OTHER, "spool", b"run_1", prelude).is_err());
    assert!(vault.stream_opener(TENANT, "spool", b"run_1", &prelude[..9]).is_err());
}

#[tokio::test]
async fn another_root_key_is_refused_at_the_start() {
    let house = House::new().await;
    house.vault().await.prepare(TENANT).await.expect("a key");
    fs::rename(house.root_key(), house.folder.path().join("kept.key")).expect("moved");
    let missing = house.open().await.err().expect("refused").to_string();
    assert!(missing.contains("there is no root key file"), "{missing}");

    generate_root_key_file(&house.root_key(), &SystemEntropy).expect("another root key");
    let wrong = house.open().await.err().expect("refused").to_string();
    assert!(wrong.contains("did not seal this store"), "{wrong}");

    fs::rename(house.folder.path().join("kept.key"), house.root_key()).expect("moved");
    fs::set_permissions(house.root_key(), fs::Permissions::from_mode(0o640)).expect("opened");
    let open = house.open().await.err().expect("refused").to_string();
    assert!(open.contains("chmod 0600"), "{open}");
    fs::set_permissions(house.root_key(), fs::Permissions::from_mode(0o600)).expect("closed");
    assert!(house.open().await.is_ok());
}

#[tokio::test]
async fn a_root_key_that_only_bears_the_name_is_refused() {
    let house = House::new().await;
    house.vault().await;
    let text = fs::read_to_string(house.root_key()).expect("read");
    let name = text.split_whitespace().nth(3).expect("a name").to_owned();
    let forged = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";
    fs::write(house.root_key(), format!("lockgate-root-key v1\ncurrent {name} {forged}\n")).expect("written");
    let wrong = house.open().await.err().expect("refused").to_string();
    assert!(wrong.contains("did not seal this store"), "{wrong}");
}

#[tokio::test]
async fn no_source_and_two_sources_are_refused() {
    let house = House::new().await;
    for config in [Config::default(), Config { root_key_fd: Some(3), ..Config::with_file(house.root_key()) }] {
        let clock: Arc<dyn Clock> = Arc::new(house.clock.clone());
        let fault = Vault::open(&config, house.store.clone(), clock, Arc::new(SystemEntropy)).await.err();
        assert!(fault.expect("refused").to_string().contains("root_key_file or root_key_fd"));
    }
}

#[tokio::test]
async fn tenants_get_a_key_without_asking() {
    static TENANT_INSERT: lockgate_store::Statement = lockgate_store::Statement::house(
        "test.tenant_insert",
        "INSERT INTO tenants (tenant, name, status, created_at, changed) \
         VALUES ($1, $2, 'active', 0, (SELECT value FROM house WHERE name = 'epoch'))",
    );
    let house = House::new().await;
    let vault = house.vault().await;
    let tenant = TenantId::from_u128(77);
    let change = lockgate_store::Change::house().raising_epoch().step(&TENANT_INSERT, values![tenant, "seventy"]);
    house.store.apply(change).await.expect("made");
    // The vault's own look at the store may be making the key at the same time; then it has it in a moment.
    for _ in 0..1_000 {
        vault.refresh().await.expect("read");
        if vault.seal(tenant, "answer", b"", b"x").is_ok() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("the tenant has no key");
}
