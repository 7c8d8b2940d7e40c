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
