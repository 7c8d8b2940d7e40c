//! Credentials on a real store: lent in their place, and in no other.

use lockgate_access::directory::Connection;
use lockgate_access::spec::AuthPlacement;
use lockgate_store::{Change, Statement, values};
use lockgate_vocabulary::{Clock as _, ConnectionId, CredentialId, Stop};

use super::canary::{canary, leaks};
use super::fixture::{CREDENTIAL_ID, House, OTHER, TENANT, bearer, connection, query, request, sealed};
use crate::rows;
use crate::vault::Vault;

const URL: &str = "https://api.example/base/v1";

fn equip(vault: &Vault, connection: &Connection) -> Result<String, Stop> {
    let mut parts = request(URL, &[]);
    let _equipped = vault.inner.equip(connection, &mut parts)?;
    Ok(parts.headers["authorization"].to_str().expect("visible").to_owned())
}

/// The refusal's code, or what the house was doing when it broke.
fn why(stop: Stop) -> String {
    match stop {
        Stop::Refused(refusal) => refusal.code().to_owned(),
        Stop::Fault(fault) => fault.doing().to_owned(),
    }
}

fn refused(vault: &Vault, connection: &Connection) -> String {
    why(equip(vault, connection).expect_err("it is not lent"))
}

const NOT_OPENED: &str = "opening a credential";

#[tokio::test]
async fn a_kept_credential_is_lent_and_survives_a_restart() {
    let house = House::new().await;
    let vault = house.vault().await;
    let own = connection(bearer());
    house.keep(&vault, &own, 1, "sk_one").await;
    assert_eq!(equip(&vault, &own).expect("lent"), "Bearer sk_one");
    house.keep(&vault, &own, 2, "sk_two").await;
    assert_eq!(equip(&vault, &own).expect("lent"), "Bearer sk_two");
    let again = house.vault().await;
    assert_eq!(equip(&again, &own).expect("lent"), "Bearer sk_two");
}

#[tokio::test]
async fn a_repointed_connection_does_not_take_its_credential_along() {
    let house = House::new().await;
    let vault = house.vault().await;
    let own = connection(bearer());
    house.keep(&vault, &own, 1, "sk_one").await;

    let mut moved = connection(bearer());
    moved.base.prefix = "/base/v1".into();
    assert_eq!(refused(&vault, &moved), "vault.binding.moved");
    let mut elsewhere = connection(bearer());
    elsewhere.base.host = "evil.example".into();
    assert_eq!(refused(&vault, &elsewhere), "vault.origin.outside");
    let mut second = connection(bearer());
    second.id = ConnectionId::from_u128(99);
    assert_eq!(refused(&vault, &second), "vault.binding.moved");

    // Nor does it take it to a place where others read it, or to whom another certificate vouches for.
    assert_eq!(refused(&vault, &connection(crate::tests::fixture::query("description"))), "vault.binding.moved");
    let mut trusting = connection(bearer());
    std::sync::Arc::get_mut(&mut trusting.settings).expect("one handle").trust = [1; 32];
    assert_eq!(refused(&vault, &trusting), "vault.binding.moved");

    // Writing the new base into the row does not help: the seal holds the old one.
    let record = sealed(&vault, &own, 1, "sk_one").await;
    let (old, envelope) = crate::binding::Binding::split(&record).expect("a record");
    let forged = crate::binding::Binding::of(&moved).before(envelope);
    assert!(!old.holds_for(&moved));
    house.forge(&vault, &own, 1, forged).await;
    assert_eq!(refused(&vault, &moved), NOT_OPENED);
    assert_eq!(refused(&vault, &own), "vault.binding.moved");
}

#[tokio::test]
async fn rows_swapped_between_tenants_credentials_and_versions_do_not_open() {
    let house = House::new().await;
    let vault = house.vault().await;
    let own = connection(bearer());
    house.keep(&vault, &own, 1, "sk_one").await;
    house.keep(&vault, &own, 2, "sk_two").await;
    assert_eq!(equip(&vault, &own).expect("lent"), "Bearer sk_two");

    // The first version's value in the second one's row.
    house.forge(&vault, &own, 2, sealed(&vault, &own, 1, "sk_one").await).await;
    assert_eq!(refused(&vault, &own), NOT_OPENED);
    // Another credential's.
    let mut other = connection(bearer());
    other.credential = Some(CredentialId::from_u128(77));
    house.forge(&vault, &own, 2, sealed(&vault, &other, 2, "sk_other").await).await;
    assert_eq!(refused(&vault, &own), NOT_OPENED);
    // Another tenant's, whose every identifier is the same.
    let mut foreign = connection(bearer());
    foreign.tenant = OTHER;
    house.forge(&vault, &own, 2, sealed(&vault, &foreign, 2, "sk_foreign").await).await;
    assert_eq!(refused(&vault, &own), NOT_OPENED);
    // What is sealed for another purpose.
    let spool = vault.seal(own.tenant, "credential", b"", b"sk_spool").expect("sealed");
    let forged = crate::binding::Binding::of(&own).before(&spool);
    house.forge(&vault, &own, 2, forged).await;
    assert_eq!(refused(&vault, &own), NOT_OPENED);
    // The right one again.
    house.forge(&vault, &own, 2, sealed(&vault, &own, 2, "sk_two").await).await;
    assert_eq!(equip(&vault, &own).expect("lent"), "Bearer sk_two");
}

#[tokio::test]
async fn every_changed_byte_and_every_cut_of_a_row_is_noticed() {
    let house = House::new().await;
    let vault = house.vault().await;
    let own = connection(bearer());
    house.keep(&vault, &own, 1, "sk_one").await;
    let record = sealed(&vault, &own, 1, "sk_one").await;
    for at in 0..record.len() {
        let mut changed = record.clone();
        changed[at] ^= 0x20;
        house.forge(&vault, &own, 1, changed).await;
        assert!(equip(&vault, &own).is_err(), "byte {at}");
    }
    for length in (0..record.len()).step_by(7) {
        house.forge(&vault, &own, 1, record[..length].to_vec()).await;
        assert!(equip(&vault, &own).is_err(), "cut at {length}");
    }
    house.forge(&vault, &own, 1, record).await;
    assert_eq!(equip(&vault, &own).expect("lent"), "Bearer sk_one");
}

#[tokio::test]
async fn an_open_provider_needs_no_credential() {
    let house = House::new().await;
    let vault = house.vault().await;
    let mut parts = request(URL, &[]);
    let open = connection(AuthPlacement::None);
    let equipped = vault.inner.equip(&open, &mut parts).expect("equips");
    assert_eq!(equipped.lent(), None);
    let mut outside = request("https://evil.example/", &[]);
    assert_eq!(why(vault.inner.equip(&open, &mut outside).expect_err("outside")), "vault.origin.outside");
    assert_eq!(vault.inner.scrub(&open, "text"), "text");
}

#[tokio::test]
async fn what_a_vendor_echoes_is_scrubbed_or_withheld() {
    let house = House::new().await;
    let vault = house.vault().await;
    let own = connection(bearer());
    assert_eq!(vault.inner.scrub(&own, "anything"), "[withheld]");
    house.keep(&vault, &own, 1, "sk_live_abcdef").await;
    assert_eq!(vault.inner.scrub(&own, "bad key sk_live_abcdef!"), "bad key [credential]!");
    let mut moved = connection(bearer());
    moved.base.port = 1;
    assert_eq!(vault.inner.scrub(&moved, "bad key sk_live_abcdef!"), "[withheld]");
}

#[tokio::test]
async fn a_row_that_cannot_be_read_stops_nobody_else() {
    let house = House::new().await;
    let vault = house.vault().await;
    let own = connection(bearer());
    house.keep(&vault, &own, 1, "sk_one").await;
    let mut foreign = connection(bearer());
    foreign.tenant = OTHER;
    house.keep(&vault, &foreign, 1, "sk_two").await;
    house.forge(&vault, &foreign, 1, vec![0xff; 40]).await;
    assert_eq!(refused(&vault, &foreign), NOT_OPENED);
    assert_eq!(equip(&vault, &own).expect("lent"), "Bearer sk_one");

    house.forge_key(OTHER, vec![1; 60]).await;
    let again = house.vault().await;
    assert_eq!(equip(&again, &own).expect("lent"), "Bearer sk_one");
    assert_eq!(refused(&again, &foreign), NOT_OPENED);
}

#[tokio::test]
async fn no_canary_is_on_disk_in_any_spelling() {
    let house = House::embedded().await;
    let vault = house.vault().await;
    let secret = canary("bearer");
    let own = connection(bearer());
    house.keep(&vault, &own, 1, &secret).await;
    let mut second = connection(query("api_key"));
    second.id = ConnectionId::from_u128(50);
    second.credential = Some(CredentialId::from_u128(51));
    second.tenant = OTHER;
    house.keep(&vault, &second, 1, &secret).await;
    for _ in 0..50 {
        equip(&vault, &own).expect("lent");
        let mut parts = request(URL, &[]);
        let _equipped = vault.inner.equip(&second, &mut parts).expect("lent");
        assert!(
            parts.uri.query().is_some_and(|query| query.starts_with("api_key=sk_canary_bearer_7Qw~9zX%2FpL%2B2%3DvR"))
        );
    }
    let spooled = vault.seal(own.tenant, "spool", b"run", secret.as_bytes()).expect("sealed");
    std::fs::write(house.folder.path().join("spool"), &spooled).expect("written");
    let mut sealer = vault.stream_sealer(own.tenant, "spool", b"run").expect("starts");
    let mut streamed = Vec::new();
    sealer.push(secret.as_bytes(), &mut streamed).expect("seals");
    sealer.finish(&mut streamed).expect("ends");
    std::fs::write(house.folder.path().join("stream"), &streamed).expect("written");

    let files = std::fs::read_dir(house.folder.path()).expect("listed").count();
    assert!(files >= 4, "the database and its log are there");
    assert_eq!(leaks(house.folder.path(), secret.as_bytes()), []);
    house.store.checkpoint().await.expect("emptied");
    assert_eq!(leaks(house.folder.path(), secret.as_bytes()), []);

    // The search is a search: a leak that is planted in the same folder is found.
    std::fs::write(house.folder.path().join("core"), format!("…{secret}…")).expect("written");
    assert_eq!(leaks(house.folder.path(), secret.as_bytes()).len(), 1);
}

#[tokio::test]
async fn a_row_that_cannot_be_read_does_not_leave_the_old_one_in_use() {
    let house = House::new().await;
    let vault = house.vault().await;
    let own = connection(bearer());
    house.keep(&vault, &own, 1, "sk_one").await;
    assert_eq!(equip(&vault, &own).expect("lent"), "Bearer sk_one");
    break_row(&house).await;
    vault.refresh().await.expect("read");
    assert!(equip(&vault, &own).is_err());
}

/// Makes a version of the credential's row that is no version.
async fn break_row(house: &House) {
    static BREAK: Statement = Statement::tenant(
        "test.break",
        "UPDATE credentials SET current_version = -1, changed = (SELECT value FROM house WHERE name = 'epoch') \
         WHERE tenant = $1 AND credential = $2",
    );
    static MOVE: Statement = Statement::tenant(
        "test.move",
        "UPDATE credential_versions SET version = -1 WHERE tenant = $1 AND credential = $2",
    );
    let change = Change::of(TENANT).raising_epoch();
    let change = change.step(&MOVE, values![CREDENTIAL_ID]).step(&BREAK, values![CREDENTIAL_ID]);
    house.store.apply(change).await.expect("broken");
}

#[tokio::test]
async fn a_row_that_was_read_before_a_change_does_not_undo_it() {
    let house = House::new().await;
    let vault = house.vault().await;
    let own = connection(bearer());
    let read = async || house.store.survey(&rows::CREDENTIALS_SINCE, values![0i64]).await.expect("read");
    house.keep(&vault, &own, 1, "sk_one").await;
    let before = read().await;
    house.keep(&vault, &own, 2, "sk_two").await;
    vault.inner.keyring.add_credentials(&before);
    assert_eq!(equip(&vault, &own).expect("lent"), "Bearer sk_two", "the older row came later");

    let rotated = read().await;
    let change = Change::of(own.tenant).raising_epoch();
    let now = house.clock.now();
    let revoked = values![CREDENTIAL_ID, now, "somebody", now];
    let change = change.step(&rows::CREDENTIAL_REVOKE, revoked).expecting(1);
    house.store.apply(change).await.expect("revoked");
    vault.refresh().await.expect("read");
    for older in [before, rotated] {
        vault.inner.keyring.add_credentials(&older);
        assert_eq!(refused(&vault, &own), "vault.credential.revoked");
    }
}

#[tokio::test]
async fn a_row_that_was_read_before_one_that_cannot_be_read_is_not_relied_on() {
    let house = House::new().await;
    let vault = house.vault().await;
    let own = connection(bearer());
    house.keep(&vault, &own, 1, "sk_one").await;
    let before = house.store.survey(&rows::CREDENTIALS_SINCE, values![0i64]).await.expect("read");
    break_row(&house).await;
    vault.refresh().await.expect("read");
    vault.inner.keyring.add_credentials(&before);
    assert!(equip(&vault, &own).is_err());
}
