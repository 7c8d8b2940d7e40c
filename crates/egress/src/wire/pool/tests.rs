//! Places follow whom a connection trusts, whoever comes first.

use lockgate_access::directory::{Base, ConnectionStatus, Provider};
use lockgate_access::spec::{AuthPlacement, RateHeaders};
use lockgate_testkit::ManualClock;
use lockgate_vocabulary::Clock;

use super::*;
use crate::Config;
use crate::destination::resolve::StaticResolver;
use crate::destination::{Destination, Policy};
use crate::wire::Trust;

fn settings(pins: Vec<[u8; 32]>) -> Arc<Settings> {
    Arc::new(Settings {
        limits: Default::default(),
        breaker: Default::default(),
        retries: 0,
        redirects: Default::default(),
        trust_pem: None,
        trust: [0; 32],
        pins,
        danger_private_networks: Vec::new(),
        danger_plain_http: false,
    })
}

fn connection(settings: &Arc<Settings>) -> Connection {
    let name = "crm".parse::<lockgate_vocabulary::Name>().expect("a name");
    let provider = Provider {
        id: None,
        name: name.clone(),
        auth: AuthPlacement::Bearer,
        rate_headers: RateHeaders::default(),
        idempotency_header: None,
        headers: http::HeaderMap::new(),
        verify: None,
        two_live_credentials: None,
    };
    Connection {
        id: ConnectionId::from_u128(7),
        tenant: TenantId::from_u128(1),
        name,
        provider: Arc::new(provider),
        status: ConnectionStatus::Active,
        credential: None,
        base: Base { plain: false, host: "vendor.test".into(), port: 443, prefix: "".into() },
        endpoints: Arc::from([]),
        settings: Arc::clone(settings),
        changed: 1,
    }
}

async fn target(clock: &Arc<dyn Clock>) -> PinnedTarget {
    let mut names = StaticResolver::default();
    names.add("*", vec!["93.184.216.34".parse().expect("an address")]).expect("a name");
    let guard = Destination::new(&Default::default(), Arc::new(names), Arc::clone(clock)).expect("a guard");
    guard.vet_url("https://vendor.test/", &Policy::default()).await.expect("public").1
}

#[tokio::test]
async fn a_place_made_under_replaced_settings_is_not_kept() {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
    let (pool, trust) = (Pool::new(4, Config::default().times()), Trust::new(Arc::clone(&clock)));
    let target = target(&clock).await;
    let (old, new) = (connection(&settings(vec![])), connection(&settings(vec![[7; 32]])));
    let mut newer = None;
    // While the old settings are being read into a place, a call under the new ones comes and goes.
    let late = pool.place(Kin::of(&old, None), &target, |settings| {
        newer = pool.place(Kin::of(&new, None), &target, |settings| trust.of(settings, None)).ok();
        trust.of(settings, None)
    });
    let (late, newer) = (late.expect("a place"), newer.expect("a place"));
    assert!(!Arc::ptr_eq(&late, &newer));
    let found = pool.find(Kin::of(&new, None), &target).expect("kept");
    assert!(Arc::ptr_eq(&found, &newer), "the new settings meet their own place alone");
    let lanes: usize = pool.shards.iter().map(|shard| shard.lock().expect("free").len()).sum();
    assert_eq!((lanes, Arc::strong_count(&late)), (1, 1));
}

#[tokio::test]
async fn two_calls_at_once_share_one_place() {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
    let (pool, trust) = (Pool::new(4, Config::default().times()), Trust::new(Arc::clone(&clock)));
    let target = target(&clock).await;
    // Equal settings that were read anew trust nobody else.
    let (one, other) = (connection(&settings(vec![])), connection(&settings(vec![])));
    let mut first = None;
    let second = pool.place(Kin::of(&one, None), &target, |settings| {
        first = pool.place(Kin::of(&other, None), &target, |settings| trust.of(settings, None)).ok();
        trust.of(settings, None)
    });
    assert!(Arc::ptr_eq(&second.expect("a place"), &first.expect("a place")));
}
