//! Lists give each entry once, in order, and only the tenant's own.

use std::collections::HashSet;
use std::time::Duration;

use lockgate_vocabulary::{Clock, ConnectionId, PrincipalId};

use super::*;
use crate::tests::{Scene, actor, attempt, closing, facts, make_runs, refused, run, tenant};
use crate::{Audit, Deed};

async fn all(audit: &Audit, owner: Option<TenantId>, filter: &Filter, limit: usize) -> Vec<Record> {
    let (mut cursor, mut found) = (None, Vec::new());
    loop {
        let page = audit.entries(owner, filter.clone(), cursor, limit).await.expect("read");
        assert!(page.items.len() <= limit);
        found.extend(page.items);
        cursor = page.next.map(|next| next.to_string().parse().expect("it is read back"));
        if cursor.is_none() {
            return found;
        }
    }
}

async fn all_runs(audit: &Audit, owner: TenantId, filter: &Filter, limit: usize) -> Vec<Run> {
    let (mut cursor, mut found) = (None, Vec::new());
    loop {
        let page = audit.runs(owner, filter.clone(), cursor, limit).await.expect("read");
        found.extend(page.items);
        cursor = page.next;
        if cursor.is_none() {
            return found;
        }
    }
}

fn oldest_first() -> Filter {
    Filter { order: Order::OldestFirst, ..Filter::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_any_size_give_the_whole_trail_in_both_orders() {
    let scene = Scene::with_segments_of(16 * 1024);
    let (audit, _) = scene.open().await;
    make_runs(&audit, 0, 60, 3).await;
    audit.record(Deed::by_house(None, "a.b", "c")).await.expect("recorded");
    for owner in [Some(tenant(1)), Some(tenant(3)), None] {
        let wanted: Vec<String> = scene
            .lines()
            .into_iter()
            .filter(|line| Entry::parse(line.as_bytes()).expect("an entry").tenant == owner)
            .collect();
        assert!(owner.is_none() || wanted.len() == 60, "twenty runs of three entries each");
        for limit in [1, 7, 1_000] {
            let lines = |records: Vec<Record>| records.into_iter().map(|record| record.line.into_string()).collect();
            let mut newest: Vec<String> = lines(all(&audit, owner, &Filter::default(), limit).await);
            let oldest: Vec<String> = lines(all(&audit, owner, &oldest_first(), limit).await);
            newest.reverse();
            assert_eq!(oldest, wanted, "pages of {limit}");
            assert_eq!(newest, wanted, "pages of {limit}");
        }
    }
    assert!(all(&audit, Some(tenant(9)), &Filter::default(), 5).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_began_is_not_disturbed_by_what_comes_meanwhile() {
    let scene = Scene::new();
    let (audit, _) = scene.open().await;
    make_runs(&audit, 0, 10, 1).await;
    audit.checkpoint().await.expect("written");
    let first = audit.entries(Some(tenant(1)), Filter::default(), None, 12).await.expect("read");
    make_runs(&audit, 10, 10, 1).await;
    let rest = audit.entries(Some(tenant(1)), Filter::default(), first.next, 100).await.expect("read");
    let seen: Vec<u64> = first.items.iter().chain(&rest.items).map(|record| record.entry.sequence).collect();
    assert_eq!(seen, (1..=30).rev().collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_hold_together() {
    let scene = Scene::new();
    let (audit, _) = scene.open().await;
    make_runs(&audit, 0, 3, 1).await;
    scene.clock.advance(Duration::from_secs(10));
    let later = scene.clock.now();
    make_runs(&audit, 3, 2, 1).await;
    audit.refused(refused(Some(tenant(1)))).await.expect("recorded");
    let owner = Some(tenant(1));
    let count = async |filter: Filter| all(&audit, owner, &filter, 100).await.len();
    let any = Filter::default;
    assert_eq!(count(Filter { kind: Some("opened".into()), ..any() }).await, 5);
    assert_eq!(count(Filter { kind: Some("refused".into()), ..any() }).await, 1);
    assert_eq!(count(Filter { run: Some(run(2)), ..any() }).await, 3);
    assert_eq!(count(Filter { run: Some(run(2)), kind: Some("closed".into()), ..any() }).await, 1);
    assert_eq!(count(Filter { since: Some(later), ..any() }).await, 7);
    assert_eq!(count(Filter { until: Some(later), ..any() }).await, 9);
    assert_eq!(count(Filter { connection: Some(ConnectionId::from_u128(40)), ..any() }).await, 5);
    assert_eq!(count(Filter { connection: Some(ConnectionId::from_u128(41)), ..any() }).await, 0);
    assert_eq!(count(Filter { principal: Some(PrincipalId::from_u128(101)), ..any() }).await, 15);
    assert_eq!(count(Filter { principal: Some(PrincipalId::from_u128(102)), ..any() }).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_are_folded_though_their_entries_lie_apart() {
    let scene = Scene::with_segments_of(16 * 1024);
    let (audit, _) = scene.open().await;
    let own = actor(1);
    let long = audit.open_run(facts(&own, run(900))).await.expect("opened");
    long.attempt(attempt(1));
    make_runs(&audit, 0, 60, 1).await;
    let open = audit.open_run(facts(&own, run(901))).await.expect("opened");
    long.attempt(attempt(2));
    long.close(crate::Closing { outcome: Outcome::Failed, ..closing() });
    audit.checkpoint().await.expect("written");
    for (limit, filter) in [(1, Filter::default()), (25, Filter::default()), (25, oldest_first())] {
        let runs = all_runs(&audit, tenant(1), &filter, limit).await;
        let ids: HashSet<RunId> = runs.iter().map(|run| run.facts.run).collect();
        assert_eq!((runs.len(), ids.len()), (62, 62));
        for found in &runs {
            let expected = match found.facts.run {
                id if id == run(900) => (2, Some(Outcome::Failed)),
                id if id == run(901) => (0, None),
                _ => (1, Some(Outcome::Succeeded)),
            };
            assert_eq!((found.attempts.len(), found.outcome()), expected, "{}", found.facts.run);
        }
    }
    let failed = Filter { outcome: Some(Outcome::Failed), ..Filter::default() };
    assert_eq!(all_runs(&audit, tenant(1), &failed, 10).await.len(), 1);
    drop(open);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_run_is_found_by_its_tenant_alone() {
    let scene = Scene::new();
    let (audit, _) = scene.open().await;
    make_runs(&audit, 0, 6, 2).await;
    audit.checkpoint().await.expect("written");
    let found = audit.run(tenant(1), run(4)).await.expect("read").expect("it is there");
    let ended = found.ended.expect("it ended");
    assert_eq!((found.facts.run, found.attempts.len()), (run(4), 1));
    assert_eq!((ended.outcome, ended.answer_bytes, ended.took_micros), (Outcome::Succeeded, Some(1_024), Some(23_456)));
    assert_eq!(audit.run(tenant(2), run(4)).await.expect("read"), None, "another tenant's run is not there");
    assert_eq!(audit.run(tenant(1), run(99)).await.expect("read"), None);
    assert!(serde_json::to_value(&found.attempts).expect("JSON")[0]["facts"]["sent"].as_bool().expect("a flag"));
}

#[test]
fn a_cursor_has_one_text() {
    assert_eq!("1f".parse(), Ok(Cursor(31)));
    for text in ["", "1F", "01f", "+1", "-1", "g", "10000000000000000"] {
        assert_eq!(text.parse::<Cursor>(), Err(CursorParse), "{text}");
    }
}
