//! The guard as a whole: look-ups shared, remembered, bounded, and never made for what is refused anyway.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ipnet::IpNet;
use lockgate_access::directory::{Base, Settings};
use lockgate_access::spec::{BreakerSpec, LimitSpec, RedirectSpec};
use lockgate_vocabulary::{BoxFuture, Clock, Refusal, Stop, Timestamp};
use tokio::sync::Notify;

use super::lookup::{
    FAILED_FOR, FRESH_FOR, LAST_GOOD_FOR, LOOKUP_TIME, RENEWED_AFTER, SYSTEM_EACH, UNDER_WAY, UNDER_WAY_EACH,
};
use super::redirect::Hop;
use super::resolve::{ResolveFailure, Resolver};
use super::*;
use crate::refusal::EgressRefusal;

/// A clock that the test moves.
#[derive(Default)]
pub(super) struct TestClock {
    elapsed: Mutex<Duration>,
    moved: Notify,
}

impl TestClock {
    pub(super) fn advance(&self, by: Duration) {
        *self.elapsed.lock().unwrap() += by;
        self.moved.notify_waiters();
    }
}

/// What is shared with a sleeping future.
#[derive(Clone, Default)]
pub(super) struct Time(pub(super) Arc<TestClock>);

impl Clock for Time {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(1_800_000_000).after(self.elapsed())
    }

    fn elapsed(&self) -> Duration {
        *self.0.elapsed.lock().unwrap()
    }

    fn sleep(&self, wait: Duration) -> BoxFuture<()> {
        let clock = self.clone();
        let until = self.elapsed() + wait;
        Box::pin(async move {
            loop {
                let moved = clock.0.moved.notified();
                tokio::pin!(moved);
                moved.as_mut().enable();
                if clock.elapsed() >= until {
                    return;
                }
                moved.await;
            }
        })
    }
}

/// A name server of which the test decides what it says, and when.
#[derive(Clone)]
struct Server(Arc<Inner>);

struct Inner {
    answers: Mutex<Result<Vec<IpAddr>, ResolveFailure>>,
    asked: AtomicUsize,
    waits: bool,
    go: tokio::sync::Semaphore,
}

impl Server {
    fn saying(addresses: &[&str]) -> Self {
        Self::new(Ok(addresses.iter().map(|address| address.parse().unwrap()).collect()), false)
    }

    fn new(answers: Result<Vec<IpAddr>, ResolveFailure>, waits: bool) -> Self {
        let go = tokio::sync::Semaphore::new(0);
        Self(Arc::new(Inner { answers: Mutex::new(answers), asked: AtomicUsize::new(0), waits, go }))
    }

    fn waiting(addresses: &[&str]) -> Self {
        Self::new(Ok(addresses.iter().map(|address| address.parse().unwrap()).collect()), true)
    }

    fn say(&self, addresses: &[&str]) {
        *self.0.answers.lock().unwrap() = Ok(addresses.iter().map(|address| address.parse().unwrap()).collect());
    }

    fn asked(&self) -> usize {
        self.0.asked.load(Ordering::SeqCst)
    }
}

impl Resolver for Server {
    fn resolve(&self, _name: Arc<str>) -> BoxFuture<Result<Vec<IpAddr>, ResolveFailure>> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            inner.asked.fetch_add(1, Ordering::SeqCst);
            if inner.waits {
                inner.go.acquire().await.unwrap().forget();
            }
            inner.answers.lock().unwrap().clone()
        })
    }
}

fn guard(server: &Server) -> (Destination, Time) {
    let time = Time::default();
    let guard = Destination::new(&Config::default(), Arc::new(server.clone()), Arc::new(time.clone())).unwrap();
    (guard, time)
}

fn base(host: &str) -> Base {
    Base { plain: false, host: host.into(), port: 443, prefix: "".into() }
}

fn settings(opened: &[&str]) -> Settings {
    Settings {
        limits: LimitSpec::default(),
        breaker: BreakerSpec::default(),
        retries: 5,
        redirects: RedirectSpec::default(),
        trust_pem: None,
        pins: Vec::new(),
        trust: [0; 32],
        danger_private_networks: opened.iter().map(|network| network.parse::<IpNet>().unwrap()).collect(),
        danger_plain_http: false,
    }
}

fn code<T>(result: Result<T, Stop>) -> &'static str {
    match result {
        Ok(_) => "passed",
        Err(Stop::Refused(refusal)) => refusal.code(),
        Err(Stop::Fault(_)) => "fault",
    }
}

#[tokio::test]
async fn what_was_vetted_is_pinned_and_remembered() {
    let server = Server::saying(&["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"]);
    let (guard, time) = guard(&server);
    let first = guard.vet_base(&base("api.example.com"), &settings(&[])).await.unwrap();
    assert_eq!(first.host(), "api.example.com");
    assert_eq!(first.authority(), "api.example.com");
    assert_eq!(first.scheme(), Scheme::Https);
    assert_eq!(first.addresses().len(), 2);
    assert!(first.permits("93.184.216.34:443".parse().unwrap()));
    assert!(!first.permits("93.184.216.34:444".parse().unwrap()));
    assert!(!first.permits("8.8.8.8:443".parse().unwrap()));

    // The name server changes its mind: what was judged stays what is dialled until it is judged anew.
    server.say(&["127.0.0.1"]);
    let again = guard.vet_base(&base("api.example.com"), &settings(&[])).await.unwrap();
    assert_eq!(again, first);
    assert_eq!(server.asked(), 1);

    time.0.advance(FRESH_FOR);
    let rebound = guard.vet_base(&base("api.example.com"), &settings(&[])).await;
    assert_eq!(code(rebound), "egress.address.loopback");
    assert_eq!(server.asked(), 2);
}

/// Lets the tasks that nobody waits for come to their end.
async fn settle() {
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_judgement_is_renewed_beside_the_calls_that_use_it() {
    let server = Server::saying(&["93.184.216.34"]);
    let (guard, time) = guard(&server);
    let vet = async || guard.vet_base(&base("api.example.com"), &settings(&[])).await;
    let first = vet().await.unwrap();
    server.say(&["8.8.8.8"]);
    time.0.advance(RENEWED_AFTER);
    assert_eq!(vet().await.unwrap(), first, "nobody waits for the renewal");
    settle().await;
    assert_eq!(server.asked(), 2);
    let second = vet().await.unwrap();
    assert_eq!(second.addresses()[0].to_string(), "8.8.8.8:443");

    // A renewal that fails on the way costs nothing before the time is over, and is not tried at every call.
    *server.0.answers.lock().unwrap() = Err(ResolveFailure::NotFound);
    time.0.advance(RENEWED_AFTER);
    for _ in 0..5 {
        assert_eq!(vet().await.unwrap(), second);
        settle().await;
    }
    assert_eq!(server.asked(), 3);
    time.0.advance(FRESH_FOR - RENEWED_AFTER);
    assert_eq!(code(vet().await), "egress.name.unresolved");

    // A renewal that finds something forbidden holds at once.
    server.say(&["8.8.8.8"]);
    time.0.advance(FAILED_FOR);
    assert_eq!(code(vet().await), "passed");
    server.say(&["169.254.169.254"]);
    time.0.advance(RENEWED_AFTER);
    assert_eq!(code(vet().await), "passed");
    settle().await;
    assert_eq!(code(vet().await), "egress.address.metadata");
}

#[tokio::test]
async fn an_address_is_judged_once_and_for_good() {
    let server = Server::saying(&[]);
    let (guard, time) = guard(&server);
    for _ in 0..3 {
        assert_eq!(code(guard.vet_base(&base("8.8.8.8"), &settings(&[])).await), "passed");
        time.0.advance(Duration::from_secs(86_400));
    }
    assert_eq!(server.asked(), 0);
}

#[tokio::test]
async fn a_port_is_part_of_the_target() {
    let (guard, _) = guard(&Server::saying(&["93.184.216.34"]));
    let target = guard.vet_base(&Base { port: 8443, ..base("api.example.com") }, &settings(&[])).await.unwrap();
    assert_eq!((target.port(), target.authority()), (8443, "api.example.com:8443"));
    assert_eq!(target.addresses()[0], "93.184.216.34:8443".parse::<SocketAddr>().unwrap());
}

#[tokio::test]
async fn plain_http_stays_inside_the_networks_that_were_opened() {
    let plain = |host: &str| Base { plain: true, port: 8080, ..base(host) };
    for (address, verdict) in
        [("10.1.2.3", "passed"), ("93.184.216.34", "egress.url.scheme"), ("10.2.0.1", "egress.address.private")]
    {
        let (guard, _) = guard(&Server::saying(&[address]));
        let vetted = guard.vet_base(&plain("erp.corp.example"), &settings(&["10.1.0.0/16"])).await;
        assert!(vetted.as_ref().is_ok_and(|target| target.scheme() == Scheme::Http) || verdict != "passed");
        assert_eq!(code(vetted), verdict, "{address}");
    }
}

#[tokio::test]
async fn one_bad_address_refuses_the_name() {
    for bad in ["10.0.0.1", "169.254.169.254", "::1", "::ffff:8.8.8.8"] {
        let (guard, _) = guard(&Server::saying(&["93.184.216.34", "8.8.8.8", bad]));
        let result = guard.vet_base(&base("mixed.example.com"), &settings(&[])).await;
        assert!(code(result).starts_with("egress.address."), "{bad}");
    }
}

#[tokio::test]
async fn many_answers_are_all_judged_and_sixteen_are_kept() {
    let mut answers: Vec<String> = (0..200).map(|last| format!("93.184.216.{last}")).collect();
    let texts: Vec<&str> = answers.iter().map(String::as_str).collect();
    let (first, _) = guard(&Server::saying(&texts));
    let target = first.vet_base(&base("many.example.com"), &settings(&[])).await.unwrap();
    assert_eq!(target.addresses().len(), 16);
    answers.push("192.168.0.1".into());
    let texts: Vec<&str> = answers.iter().map(String::as_str).collect();
    let (second, _) = guard(&Server::saying(&texts));
    assert_eq!(code(second.vet_base(&base("many.example.com"), &settings(&[])).await), "egress.address.private");
}

#[tokio::test]
async fn a_name_that_is_refused_is_never_looked_up() {
    let server = Server::saying(&["93.184.216.34"]);
    let (guard, _) = guard(&server);
    for (host, wanted) in [
        ("localhost", "egress.host.internal"),
        ("fileserver", "egress.host.single_label"),
        ("db.internal", "egress.host.internal"),
        ("metadata.google.internal", "egress.host.metadata"),
        ("API.example.com", "egress.host.lookalike"),
        ("api.example.com.", "egress.host.invalid"),
        ("127.1", "egress.host.numeric"),
        ("10.0.0.1", "egress.address.private"),
        ("[::1]", "egress.address.loopback"),
    ] {
        assert_eq!(code(guard.vet_base(&base(host), &settings(&[])).await), wanted, "{host}");
    }
    assert_eq!(server.asked(), 0);
}

#[tokio::test]
async fn opened_networks_are_reached_and_nothing_beside_them() {
    let server = Server::saying(&["10.1.2.3"]);
    let (guard, _) = guard(&server);
    let opened = settings(&["10.1.0.0/16"]);
    assert_eq!(code(guard.vet_base(&base("erp.corp"), &opened).await), "passed");
    assert_eq!(code(guard.vet_base(&base("10.1.9.9"), &opened).await), "passed");
    assert_eq!(code(guard.vet_base(&base("10.2.0.1"), &opened).await), "egress.address.private");
    // The judgement of one connection is not that of another with other networks.
    assert_eq!(code(guard.vet_base(&base("erp.example.com"), &opened).await), "passed");
    assert_eq!(code(guard.vet_base(&base("erp.example.com"), &settings(&[])).await), "egress.address.private");
    let everything = settings(&["0.0.0.0/0", "::/0"]);
    for never in ["169.254.169.254", "[fd00:ec2::254]", "[::ffff:169.254.169.254]", "224.0.0.1", "0.0.0.0"] {
        assert_ne!(code(guard.vet_base(&base(never), &everything).await), "passed", "{never}");
    }
    assert_eq!(code(guard.vet_base(&base("metadata.google.internal"), &everything).await), "egress.host.metadata");
}

#[tokio::test]
async fn all_who_ask_at_once_share_one_look_up() {
    let server = Server::waiting(&["93.184.216.34"]);
    let (guard, _) = guard(&server);
    let asking: Vec<_> = (0..50)
        .map(|_| {
            let guard = guard.clone();
            tokio::spawn(async move { code(guard.vet_base(&base("api.example.com"), &settings(&[])).await) })
        })
        .collect();
    while server.asked() == 0 {
        tokio::task::yield_now().await;
    }
    // Who asked first goes away; the others still get their answer.
    asking[0].abort();
    server.0.go.add_permits(1);
    for (place, asked) in asking.into_iter().enumerate() {
        if place > 0 {
            assert_eq!(asked.await.unwrap(), "passed");
        }
    }
    assert_eq!(server.asked(), 1);
}

#[tokio::test]
async fn a_name_server_that_does_not_answer_is_waited_for_five_seconds() {
    let server = Server::waiting(&["93.184.216.34"]);
    let (guard, time) = guard(&server);
    let asking = tokio::spawn({
        let guard = guard.clone();
        async move { code(guard.vet_base(&base("slow.example.com"), &settings(&[])).await) }
    });
    while server.asked() == 0 {
        tokio::task::yield_now().await;
    }
    time.0.advance(LOOKUP_TIME - Duration::from_millis(1));
    tokio::task::yield_now().await;
    assert!(!asking.is_finished());
    time.0.advance(Duration::from_millis(1));
    assert_eq!(asking.await.unwrap(), "egress.name.timeout");

    // The failure is remembered for a moment, and no longer.
    assert_eq!(code(guard.vet_base(&base("slow.example.com"), &settings(&[])).await), "egress.name.timeout");
    assert_eq!(server.asked(), 1);
    server.0.go.add_permits(10);
    time.0.advance(FAILED_FOR);
    assert_eq!(code(guard.vet_base(&base("slow.example.com"), &settings(&[])).await), "passed");
}

/// Has a tenant ask for a name of this number beside the test.
fn ask(guard: &Destination, tenant: usize, number: usize) -> tokio::task::JoinHandle<&'static str> {
    let guard = guard.clone();
    tokio::spawn(async move {
        let (tenant, base) = (TenantId::from_u128(tenant as u128), base(&format!("n{number}.t{tenant}.example.com")));
        code(guard.vet_base_for(tenant, &base, &settings(&[])).await)
    })
}

/// Waits until so many look-ups stand in the system, and sees to it that no more come.
async fn stand(server: &Server, count: usize) {
    while server.asked() < count {
        tokio::task::yield_now().await;
    }
    settle().await;
    assert_eq!(server.asked(), count);
}

#[tokio::test]
async fn look_ups_under_way_are_bounded() {
    let server = Server::waiting(&["93.184.216.34"]);
    let (guard, _) = guard(&server);
    let asking: Vec<_> = (0..UNDER_WAY).map(|number| ask(&guard, number % 4, number)).collect();
    stand(&server, 4 * SYSTEM_EACH).await;
    assert_eq!(ask(&guard, 9, 0).await.unwrap(), "egress.name.busy");
    server.0.go.add_permits(2 * UNDER_WAY);
    for asked in asking {
        assert_eq!(asked.await.unwrap(), "passed");
    }
    assert_eq!(ask(&guard, 9, 0).await.unwrap(), "passed");
}

#[tokio::test]
async fn a_tenant_whose_names_nobody_answers_for_keeps_nobody_else_waiting() {
    let server = Server::waiting(&["93.184.216.34"]);
    let (guard, time) = guard(&server);
    let mut silent: Vec<_> = (0..UNDER_WAY_EACH).map(|number| ask(&guard, 1, number)).collect();
    stand(&server, SYSTEM_EACH).await;
    assert_eq!(ask(&guard, 1, 900).await.unwrap(), "egress.name.busy", "it has its share of those under way");
    let other = ask(&guard, 2, 0);
    stand(&server, SYSTEM_EACH + 1).await;
    // Those that were given up still stand in the system, so the tenant gets no further places there.
    time.0.advance(LOOKUP_TIME);
    let mut told: Vec<&str> = Vec::new();
    for asked in silent.drain(..) {
        told.push(asked.await.unwrap());
    }
    assert_eq!(told.iter().filter(|told| **told == "egress.name.timeout").count(), SYSTEM_EACH);
    assert_eq!(told.iter().filter(|told| **told == "egress.name.busy").count(), UNDER_WAY_EACH - SYSTEM_EACH);
    assert_eq!(other.await.unwrap(), "egress.name.timeout");
    let again = ask(&guard, 1, 901);
    settle().await;
    assert_eq!(server.asked(), SYSTEM_EACH + 1);
    let other = ask(&guard, 2, 1);
    stand(&server, SYSTEM_EACH + 2).await;
    server.0.go.add_permits(1_000);
    assert_eq!((again.await.unwrap(), other.await.unwrap()), ("passed", "passed"));
}

#[tokio::test]
async fn a_tenant_without_a_turn_costs_nobody_who_asks_for_the_same_name() {
    let server = Server::waiting(&["93.184.216.34"]);
    let (guard, time) = guard(&server);
    let _silent: Vec<_> = (0..SYSTEM_EACH).map(|number| ask(&guard, 1, number)).collect();
    stand(&server, SYSTEM_EACH).await;
    let shared = |tenant: u128| {
        let guard = guard.clone();
        tokio::spawn(async move {
            let (tenant, base) = (TenantId::from_u128(tenant), base("shared.example.com"));
            code(guard.vet_base_for(tenant, &base, &settings(&[])).await)
        })
    };
    let first = shared(1);
    settle().await;
    let second = shared(2);
    settle().await;
    assert_eq!(server.asked(), SYSTEM_EACH, "both wait for the first one's turn");
    time.0.advance(LOOKUP_TIME);
    assert_eq!(first.await.unwrap(), "egress.name.busy");
    stand(&server, SYSTEM_EACH + 1).await;
    server.0.go.add_permits(1_000);
    assert_eq!(second.await.unwrap(), "passed");
}

#[tokio::test]
async fn what_was_judged_last_holds_while_name_servers_are_silent() {
    let server = Server::waiting(&["93.184.216.34"]);
    let (guard, time) = guard(&server);
    server.0.go.add_permits(1);
    assert_eq!(ask(&guard, 1, 0).await.unwrap(), "passed");
    for minute in 0..9 {
        time.0.advance(FRESH_FOR);
        let asked = ask(&guard, 1, 0);
        while server.asked() < minute + 2 {
            tokio::task::yield_now().await;
        }
        time.0.advance(LOOKUP_TIME);
        let wanted = if time.elapsed() < LAST_GOOD_FOR { "passed" } else { "egress.name.timeout" };
        assert_eq!(asked.await.unwrap(), wanted, "{:?}", time.elapsed());
        settle().await;
    }
    assert!(time.elapsed() > LAST_GOOD_FOR, "both were seen");
}

#[tokio::test]
async fn a_network_failure_is_not_dressed_as_a_policy() {
    for (failure, wanted) in
        [(ResolveFailure::NotFound, "egress.name.unresolved"), (ResolveFailure::Busy, "egress.name.busy")]
    {
        let (guard, _) = guard(&Server::new(Err(failure), false));
        assert_eq!(code(guard.vet_base(&base("gone.example.com"), &settings(&[])).await), wanted);
    }
    let (guard, _) = guard(&Server::saying(&[]));
    assert_eq!(code(guard.vet_base(&base("empty.example.com"), &settings(&[])).await), "egress.name.unresolved");
}

#[tokio::test]
async fn static_hosts_go_before_name_servers_and_are_judged_all_the_same() {
    let server = Server::saying(&["93.184.216.34"]);
    let hosts = [("vendor.example", "8.8.8.8"), ("trap.example", "127.0.0.1")];
    let hosts = hosts.map(|(name, address)| (name.to_owned(), vec![address.parse().unwrap()]));
    let config = Config { danger_static_hosts: BTreeMap::from(hosts) };
    let guard = Destination::new(&config, Arc::new(server.clone()), Arc::new(Time::default())).unwrap();
    let target = guard.vet_base(&base("vendor.example"), &settings(&[])).await.unwrap();
    assert_eq!(target.addresses()[0], "8.8.8.8:443".parse::<SocketAddr>().unwrap());
    assert_eq!(code(guard.vet_base(&base("trap.example"), &settings(&[])).await), "egress.address.loopback");
    assert_eq!(code(guard.vet_base(&base("trap.example"), &settings(&["127.0.0.0/8"])).await), "passed");
    assert_eq!(server.asked(), 0);
    assert_eq!(code(guard.vet_base(&base("other.example"), &settings(&[])).await), "passed");
    assert_eq!(server.asked(), 1);
    let wrong = Config { danger_static_hosts: BTreeMap::from([("not a host".to_owned(), Vec::new())]) };
    assert!(Destination::new(&wrong, Arc::new(server), Arc::new(Time::default())).is_err());
}

#[tokio::test]
async fn hops_and_urls_of_the_house_are_vetted_alike() {
    let (guard, _) = guard(&Server::saying(&["10.0.0.1"]));
    let url = StrictUrl::parse("https://next.example.com/x").unwrap();
    let hop = Hop { url, method: http::Method::GET, keeps_body: false, keeps_credential: false };
    assert_eq!(code(guard.vet_hop(HOUSE, &hop, &settings(&[])).await), "egress.address.private");
    assert_eq!(code(guard.vet_hop(HOUSE, &hop, &settings(&["10.0.0.0/8"])).await), "passed");
    let policy = Policy::default();
    assert_eq!(code(guard.vet_url("https://issuer.example.com/keys", &policy).await), "egress.address.private");
    assert_eq!(code(guard.vet_url("http://issuer.example.com/keys", &policy).await), "egress.url.scheme");
    assert_eq!(code(guard.vet_url("https://[fe80::1]/keys", &policy).await), "egress.address.link_local");
    let (_, target) = guard.vet_url("https://8.8.8.8:8443/keys", &policy).await.unwrap();
    assert_eq!((target.host(), target.server_name(), target.port()), ("8.8.8.8", "8.8.8.8", 8443));
    let (_, target) = guard.vet_url("https://[2606:4700:4700::1111]/", &policy).await.unwrap();
    assert_eq!((target.host(), target.server_name()), ("[2606:4700:4700::1111]", "2606:4700:4700::1111"));
}

#[test]
fn a_refusal_is_a_line_of_the_manual() {
    let lines = EgressRefusal::ALL;
    assert!(lines.iter().all(|line| line.code.starts_with("egress.") && (400..600).contains(&line.status)));
    let mut codes: Vec<&str> = lines.iter().map(|line| line.code).collect();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), lines.len(), "codes are unique");
    assert_eq!(Refusal::from(EgressRefusal::AddressPrivate).code(), "egress.address.private");
}

#[test]
fn every_future_of_the_guard_may_move_between_threads() {
    fn movable<T: Send>(_: &T) {}
    let (guard, _) = guard(&Server::saying(&["93.184.216.34"]));
    let (base, settings, policy) = (base("api.example.com"), settings(&[]), Policy::default());
    movable(&guard.vet_base(&base, &settings));
    movable(&guard.vet_url("https://api.example.com/", &policy));
}
