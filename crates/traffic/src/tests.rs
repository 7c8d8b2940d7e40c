//! What the tests of this room share: a clock that they move, connections, and the whole room at work.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use lockgate_access::directory::{Base, Connection, ConnectionStatus, Provider, Settings};
use lockgate_access::spec::{AuthPlacement, BreakerSpec, LimitSpec, RateHeaders, RedirectSpec};
use lockgate_store::Counters;
use lockgate_vocabulary::{BoxFuture, Clock, ConnectionId, Stop, TenantId, Timestamp};

use super::*;
use crate::traffic::CallerKey;

/// A clock that the test moves.
#[derive(Clone, Default)]
pub(crate) struct Time(Arc<Mutex<Duration>>);

impl Time {
    pub(crate) fn advance(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }
}

impl Clock for Time {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(1_800_000_000).after(self.elapsed())
    }

    fn elapsed(&self) -> Duration {
        *self.0.lock().unwrap()
    }

    fn sleep(&self, _wait: Duration) -> BoxFuture<()> {
        Box::pin(std::future::ready(()))
    }
}

pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A connection of a tenant, at an epoch, with these limits.
pub(crate) fn connection_of(tenant: u128, changed: u64, limits: LimitSpec, breaker: BreakerSpec) -> Connection {
    Connection {
        id: ConnectionId::from_u128(7),
        tenant: TenantId::from_u128(tenant),
        name: "vendor".parse().unwrap(),
        provider: Arc::new(Provider {
            id: None,
            name: "vendor".parse().unwrap(),
            auth: AuthPlacement::None,
            rate_headers: RateHeaders::default(),
            idempotency_header: None,
            headers: http::HeaderMap::new(),
            verify: None,
            two_live_credentials: None,
        }),
        status: ConnectionStatus::Active,
        credential: None,
        base: Base { plain: false, host: "api.example.com".into(), port: 443, prefix: "".into() },
        endpoints: Arc::from(Vec::new()),
        settings: Arc::new(Settings {
            limits,
            breaker,
            retries: 5,
            redirects: RedirectSpec::default(),
            trust_pem: None,
            pins: Vec::new(),
            trust: [0; 32],
            danger_private_networks: Vec::new(),
            danger_plain_http: false,
        }),
        changed,
    }
}

pub(crate) fn limits(per_minute: u32, burst: u32, concurrent: u32) -> LimitSpec {
    LimitSpec { per_minute: Some(per_minute), burst: Some(burst), concurrent: Some(concurrent), per_day: None }
}

pub(crate) fn breaker(failure_percent: u8, least_calls: u32) -> BreakerSpec {
    BreakerSpec {
        failure_percent: Some(failure_percent),
        least_calls: Some(least_calls),
        window_seconds: Some(30),
        open_seconds: Some(15),
    }
}

pub(crate) fn connection(limits: LimitSpec) -> Connection {
    connection_of(1, 1, limits, breaker(50, 4))
}

pub(crate) fn caller(credential: u128) -> CallerKey {
    CallerKey { tenant: TenantId::from_u128(1), credential }
}

pub(crate) fn room(config: Config, shared: Option<Arc<dyn Counters>>) -> (Traffic, Time) {
    let time = Time::default();
    (Traffic::new(config, shared, Arc::new(time.clone())).unwrap(), time)
}

/// The code and the seconds to wait, rounded up.
pub(crate) fn refused<T: std::fmt::Debug>(result: Result<T, Stop>) -> (&'static str, u64) {
    match result {
        Err(Stop::Refused(refusal)) => {
            (refusal.code(), refusal.wait().unwrap_or_default().as_micros().div_ceil(1_000_000) as u64)
        }
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn a_failing_vendor_is_left_alone_and_tried_by_one() {
    let (traffic, time) = room(Config::default(), None);
    let connection = connection(limits(6_000, 600, 8));
    for _ in 0..4 {
        traffic.admit_call(caller(1), &connection).await.unwrap();
        traffic.enter_connection(&connection).unwrap().report(Health::Bad);
    }
    assert_eq!(refused(traffic.enter_connection(&connection)), ("traffic.breaker.open", 15));
    let open = traffic.pressure(connection.tenant, connection.id).unwrap();
    assert_eq!((open.breaker, open.breaker_open_for), (Standing::Open, Some(seconds(15))));
    assert_eq!(traffic.census(), Census { breakers_open: 1, ..Census::default() });
    time.advance(seconds(15));
    let mut one = traffic.enter_connection(&connection).unwrap();
    assert_eq!(refused(traffic.enter_connection(&connection)), ("traffic.breaker.open", 1));
    one.report(Health::Good);
    assert_eq!(traffic.pressure(connection.tenant, connection.id).unwrap().breaker, Standing::Closed);
    assert!(traffic.enter_connection(&connection).is_ok());
}

#[tokio::test]
async fn a_vendors_word_holds_the_way_out_and_not_admission() {
    let (traffic, time) = room(Config::default(), None);
    let connection = connection(limits(6_000, 600, 8));
    let mut passage = traffic.enter_connection(&connection).unwrap();
    let said = VendorLimits { remaining: Some(0), reset_after: Some(seconds(20)), ..VendorLimits::default() };
    traffic.heed(&connection, said);
    passage.report(Health::Good);
    drop(passage);
    traffic.admit_call(caller(1), &connection).await.expect("an answer that is kept needs no vendor");
    assert_eq!(refused(traffic.enter_connection(&connection)), ("traffic.vendor.limited", 20));
    let pressure = traffic.pressure(connection.tenant, connection.id).unwrap();
    assert_eq!((pressure.vendor_remaining, pressure.vendor_held_for), (Some(0), Some(seconds(20))));
    assert_eq!(traffic.census(), Census { vendors_limited: 1, ..Census::default() });
    time.advance(seconds(20));
    assert!(traffic.admit_call(caller(1), &connection).await.is_ok());
    assert!(traffic.enter_connection(&connection).is_ok());
}

#[tokio::test]
async fn tenants_share_nothing() {
    let (traffic, _) = room(Config::default(), None);
    let mine = connection_of(1, 1, limits(1, 1, 1), breaker(50, 1));
    let theirs = connection_of(2, 1, limits(1, 1, 1), breaker(50, 1));
    let other = CallerKey { tenant: TenantId::from_u128(2), ..caller(1) };
    traffic.admit_call(caller(1), &mine).await.unwrap();
    let mut held = traffic.enter_connection(&mine).unwrap();
    held.report(Health::Bad);
    assert!(traffic.admit_call(caller(1), &mine).await.is_err());
    assert!(traffic.enter_connection(&mine).is_err());
    assert!(traffic.admit_call(other, &theirs).await.is_ok());
    assert!(traffic.enter_connection(&theirs).is_ok());
    assert!(traffic.pressure(TenantId::from_u128(3), mine.id).is_none());
}

#[test]
fn every_refusal_says_when_to_come_back_or_is_a_503() {
    let codes: Vec<&str> = TrafficRefusal::ALL.iter().map(|line| line.code).collect();
    assert!(codes.is_sorted());
    assert!(TrafficRefusal::ALL.iter().all(|line| [429, 503].contains(&line.status)));
}
