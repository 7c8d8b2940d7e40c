//! The queue and the pool of chance.

use std::collections::HashSet;
use std::thread;

use super::queue::{Command, Queue, Urgency};
use super::*;
use crate::tests::{Count, Scene};

fn asked() -> (Command, oneshot::Receiver<()>) {
    let (done, durable) = oneshot::channel();
    (Command::Checkpoint(Some(done)), durable)
}

#[test]
fn a_full_queue_refuses_and_what_nobody_waits_for_is_taken_all_the_same() {
    let queue = Queue::new(2, Duration::ZERO);
    let _first = (0..2).map(|_| queue.offer(asked().0).expect("room")).count();
    assert_eq!(queue.offer(asked().0), Err(AuditRefusal::QueueFull));
    queue.push(Command::Checkpoint(None), Urgency::Soon);
    let mut taken = Vec::new();
    assert!(queue.take(&mut taken, 0));
    assert_eq!(taken.len(), 3);
    assert_eq!(queue.offer(asked().0), Ok(()), "there is room again");
}

#[test]
fn a_closed_queue_gives_what_is_there_and_then_ends() {
    let queue = Queue::new(8, Duration::ZERO);
    queue.offer(asked().0).expect("room");
    queue.close();
    assert!(queue.is_closed());
    assert_eq!(queue.offer(asked().0), Err(AuditRefusal::Unavailable));
    queue.push(Command::Checkpoint(None), Urgency::Soon);
    let mut taken = Vec::new();
    assert!(queue.take(&mut taken, 0));
    assert_eq!(taken.len(), 1);
    taken.clear();
    assert!(!queue.take(&mut taken, 0));
}

#[test]
fn an_abandoned_queue_tells_those_who_wait() {
    let queue = Queue::new(8, Duration::ZERO);
    let (command, mut durable) = asked();
    queue.offer(command).expect("room");
    queue.abandon();
    assert_eq!(durable.try_recv(), Err(oneshot::error::TryRecvError::Closed));
    assert!(!queue.take(&mut Vec::new(), 0));
}

#[test]
fn a_group_gathers_as_many_as_came_the_last_time() {
    // The linger is far longer than any test takes, so only company can end it.
    let queue = Arc::new(Queue::new(8, Duration::from_secs(3_600)));
    queue.offer(asked().0).expect("room");
    let taker = {
        let queue = Arc::clone(&queue);
        thread::spawn(move || {
            let mut taken = Vec::new();
            queue.take(&mut taken, 3);
            taken.len()
        })
    };
    queue.offer(asked().0).expect("room");
    queue.offer(asked().0).expect("room");
    assert_eq!(taker.join().expect("it ends"), 3);
}

#[test]
fn one_that_is_alone_does_not_linger() {
    let queue = Queue::new(8, Duration::from_secs(3_600));
    queue.offer(asked().0).expect("room");
    let mut taken = Vec::new();
    assert!(queue.take(&mut taken, 1));
    assert_eq!(taken.len(), 1);
}

#[test]
fn identifiers_never_repeat_across_refills() {
    let pool = IdPool::new(Arc::new(Count::default()));
    let clock = crate::tests::Hand::default();
    let drawn: HashSet<AuditId> = (0..2_000).map(|_| AuditId::generate(&clock, &pool)).collect();
    assert_eq!(drawn.len(), 2_000);
    let mut much = vec![0; 10_000];
    pool.fill(&mut much);
    assert!(much.chunks(8).collect::<HashSet<_>>().len() > 1_000, "more than the pool holds is filled too");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_that_is_being_taken_is_not_begun_anew() {
    use std::os::unix::fs::MetadataExt as _;
    let scene = Scene::new();
    let (audit, _) = scene.open().await;
    let shared = Arc::clone(audit.shared());
    let making = {
        let shared = Arc::clone(&shared);
        thread::spawn(move || {
            while !shared.queue.is_closed() {
                if let Some(file) = shared.begin_next().expect("begun") {
                    *locked(&shared.ready_segment) = Some(file);
                }
            }
        })
    };
    let dir = LogDir::at(&scene.elsewhere("log"));
    let mut segment = Segment::reopen(&dir, 0, 0, 0, 1).expect("there");
    for _ in 0..3_000 {
        segment = shared.following(&segment, 1).expect("the next one has its name");
        let (held, named) = (segment.metadata().expect("held"), fs::metadata(dir.segment(segment.number())));
        assert_eq!(held.ino(), named.expect("named").ino(), "what is written to is what stands in the directory");
    }
    shared.queue.close();
    making.join().expect("no panic");
}
