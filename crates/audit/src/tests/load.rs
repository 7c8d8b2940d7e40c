//! What an entry costs. It prints and asserts nothing about time; run it by name with a release build.

use std::sync::Arc;

use lockgate_vocabulary::{SystemClock, SystemEntropy};

use super::*;

/// User and system time of this process so far, in microseconds.
fn cpu_micros() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let fields: Vec<&str> = stat.rsplit(')').next().expect("fields").split_whitespace().collect();
    let ticks: u64 = [11, 12].iter().map(|place| fields[*place].parse::<u64>().expect("a number")).sum();
    ticks * 10_000
}

async fn measured(tasks: u128, runs: u128) {
    let place = tempfile::tempdir_in(".").expect("a directory");
    let config = Config::new(place.path().join("log"), "n1".parse().expect("a name"));
    let signer = signer(&config.origin(), 1);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let (audit, _) =
        Audit::open(&config, signer, Arc::clone(&clock), Arc::new(SystemEntropy)).await.expect("the log opens");
    let (before, began) = (cpu_micros(), clock.elapsed());
    let calls: Vec<_> = (0..tasks)
        .map(|task| {
            let audit = audit.clone();
            tokio::spawn(async move {
                let own = actor(1 + task % 5);
                for number in 0..runs {
                    let opened = audit.open_run(facts(&own, run(task << 32 | number))).await.expect("opened");
                    opened.attempt(attempt(1));
                    opened.close(closing());
                }
            })
        })
        .collect();
    for call in calls {
        call.await.expect("no panic");
    }
    audit.shutdown().await.expect("ended");
    let (cpu, wall) = (cpu_micros() - before, clock.elapsed() - began);
    let all = u64::try_from(tasks * runs).expect("small");
    println!(
        "{tasks} callers: {:.0} runs a second, {:.2} µs of CPU for one run (opened, attempt, closed), {} segments",
        all as f64 / wall.as_secs_f64(),
        cpu as f64 / all as f64,
        crate::verify::verify(&config.dir, audit.verifier(), &Options::default()).segments
    );
}

#[test]
#[ignore = "a measurement"]
fn what_a_run_costs() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("built");
    for (tasks, runs) in [(1, 2_000), (64, 2_000), (256, 1_000), (64, 2_000)] {
        runtime.block_on(measured(tasks, runs));
    }
}

/// The parts that need no disk, one thread, alone: what callers do, then what the writer does.
#[test]
#[ignore = "a measurement"]
fn what_the_parts_of_a_run_cost() {
    use crate::chain::sha256;
    use crate::entry::Entry;
    use crate::entry::emit::{self, Envelope};
    use crate::ledger::{Ledger, Mark};

    const RUNS: u128 = 100_000;
    let clock = SystemClock::new();
    let own = actor(1);
    let per = |what: &str, began: Duration, count: u128| {
        println!("{what}: {:.3} µs", (clock.elapsed() - began).as_secs_f64() * 1e6 / count as f64);
    };
    let given = facts(&own, run(1));
    let began = clock.elapsed();
    let mut tails = Vec::with_capacity(3 * RUNS as usize);
    for number in 0..RUNS {
        let given = RunFacts { run: run(number), ..given };
        let repeated = emit::run_context(&given);
        tails.push(emit::opened(&repeated, &given));
        tails.push(emit::attempt(&repeated, &attempt(1)));
        tails.push(emit::closed(&repeated, &closing()));
    }
    per("the caller's part, one entry", began, 3 * RUNS);
    let (mut ledger, mut line, mut lines) = (Ledger::default(), Vec::new(), Vec::new());
    let began = clock.elapsed();
    for tail in &tails {
        let next = ledger.next(Some(own.tenant));
        line.clear();
        line.push(0);
        let envelope = Envelope {
            index: next.index,
            id: lockgate_vocabulary::AuditId::from_u128(u128::from(next.index)),
            node: "n1",
            time: Timestamp::from_micros(Hand::START),
            tenant: Some(own.tenant),
            sequence: next.sequence,
            previous: &next.previous,
        };
        emit::envelope(&mut line, &envelope);
        line.extend_from_slice(tail);
        let leaf = sha256(&line);
        ledger.take(&next, leaf, Mark::Plain, |_, _| {});
        lines.extend_from_slice(&line[1..]);
        lines.push(b'\n');
    }
    per("the writer's part without the disk, one entry", began, 3 * RUNS);
    println!("{} bytes for one entry", lines.len() / tails.len());
    let began = clock.elapsed();
    let read = lines.split(|byte| *byte == b'\n').filter(|line| Entry::parse(line).is_ok()).count();
    assert_eq!(read, tails.len());
    per("parsing one entry", began, 3 * RUNS);
}
