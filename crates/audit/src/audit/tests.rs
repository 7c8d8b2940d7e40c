//! The handle: what is acknowledged is on the disk, and where nothing can be kept nothing is promised.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use lockgate_vocabulary::Stop;

use crate::entry::{Entry, Facts};
use crate::tests::{Scene, actor, attempt, closing, facts, make_runs, refused, run, tenant};
use crate::{AuditRefusal, Deed, Noted, Outcome, RunFacts};

fn entries(scene: &Scene) -> Vec<Entry> {
    scene.lines().iter().map(|line| Entry::parse(line.as_bytes()).expect("an entry")).collect()
}

fn kinds(scene: &Scene) -> Vec<&'static str> {
    entries(scene).iter().map(|entry| entry.facts.kind()).collect()
}

fn code(stop: &Stop) -> &'static str {
    match stop {
        Stop::Refused(refusal) => refusal.code(),
        Stop::Fault(_) => "a fault",
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opened_run_is_on_the_disk_before_it_is_acknowledged() {
    let scene = Scene::new();
    let (audit, recovered) = scene.open().await;
    assert_eq!(recovered, crate::Recovered::default());
    let actor = actor(1);
    let opened = audit.open_run(facts(&actor, run(1))).await.expect("opened");
    assert_eq!(opened.run(), run(1));
    assert_eq!(kinds(&scene).last(), Some(&"opened"));
    opened.attempt(attempt(1));
    opened.attempt(attempt(2));
    opened.close(closing());
    audit.shutdown().await.expect("ended");
    assert_eq!(kinds(&scene), ["started", "heads", "opened", "attempt", "attempt", "closed", "stopped", "heads"]);
    let report = scene.verify();
    assert!(report.is_sound(), "{report}");
    assert_eq!((report.entries, report.signed, report.trails, report.open_runs), (8, 8, 2, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_and_deeds_are_on_the_disk_when_they_are_acknowledged() {
    let scene = Scene::new();
    let (audit, _) = scene.open().await;
    audit.refused(refused(None)).await.expect("recorded");
    audit.refused(refused(Some(tenant(3)))).await.expect("recorded");
    let deed = Deed::by_house(Some(tenant(3)), "credential.rotate", "cred_1");
    let id = audit.record(deed).await.expect("recorded");
    let entries = entries(&scene);
    let last = entries.last().expect("entries");
    assert_eq!((last.id, last.tenant, last.sequence), (id, Some(tenant(3)), 2));
    assert_eq!(entries[entries.len() - 3].tenant, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_without_measure_are_counted_and_one_record_says_so() {
    let scene = Scene::new();
    let (audit, _) = scene.open().await;
    let mut recorded = 0;
    for _ in 0..500 {
        recorded += usize::from(audit.refused(refused(None)).await.expect("noted") == Noted::Recorded);
    }
    assert_eq!(recorded, 120);
    let counted = || kinds(&scene).iter().filter(|kind| **kind == "refused").count();
    assert_eq!(counted(), 120);
    until(|| scene.clock.sleepers() == 1).await;
    scene.clock.advance(Duration::from_secs(60));
    until(|| kinds(&scene).contains(&"deed")).await;
    let told = scene.lines().iter().any(|line| line.contains("refusals.counted") && line.contains("380"));
    assert!(told, "380 were counted");
    for _ in 0..130 {
        audit.refused(refused(None)).await.expect("noted");
    }
    audit.shutdown().await.expect("ended");
    let deeds = kinds(&scene).iter().filter(|kind| **kind == "deed").count();
    assert_eq!(deeds, 2, "what the last window counted is told at the end");
    assert!(scene.verify().is_sound());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_dropped_is_unknown_and_one_given_up_before_was_refused() {
    let scene = Scene::new();
    let (audit, _) = scene.open().await;
    let actor = actor(1);
    drop(audit.open_run(facts(&actor, run(1))).await.expect("opened"));
    audit.shared().trouble.hang();
    let waiting = {
        let (audit, actor) = (audit.clone(), actor.clone());
        tokio::spawn(async move { audit.open_run(facts(&actor, run(2))).await.map(|opened| opened.run()) })
    };
    until(|| scene.lines().iter().any(|line| line.contains("opened") && line.contains(&run(2).to_string()))).await;
    waiting.abort();
    assert!(waiting.await.expect_err("it was given up").is_cancelled());
    audit.shared().trouble.end();
    audit.shutdown().await.expect("ended");
    let ends: Vec<_> = entries(&scene)
        .into_iter()
        .filter_map(|entry| match entry.facts {
            Facts::Closed(closed) => Some((closed.run, closed.outcome, closed.code)),
            _ => None,
        })
        .collect();
    let expected = |number, outcome, code: &str| (run(number), outcome, Some(code.into()));
    assert_eq!(
        ends,
        [expected(1, Outcome::Unknown, "audit.run.dropped"), expected(2, Outcome::Refused, "audit.run.abandoned")]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_failed_sync_everything_is_refused_until_the_next_start() {
    let scene = Scene::new();
    let (audit, _) = scene.open().await;
    let actor = actor(1);
    let before = audit.open_run(facts(&actor, run(1))).await.expect("opened");
    audit.shared().trouble.fail();
    assert!(audit.is_sound());
    let stop = audit.open_run(facts(&actor, run(2))).await.expect_err("the sync failed");
    assert_eq!(code(&stop), AuditRefusal::Unavailable.info().code);
    assert!(!audit.is_sound());
    audit.shared().trouble.end();
    for stop in [
        audit.open_run(facts(&actor, run(3))).await.expect_err("unsound"),
        audit.refused(refused(None)).await.map(drop).expect_err("unsound"),
        audit.record(Deed::by_house(None, "a.b", "c")).await.map(|_| ()).expect_err("unsound"),
        audit.checkpoint().await.map(|_| ()).expect_err("unsound"),
    ] {
        assert_eq!(code(&stop), "audit.unavailable");
    }
    let lines = scene.lines().len();
    before.close(closing());
    assert!(audit.shutdown().await.is_err(), "it did not end in good order");
    assert_eq!(scene.lines().len(), lines, "nothing is written after a failed sync");
    drop(audit);
    let (audit, recovered) = scene.open().await;
    let runs: Vec<_> = recovered.unfinished.iter().map(|unfinished| unfinished.run).collect();
    assert!(runs.contains(&run(1)), "the run that was open has no end: {runs:?}");
    audit.shutdown().await.expect("ended");
    assert!(scene.verify().is_sound());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_that_cannot_be_begun_now_is_begun_later_and_nothing_is_lost() {
    let scene = Scene::with_segments_of(8 * 1024);
    let (audit, _) = scene.open().await;
    let actor = actor(1);
    let before = audit.open_run(facts(&actor, run(1))).await.expect("opened");
    audit.shared().trouble.lack();
    let mut number = 2;
    let stop = loop {
        match audit.open_run(facts(&actor, run(number))).await {
            Ok(opened) => opened.close(closing()),
            Err(stop) => break stop,
        }
        number += 1;
    };
    assert_eq!(code(&stop), AuditRefusal::Unavailable.info().code);
    assert!(!audit.is_sound() && !audit.shared().has_failed(), "it is short of something, not broken");
    let lines = scene.lines().len();
    before.close(closing());
    assert_eq!(code(&audit.refused(refused(None)).await.expect_err("short")), "audit.unavailable");
    until(|| scene.clock.sleepers() == 1).await;
    scene.clock.advance(Duration::from_secs(1));
    until(|| scene.clock.sleepers() == 1 && audit.waiting() == 0).await;
    assert_eq!(scene.lines().len(), lines, "nothing is written as long as it lacks");
    audit.shared().trouble.end();
    scene.clock.advance(Duration::from_secs(1));
    until(|| audit.is_sound()).await;
    audit.open_run(facts(&actor, run(1_000))).await.expect("opened again").close(closing());
    audit.shutdown().await.expect("ended");
    let report = scene.verify();
    assert!(report.is_sound(), "{report}");
    assert_eq!(report.open_runs, 0, "the end that came meanwhile was held");
    let refused = run(number).to_string();
    assert!(!scene.lines().iter().any(|line| line.contains(&refused)), "what was refused never was");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_refuses_and_says_when_to_come_again() {
    let mut scene = Scene::new();
    scene.config.queue_entries = 2;
    let (audit, _) = scene.open().await;
    audit.shared().trouble.hang();
    let call = |number| {
        let (audit, own) = (audit.clone(), actor(1));
        tokio::spawn(async move { audit.open_run(facts(&own, run(number))).await.map(drop) })
    };
    let first = call(1);
    until(|| audit.shared().is_writing() && audit.waiting() == 0).await;
    let others = [call(2), call(3)];
    until(|| audit.waiting() == 2).await;
    let Err(Stop::Refused(refusal)) = audit.open_run(facts(&actor(1), run(4))).await else {
        panic!("there is no room");
    };
    assert_eq!(refusal.code(), AuditRefusal::QueueFull.info().code);
    assert_eq!(refusal.wait(), Some(Duration::from_secs(1)));
    audit.shared().trouble.end();
    for call in others.into_iter().chain([first]) {
        call.await.expect("not cancelled").expect("opened");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_hangs_is_noticed_and_forgiven_when_it_comes_back() {
    let scene = Scene::new();
    let (audit, _) = scene.open().await;
    audit.shared().trouble.hang();
    let call = {
        let (audit, own) = (audit.clone(), actor(1));
        tokio::spawn(async move { audit.open_run(facts(&own, run(1))).await.map(drop) })
    };
    until(|| audit.shared().is_writing() && scene.clock.sleepers() == 1).await;
    scene.clock.advance(Duration::from_secs(6));
    until(|| !audit.is_sound()).await;
    let stop = audit.open_run(facts(&actor(1), run(2))).await.expect_err("the disk hangs");
    assert_eq!(code(&stop), "audit.unavailable");
    audit.shared().trouble.end();
    call.await.expect("not cancelled").expect("it was only late");
    until(|| scene.clock.sleepers() == 1).await;
    scene.clock.advance(Duration::from_secs(1));
    until(|| audit.is_sound()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_is_signed_at_each_interval_in_which_entries_came() {
    let scene = Scene::new();
    let (audit, _) = scene.open().await;
    let at_start = audit.last_checkpoint().expect("one at the start");
    until(|| scene.clock.sleepers() == 1).await;
    make_runs(&audit, 0, 1, 1).await;
    scene.clock.advance(Duration::from_secs(1));
    until(|| audit.last_checkpoint().is_some_and(|note| note != at_start)).await;
    let second = audit.last_checkpoint();
    until(|| scene.clock.sleepers() == 1).await;
    scene.clock.advance(Duration::from_secs(1));
    until(|| scene.clock.sleepers() == 1 && audit.waiting() == 0).await;
    assert_eq!(Some(audit.checkpoint().await.expect("signed")), second, "nothing came, so nothing was signed");
    let head = audit.verifier().checkpoint(&second.expect("signed")).expect("signed with the log's key");
    assert_eq!((head.origin.as_str(), head.size), ("lockgate/n1", 6));
}

#[tokio::test(flavor = "multi_thread")]
async fn segments_follow_each_other_and_everything_stays_whole() {
    let scene = Scene::with_segments_of(8 * 1024);
    let (audit, _) = scene.open().await;
    make_runs(&audit, 0, 60, 3).await;
    audit.shutdown().await.expect("ended");
    let report = scene.verify();
    assert!(report.is_sound(), "{report}");
    assert!(report.segments > 10, "{report}");
    assert!(report.checkpoints >= u64::from(report.segments), "one at each turn: {report}");
    for number in 0..report.segments - 1 {
        let bytes = std::fs::read(scene.log().join(format!("{number:08}.log"))).expect("read");
        assert_eq!(bytes.last(), Some(&b'\n'), "what was filled and not used is cut off");
        assert!(scene.log().join(format!("{number:08}.idx")).exists());
    }
    for file in std::fs::read_dir(scene.log()).expect("read") {
        let file = file.expect("read");
        assert_eq!(file.metadata().expect("there").permissions().mode() & 0o777, 0o600, "{:?}", file.path());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_are_written_in_few_groups_and_all_are_there() {
    let scene = Scene::new();
    let (audit, _) = scene.open().await;
    let calls: Vec<_> = (0..500u128)
        .map(|number| {
            let audit = audit.clone();
            tokio::spawn(async move {
                let own = actor(1 + number % 7);
                let opened = audit.open_run(facts(&own, run(number))).await.expect("opened");
                opened.attempt(attempt(1));
                opened.close(closing());
            })
        })
        .collect();
    for call in calls {
        call.await.expect("no panic");
    }
    audit.shutdown().await.expect("ended");
    let report = scene.verify();
    assert!(report.is_sound(), "{report}");
    assert_eq!((report.entries, report.trails, report.open_runs), (1_500 + report.checkpoints + 2, 8, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_log_is_open_once() {
    let scene = Scene::new();
    let (audit, _) = scene.open().await;
    let fault = scene.try_open().await.expect_err("it is open already");
    assert!(fault.to_string().contains("another process"), "{fault}");
    audit.shutdown().await.expect("ended");
    drop(audit);
    scene.open().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_the_last_handle_ends_the_log_in_good_order() {
    let scene = Scene::new();
    let (audit, _) = scene.open().await;
    let opened = audit.open_run(facts(&actor(1), run(1))).await.expect("opened");
    drop(audit);
    opened.close(closing());
    until(|| kinds(&scene).contains(&"stopped")).await;
    assert!(kinds(&scene).contains(&"closed"), "the open run kept the log open");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_end_everything_is_refused() {
    let scene = Scene::new();
    let (audit, _) = scene.open().await;
    audit.shutdown().await.expect("ended");
    let stop = audit.open_run(facts(&actor(1), run(1))).await.expect_err("ended");
    assert_eq!(code(&stop), "audit.unavailable");
    audit.shutdown().await.expect("twice does no harm");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_as_it_was_sent_never_gets_in() {
    let scene = Scene::new();
    let (audit, _) = scene.open().await;
    let actor = actor(1);
    // All that the facts can carry of a target is the declared template and a digest.
    let sent = "/v1/customers/jane@example.org?token=s3cr3t";
    let digest = crate::chain::leaf_hash(sent.as_bytes());
    let facts = RunFacts { target_digest: *digest.as_bytes(), ..facts(&actor, run(1)) };
    audit.open_run(facts).await.expect("opened").close(closing());
    audit.shutdown().await.expect("ended");
    let all = scene.lines().join("\n");
    assert!(!all.contains("jane") && !all.contains("s3cr3t"));
    assert!(all.contains("/v1/customers/{id}"));
}

/// Waits for other threads, without sleeping.
async fn until(mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        tokio::task::yield_now().await;
    }
}
