//! Strangers are recorded up to a bound, each peer and all of them.

use super::*;

fn peer(number: u32) -> IpAddr {
    IpAddr::from(number.to_be_bytes())
}

#[test]
fn a_peer_is_recorded_so_often_in_a_window() {
    let strangers = Strangers::default();
    for _ in 0..PER_PEER {
        assert!(strangers.may_be_recorded(peer(1), Duration::ZERO));
    }
    assert!(!strangers.may_be_recorded(peer(1), Duration::from_secs(59)));
    assert!(strangers.may_be_recorded(peer(2), Duration::from_secs(59)), "others are");
    assert!(strangers.may_be_recorded(peer(1), Duration::from_secs(60)));
}

#[test]
fn all_of_them_together_have_a_bound_and_memory_has_one() {
    let strangers = Strangers::default();
    for number in 0..IN_ALL {
        assert!(strangers.may_be_recorded(peer(number), Duration::ZERO));
    }
    for number in IN_ALL..IN_ALL * 2 {
        assert!(!strangers.may_be_recorded(peer(number), Duration::ZERO));
    }
    assert_eq!(strangers.0.lock().expect("not poisoned").peers.len(), IN_ALL as usize);
}
