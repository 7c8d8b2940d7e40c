//! What the tests of this room share: a clock and chance that they move, a log in a directory of its
//! own, and facts to record. The tests beneath try the whole room.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lockgate_vocabulary::{
    Actor, BoxFuture, Clock, ConnectionId, CredentialId, Entropy, PrincipalId, PrincipalKind, RunId, Secret,
    SystemEntropy, TenantId, Timestamp, TraceContext,
};
use tokio::sync::oneshot;

use crate::append::locked;
use crate::verify::{Options, Report, verify};
use crate::{AttemptFacts, Audit, Closing, Config, Outcome, Recovered, RefusedFacts, RunFacts, Signer};

mod disk;
mod kill;
mod load;
mod tamper;

/// A clock that a test moves.
#[derive(Default)]
pub(crate) struct Hand {
    elapsed: AtomicU64,
    sleepers: Mutex<Vec<(u64, oneshot::Sender<()>)>>,
}

impl Hand {
    pub(crate) const START: i64 = 1_795_320_000_000_000;

    /// Lets time go by, and wakes who slept so long.
    pub(crate) fn advance(&self, by: Duration) {
        let micros = u64::try_from(by.as_micros()).expect("a test's time is short");
        let now = self.elapsed.fetch_add(micros, Ordering::AcqRel) + micros;
        let mut sleepers = locked(&self.sleepers);
        let (due, later) = std::mem::take(&mut *sleepers).into_iter().partition(|(at, _)| *at <= now);
        *sleepers = later;
        drop(sleepers);
        let due: Vec<(u64, oneshot::Sender<()>)> = due;
        due.into_iter().for_each(|(_, waker)| _ = waker.send(()));
    }

    /// How many sleep.
    pub(crate) fn sleepers(&self) -> usize {
        locked(&self.sleepers).iter().filter(|(_, waker)| !waker.is_closed()).count()
    }
}

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        let elapsed = i64::try_from(self.elapsed.load(Ordering::Acquire)).expect("a test's time is short");
        Timestamp::from_micros(Self::START + elapsed)
    }

    fn elapsed(&self) -> Duration {
        Duration::from_micros(self.elapsed.load(Ordering::Acquire))
    }

    fn sleep(&self, wait: Duration) -> BoxFuture<()> {
        let (waker, woken) = oneshot::channel();
        let at = self.elapsed.load(Ordering::Acquire) + u64::try_from(wait.as_micros()).expect("short");
        locked(&self.sleepers).push((at, waker));
        Box::pin(async move { _ = woken.await })
    }
}

/// Chance that is different each time and the same in each run.
#[derive(Default)]
pub(crate) struct Count(AtomicU64);

impl Entropy for Count {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let next = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::AcqRel).wrapping_mul(0xff51_afd7_ed55_8ccd);
            chunk.copy_from_slice(&next.to_be_bytes()[..chunk.len()]);
        }
    }
}

/// A log in a directory of its own.
pub(crate) struct Scene {
    place: tempfile::TempDir,
    pub(crate) clock: Arc<Hand>,
    entropy: Arc<Count>,
    pub(crate) config: Config,
    seed: u8,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let place = tempfile::tempdir().expect("a directory");
        let mut config = Config::new(place.path().join("log"), "n1".parse().expect("a name"));
        config.segment_bytes = 64 * 1024;
        Self { place, clock: Arc::default(), entropy: Arc::default(), config, seed: 1 }
    }

    pub(crate) fn with_segments_of(bytes: u64) -> Self {
        let mut scene = Self::new();
        scene.config.segment_bytes = bytes;
        scene
    }

    pub(crate) fn log(&self) -> &Path {
        &self.config.dir
    }

    pub(crate) fn elsewhere(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    pub(crate) fn signer(&self) -> Signer {
        signer(&self.config.origin(), self.seed)
    }

    pub(crate) async fn try_open(&self) -> Result<(Audit, Recovered), lockgate_vocabulary::Fault> {
        let clock: Arc<dyn Clock> = self.clock.clone();
        Audit::open(&self.config, self.signer(), clock, self.entropy.clone()).await
    }

    pub(crate) async fn open(&self) -> (Audit, Recovered) {
        self.try_open().await.expect("the log opens")
    }

    pub(crate) fn verify(&self) -> Report {
        verify(self.log(), self.signer().verifier(), &Options::default())
    }

    /// All lines of the log.
    pub(crate) fn lines(&self) -> Vec<String> {
        lines(self.log())
    }
}

pub(crate) fn signer(name: &str, seed: u8) -> Signer {
    Signer::new(name, &Secret::new(vec![seed; 32])).expect("a signer")
}

/// All lines of the log in a directory.
pub(crate) fn lines(dir: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    for number in 0.. {
        let Ok(bytes) = std::fs::read(dir.join(format!("{number:08}.log"))) else { break };
        let data: Vec<u8> = bytes.into_iter().take_while(|byte| *byte != 0).collect();
        lines.extend(String::from_utf8(data).expect("text").lines().map(str::to_owned));
    }
    lines
}

/// A copy of a log's directory.
pub(crate) fn copied(from: &Path, to: &Path) {
    _ = std::fs::remove_dir_all(to);
    std::fs::create_dir_all(to).expect("made");
    for file in std::fs::read_dir(from).expect("read") {
        let file = file.expect("read");
        std::fs::copy(file.path(), to.join(file.file_name())).expect("copied");
    }
}

pub(crate) fn tenant(number: u128) -> TenantId {
    TenantId::from_u128(number)
}

pub(crate) fn run(number: u128) -> RunId {
    RunId::from_u128((Hand::START as u128 / 1_000) << 80 | 7 << 76 | 2 << 62 | number)
}

/// Somebody of this tenant.
pub(crate) fn actor(number: u128) -> Actor {
    Actor {
        tenant: tenant(number),
        principal: PrincipalId::from_u128(number + 100),
        kind: PrincipalKind::Service,
        name: "billing".into(),
    }
}

pub(crate) fn facts(actor: &Actor, run: RunId) -> RunFacts<'_> {
    RunFacts {
        run,
        actor,
        key: None,
        connection: ConnectionId::from_u128(40),
        connection_name: "stripe-main",
        provider: "stripe",
        method: "POST",
        endpoint: "/v1/customers/{id}",
        target_digest: [7; 32],
        operation: "write",
        dry_run: false,
        idempotency: true,
        trace: TraceContext::start(&SystemEntropy).trace,
        peer: "203.0.113.9".parse().expect("an address"),
    }
}

pub(crate) fn attempt(number: u8) -> AttemptFacts {
    AttemptFacts {
        number,
        address: Some("198.51.100.4".parse().expect("an address")),
        status: Some(200),
        outcome: "answered",
        took: Duration::from_micros(12_345),
        sent: true,
        credential: (number > 1).then(|| (CredentialId::from_u128(0xc4ed), 7)),
    }
}

pub(crate) fn closing() -> Closing {
    Closing {
        outcome: Outcome::Succeeded,
        status: Some(200),
        code: None,
        request_bytes: 10,
        answer_bytes: 1_024,
        took: Duration::from_micros(23_456),
        fallback: false,
    }
}

pub(crate) fn refused(tenant: Option<TenantId>) -> RefusedFacts<'static> {
    RefusedFacts {
        tenant,
        actor: None,
        key: None,
        run: None,
        trace: TraceContext::start(&SystemEntropy).trace,
        peer: "203.0.113.9".parse().expect("an address"),
        door: "call",
        code: "access.token.invalid",
        status: 401,
        method: Some("GET"),
        connection: None,
        connection_name: None,
        endpoint: None,
        target_digest: None,
    }
}

/// Makes so many whole runs, turn by turn for some tenants.
pub(crate) async fn make_runs(audit: &Audit, from: u128, count: u128, tenants: u128) {
    for number in from..from + count {
        let actor = actor(1 + number % tenants);
        let opened = audit.open_run(facts(&actor, run(number))).await.expect("opened");
        opened.attempt(attempt(1));
        opened.close(closing());
    }
}
