//! Calls whose credential another vault keeps: lent while it may be, refused by name where it may not.

use std::path::Path;
use std::time::Duration;

use lockgate_testkit::{Canned, Kv2Server, Trouble};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::kv2::{self, HOST};
use crate::world::{Tenant, VENDOR_HOST, World, call_at};

const LINE: &str = "GET /v1/things/1";
pub const PATH: &str = "/call/crm/v1/things/1";
pub const SECRET: &str = "canary-5b1f-kept-elsewhere";
pub const READ: &str = "GET /v1/secret/data/";

/// A world whose configuration names one back end, `corp`.
pub struct Held {
    pub world: World,
    pub server: Kv2Server,
    pub acme: Tenant,
    section: String,
    _folder: TempDir,
}

impl Held {
    async fn start() -> Self {
        Self::start_with(json!({})).await
    }

    /// The same with a provider that has these members as well.
    async fn start_with(more: Value) -> Self {
        Self::configured("", more).await
    }

    /// The same with these keys in the configuration.
    pub async fn configured(keys: &str, more: Value) -> Self {
        let (server, folder) = (Kv2Server::start(HOST).await, tempfile::tempdir().expect("a folder"));
        let settings = kv2::settings(&server, &folder, &kv2::kubernetes(&folder));
        let section =
            format!("{keys}[egress]\ndanger_errand_networks = [\"127.0.0.0/8\"]\n[vault.backends.corp]\n{settings}\n");
        let (world, acme) = connected(&section, more).await;
        Self { world, server, acme, section, _folder: folder }
    }

    pub async fn with_credential() -> Self {
        let held = Self::start().await;
        held.world.make(&held.acme.operator, "/v1/credentials", credential("corp")).await;
        held
    }

    /// The same with another process, which has the back end's section in its configuration or has not.
    pub async fn restarted(self, has_section: bool) -> Self {
        let Self { world, server, acme, section, _folder } = self;
        let none = "[egress]\ndanger_errand_networks = [\"127.0.0.0/8\"]\n";
        let world = world.restarted(if has_section { &section } else { none }).await;
        Self { world, server, acme, section, _folder }
    }

    pub async fn called(&self) -> (u16, String) {
        let answer = self.world.read(&self.acme.service, PATH).await;
        (answer.status, if answer.status < 400 { String::new() } else { answer.code() })
    }

    /// Calls until one is refused. Calls go on with what is held while it is fetched again.
    pub async fn until_refused(&self) -> (u16, String) {
        loop {
            let called = self.called().await;
            if called.0 != 200 {
                return called;
            }
            self.world.pass(Duration::from_secs(1)).await;
        }
    }

    pub async fn post(&self, path: &str, body: Value) -> (u16, String) {
        let answer = self.world.ask(&self.acme.operator, "POST", path, Some(body)).await;
        (answer.status, if answer.status < 400 { String::new() } else { answer.code() })
    }

    fn last_sent(&self) -> String {
        let seen = self.world.vendor.seen();
        seen.last().and_then(|seen| seen.header("authorization").map(str::to_owned)).unwrap_or_default()
    }

    /// Lets so much time go by, and waits until the gateway has asked the back end for the value again.
    pub async fn pass_until_asked(&self, by: Duration) {
        let before = self.server.count(READ);
        self.world.pass(by).await;
        while self.server.count(READ) == before {
            self.world.pass(Duration::from_secs(1)).await;
            tokio::task::yield_now().await;
        }
    }
}

/// A world with this configuration and a connection that has no credential yet.
pub async fn connected(section: &str, more: Value) -> (World, Tenant) {
    let world = World::with(section).await;
    let acme = world.tenant("acme").await;
    let mut provider = json!({
        "name": "vendor-crm", "title": "Vendor", "auth": { "placement": "bearer" },
        "base_url": format!("https://{VENDOR_HOST}:{}", world.vendor.address.port()),
        "endpoints": [{ "method": "GET", "path": "/v1/things/{id}" }, { "method": "GET", "path": "/v1/me" }],
    });
    provider.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    world.make(&acme.operator, "/v1/providers", provider).await;
    let spec = json!({ "trust_pem": world.vendor.authority_pem, "danger_private_networks": ["127.0.0.0/8"] });
    let body = json!({ "name": "crm", "provider": "vendor-crm", "spec": spec });
    world.make(&acme.operator, "/v1/connections", body).await;
    world.vendor.answers(LINE, Canned::json(200, "{}"));
    (world, acme)
}

pub fn credential(backend: &str) -> Value {
    json!({ "name": "crm-key", "connection": "crm", "owner": "sales", "secret": SECRET, "backend": backend })
}

/// The files below a folder in which a text stands.
fn files_with(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files_with(&path, text));
        } else if std::fs::read(&path)
            .is_ok_and(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
        {
            found.push(path.display().to_string());
        }
    }
    found
}

#[tokio::test]
async fn a_credential_that_another_vault_keeps_is_lent_rotated_and_revoked() {
    let held = Held::with_credential().await;
    assert_eq!(held.called().await, (200, String::new()));
    assert_eq!(held.last_sent(), format!("Bearer {SECRET}"));
    let paths = held.server.paths();
    assert!(paths.len() == 1 && paths[0].1 == 1, "{paths:?}");
    assert!(paths[0].0.starts_with(&format!("lockgate/{}/", held.acme.id)), "{paths:?}");

    let body = json!({ "secret": "canary-5b1f-second", "danger_unverified": true });
    assert_eq!(held.post("/v1/credentials/crm-key/versions", body).await, (201, String::new()));
    assert_eq!(held.called().await, (200, String::new()));
    assert_eq!(held.last_sent(), "Bearer canary-5b1f-second");
    assert_eq!(held.server.paths()[0].1, 2, "the new version is behind the first one");

    assert_eq!(files_with(held.world.folder(), "canary-5b1f"), Vec::<String>::new(), "neither is in the store");
    for encoded in ["Y2FuYXJ5LTViMWYt", "63616e6172792d35623166"] {
        assert_eq!(files_with(held.world.folder(), encoded), Vec::<String>::new(), "nor in another spelling");
    }

    let body = json!({ "reason": "leaked" });
    assert_eq!(held.post("/v1/credentials/crm-key/revoke", body).await, (200, String::new()));
    assert_eq!(held.called().await.0, 409);
    assert_eq!(held.server.count("POST /v1/secret/delete/"), 1, "it is deleted where it is kept");
    let trail = held.world.trail(&held.acme).await;
    let deleted: Vec<_> =
        trail.iter().filter(|entry| entry.to_string().contains("credential.backend_delete")).collect();
    assert_eq!(deleted.len(), 1, "what became of it is recorded");
    assert!(!trail.iter().any(|entry| entry.to_string().contains("canary")), "and no value is");
    held.world.end().await;
}

#[tokio::test]
async fn a_back_end_that_is_sealed_leaves_what_is_held_until_it_is_too_old() {
    let held = Held::with_credential().await;
    assert_eq!(held.called().await, (200, String::new()));
    held.server.trouble(Trouble::Sealed);
    held.pass_until_asked(Duration::from_secs(301)).await;
    assert_eq!(held.called().await, (200, String::new()), "it is held");
    held.world.pass(Duration::from_secs(3_200)).await;
    assert_eq!(held.called().await, (200, String::new()), "for an hour");
    let sent = held.world.vendor.seen().len();
    held.world.pass(Duration::from_secs(100)).await;
    assert_eq!(held.called().await, (503, "vault.backend.sealed".to_owned()));
    // Nothing new is taken in either, and nothing of it is left here.
    let body = json!({ "secret": "canary-5b1f-second", "danger_unverified": true });
    assert_eq!(held.post("/v1/credentials/crm-key/versions", body).await, (503, "vault.backend.sealed".to_owned()));
    assert_eq!(held.world.vendor.seen().len(), sent);

    held.server.trouble(Trouble::None);
    held.world.pass(Duration::from_secs(31)).await;
    assert_eq!(held.called().await, (200, String::new()), "it is fetched by the first call that needs it");
    held.world.end().await;
}

#[tokio::test]
async fn a_back_end_that_is_away_refuses_in_time_and_by_name() {
    let held = Held::with_credential().await;
    for (trouble, code) in
        [(Trouble::Busy, "vault.backend.unreachable"), (Trouble::Throttled(20), "vault.backend.throttled")]
    {
        held.server.trouble(trouble);
        held.world.pass(Duration::from_secs(3_700)).await;
        let answer = held.world.read(&held.acme.service, PATH).await;
        assert_eq!((answer.status, answer.code()), (503, code.to_owned()), "{trouble:?}");
        let asked = held.server.count(READ);
        assert_eq!(held.called().await, (503, code.to_owned()), "and for a while it is not asked again");
        assert_eq!(held.server.count(READ), asked);
        held.server.trouble(Trouble::None);
        held.world.pass(Duration::from_secs(61)).await;
        assert_eq!(held.called().await, (200, String::new()), "{trouble:?}");
    }
    held.server.trouble(Trouble::Silent);
    held.world.pass(Duration::from_secs(3_700)).await;
    let (door, key) = (held.world.door, held.acme.service.clone());
    let calling = tokio::spawn(async move { call_at(door, &key, ("GET", PATH), "", "").await });
    let answer = held.world.outlast(calling).await;
    assert_eq!((answer.status, answer.code()), (503, "vault.backend.unreachable".to_owned()));
    held.world.end().await;
}

#[tokio::test]
async fn a_version_that_is_lost_or_was_changed_is_not_lent() {
    let held = Held::with_credential().await;
    held.server.lose_newest();
    held.world.pass(Duration::from_secs(301)).await;
    assert_eq!(held.until_refused().await, (409, "vault.backend.version_absent".to_owned()), "it was withdrawn there");
    let body = json!({ "secret": "canary-5b1f-second", "danger_unverified": true });
    assert_eq!(held.post("/v1/credentials/crm-key/versions", body).await, (201, String::new()));
    assert_eq!(held.called().await, (200, String::new()), "a new version is the cure");

    held.server.overwrite("canary-5b1f-forged");
    held.world.pass(Duration::from_secs(301)).await;
    assert_eq!(held.until_refused().await, (502, "vault.backend.changed".to_owned()));
    let sent = held.world.vendor.seen();
    assert!(sent.iter().all(|seen| !format!("{seen:?}").contains("forged")), "what somebody wrote there goes nowhere");
    held.world.end().await;
}

#[tokio::test]
async fn a_gateway_that_starts_fetches_ahead_and_lends_nothing_of_a_back_end_that_it_does_not_know() {
    let Held { world, server, acme, section, _folder } = Held::with_credential().await;
    let fetched = server.count(READ);
    let world = world.restarted(&section).await;
    while server.count(READ) == fetched {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.read(&acme.service, PATH).await.status, 200, "before anybody called it was asked for");
    let sent = world.vendor.seen();
    assert_eq!(sent.last().and_then(|seen| seen.header("authorization")), Some(&*format!("Bearer {SECRET}")));
    assert_eq!(server.count(READ), fetched + 1, "once");

    let world = world.restarted("[egress]\ndanger_errand_networks = [\"127.0.0.0/8\"]\n").await;
    let answer = world.read(&acme.service, PATH).await;
    assert_eq!((answer.status, answer.code()), (503, "vault.backend.unknown".to_owned()));
    world.end().await;
}

#[tokio::test]
async fn what_a_back_end_does_not_take_is_not_taken_in() {
    let held = Held::start().await;
    assert_eq!(held.post("/v1/credentials", credential("other")).await, (422, "vault.input.invalid".to_owned()));
    held.server.trouble(Trouble::Unversioned);
    assert_eq!(held.post("/v1/credentials", credential("corp")).await, (502, "vault.backend.malformed".to_owned()));
    held.server.trouble(Trouble::None);
    assert_eq!(held.called().await, (409, "access.connection.pending".to_owned()), "nothing of it was kept");
    assert_eq!(held.post("/v1/credentials", credential("corp")).await, (201, String::new()));
    held.world.end().await;
}

#[tokio::test]
async fn a_planned_rotation_waits_for_a_back_end_that_is_away_and_a_revocation_is_taken_back_there() {
    let held = Held::start_with(json!({ "verify": { "path": "/v1/me" } })).await;
    held.world.make(&held.acme.operator, "/v1/credentials", credential("corp")).await;
    held.world.vendor.answers("GET /v1/me", Canned::json(200, "{}"));
    let body = json!({ "secret": "canary-5b1f-second", "stage": true, "finish_in": 7_200 });
    assert_eq!(held.post("/v1/credentials/crm-key/versions", body).await, (201, String::new()));
    assert_eq!(held.last_sent(), "", "nobody is asked with it yet");
    // What was held of the staged version is too old at its moment, and its back end is sealed.
    held.server.trouble(Trouble::Sealed);
    held.world.pass(Duration::from_secs(7_200)).await;
    let custodian = &held.world.running.rooms.custodian;
    custodian.tend().await.expect("tended");
    let last = async || {
        let shown = held.world.ask(&held.acme.operator, "GET", "/v1/credentials/crm-key", None).await;
        shown.json()["last_rotation"]["state"].as_str().expect("a state").to_owned()
    };
    assert_eq!(last().await, "staged", "it is not given up for that");
    held.server.trouble(Trouble::None);
    for _ in 0..60 {
        held.world.pass(Duration::from_secs(10)).await;
        custodian.tend().await.expect("tended");
        if last().await == "finished" {
            break;
        }
    }
    assert_eq!(last().await, "finished");
    assert_eq!(held.called().await, (200, String::new()));
    assert_eq!(held.last_sent(), "Bearer canary-5b1f-second");

    let body = json!({ "reason": "a mistake" });
    assert_eq!(held.post("/v1/credentials/crm-key/revoke", body).await, (200, String::new()));
    assert_eq!(held.called().await.0, 409);
    assert_eq!(held.server.count("POST /v1/secret/delete/"), 1);
    let back = held.world.ask(&held.acme.operator, "POST", "/v1/credentials/crm-key/recover", None).await;
    assert_eq!(back.status, 200, "{}", back.text());
    assert_eq!(held.server.count("POST /v1/secret/undelete/"), 1, "what was deleted there comes back there");
    assert_eq!(held.called().await, (200, String::new()));
    assert_eq!(held.last_sent(), "Bearer canary-5b1f-second");
    held.world.end().await;
}
