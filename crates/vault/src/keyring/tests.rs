//! What is in memory is followed or not relied on.

use std::time::Duration;

use lockgate_vocabulary::{Secret, SystemEntropy};

use super::*;
use crate::tests::fixture::{OTHER, TENANT, bearer, connection};

fn key(version: u32) -> TenantKey {
    TenantKey::new(version, &Secret::new(vec![7; 32])).expect("a key")
}

#[test]
fn the_newest_key_seals_and_older_ones_still_open() {
    let keyring = Keyring::default();
    assert!(keyring.newest_key(TENANT).is_none());
    for version in [2, 1, 3, 3, 2] {
        keyring.add_key(TENANT, key(version));
    }
    assert_eq!(keyring.newest_key(TENANT).map(|key| key.version()), Some(3));
    assert!(keyring.newest_key(OTHER).is_none());
    for version in 1..=3u8 {
        let head = [b'L', b'G', b'S', 1, 1, 0, 0, 0, version];
        assert_eq!(keyring.key_of(TENANT, &head).map(|key| key.version()), Ok(version.into()));
        assert_eq!(keyring.key_of(OTHER, &head).err(), Some(Unopened::NoKey(version.into())));
    }
    assert_eq!(keyring.key_of(TENANT, b"LGS\x01\x01\0\0\0\x04").err(), Some(Unopened::NoKey(4)));
    assert_eq!(keyring.key_of(TENANT, b"").err(), Some(Unopened::Malformed));
}

#[test]
fn it_is_relied_on_for_two_seconds_after_it_fell_behind() {
    let keyring = Keyring::default();
    let at = Duration::from_secs;
    keyring.set_loaded(5, at(0), || 5);
    assert!(keyring.is_fresh(5, at(0)) && keyring.is_fresh(5, at(100)));
    assert!(keyring.is_fresh(6, at(100)), "it has just fallen behind");
    assert!(keyring.is_fresh(6, at(102)));
    assert!(!keyring.is_fresh(6, at(103)));
    keyring.set_loaded(6, at(103), || 6);
    assert!(keyring.is_fresh(6, at(103)));
    assert!(keyring.is_fresh(7, at(200)), "the time starts anew");
    assert_eq!(keyring.loaded(), 6);
}

#[test]
fn the_time_behind_runs_from_when_the_epoch_rose_whether_anybody_calls_or_not() {
    let keyring = Keyring::default();
    let at = Duration::from_secs;
    keyring.set_loaded(5, at(0), || 5);
    keyring.note_rise(5, at(50));
    keyring.note_rise(6, at(100));
    keyring.note_rise(7, at(600));
    assert!(!keyring.is_fresh(7, at(700)), "nobody called for ten minutes");
    keyring.set_loaded(6, at(699), || 7);
    assert!(keyring.is_fresh(7, at(701)), "what was newest at 699 is in");
    assert!(!keyring.is_fresh(7, at(702)), "and it has been behind since");
    keyring.set_loaded(7, at(702), || 7);
    assert!(keyring.is_fresh(7, at(703)));
}

#[test]
fn a_credential_that_is_not_there_is_not_lent() {
    let keyring = Keyring::default();
    let own = connection(bearer());
    let custody = Custody::none(&SystemEntropy).expect("a custody");
    assert!(matches!(
        keyring.lend(&own, &custody, (Timestamp::from_secs(1), Duration::ZERO)),
        Err(LendFailure::NotLoaded)
    ));
    let mut without = connection(bearer());
    without.credential = None;
    let refused = keyring.lend(&without, &custody, (Timestamp::from_secs(1), Duration::ZERO));
    assert!(matches!(refused, Err(LendFailure::Refused(VaultRefusal::CredentialAbsent))));
}
