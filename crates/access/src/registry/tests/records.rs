//! Every act leaves one audit record in the change that it is, and a refused one leaves none.

use lockgate_store::Statement;
use lockgate_vocabulary::TenantId;
use serde_json::{Value, json};

use super::input;
use crate::access::tests::world::{World, key, principal, trace};

static OUTBOX: Statement =
    Statement::tenant("test.outbox", "SELECT body FROM outbox WHERE tenant = $1 ORDER BY created_at, entry");

/// The records of a tenant.
async fn records(world: &World, tenant: TenantId) -> Vec<Value> {
    let rows = world.store.read(tenant, &OUTBOX, vec![]).await.unwrap();
    rows.iter().map(|row| serde_json::from_str(row.text(0).unwrap()).unwrap()).collect()
}

/// What was recorded between two looks.
async fn new_since(world: &World, tenant: TenantId, seen: &mut Vec<Value>) -> Vec<Value> {
    let now = records(world, tenant).await;
    let new = now.iter().filter(|record| !seen.contains(record)).cloned().collect();
    *seen = now;
    new
}

fn holds(record: &Value, word: &str) -> bool {
    record.to_string().contains(word)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_act_is_recorded_with_who_and_in_which_trace() {
    let world = World::new().await;
    let acme = world.acme.tenant;
    let mut seen = Vec::new();
    let founding = new_since(&world, acme, &mut seen).await;
    assert!(founding.len() == 1 && holds(&founding[0], "tenant.create"));

    let operator = world.operator().await;
    let registry = world.registry(&operator);
    let vendor =
        json!({"name": "vendor", "title": "V", "base_url": "https://v.example", "auth": {"placement": "none"}});
    let url = "https://idp.example";
    let mut made = None;
    let acts = [
        "principal.create",
        "principal.change",
        "key.create",
        "key.revoke",
        "issuer.create",
        "issuer.change",
        "provider.create",
        "provider.change",
        "connection.create",
        "connection.change",
        "provider.retire",
    ];
    for act in acts {
        match act {
            "principal.create" => drop(registry.create_principal(principal("worker", "service", &[])).await.unwrap()),
            "principal.change" => {
                drop(registry.change_principal("worker", input(json!({"roles": ["caller"]}))).await.unwrap())
            }
            "key.create" => made = Some(registry.create_key(key("worker")).await.unwrap()),
            "key.revoke" => drop(registry.revoke_key(made.as_ref().unwrap().key.key).await.unwrap()),
            "issuer.create" => drop(registry.create_issuer(input(json!({"issuer": url}))).await.unwrap()),
            "issuer.change" => drop(registry.change_issuer(url, input(json!({"status": "suspended"}))).await.unwrap()),
            "provider.create" => drop(registry.create_provider(input(vendor.clone())).await.unwrap()),
            "provider.change" => drop(registry.change_provider("vendor", input(vendor.clone())).await.unwrap()),
            "connection.create" => {
                drop(registry.create_connection(input(json!({"name": "crm", "provider": "vendor"}))).await.unwrap())
            }
            "connection.change" => {
                drop(registry.change_connection("crm", input(json!({"status": "retired"}))).await.unwrap())
            }
            _ => drop(registry.retire_provider("vendor").await.unwrap()),
        }
        let new = new_since(&world, acme, &mut seen).await;
        assert_eq!(new.len(), 1, "{act}: {new:?}");
        let wanted = [act, &operator.actor().principal.to_string(), &trace().to_string()].map(str::to_owned);
        assert!(wanted.iter().all(|word| holds(&new[0], word)), "{act}: {}", new[0]);
        let secret = made.as_ref().and_then(|made| made.secret.as_ref());
        assert!(secret.is_none_or(|secret| !holds(&new[0], std::str::from_utf8(secret.expose()).unwrap())));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_recorded_with_what_was_changed_and_every_weakening() {
    let world = World::new().await;
    let operator = world.operator().await;
    let registry = world.registry(&operator);
    let vendor =
        json!({"name": "vendor", "title": "V", "base_url": "https://v.example", "auth": {"placement": "none"}});
    registry.create_provider(input(vendor)).await.unwrap();
    registry.create_connection(input(json!({"name": "crm", "provider": "vendor"}))).await.unwrap();
    registry.create_issuer(input(json!({"issuer": "https://idp.example"}))).await.unwrap();
    registry.create_principal(principal("worker", "service", &[])).await.unwrap();
    let mut seen = records(&world, world.acme.tenant).await;

    let spec = json!({"base_url": "https://v.example/x", "retries": 1, "danger_private_networks": ["127.0.0.0/8"]});
    registry.change_connection("crm", input(json!({"spec": spec}))).await.unwrap();
    let told = new_since(&world, world.acme.tenant, &mut seen).await;
    for word in ["base_url,", "retries", "v.example", "127.0.0.0/8", "spec_sha256"] {
        assert!(holds(&told[0], word), "{word}: {}", told[0]);
    }
    assert!(!holds(&told[0], "v.example/x"), "the host, and no path: {}", told[0]);
    let spec = json!({"danger_subject_differs": true});
    registry.change_issuer("https://idp.example", input(json!({"spec": spec}))).await.unwrap();
    let told = new_since(&world, world.acme.tenant, &mut seen).await;
    assert!(holds(&told[0], "danger_subject_differs=true") && holds(&told[0], "spec_sha256"), "{}", told[0]);
    let less = json!({"addresses": ["10.0.0.0/8"], "endpoints": null});
    registry.change_principal("worker", input(less)).await.unwrap();
    let told = new_since(&world, world.acme.tenant, &mut seen).await;
    assert!(holds(&told[0], "endpoints,addresses") && holds(&told[0], "addresses_sha256"), "{}", told[0]);
    assert!(!holds(&told[0], "10.0.0.0"), "{}", told[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_changes_nothing_and_leaves_no_record() {
    let world = World::new().await;
    let operator = world.operator().await;
    let registry = world.registry(&operator);
    registry.create_principal(principal("worker", "service", &[])).await.unwrap();
    let (before, epoch) = (records(&world, world.acme.tenant).await, world.access.directory().expect("fresh").epoch);
    assert!(registry.create_principal(principal("worker", "service", &[])).await.is_err());
    assert!(registry.create_principal(principal("bad name", "service", &[])).await.is_err());
    assert!(registry.change_connection("never", input(json!({"status": "retired"}))).await.is_err());
    assert!(registry.retire_provider("never").await.is_err());
    assert_eq!(records(&world, world.acme.tenant).await, before);
    world.access.refresh().await.unwrap();
    assert_eq!(world.access.directory().expect("fresh").epoch, epoch, "nothing was raised");
}
