//! Records are bounded for each credential, tenant and network, and what is beyond is counted.

use lockgate_vocabulary::KeyId;

use super::*;
use crate::facts::Detail;
use crate::tests::{actor, refused, tenant};

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

fn detail<'d>(deed: &'d Deed, name: &str) -> Option<&'d Detail> {
    deed.details.iter().find(|(known, _)| *known == name).map(|(_, detail)| detail)
}

fn from(peer: &str) -> RefusedFacts<'static> {
    RefusedFacts { peer: peer.parse().expect("an address"), ..refused(None) }
}

fn is_recorded(ration: &Ration, facts: RefusedFacts<'_>, elapsed: u64) -> bool {
    ration.note(&facts, Duration::from_secs(elapsed), NOW).0 == Noted::Recorded
}

#[test]
fn a_credential_has_so_many_records_and_then_one_over_all_others() {
    let (ration, own) = (Ration::default(), actor(1));
    let key = KeyId::from_u128(9);
    let facts = RefusedFacts { actor: Some(&own), tenant: Some(own.tenant), key: Some(key), ..refused(None) };
    for _ in 0..OF_CREDENTIAL {
        assert!(is_recorded(&ration, facts, 0));
    }
    for _ in 0..300 {
        assert!(!is_recorded(&ration, facts, 10));
    }
    let other = RefusedFacts { code: "access.scope.missing", ..facts };
    let (noted, due) = ration.note(&other, Duration::from_secs(20), NOW.after(Duration::from_secs(20)));
    assert_eq!((noted.wait(), due.len()), (Some(Duration::from_secs(40)), 0));
    assert!(is_recorded(&ration, RefusedFacts { key: Some(KeyId::from_u128(10)), ..facts }, 20), "another has its own");
    assert!(ration.due(Duration::from_secs(59)).is_empty());
    let due = ration.due(Duration::from_secs(60));
    let [deed] = due.as_slice() else { panic!("one record: {due:?}") };
    assert_eq!(
        (deed.tenant, deed.action, deed.object.as_str()),
        (Some(own.tenant), "refusals.counted", &*key.to_string())
    );
    assert_eq!(detail(deed, "count"), Some(&Detail::Number(301)));
    assert_eq!(detail(deed, facts.code), Some(&Detail::Number(300)));
    assert_eq!(detail(deed, "access.scope.missing"), Some(&Detail::Number(1)));
    assert_eq!(detail(deed, "principal"), Some(&Detail::Text(own.principal.to_string())));
    assert_eq!(detail(deed, "from"), Some(&Detail::Text(NOW.to_string())));
    assert_eq!(detail(deed, "to"), Some(&Detail::Text(NOW.after(Duration::from_secs(20)).to_string())));
    assert!(is_recorded(&ration, facts, 60), "the next window starts anew");
    assert!(ration.rest().is_empty());
}

#[test]
fn a_tenant_with_many_credentials_has_so_many_too() {
    let (ration, own) = (Ration::default(), actor(1));
    let of = |key| RefusedFacts {
        actor: Some(&own),
        tenant: Some(tenant(1)),
        key: Some(KeyId::from_u128(key)),
        ..refused(None)
    };
    let recorded = (0..100u128).flat_map(|key| [key; 20]).filter(|key| is_recorded(&ration, of(*key), 0)).count();
    assert_eq!(recorded, OF_TENANT as usize);
    let far = actor(2);
    assert!(is_recorded(&ration, RefusedFacts { actor: Some(&far), ..of(1) }, 0), "another tenant has its own");
    assert_eq!(ration.rest().len(), 40, "one record for each credential");
}

#[test]
fn strangers_are_their_networks_and_one_of_them_does_not_use_up_what_all_have() {
    let ration = Ration::default();
    let mut recorded = 0;
    for host in 0..10_000u32 {
        recorded += usize::from(is_recorded(&ration, from(&format!("2001:db8:0:1::{host:x}")), 0));
    }
    assert_eq!(recorded, OF_NETWORK as usize, "a /64 is one network");
    assert!(is_recorded(&ration, from("192.0.2.1"), 0), "others have what is left");
    let due = ration.due(WINDOW);
    let [deed] = due.as_slice() else { panic!("one record: {due:?}") };
    assert_eq!((deed.tenant, deed.object.as_str()), (None, "strangers"));
    assert_eq!(detail(deed, "count"), Some(&Detail::Number(10_000 - i64::from(OF_NETWORK))));
    assert_eq!(detail(deed, "networks"), Some(&Detail::Number(1)));
}

#[test]
fn all_strangers_together_have_a_bound_and_memory_has_one() {
    let ration = Ration::default();
    let peer = |number: u32| RefusedFacts { peer: IpAddr::from(number.to_be_bytes()), ..refused(None) };
    assert!((0..OF_STRANGERS).all(|number| is_recorded(&ration, peer(number), 0)));
    assert!(!(OF_STRANGERS..OF_STRANGERS * 3).any(|number| is_recorded(&ration, peer(number), 0)));
    let window = locked(&ration.0);
    assert_eq!(window.networks.len(), OF_STRANGERS as usize);
    assert!(window.excess.values().all(|excess| excess.networks.len() <= OF_STRANGERS as usize));
}
