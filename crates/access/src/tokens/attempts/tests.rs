//! Failures are counted by client and network, and by network.

use std::net::IpAddr;
use std::time::Duration;

use super::{Attempts, FAILURES_OF_CLIENT, FAILURES_OF_NETWORK};

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

const NOW: Duration = Duration::from_secs(90);

#[test]
fn a_client_waits_until_the_minute_is_over() {
    let attempts = Attempts::new();
    for _ in 0..FAILURES_OF_CLIENT {
        assert_eq!(attempts.wait("a", ip("192.0.2.1"), NOW), None);
        attempts.failed("a", ip("192.0.2.1"), NOW);
    }
    assert_eq!(attempts.wait("a", ip("192.0.2.1"), NOW), Some(Duration::from_secs(30)));
    assert_eq!(attempts.wait("b", ip("192.0.2.1"), NOW), None);
    assert_eq!(attempts.wait("a", ip("192.0.2.2"), NOW), None);
    assert_eq!(attempts.wait("a", ip("::ffff:192.0.2.1"), NOW), Some(Duration::from_secs(30)), "the same address");
    assert_eq!(attempts.wait("a", ip("192.0.2.1"), Duration::from_secs(120)), None);
    attempts.failed("a", ip("192.0.2.1"), Duration::from_secs(120));
    assert_eq!(attempts.wait("a", ip("192.0.2.1"), Duration::from_secs(121)), None, "the count starts anew");
}

#[test]
fn a_network_that_tries_many_clients_waits_too() {
    let attempts = Attempts::new();
    for index in 0..FAILURES_OF_NETWORK {
        let peer = format!("2001:db8::{index:x}");
        assert_eq!(attempts.wait("new", ip(&peer), NOW), None);
        attempts.failed(&index.to_string(), ip(&peer), NOW);
    }
    assert!(attempts.wait("new", ip("2001:db8::ffff"), NOW).is_some(), "a /64 is one network");
    assert_eq!(attempts.wait("new", ip("2001:db8:0:1::1"), NOW), None);
}
