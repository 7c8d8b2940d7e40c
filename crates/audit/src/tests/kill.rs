//! A process is killed while it writes, again and again: what was acknowledged is there afterwards.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;

use lockgate_vocabulary::{SystemClock, SystemEntropy};

use super::*;
use crate::entry::{Entry, Facts};

/// How often it is killed. Each round takes some tens of milliseconds.
const ROUNDS: u128 = 16;

/// The part of the process that is killed; the test below starts it. It is told a directory and a round
/// on its input, and tells each run on its output once it is acknowledged.
#[test]
#[ignore = "it is started by the test that kills it, and runs until then"]
fn the_one_that_is_killed() {
    let mut told = String::new();
    std::io::stdin().read_line(&mut told).expect("told");
    let (round, dir) = told.trim_end().split_once(' ').expect("a round and a directory");
    let (round, dir) = (round.parse::<u128>().expect("a number"), dir.to_owned());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("built");
    runtime.block_on(async move {
        let mut config = Config::new(dir, "n1".parse().expect("a name"));
        config.segment_bytes = 256 * 1024;
        let signer = signer(&config.origin(), 1);
        let opened = Audit::open(&config, signer, Arc::new(SystemClock::new()), Arc::new(SystemEntropy)).await;
        let (audit, recovered) = opened.expect("the log opens");
        for unfinished in &recovered.unfinished {
            println!("unfinished {}", unfinished.run);
        }
        println!("ready");
        let calls = (0..16u128).map(|task| {
            let audit = audit.clone();
            tokio::spawn(async move {
                for number in 0.. {
                    let own = actor(1 + task % 3);
                    let run = run(round << 40 | task << 32 | number);
                    let opened = audit.open_run(facts(&own, run)).await.expect("opened");
                    println!("opened {run}");
                    opened.attempt(attempt(1));
                    end(opened, number % 5 != 4);
                }
            })
        });
        for call in calls.collect::<Vec<_>>() {
            call.await.expect("it is killed before it ends");
        }
    });
}

/// Closes a run, or leaves it under way for as long as the process lives.
fn end(opened: crate::Opened, closes: bool) {
    if closes {
        opened.close(closing());
    } else {
        std::mem::forget(opened);
    }
}

/// Starts the process, lets it acknowledge so many runs, kills it. Gives what it told.
fn killed_after(dir: &Path, round: u128, acknowledged: usize) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args(["tests::kill::the_one_that_is_killed", "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("started");
    writeln!(child.stdin.take().expect("piped"), "{round} {}", dir.display()).expect("told");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut told: Vec<String> = Vec::new();
    let mut count = 0;
    while count < acknowledged {
        let line = lines.next().expect("it goes on until it is killed").expect("text");
        count += usize::from(line.starts_with("opened "));
        told.push(line);
    }
    child.kill().expect("killed");
    child.wait().expect("gone");
    // What it had written before it died was acknowledged too; a last line may be half-written.
    told.extend(lines.map_while(Result::ok));
    if told.last().is_some_and(|last| last.len() != "opened ".len() + run(0).to_string().len()) {
        told.pop();
    }
    told
}

#[test]
fn what_was_acknowledged_survives_any_kill() {
    let scene = Scene::new();
    let mut acknowledged = Vec::new();
    let mut reported = Vec::new();
    for round in 0..ROUNDS {
        let count = 1 + usize::try_from(round * round * 3 % 257).expect("small");
        for line in killed_after(scene.log(), round, count) {
            if let Some(run) = line.strip_prefix("opened ") {
                acknowledged.push(run.to_owned());
            } else if let Some(run) = line.strip_prefix("unfinished ") {
                reported.push(run.to_owned());
            }
        }
        let report = scene.verify();
        assert!(report.is_sound(), "round {round}: {report}");
    }
    let entries: Vec<Entry> =
        scene.lines().iter().map(|line| Entry::parse(line.as_bytes()).expect("an entry")).collect();
    let opened: std::collections::HashSet<String> = entries
        .iter()
        .filter(|entry| matches!(entry.facts, Facts::Opened(_)))
        .filter_map(|entry| entry.facts.run().map(|run| run.to_string()))
        .collect();
    let lost: Vec<_> = acknowledged.iter().filter(|run| !opened.contains(*run)).collect();
    assert!(lost.is_empty(), "{} of {} acknowledged runs are lost: {lost:?}", lost.len(), acknowledged.len());
    assert!(acknowledged.len() > 500, "it was under load");
    // The runs of all rounds but the last were closed by the start after it, each once.
    let mut ends: std::collections::HashMap<String, (u32, bool)> = std::collections::HashMap::new();
    for entry in &entries {
        if let Facts::Closed(closed) = &entry.facts {
            let end = ends.entry(closed.run.to_string()).or_default();
            end.0 += 1;
            end.1 |= closed.code.as_deref() == Some("audit.run.unfinished");
        }
    }
    assert!(ends.values().all(|(times, _)| *times == 1), "no run ends twice");
    assert!(reported.iter().all(|run| ends.get(run) == Some(&(1, true))), "what start reports, it closes");
    assert!(reported.len() > 20, "some were always open: {}", reported.len());
}
