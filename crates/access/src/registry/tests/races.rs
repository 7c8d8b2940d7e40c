//! Acts at the same time: whichever comes first, what must hold does.

use lockgate_store::{Change, Statement, values};
use lockgate_vocabulary::CredentialId;
use serde_json::json;

use super::input;
use crate::access::tests::world::{World, code};

fn vendor() -> serde_json::Value {
    json!({"name": "vendor", "title": "V", "base_url": "https://v.example", "auth": {"placement": "none"}})
}

/// A provider that is retired has no connection that is not.
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_is_not_retired_under_a_connection() {
    for round in 0..8 {
        let world = World::new().await;
        let operator = world.operator().await;
        let registry = world.registry(&operator);
        registry.create_provider(input(vendor())).await.unwrap();
        let create = registry.create_connection(input(json!({"name": "crm", "provider": "vendor"})));
        let retire = registry.retire_provider("vendor");
        let (created, retired) = if round % 2 == 0 {
            tokio::join!(create, retire)
        } else {
            let (retired, created) = tokio::join!(retire, create);
            (created, retired)
        };
        assert_ne!(created.is_ok(), retired.is_ok(), "{created:?} {retired:?}");
    }
}

/// Two connections never have one name, and the loser is told so.
#[tokio::test(flavor = "multi_thread")]
async fn one_name_is_given_once() {
    let world = World::new().await;
    let operator = world.operator().await;
    let registry = world.registry(&operator);
    let create = || registry.create_connection(input(json!({"name": "crm", "provider": "stripe"})));
    let (one, two, three) = tokio::join!(create(), create(), create());
    let (won, lost): (Vec<_>, Vec<_>) = [one, two, three].into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), lost.len()), (1, 2));
    assert!(lost.into_iter().all(|result| code(result) == "access.name.taken"));
}

/// A credential that is revoked at the same moment is not given to a connection afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_never_gets_a_credential_that_was_revoked_first() {
    static CREDENTIAL: Statement = Statement::tenant(
        "test.races.credential",
        "INSERT INTO credentials (tenant, credential, name, owner, sensitivity, status, current_version, created_at, \
         changed) VALUES ($1, $2, 'c', 'ops', 'high', 'active', 1, 1, (SELECT value FROM house WHERE name = 'epoch'))",
    );
    static REVOKE: Statement = Statement::tenant(
        "test.races.revoke",
        "UPDATE credentials SET status = 'revoked' WHERE tenant = $1 AND credential = $2",
    );
    // As the vault does it: whatever depends on the credential is degraded in the same change.
    static DEGRADE: Statement = Statement::tenant(
        "test.races.degrade",
        "UPDATE connections SET status = 'degraded', changed = (SELECT value FROM house WHERE name = 'epoch') \
         WHERE tenant = $1 AND credential = $2",
    );
    for _ in 0..8 {
        let world = World::new().await;
        let operator = world.operator().await;
        let registry = world.registry(&operator);
        let (tenant, id) = (world.acme.tenant, CredentialId::from_u128(5));
        registry.create_connection(input(json!({"name": "billing", "provider": "stripe"}))).await.unwrap();
        world.store.apply(Change::of(tenant).step(&CREDENTIAL, values![id])).await.unwrap();
        let revoke = Change::of(tenant).raising_epoch().step(&REVOKE, values![id]).step(&DEGRADE, values![id]);
        let attach = registry.change_connection("billing", input(json!({"credential": id, "status": "active"})));
        let (_, revoked) = tokio::join!(attach, world.store.apply(revoke));
        revoked.unwrap();
        assert_ne!(registry.connection("billing").await.unwrap().status, "active");
    }
}
