//! What a tenant has together, and what a connection has on one day.

use lockgate_store::LocalCounters;

use lockgate_access::spec::LimitSpec;
use lockgate_vocabulary::ConnectionId;

use super::*;

/// A tenant's rate of so many, and wide ones for everybody else.
fn config(per_minute: u32, burst: u32) -> Config {
    let wide = Config { caller_per_minute: 6_000, caller_burst: 600, ..Config::default() };
    Config { tenant_per_minute: per_minute, tenant_burst: burst, ..wide }
}

fn wide() -> LimitSpec {
    limits(6_000, 600, 8)
}

/// A connection with so many calls a day.
fn of_a_day(per_day: u32) -> Connection {
    connection(LimitSpec { per_day: Some(per_day), ..wide() })
}

#[tokio::test]
async fn a_tenants_callers_and_connections_share_one_rate_and_other_tenants_do_not() {
    let (traffic, time) = room(config(60, 3), None);
    let connection = connection(wide());
    for credential in 0..3 {
        let permit = traffic.admit_call(caller(credential), &connection).await.unwrap();
        assert_eq!(
            (permit.limit(), permit.remaining()),
            (3, 2 - credential as u32),
            "the permit tells the tighter rate"
        );
    }
    assert_eq!(refused(traffic.admit_call(caller(9), &connection).await), ("traffic.tenant.exceeded", 1));
    let asked = traffic.ask_key(caller(9)).unwrap();
    assert_eq!(refused(traffic.admit_call_asked(&connection, asked).await).0, "traffic.tenant.exceeded");
    let theirs = connection_of(7, 1, wide(), breaker(50, 10));
    let stranger = CallerKey { tenant: theirs.tenant, credential: 1 };
    assert!(traffic.admit_call(stranger, &theirs).await.is_ok());
    assert!(traffic.admit_key(caller(9)).await.is_ok(), "what calls nobody is not held off");
    time.advance(seconds(1));
    assert!(traffic.admit_call(caller(9), &connection).await.is_ok());
}

#[tokio::test]
async fn who_is_over_a_rate_of_its_own_takes_nothing_of_the_tenants() {
    let (traffic, _) = room(Config { caller_per_minute: 1, caller_burst: 1, ..config(60, 3) }, None);
    let connection = connection(wide());
    traffic.admit_call(caller(1), &connection).await.unwrap();
    for _ in 0..50 {
        assert_eq!(refused(traffic.admit_call(caller(1), &connection).await).0, "traffic.rate.exceeded");
    }
    assert!(traffic.admit_call(caller(2), &connection).await.is_ok());
    assert!(traffic.admit_call(caller(3), &connection).await.is_ok());
}

#[tokio::test]
async fn a_days_calls_are_used_up_until_midnight() {
    let (traffic, time) = room(config(60_000, 10_000), None);
    let connection = of_a_day(2);
    // The tests' clock starts at 08:00 UTC.
    for left in [1, 0] {
        let permit = traffic.admit_call(caller(1), &connection).await.unwrap();
        assert_eq!((permit.limit(), permit.remaining()), (2, left));
        assert_eq!(permit.reset_at(), Timestamp::from_secs(1_800_000_000 + 16 * 3_600));
    }
    assert_eq!(refused(traffic.admit_call(caller(1), &connection).await), ("traffic.quota.exceeded", 16 * 3_600));
    time.advance(seconds(16 * 3_600 - 1));
    assert_eq!(refused(traffic.admit_call(caller(2), &connection).await), ("traffic.quota.exceeded", 1));
    time.advance(seconds(1));
    assert!(traffic.admit_call(caller(1), &connection).await.is_ok());
}

#[tokio::test]
async fn nodes_with_shared_counters_have_one_quota_and_one_rate_of_a_tenant() {
    let clock = crate::tests::Time::default();
    let shared: Arc<dyn Counters> = Arc::new(LocalCounters::new(Arc::new(clock)));
    let nodes = [0, 1].map(|_| room(config(60, 5), Some(Arc::clone(&shared))).0);
    let connection = of_a_day(3);
    let mut codes = Vec::new();
    for number in 0..6 {
        let admitted = nodes[number % 2].admit_call(caller(1), &connection).await;
        codes.push(
            admitted.map_or_else(|stop| refused::<Permit>(Err(stop)), |permit| ("", u64::from(permit.remaining()))),
        );
    }
    let refusal = ("traffic.quota.exceeded", 16 * 3_600);
    assert_eq!(codes, [("", 2), ("", 1), ("", 0), refusal, refusal, refusal]);
    let other = Connection { id: ConnectionId::from_u128(8), ..self::connection(wide()) };
    let mut admitted = 0;
    for number in 0..4 {
        admitted += usize::from(nodes[number % 2].admit_call(caller(2), &other).await.is_ok());
    }
    assert_eq!(admitted, 2, "three of the tenant's five were used already, and what was refused took none");
}

#[tokio::test]
async fn a_day_that_is_used_up_costs_no_round_trip_and_without_counters_it_is_counted_here() {
    let counters = away(false);
    let config = Config { danger_fail_open_to_local: true, ..config(60_000, 10_000) };
    let (traffic, _) = room(config, Some(counters.clone()));
    let connection = of_a_day(1);
    assert!(traffic.admit_call(caller(1), &connection).await.is_ok());
    assert_eq!(refused(traffic.admit_call(caller(1), &connection).await).0, "traffic.quota.exceeded");
    assert_eq!(counters.asked.load(Ordering::SeqCst), 1);
}
