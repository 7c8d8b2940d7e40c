//! Credentials that another vault keeps, destroyed for good: there first, then here, and never half presented as whole.

use std::time::Duration;

use lockgate_testkit::{AzureServer, Trouble};
use serde_json::{Value, json};

use lockgate_store::{Change, Statement, values};
use lockgate_vocabulary::TenantId;

use super::azure;
use super::held::{Held, SECRET, connected, credential};
use crate::client::Client;
use crate::custody::operator;
use crate::rotation::{detail, told};

const SECOND: &str = "canary-5b1f-second";
const WINDOW: &str = "[vault]\nroot_key_file = \"root.key\"\nrecovery_days = 7\n";

/// A revoked credential of two versions in another vault, and who may purge it.
async fn revoked(keys: &str) -> (Held, String) {
    let held = Held::configured(keys, json!({})).await;
    held.world.make(&held.acme.operator, "/v1/credentials", credential("corp")).await;
    let body = json!({ "secret": SECOND, "danger_unverified": true });
    assert_eq!(held.post("/v1/credentials/crm-key/versions", body).await, (201, String::new()));
    let admin = operator(&held.world, &held.acme, "admin", json!(["tenants.admin"])).await;
    let body = json!({ "reason": "over" });
    assert_eq!(held.post("/v1/credentials/crm-key/revoke", body).await, (200, String::new()));
    assert!(held.server.has(SECRET) && held.server.has(SECOND), "what is deleted there can be recovered");
    (held, admin)
}

async fn shown(held: &Held) -> Value {
    let shown = held.world.ask(&held.acme.operator, "GET", "/v1/credentials/crm-key", None).await;
    assert_eq!(shown.status, 200, "{}", shown.text());
    shown.json()
}

/// Asks for it by the id, as who may not read credentials' names does.
async fn purge(held: &Held, key: &str) -> (u16, String) {
    let id = shown(held).await["id"].as_str().expect("an id").to_owned();
    let answer = held.world.ask(key, "POST", &format!("/v1/credentials/{id}/purge"), None).await;
    (answer.status, if answer.status < 300 { String::new() } else { answer.code() })
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[tokio::test]
async fn purging_destroys_every_version_there_and_then_here_by_the_same_right() {
    let (held, admin) = revoked("").await;
    assert_eq!(purge(&held, &held.acme.operator).await, refused(403, "vault.purge.own"));
    assert_eq!(held.server.count("POST /v1/secret/destroy/"), 0, "who may not is not let near it");
    assert_eq!(shown(&held).await["status"], "revoked");

    assert_eq!(purge(&held, &admin).await, (200, String::new()));
    assert!(!held.server.has(SECRET) && !held.server.has(SECOND), "neither version is there any more");
    let gone = shown(&held).await;
    assert_eq!((&gone["status"], &gone["backend"]), (&json!("purged"), &Value::Null), "{gone}");
    assert!(gone["versions"].as_array().expect("versions").iter().all(|version| version["status"] == "destroyed"));
    assert_eq!(
        held.post("/v1/credentials/crm-key/recover", json!({})).await.0,
        409,
        "nobody comes back to what is destroyed"
    );

    let begun = told(&held.world, &held.acme, "credential.purge_begin").await;
    let there = told(&held.world, &held.acme, "credential.backend_purge").await;
    let done = told(&held.world, &held.acme, "credential.purge").await;
    assert_eq!([begun.len(), there.len(), done.len()], [1, 1, 1]);
    assert_eq!((detail(&there[0], "backend"), detail(&there[0], "code")), (json!("corp"), json!("")));
    for record in [&begun[0], &there[0], &done[0]] {
        assert_eq!(record["actor"]["name"], "admin", "{record}");
    }
    held.world.end().await;
}

#[tokio::test]
async fn a_back_end_that_does_not_purge_is_named_and_the_purge_is_gone_on_with() {
    let (held, admin) = revoked("").await;
    for (trouble, wanted) in [
        (Trouble::Undestroyable, refused(503, "vault.backend.denied")),
        (Trouble::Sealed, refused(503, "vault.backend.sealed")),
        (Trouble::Throttled(7), refused(503, "vault.backend.throttled")),
        (Trouble::Busy, refused(503, "vault.backend.unreachable")),
        // Not found is no proof that nothing is there, where the engine itself is not.
        (Trouble::Unmounted, refused(502, "vault.backend.malformed")),
    ] {
        held.server.trouble(trouble);
        assert_eq!(purge(&held, &admin).await, wanted, "{trouble:?}");
        let left = shown(&held).await;
        assert_eq!((&left["status"], &left["recover_until"]), (&json!("purging"), &Value::Null), "{trouble:?}: {left}");
        assert!(held.server.has(SECRET), "it is there yet, and nothing says otherwise");
        // What may be half gone is brought back by nobody.
        assert_eq!(
            held.post("/v1/credentials/crm-key/recover", json!({})).await,
            refused(409, "vault.credential.unrecoverable")
        );
        held.server.trouble(Trouble::None);
        held.world.pass(Duration::from_secs(31)).await;
    }
    assert_eq!(held.server.count("POST /v1/secret/undelete/"), 0);
    let there = told(&held.world, &held.acme, "credential.backend_purge").await;
    let mut codes: Vec<_> = there.iter().map(|record| detail(record, "code")).collect();
    codes.sort_by_key(Value::to_string);
    let names = ["denied", "malformed", "sealed", "throttled", "unreachable"];
    assert_eq!(codes, names.map(|name| json!(format!("vault.backend.{name}"))), "each try is told with its result");
    assert_eq!(told(&held.world, &held.acme, "credential.purge").await.len(), 0, "none as done");

    // Somebody has destroyed it there by hand meanwhile: what is absent is as it has to be.
    held.server.remove_paths();
    assert_eq!(purge(&held, &admin).await, (200, String::new()));
    assert_eq!(shown(&held).await["status"], "purged");
    assert_eq!(purge(&held, &admin).await, refused(409, "vault.credential.unrecoverable"), "it is done once");
    held.world.end().await;
}

#[tokio::test]
async fn who_is_not_let_purge_lends_on() {
    let (held, admin) = revoked("").await;
    let mut other = credential("corp");
    other["name"] = json!("crm-other");
    held.world.make(&held.acme.operator, "/v1/credentials", other).await;
    held.server.trouble(Trouble::Undestroyable);
    assert_eq!(purge(&held, &admin).await, refused(503, "vault.backend.denied"));
    // What is held of the other one is too old by now, so it is fetched, at once.
    held.world.pass(Duration::from_secs(3_601)).await;
    assert_eq!(purge(&held, &admin).await, refused(503, "vault.backend.denied"));
    assert_eq!(held.called().await, (200, String::new()));
    held.world.end().await;
}

#[tokio::test]
async fn the_end_of_the_window_destroys_it_there_as_well_and_goes_on_until_it_is_done() {
    let (held, _) = revoked(WINDOW).await;
    let custodian = &held.world.running.rooms.custodian;
    held.server.trouble(Trouble::Undestroyable);
    held.world.pass(Duration::from_secs(7 * 86_400 + 1)).await;
    let tried = async || told(&held.world, &held.acme, "credential.backend_purge").await.len();
    while tried().await == 0 {
        custodian.tend().await.expect("tended");
    }
    assert_eq!(shown(&held).await["status"], "purging", "it is not told as done");
    assert!(held.server.has(SECRET));
    let begun = told(&held.world, &held.acme, "credential.purge_begin").await;
    assert!(begun.iter().all(|record| record["actor"].is_null()), "the house does it: {begun:?}");
    // It is not asked again and again.
    let before = tried().await;
    for _ in 0..3 {
        held.world.pass(Duration::from_secs(60)).await;
        custodian.tend().await.expect("tended");
    }
    assert_eq!(tried().await, before, "not before an hour is over");
    // Then each hour would be often, where nobody gives the right to it.
    held.world.pass(Duration::from_secs(3_600)).await;
    while tried().await == before {
        custodian.tend().await.expect("tended");
    }
    for _ in 0..3 {
        held.world.pass(Duration::from_secs(2_000)).await;
        custodian.tend().await.expect("tended");
    }
    assert_eq!(tried().await, before + 1, "not before two hours are over");
    let begun = told(&held.world, &held.acme, "credential.purge_begin").await;
    assert_eq!(begun.len(), 1, "it begins once");

    held.server.trouble(Trouble::None);
    held.world.pass(Duration::from_secs(3_600)).await;
    custodian.tend().await.expect("tended");
    while shown(&held).await["status"] != "purged" {
        tokio::task::yield_now().await;
    }
    assert!(!held.server.has(SECRET) && !held.server.has(SECOND));
    held.world.end().await;
}

/// One that deletes and purges in its own time, and may be told to purge nothing.
#[tokio::test]
async fn a_vault_that_takes_its_time_is_waited_for_and_one_that_is_protected_refuses() {
    let (server, folder) = (AzureServer::start(azure::HOST).await, tempfile::tempdir().expect("a folder"));
    let settings = azure::settings(&server, &folder);
    let section = format!("[egress]\ndanger_errand_networks = [\"127.0.0.0/8\"]\n[vault.backends.azure]\n{settings}\n");
    let (world, acme) = connected(&section, json!({})).await;
    let made = world.make(&acme.operator, "/v1/credentials", credential("azure")).await;
    let admin = operator(&world, &acme, "admin", json!(["tenants.admin"])).await;
    let body = Some(json!({ "reason": "over" }));
    assert_eq!(world.ask(&acme.operator, "POST", "/v1/credentials/crm-key/revoke", body).await.status, 200);
    assert_eq!(server.secrets(), (1, 1), "deleted there, recoverably");

    let path = format!("/v1/credentials/{}/purge", made["id"].as_str().expect("an id"));
    let purge = async || {
        let request = format!("POST {path} HTTP/1.1\r\nHost: gate\r\nX-Api-Key: {admin}\r\nContent-Length: 0\r\n\r\n");
        let address = world.admin;
        let asking = tokio::spawn(async move {
            let mut client = Client::connect(address).await;
            client.send(request).await;
            client.answer().await.expect("an answer")
        });
        let answer = world.outlast(asking).await;
        (answer.status, if answer.status < 300 { String::new() } else { answer.code() })
    };
    // On a busy machine the clock that waits for the vault outruns its sockets; then it is asked for again.
    let purge = async || loop {
        match purge().await {
            (503, code) if code == "vault.backend.unreachable" => world.pass(Duration::from_secs(31)).await,
            told => break told,
        }
    };
    server.protect(true);
    assert_eq!(purge().await, refused(503, "vault.backend.denied"));
    assert_eq!(server.secrets(), (1, 1));
    server.protect(false);
    assert_eq!(purge().await, (200, String::new()));
    assert_eq!(server.secrets(), (0, 0), "nothing is left there");
    let shown = world.ask(&acme.operator, "GET", "/v1/credentials/crm-key", None).await.json();
    assert_eq!(shown["status"], "purged", "{shown}");
    world.end().await;
}

static RECORDS: Statement = Statement::tenant(
    "test.records",
    "SELECT version, sealed FROM credential_versions WHERE tenant = $1 AND version = 2",
);
static RECORDED: Statement =
    Statement::tenant("test.recorded", "UPDATE credential_versions SET sealed = $2 WHERE tenant = $1 AND version = 2");

#[tokio::test]
async fn what_cannot_be_destroyed_is_refused_while_it_can_be_recovered() {
    let (held, admin) = revoked("").await;
    let held = held.restarted(false).await;
    assert_eq!(purge(&held, &admin).await, refused(503, "vault.backend.unknown"));
    assert_eq!(shown(&held).await["status"], "revoked");

    // Where it is, the store does not say any more.
    let tenant: TenantId = held.acme.id.parse().expect("an id");
    let store = &held.world.running.rooms.store;
    let sealed = store.read(tenant, &RECORDS, Vec::new()).await.expect("read")[0].bytes(1).expect("bytes").to_vec();
    let mut spoiled = sealed.clone();
    *spoiled.last_mut().expect("a byte") ^= 1;
    let write = async |store: &lockgate_store::Store, bytes: Vec<u8>| {
        let change = Change::of(tenant).raising_epoch().step(&RECORDED, values![bytes]).expecting(1);
        store.apply(change).await.expect("written");
    };
    write(store, spoiled).await;
    let held = held.restarted(true).await;
    assert_eq!(purge(&held, &admin).await, refused(409, "vault.backend.reference"));
    assert_eq!(shown(&held).await["status"], "revoked", "nobody has lost anything by asking");
    assert_eq!(told(&held.world, &held.acme, "credential.purge_begin").await.len(), 0);
    assert!(held.server.has(SECRET));

    write(&held.world.running.rooms.store, sealed).await;
    let held = held.restarted(true).await;
    assert_eq!(purge(&held, &admin).await, (200, String::new()));
    assert!(!held.server.has(SECRET) && !held.server.has(SECOND));
    held.world.end().await;
}
