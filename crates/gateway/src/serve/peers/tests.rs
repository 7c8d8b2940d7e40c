//! Places are counted for each peer, and given back.

use super::*;

#[test]
fn a_peer_has_so_many_places_and_gets_them_back() {
    let peers = Peers::new(2);
    let peer: IpAddr = "192.0.2.1".parse().expect("an address");
    let (one, two) = (peers.take(peer), peers.take(peer));
    assert!(one.is_some() && two.is_some());
    assert!(peers.take(peer).is_none());
    assert!(peers.take("192.0.2.2".parse().expect("an address")).is_some(), "others are not held up");
    drop(one);
    assert!(peers.take(peer).is_some());
}

#[test]
fn nothing_is_remembered_of_peers_that_left() {
    let peers = Peers::new(1);
    drop(peers.take("192.0.2.1".parse().expect("an address")));
    assert!(peers.counts.lock().expect("not poisoned").is_empty());
}

#[test]
fn an_ipv6_network_is_one_peer_and_a_mapped_address_its_ipv4() {
    let peers = Peers::new(1);
    let _one = peers.take("2001:db8:0:1::1".parse().expect("an address"));
    assert!(peers.take("2001:db8:0:1:ffff::2".parse().expect("an address")).is_none());
    assert!(peers.take("2001:db8:0:2::1".parse().expect("an address")).is_some());
    let _four = peers.take("192.0.2.1".parse().expect("an address"));
    assert!(peers.take("::ffff:192.0.2.1".parse().expect("an address")).is_none());
}
