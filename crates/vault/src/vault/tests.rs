//! Following the store: what changes is seen, and what cannot be read is not relied on.

use std::time::Duration;

use lockgate_vocabulary::SystemClock;

use super::*;
use crate::tests::canary::leaks;
use crate::tests::fixture::{House, TENANT, bearer, connection, request};

const URL: &str = "https://api.example/base/v1";

#[tokio::test]
async fn another_nodes_change_is_followed() {
    let house = House::new().await;
    let (one, two) = (house.vault().await, house.vault().await);
    let own = connection(bearer());
    house.keep(&one, &own, 1, "sk_one").await;
    let wanted = house.store.epoch().value();
    while two.inner.keyring.loaded() < wanted {
        tokio::task::yield_now().await;
    }
    let mut parts = request(URL, &[]);
    assert!(two.inner.equip(&own, &mut parts).is_ok());
}

#[tokio::test]
async fn a_dropped_vault_follows_no_more() {
    let house = House::new().await;
    let vault = house.vault().await;
    let inner = Arc::downgrade(&vault.inner);
    drop(vault);
    assert!(inner.upgrade().is_none(), "the task that follows keeps nothing alive");
}

/// The same vault with a keyring that nobody brings up to the store's epoch.
fn left_behind(house: &House, vault: &Vault) -> Inner {
    Inner {
        store: house.store.clone(),
        clock: Arc::new(house.clock.clone()),
        entropy: vault.inner.entropy.clone(),
        keyring: Keyring::default(),
        tokens: Shelf::default(),
        custody: Custody::none(vault.inner.entropy.as_ref()).expect("a custody"),
        digests: Digests::new(&vault.inner.keyring.newest_key(HOUSE).expect("a key")).expect("derived"),
        root_key: vault.inner.root_key.clone(),
        epoch: house.store.epoch(),
        completed: AtomicU64::new(0),
    }
}

#[tokio::test]
async fn the_first_call_after_two_seconds_behind_gets_nothing_either() {
    let house = House::new().await;
    let vault = house.vault().await;
    let own = connection(bearer());
    house.keep(&vault, &own, 1, "sk_one").await;
    let behind = Arc::new(left_behind(&house, &vault));
    behind.refresh().await.expect("read");
    tokio::spawn(note_rises(Arc::downgrade(&behind), house.store.epoch()));
    tokio::task::yield_now().await;
    house.keep(&vault, &own, 2, "sk_two").await;
    tokio::task::yield_now().await;
    house.clock.advance(Duration::from_secs(600));
    let stop = behind.equip(&own, &mut request(URL, &[])).expect_err("not relied on");
    assert!(matches!(stop, Stop::Fault(fault) if fault.is_unavailable()));
}

#[tokio::test]
async fn nothing_is_lent_when_changes_could_not_be_read_for_two_seconds() {
    let house = House::new().await;
    let vault = house.vault().await;
    let own = connection(bearer());
    house.keep(&vault, &own, 1, "sk_one").await;

    let behind = left_behind(&house, &vault);
    behind.read_all().await.expect("read");
    let mut parts = request(URL, &[]);
    assert!(behind.equip(&own, &mut parts).is_ok());
    house.clock.advance(Duration::from_secs(3));
    let stop = behind.equip(&own, &mut parts).expect_err("not relied on");
    assert!(matches!(stop, Stop::Fault(fault) if fault.is_unavailable()));
    behind.refresh().await.expect("read");
    assert!(behind.equip(&own, &mut parts).is_ok());
}

/// Prints what each operation costs in this build; run it by name with `--run-ignored all --no-capture`.
#[tokio::test]
#[ignore = "it measures and proves nothing"]
async fn costs() {
    const ROUNDS: u32 = 20_000;
    let house = House::new().await;
    let vault = house.vault().await;
    let own = connection(bearer());
    house.keep(&vault, &own, 1, "sk_live_51H8aaaaaaaabbbbbbbbccccccccdddd").await;
    vault.prepare(TENANT).await.expect("a key");
    let clock = SystemClock::new();
    let timed = |what: &str, rounds: u32, work: &mut dyn FnMut()| {
        work();
        let from = clock.elapsed();
        (0..rounds).for_each(|_| work());
        let took = (clock.elapsed() - from).as_nanos() / u128::from(rounds);
        println!("{what}: {took} ns");
    };
    let sealed = vault.seal(TENANT, "spool", b"run", &[7; 1024]).expect("sealed");
    let large = vec![7u8; 1 << 20];
    timed("lend (open one envelope)", ROUNDS, &mut || drop(vault.inner.lend(&own).expect("lent")));
    let template = request(URL, &[("accept", "*/*"), ("content-type", "application/json")]);
    timed("copy the request's head (part of the next)", ROUNDS, &mut || drop(template.clone()));
    timed("equip a bearer token", ROUNDS, &mut || {
        let mut parts = template.clone();
        drop(vault.inner.equip(&own, &mut parts).expect("equips"));
    });
    timed("digest 100 bytes", ROUNDS, &mut || {
        std::hint::black_box(vault.digest(TENANT, "target", &[7; 100]));
    });
    timed("seal 1 KiB", ROUNDS, &mut || drop(vault.seal(TENANT, "spool", b"run", &[7; 1024]).expect("sealed")));
    timed("unseal 1 KiB", ROUNDS, &mut || drop(vault.unseal(TENANT, "spool", b"run", &sealed).expect("opened")));
    timed("seal a stream of 1 MiB", 100, &mut || {
        let mut sealer = vault.stream_sealer(TENANT, "spool", b"run").expect("starts");
        let mut out = Vec::with_capacity(large.len() + 1024);
        sealer.push(&large, &mut out).expect("seals");
        sealer.finish(&mut out).expect("ends");
    });
}

#[tokio::test]
async fn no_tenants_key_lies_anywhere_in_the_clear() {
    let house = House::embedded().await;
    let vault = house.vault().await;
    house.keep(&vault, &connection(bearer()), 1, "sk_one").await;
    let mut looked_for = 0;
    for tenant in [HOUSE, TENANT] {
        for row in house.store.read(tenant, &rows::KEYS_OF, vec![]).await.expect("read") {
            let key =
                unwrapped_material(vault.inner.root_key.as_ref(), &row).await.unwrap_or_else(|_| panic!("wrapped"));
            assert_eq!(leaks(house.folder.path(), key.expose()), [], "{tenant}");
            let planted = house.folder.path().join("planted");
            std::fs::write(&planted, key.expose()).expect("written");
            assert_eq!(leaks(house.folder.path(), key.expose()).len(), 1, "it would be found");
            std::fs::remove_file(planted).expect("there");
            looked_for += 1;
        }
    }
    assert_eq!(looked_for, 2);
}
