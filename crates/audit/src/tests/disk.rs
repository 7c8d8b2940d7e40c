//! A disk that is full: a process that may not make files larger finds its log refused.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;

use lockgate_vocabulary::{Stop, SystemClock, SystemEntropy};

use super::*;

/// What runs under the limit; the test below starts it.
#[test]
#[ignore = "it is started by the test that limits it"]
fn the_one_that_is_limited() {
    let mut dir = String::new();
    std::io::stdin().read_line(&mut dir).expect("told");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("built");
    runtime.block_on(async move {
        let mut config = Config::new(dir.trim_end(), "n1".parse().expect("a name"));
        // The first segment is filled within the limit; the second cannot be.
        config.segment_bytes = 16 * 1024;
        config.checkpoint_seconds = 60;
        let signer = signer(&config.origin(), 1);
        let opened = Audit::open(&config, signer, Arc::new(SystemClock::new()), Arc::new(SystemEntropy)).await;
        let (audit, _) = opened.expect("the log opens");
        for number in 0..10_000 {
            let own = actor(1);
            // Every segment and every note fits the limit; what grows without end is the file of checkpoints.
            if number % 3 == 0 && audit.checkpoint().await.is_err() {
                break;
            }
            match audit.open_run(facts(&own, run(number))).await {
                Ok(opened) => {
                    println!("opened {}", opened.run());
                    // It stays open, as a call would that is under way when the disk is full.
                    std::mem::forget(opened);
                }
                Err(Stop::Refused(refusal)) => {
                    println!("refused {}", refusal.code());
                    break;
                }
                Err(Stop::Fault(fault)) => panic!("{fault}"),
            }
        }
        println!("sound {}", audit.is_sound());
        let stop = audit.open_run(facts(&actor(1), run(77))).await.expect_err("refused");
        println!("{stop}");
    });
}

/// Runs the process with files limited to so many blocks of 512 bytes (of 1,024 in some shells).
fn limited_to(blocks: u32, dir: &Path) -> String {
    let this = std::env::current_exe().expect("this test");
    let script = format!(
        "trap '' XFSZ; ulimit -f {blocks}; exec '{}' tests::disk::the_one_that_is_limited --exact --ignored \
         --nocapture --test-threads=1",
        this.display()
    );
    let mut child =
        Command::new("sh").args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("started");
    writeln!(child.stdin.take().expect("piped"), "{}", dir.display()).expect("told");
    let output = child.wait_with_output().expect("it ends by itself");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_full_disk_refuses_and_loses_nothing_that_was_acknowledged() {
    let scene = Scene::new();
    let told = limited_to(36, scene.log());
    assert!(told.contains("sound false"), "{told}");
    assert!(told.contains("audit.unavailable: The audit trail cannot be written"), "{told}");
    let lines = scene.lines().join("\n");
    let acknowledged: Vec<&str> = told.lines().filter_map(|line| line.strip_prefix("opened ")).collect();
    assert!(acknowledged.len() > 20, "{told}");
    for run in acknowledged {
        assert!(lines.contains(run), "{run} is lost");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("built");
    runtime.block_on(async {
        let (audit, recovered) = scene.open().await;
        assert!(!recovered.unfinished.is_empty(), "the runs of before are found");
        audit.shutdown().await.expect("ended");
    });
    let report = scene.verify();
    assert!(report.is_sound(), "{report}");
}

#[test]
fn a_disk_that_is_full_from_the_start_keeps_the_log_from_opening() {
    let scene = Scene::new();
    let told = limited_to(1, scene.log());
    assert!(!told.contains("sound"), "{told}");
}
