//! Snapshots: all at once or step by step they show the same; a broken row denies alone; and the figures
//! for a hundred thousand connections.

use std::sync::Arc;

use lockgate_store::{Change, Statement, Store, values};
use lockgate_testkit::ManualClock;
use lockgate_vocabulary::{ConnectionId, KeyId, PrincipalId, TenantId};

use super::super::keeper::Keeper;
use super::super::{ConnectionStatus, Directory};
use crate::access::tests::world::store_config;
use crate::catalog::Catalog;
use crate::rows;
use crate::spec::ConnectionSpec;

static MEDDLE_CONNECTION: Statement = Statement::tenant(
    "test.meddle_connection",
    "UPDATE connections SET spec = $3, changed = (SELECT value FROM house WHERE name = 'epoch') \
     WHERE tenant = $1 AND connection = $2",
);
static RENAME: Statement = Statement::tenant(
    "test.rename",
    "UPDATE tenants SET name = $2, alias = $3, status = $4, changed = (SELECT value FROM house WHERE name = 'epoch') \
     WHERE tenant = $1",
);
static MEDDLE_PRINCIPAL: Statement = Statement::tenant(
    "test.meddle_principal",
    "UPDATE principals SET scopes = $3, kind = $4, changed = (SELECT value FROM house WHERE name = 'epoch') \
     WHERE tenant = $1 AND principal = $2",
);
static MEDDLE_KEY: Statement = Statement::tenant(
    "test.meddle_key",
    "UPDATE keys SET endpoints = $3, changed = (SELECT value FROM house WHERE name = 'epoch') \
     WHERE tenant = $1 AND key = $2",
);
static ACTIVATE: Statement = Statement::tenant(
    "test.activate",
    "UPDATE connections SET status = 'active', changed = (SELECT value FROM house WHERE name = 'epoch') \
     WHERE tenant = $1 AND connection = $2",
);

struct Ground {
    store: Store,
    clock: ManualClock,
    _folder: tempfile::TempDir,
}

impl Ground {
    async fn new() -> Self {
        let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
        let store = Store::open(&store_config(&folder), Arc::new(clock.clone())).await;
        Self { store: store.unwrap_or_else(|fault| panic!("{fault}")), clock, _folder: folder }
    }

    async fn keeper(&self) -> Keeper {
        let catalog = Catalog::compiled().unwrap();
        Keeper::open(self.store.clone(), Arc::new(self.clock.clone()), catalog, &[]).await.unwrap()
    }

    async fn apply(&self, change: Change) {
        self.store.apply(change.raising_epoch()).await.unwrap_or_else(|failure| panic!("{failure}"));
    }
}

fn tenant(number: u128) -> TenantId {
    TenantId::from_u128(number)
}

/// A tenant with a principal, a key and some connections.
fn founding(number: u128, connections: std::ops::Range<u128>) -> Change {
    let none = None::<String>;
    let id = tenant(number);
    let principal = PrincipalId::from_u128(number);
    let mut change = Change::of(id)
        .step(&rows::tenants::INSERT, values![format!("tenant-{number}"), Some(format!("alias-{number}")), 1i64])
        .step(
            &rows::principals::INSERT,
            values![
                principal,
                "worker",
                "service",
                "[]",
                "[\"integration.connections.call\"]",
                none.clone(),
                none.clone(),
                None::<i64>,
                1i64
            ],
        )
        .step(
            &rows::keys::INSERT,
            values![
                KeyId::from_u128(number),
                principal,
                "api-key",
                [7u8; 32],
                none.clone(),
                none.clone(),
                none.clone(),
                none,
                None::<i64>,
                1i64
            ],
        );
    for connection in connections {
        change = change.step(&rows::connections::INSERT, connection_row(connection, &spec(connection)));
    }
    change
}

fn spec(connection: u128) -> String {
    // Every connection has a host of its own, and one of a few sets of limits.
    let spec = ConnectionSpec {
        base_url: Some(format!("https://shop-{connection}.myshopify.com")),
        limits: crate::spec::LimitSpec { per_minute: Some(100 + (connection % 5) as u32), ..Default::default() },
        ..Default::default()
    };
    serde_json::to_string(&spec).unwrap()
}

fn connection_row(connection: u128, spec: &str) -> Vec<lockgate_store::Value> {
    values![ConnectionId::from_u128(connection), format!("connection-{connection}"), "shopify", spec, "active", 1i64]
}

/// What a snapshot shows, in an order that can be compared.
fn shown(directory: &Directory) -> Vec<String> {
    let mut lines = vec![format!("epoch {}", directory.epoch)];
    for (id, view) in &directory.tenants {
        let mut line = vec![format!("{id} {} {:?} {}", view.name, view.alias, view.active)];
        line.extend(view.principals.values().map(|each| format!("{each:?}")));
        line.extend(view.keys.values().map(|each| format!("{each:?}")));
        line.extend(view.connections.values().map(|each| format!("{each:?}")));
        line.extend(view.names.iter().map(|each| format!("{each:?}")));
        line.extend(view.principal_names.iter().map(|each| format!("{each:?}")));
        line.sort();
        lines.push(line.join("\n"));
    }
    lines.extend(directory.keys.iter().map(|each| format!("{each:?}")));
    lines.extend(directory.aliases.iter().map(|each| format!("{each:?}")));
    lines.sort();
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn step_by_step_shows_what_all_at_once_shows() {
    let ground = Ground::new().await;
    let keeper = ground.keeper().await;
    ground.apply(founding(1, 0..3)).await;
    keeper.refresh().await.unwrap();
    ground.apply(founding(2, 10..12)).await;
    ground.apply(Change::of(tenant(1)).step(&rows::connections::INSERT, connection_row(3, &spec(3)))).await;
    keeper.refresh().await.unwrap();
    let renamed = values!["tenant-new", None::<String>, "suspended"];
    ground.apply(Change::of(tenant(1)).step(&RENAME, renamed)).await;
    keeper.refresh().await.unwrap();
    let fresh = ground.keeper().await;
    assert_eq!(shown(&keeper.current()), shown(&fresh.current()));
    let current = keeper.current_full();
    assert_eq!(current.tenants.len(), 2);
    assert!(!current.tenants[&tenant(1)].active && current.tenants[&tenant(2)].active);
    assert_eq!(current.aliases.len(), 1);
    assert_eq!(current.tenants[&tenant(1)].connections.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alias_that_moved_on_is_its_new_tenants_whichever_row_comes_first() {
    let ground = Ground::new().await;
    for number in [1, 2] {
        ground.apply(founding(number, 0..0)).await;
    }
    let keeper = ground.keeper().await;
    let rename = async |number: u128, name: &str, alias: Option<&str>| {
        let row = values![name, alias.map(str::to_owned), "active"];
        ground.apply(Change::of(tenant(number)).step(&RENAME, row)).await;
    };
    rename(1, "tenant-1", None).await;
    rename(2, "tenant-2", Some("alias-1")).await;
    // So the row of the tenant that gave it up comes after that of the one that took it.
    rename(1, "tenant-one", None).await;
    keeper.refresh().await.unwrap();
    assert_eq!(keeper.current().aliases.get("alias-1"), Some(&tenant(2)));
    assert_eq!(shown(&keeper.current()), shown(&ground.keeper().await.current()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_did_not_change_is_shared_with_the_old_snapshot() {
    let ground = Ground::new().await;
    ground.apply(founding(1, 0..3)).await;
    ground.apply(founding(2, 10..12)).await;
    let keeper = ground.keeper().await;
    let before = keeper.current_full();
    ground.apply(Change::of(tenant(1)).step(&ACTIVATE, values![ConnectionId::from_u128(1)])).await;
    keeper.refresh().await.unwrap();
    let after = keeper.current_full();
    assert!(Arc::ptr_eq(&before.tenants[&tenant(2)], &after.tenants[&tenant(2)]));
    let connection = |directory: &Directory, number| {
        Arc::clone(&directory.tenants[&tenant(1)].connections[&ConnectionId::from_u128(number)])
    };
    assert!(Arc::ptr_eq(&connection(&before, 0), &connection(&after, 0)));
    assert!(!Arc::ptr_eq(&connection(&before, 1), &connection(&after, 1)));
    assert!(Arc::ptr_eq(&connection(&before, 0).endpoints, &connection(&before, 10 % 3).endpoints));
    keeper.refresh().await.unwrap();
    assert!(Arc::ptr_eq(&after, &keeper.current_full()), "nothing changed, nothing is made anew");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_row_denies_alone() {
    let ground = Ground::new().await;
    ground.apply(founding(1, 0..4)).await;
    ground.apply(founding(2, 10..11)).await;
    let keeper = ground.keeper().await;
    let meddled = Change::of(tenant(1))
        .step(&MEDDLE_CONNECTION, values![ConnectionId::from_u128(0), "{\"surprise\":1}"])
        .step(&MEDDLE_CONNECTION, values![ConnectionId::from_u128(1), "{\"base_url\":\"https://10.0.0.1\"}"])
        .step(&MEDDLE_CONNECTION, values![ConnectionId::from_u128(2), "\u{feff}"])
        .step(&MEDDLE_KEY, values![KeyId::from_u128(1), "[{\"connection\":\"*\",\"method\":\"*\",\"path\":\"/\"}]"]);
    ground.apply(meddled).await;
    ground
        .apply(
            Change::of(tenant(2))
                .step(&MEDDLE_PRINCIPAL, values![PrincipalId::from_u128(2), "[\"tenants.admin\"]", "service"]),
        )
        .await;
    keeper.refresh().await.unwrap();
    for directory in [keeper.current_full(), ground.keeper().await.current_full()] {
        let view = &directory.tenants[&tenant(1)];
        for number in 0..3 {
            let broken = &view.connections[&ConnectionId::from_u128(number)];
            assert_eq!(broken.status, ConnectionStatus::Degraded);
            assert!(broken.endpoints.is_empty() && broken.base.host.is_empty());
            assert!(view.connection(&format!("connection-{number}")).is_some(), "it is there, and told so");
        }
        let sound = &view.connections[&ConnectionId::from_u128(3)];
        assert_eq!((sound.status, &*sound.base.host), (ConnectionStatus::Active, "shop-3.myshopify.com"));
        let key = &view.keys[&KeyId::from_u128(1)];
        assert!(key.revoked && key.uses.as_ref().is_some_and(|uses| uses.is_empty()));
        let principal = &directory.tenants[&tenant(2)].principals[&PrincipalId::from_u128(2)];
        assert!(!principal.active && principal.scopes.is_empty(), "an elevated scope in a service's row");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_rows_than_a_page_are_all_there() {
    let ground = Ground::new().await;
    let count = rows::directory::PAGE_ROWS as u128 + 7;
    ground.apply(founding(1, 0..count)).await;
    ground.apply(founding(2, 100_000..100_003)).await;
    let directory = ground.keeper().await.current_full();
    assert_eq!(directory.tenants[&tenant(1)].connections.len() as u128, count);
    assert_eq!(directory.tenants[&tenant(2)].connections.len(), 3);
}

/// One random act on the store, as a change of one tenant.
fn act(kind: u8, tenant_number: u128, connection: u128, exists: bool) -> Change {
    let change = Change::of(tenant(tenant_number));
    let id = ConnectionId::from_u128(tenant_number * 1_000 + connection);
    match kind {
        0 if !exists => {
            let row = values![id, format!("n-{connection}"), "shopify", spec(connection), "pending", 1i64];
            change.step(&rows::connections::INSERT, row)
        }
        1 => change.step(&ACTIVATE, values![id]),
        2 => change.step(&MEDDLE_CONNECTION, values![id, spec(connection + 1)]),
        3 => change.step(&MEDDLE_CONNECTION, values![id, "broken"]),
        4 => change
            .step(&MEDDLE_PRINCIPAL, values![PrincipalId::from_u128(tenant_number), "[\"audit.read\"]", "service"]),
        _ => change.step(&MEDDLE_KEY, values![KeyId::from_u128(tenant_number), "[]"]),
    }
}

/// Whatever happens in whatever order, and whenever the snapshot is brought up to date: it shows what one
/// shows that is made from nothing.
#[tokio::test(flavor = "multi_thread")]
async fn any_history_shows_what_a_fresh_start_shows() {
    use lockgate_vocabulary::Entropy;
    for seed in 0..6 {
        let (ground, chance) = (Ground::new().await, lockgate_testkit::SeededEntropy::new(seed));
        let roll = |below: u8| {
            let mut byte = [0];
            chance.fill(&mut byte);
            byte[0] % below
        };
        let keeper = ground.keeper().await;
        for number in 1..4 {
            ground.apply(founding(number, 0..0)).await;
        }
        let mut made = std::collections::HashSet::new();
        for _ in 0..40 {
            let (kind, tenant_number, connection) = (roll(6), u128::from(roll(3)) + 1, u128::from(roll(6)));
            let exists = !(kind == 0 && made.insert((tenant_number, connection)));
            ground.apply(act(kind, tenant_number, connection, exists)).await;
            if roll(3) == 0 {
                keeper.refresh().await.unwrap();
            }
        }
        keeper.refresh().await.unwrap();
        assert_eq!(shown(&keeper.current()), shown(&ground.keeper().await.current()), "seed {seed}");
    }
}

/// Resident memory of this process, in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap();
    status.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

/// Run it alone (`--run-ignored all -E 'test(hundred_thousand)'`): it takes the process's memory as its measure.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "it measures memory and time"]
async fn a_hundred_thousand_connections() {
    const COUNT: u128 = 100_000;
    let ground = Ground::new().await;
    for number in 0..100 {
        ground.apply(founding(number, number * 1_000..(number + 1) * 1_000)).await;
    }
    // A first snapshot takes up whatever memory was free, so that the second one's is all new.
    let first = ground.keeper().await;
    let before = resident();
    let started = lockgate_vocabulary::SystemClock::new();
    let keeper = ground.keeper().await;
    let took = lockgate_vocabulary::Clock::elapsed(&started);
    let each = resident().saturating_sub(before) / COUNT as u64;
    let directory = keeper.current_full();
    let connections: usize = directory.tenants.values().map(|view| view.connections.len()).sum();
    assert_eq!(connections as u128, COUNT);
    let settings: std::collections::HashSet<_> = directory
        .tenants
        .values()
        .flat_map(|view| view.connections.values().map(|each| Arc::as_ptr(&each.settings)))
        .collect();
    assert_eq!(settings.len(), 5);
    let one = lockgate_vocabulary::SystemClock::new();
    ground.apply(Change::of(tenant(5)).step(&ACTIVATE, values![ConnectionId::from_u128(5_001)])).await;
    keeper.refresh().await.unwrap();
    let changed = lockgate_vocabulary::Clock::elapsed(&one);
    println!("100,000 connections: loaded in {took:?}, {each} bytes each, one change in {changed:?}");
    assert_eq!(first.current().tenants.len(), 100);
    assert!(each <= 1_024, "{each} bytes each");
}
