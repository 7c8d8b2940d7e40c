//! Several nodes and one account: a thousand calls at once on tokens that have ended cause one refresh, and whatever
//! becomes of the node that asks, nothing is asked twice at a time.

use std::net::SocketAddr;
use std::time::Duration;

use lockgate_gateway::running::Running;
use lockgate_store::{Change, Statement};
use lockgate_testkit::{Behaviour, Canned};
use lockgate_vocabulary::Clock as _;
use serde_json::json;
use tokio::task::JoinSet;

use crate::connect::{LINE, TOKEN, auth, called, connected, forms, grant, tokens, with_client};
use crate::nodes::shared;
use crate::world::{Tenant, World, call_at};

/// Rates and lines that a thousand calls fit into.
const WIDE: &str = "[traffic]\ncaller_per_minute = 1000000\ncaller_burst = 100000\ntenant_per_minute = 1000000\n\
                    tenant_burst = 100000\n";

/// What a node writes before it asks.
static LEASED: Statement = Statement::tenant(
    "test.leased",
    "UPDATE vendor_tokens SET asked_at = $2, leased_until = $3, fence = fence + 1 WHERE tenant = $1",
);

const CALLS: usize = 1_000;

async fn wide(world: &World, acme: &Tenant) {
    with_client(world, acme, "crm", auth(world)).await;
    let spec = json!({
        "trust_pem": world.vendor.authority_pem, "danger_private_networks": ["127.0.0.0/8"], "retries": 0,
        "limits": { "per_minute": 1_000_000, "burst": 100_000, "concurrent": 10_000 },
    });
    let changed = world.ask(&acme.operator, "PATCH", "/v1/connections/crm", Some(json!({ "spec": spec }))).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
}

/// Lets a little time go by, and waits until every node has seen the store again.
async fn step(doors: &[SocketAddr], world: &World) {
    world.clock.advance(Duration::from_millis(100));
    for door in doors {
        while call_at(*door, "nobody", ("GET", "/readyz"), "", "").await.status != 200 {
            tokio::task::yield_now().await;
        }
    }
}

/// So many calls at once over these doors, while time goes by: all of them are answered.
async fn thousand(world: &World, acme: &Tenant, doors: &[SocketAddr]) {
    let mut calls = JoinSet::new();
    for number in 0..CALLS {
        let (door, key) = (doors[number % doors.len()], acme.service.clone());
        calls.spawn(async move {
            let answer = call_at(door, &key, ("GET", "/call/crm/v1/things/1"), "", "").await;
            if answer.status == 200 { String::new() } else { answer.text() }
        });
    }
    world.vendor.wait_for(TOKEN, 2).await;
    for _ in 0..3 {
        step(doors, world).await;
    }
    assert_eq!(world.vendor.count(LINE), doors.len(), "they wait for it");
    world.vendor.release();
    while grant(world, acme, "crm").await["number"] != 2 {
        tokio::task::yield_now().await;
    }
    // The others look for it once more; then no more time goes by, and what is left takes as long as it takes.
    for _ in 0..2 {
        step(doors, world).await;
    }
    let refused: Vec<_> = calls.join_all().await.into_iter().filter(|text| !text.is_empty()).collect();
    assert!(refused.is_empty(), "{} of {CALLS}, such as {}", refused.len(), refused[0]);
}

async fn once_over(doors: &[SocketAddr], world: &World, acme: &Tenant) {
    world.vendor.answers(LINE, Canned::json(200, "{}"));
    world.vendor.answers(TOKEN, tokens(1, 60));
    connected(world, acme, "crm").await;
    for door in doors {
        let read = async || call_at(*door, &acme.service, ("GET", "/call/crm/v1/things/1"), "", "").await.status;
        // Each node knows the account within two seconds.
        for _ in 0..20 {
            if read().await == 200 {
                break;
            }
            step(doors, world).await;
        }
    }
    assert_eq!((world.vendor.count(TOKEN), world.vendor.count(LINE)), (1, doors.len()), "all nodes have one token");
    for _ in 0..600 {
        step(doors, world).await;
    }
    world.vendor.forget(TOKEN);
    world.vendor.on(TOKEN, Behaviour::Gated(tokens(2, 3_600)));
    thousand(world, acme, doors).await;
    assert_eq!(world.vendor.count(TOKEN), 2, "one for the code, and one for a thousand calls");
    assert_eq!(grant(world, acme, "crm").await["number"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_calls_on_ended_tokens_cause_one_refresh_on_one_node() {
    let world = World::with(WIDE).await;
    let acme = world.tenant("acme").await;
    wide(&world, &acme).await;
    once_over(&[world.door], &world, &acme).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_calls_on_ended_tokens_cause_one_refresh_on_three_nodes() {
    let Some(shared) = shared() else { return };
    // Each node counts for itself: a thousand calls at once may be too much for shared counters on a busy machine.
    let postgres = shared.split("[store.redis]").next().unwrap_or_default();
    let more = format!("{postgres}\n{WIDE}");
    let world = World::with(&more).await;
    let others = [world.further("node-2", &more).await, world.further("node-3", &more).await];
    let acme = world.tenant("acme").await;
    wide(&world, &acme).await;
    let doors: Vec<_> =
        std::iter::once(world.door).chain(others.iter().filter_map(|node: &Running| node.door)).collect();
    once_over(&doors, &world, &acme).await;
    for node in others {
        node.stop().await.expect("it ends in order");
    }
    world.end().await;
}

#[tokio::test]
async fn a_lease_whose_node_is_gone_is_waited_for_and_what_came_of_it_is_unknown() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    with_client(&world, &acme, "crm", auth(&world)).await;
    world.vendor.answers(LINE, Canned::json(200, "{}"));
    world.vendor.answers(TOKEN, tokens(1, 60));
    connected(&world, &acme, "crm").await;
    assert_eq!(called(&world, &acme, "crm").await.0, 200);
    world.pass(Duration::from_secs(60)).await;
    // What a node that was killed while it asked leaves behind.
    let (tenant, now) = (acme.id.parse().expect("an id"), world.clock.now());
    let lease =
        Change::of(tenant).step(&LEASED, vec![now.into(), now.after(Duration::from_secs(15)).into()]).expecting(1);
    world.running.rooms.store.apply(lease).await.expect("written");
    assert_eq!(grant(&world, &acme, "crm").await["state"], "held", "somebody asks");
    world.vendor.answers(TOKEN, tokens(2, 60));
    let asked = world.vendor.count(TOKEN);
    let call = {
        let (door, key) = (world.door, acme.service.clone());
        tokio::spawn(async move { call_at(door, &key, ("GET", "/call/crm/v1/things/1"), "", "").await.status })
    };
    assert_eq!(world.outlast(call).await, 200);
    assert!(world.clock.now() >= now.after(Duration::from_secs(15)), "it waited until the lease was over");
    assert_eq!(world.vendor.count(TOKEN), asked + 1);
    assert_eq!(forms(&world, TOKEN).pop().expect("a form")["refresh_token"], "canary-refresh-1");
    world.end().await;
}
