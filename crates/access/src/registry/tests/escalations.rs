//! Escalations are read, resolved once, told, and forgotten.

use std::time::Duration;

use lockgate_store::{Change, Statement, values};
use lockgate_vocabulary::{ConnectionId, RunId, TenantId};
use serde_json::Value;

use crate::access::tests::world::{World, code, config, node, pointers};
use crate::registry::{EscalationState, EscalationsAsk, Finding, PageAsk, ResolveEscalation};
use crate::{Config, Retention};

static INSERT: Statement = Statement::tenant(
    "test.escalate",
    "INSERT INTO escalations (tenant, run, connection, reason, created_at) VALUES ($1, $2, $3, $4, $5)",
);

static OUTBOX: Statement =
    Statement::tenant("test.outbox", "SELECT body FROM outbox WHERE tenant = $1 ORDER BY created_at, entry");

async fn escalate(world: &World, tenant: TenantId, number: u128) -> RunId {
    use lockgate_vocabulary::Clock;
    let run = RunId::from_u128(number);
    let values = values![run, ConnectionId::from_u128(7), "egress.answer.timeout", world.clock.now()];
    world.store.apply(Change::of(tenant).step(&INSERT, values)).await.unwrap();
    run
}

fn resolve(reason: Finding) -> ResolveEscalation {
    ResolveEscalation { reason, note: Some("the vendor's ledger has it".into()) }
}

fn of(state: EscalationState) -> EscalationsAsk {
    EscalationsAsk { state: Some(state), ..EscalationsAsk::default() }
}

async fn records(world: &World, word: &str) -> Vec<Value> {
    let rows = world.store.read(world.acme.tenant, &OUTBOX, vec![]).await.unwrap();
    let all = rows.iter().map(|row| serde_json::from_str::<Value>(row.text(0).unwrap()).unwrap());
    all.filter(|record| record.to_string().contains(word)).collect()
}

async fn runs(world: &World, ask: &EscalationsAsk) -> Vec<RunId> {
    let operator = world.operator().await;
    let page = world.registry(&operator).escalations(ask).await.unwrap();
    page.items.iter().map(|record| record.run).collect()
}

/// Lets so many days go by, with the epoch confirmed at their end.
async fn days(world: &World, count: u64) {
    world.clock.advance(Duration::from_secs(count * 86_400));
    world.store.confirm_epoch().await.unwrap();
    world.access.refresh().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_found_is_kept_recorded_and_told_once() {
    let world = World::new().await;
    let operator = world.operator().await;
    let registry = world.registry(&operator);
    let cases = [
        (Finding::Done, "IntegrationRunCompleted", "succeeded"),
        (Finding::NotDone, "IntegrationFailed", "failed"),
        (Finding::Unclear, "IntegrationFailed", "unknown"),
    ];
    for (number, (reason, kind, outcome)) in cases.into_iter().enumerate() {
        let run = escalate(&world, world.acme.tenant, 100 + number as u128).await;
        let first = registry.resolve_escalation(run, resolve(reason)).await.unwrap();
        let resolution = first.resolution.clone().unwrap();
        assert_eq!((first.state, resolution.reason), (EscalationState::Resolved, reason));
        assert_eq!(
            (resolution.by, resolution.note.as_deref()),
            (operator.actor().principal, Some("the vendor's ledger has it"))
        );
        world.clock.advance(Duration::from_millis(10));
        let again = ResolveEscalation { reason, note: None };
        assert_eq!(registry.resolve_escalation(run, again).await.unwrap(), first, "the same again changes nothing");
        for other in [Finding::Done, Finding::NotDone, Finding::Unclear].into_iter().filter(|other| *other != reason) {
            assert_eq!(code(registry.resolve_escalation(run, resolve(other)).await), "access.status.conflict");
        }
        let recorded = records(&world, &run.to_string()).await;
        assert_eq!(recorded.len(), 1, "{recorded:?}");
        let text = recorded[0].to_string();
        assert!(text.contains("escalation.resolve") && text.contains(reason.as_str()), "{text}");
        assert!(!text.contains("ledger"), "a note stands in no trail");
        let events = registry.events(&PageAsk::default()).await.unwrap().items;
        let events: Vec<Value> = events.iter().map(|event| serde_json::from_str(event.get()).unwrap()).collect();
        let told: Vec<_> = events.iter().filter(|event| event["subject"] == run.to_string()).collect();
        assert_eq!(told.len(), 1);
        let data = &told[0]["data"];
        assert_eq!(
            (&told[0]["type"], &data["outcome"], &data["resolution"]),
            (&kind.into(), &outcome.into(), &reason.as_str().into())
        );
        assert_eq!(data["operator"], operator.actor().principal.to_string());
        assert!(data["trace_id"].is_string() && !data.to_string().contains("ledger"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_resolve_at_once_are_told_the_same() {
    let world = World::new().await;
    let operator = world.operator().await;
    let registry = world.registry(&operator);
    let run = escalate(&world, world.acme.tenant, 1).await;
    let (one, other) = tokio::join!(
        registry.resolve_escalation(run, resolve(Finding::Done)),
        registry.resolve_escalation(run, resolve(Finding::Done)),
    );
    assert_eq!(one.unwrap(), other.unwrap());
    assert_eq!(records(&world, &run.to_string()).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_come_first_page_by_page() {
    let world = World::new().await;
    let mut made = Vec::new();
    // The runs began in another order than they were escalated, and two were at one moment.
    for number in [5, 1, 9] {
        made.push(escalate(&world, world.acme.tenant, number).await);
        world.clock.advance(Duration::from_millis(10));
    }
    made.push(escalate(&world, world.acme.tenant, 3).await);
    made.push(escalate(&world, world.acme.tenant, 4).await);
    escalate(&world, world.other.tenant, 77).await;
    made.reverse();
    let operator = world.operator().await;
    let registry = world.registry(&operator);
    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let ask = EscalationsAsk { limit: Some(2), cursor, state: None };
        let page = registry.escalations(&ask).await.unwrap();
        assert!(page.items.len() <= 2);
        seen.extend(page.items.iter().map(|record| record.run));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, made);
    registry.resolve_escalation(made[1], resolve(Finding::Unclear)).await.unwrap();
    assert_eq!(runs(&world, &of(EscalationState::Resolved)).await, [made[1]]);
    assert_eq!(runs(&world, &of(EscalationState::Open)).await, [made[0], made[2], made[3], made[4]]);
    for cursor in ["", "1", "x-y", "01-run_00000000000000000000000001", "1-run_00000000000000000000000001 "] {
        let ask = EscalationsAsk { cursor: Some(cursor.into()), ..EscalationsAsk::default() };
        assert_eq!(code(registry.escalations(&ask).await), "access.page.cursor", "{cursor}");
    }
    let ask = EscalationsAsk { limit: Some(1_001), ..EscalationsAsk::default() };
    assert_eq!(code(registry.escalations(&ask).await), "access.page.limit");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_ones_own_is_not_there_and_a_scope_is_asked_for() {
    let world = World::new().await;
    let operator = world.operator().await;
    let registry = world.registry(&operator);
    let theirs = escalate(&world, world.other.tenant, 1).await;
    let never = RunId::from_u128(2);
    for run in [theirs, never] {
        assert_eq!(code(registry.resolve_escalation(run, resolve(Finding::Done)).await), "access.object.unknown");
    }
    assert!(registry.escalations(&EscalationsAsk::default()).await.unwrap().items.is_empty());
    let own = escalate(&world, world.acme.tenant, 3).await;
    let (worker, _) = world.service("worker", &["integration.connections.call"]).await;
    let theirs = world.registry(&worker);
    assert_eq!(code(theirs.escalations(&EscalationsAsk::default()).await), "access.scope.missing");
    assert_eq!(code(theirs.resolve_escalation(own, resolve(Finding::Done)).await), "access.scope.missing");
    for note in [String::new(), "x".repeat(1_001), "a\u{7}b".into()] {
        let bad = ResolveEscalation { reason: Finding::Done, note: Some(note) };
        assert_eq!(pointers(registry.resolve_escalation(own, bad).await), ["/note"]);
    }
    assert_eq!(runs(&world, &of(EscalationState::Open)).await, [own]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_old_is_forgotten_and_what_is_open_is_kept() {
    let world = World::new().await;
    let operator = world.operator().await;
    let registry = world.registry(&operator);
    let open = escalate(&world, world.acme.tenant, 1).await;
    let resolved = escalate(&world, world.acme.tenant, 2).await;
    registry.resolve_escalation(resolved, resolve(Finding::Done)).await.unwrap();
    let told = registry.events(&PageAsk::default()).await.unwrap().items.len();
    assert!(told > 0);
    let retention = Retention { events_days: 10, escalations_days: 20 };
    let access = node(&Config { retention, ..config() }, &world.store, &world.audit, &world.clock).await;
    // The day before nothing goes; on the day all that is old does, and nothing else.
    for (passed, events, escalations) in [(9, told, 2), (1, 0, 2), (9, 0, 2), (1, 0, 1)] {
        days(&world, passed).await;
        access.forget_old().await.unwrap();
        let operator = world.operator().await;
        assert_eq!(world.registry(&operator).events(&PageAsk::default()).await.unwrap().items.len(), events);
        assert_eq!(runs(&world, &EscalationsAsk::default()).await.len(), escalations);
    }
    assert_eq!(runs(&world, &EscalationsAsk::default()).await, [open]);
}

#[test]
fn how_long_it_is_kept_has_bounds() {
    for (days, fits) in [(0, false), (1, true), (90, true), (3_650, true), (3_651, false)] {
        for retention in [
            Retention { events_days: days, ..Retention::default() },
            Retention { escalations_days: days, ..Retention::default() },
        ] {
            let config = Config { retention, ..Config::default() };
            assert_eq!(config.retention().is_ok(), fits, "{retention:?}");
        }
    }
}
