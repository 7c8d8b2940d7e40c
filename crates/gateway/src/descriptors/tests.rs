//! What peers get of the descriptors.

use super::*;

fn listen(most: u32) -> Listen {
    Listen {
        address: "127.0.0.1:0".parse().expect("an address"),
        tls: None,
        most_connections: most,
        most_connections_per_peer: 1_024,
    }
}

fn shares(door: u32, admin: u32, limit: u64) -> (u32, u32) {
    let (door, admin) = fitted(&listen(door), &listen(admin), limit);
    (door.most_connections, admin.most_connections)
}

#[test]
fn what_fits_stays_as_it_is_configured() {
    assert_eq!(shares(10_000, 10_000, 40_000), (10_000, 10_000));
    assert_eq!(shares(10_000, 10_000, u64::MAX), (10_000, 10_000));
}

#[test]
fn what_does_not_fit_leaves_half_to_the_house_and_a_part_to_operators() {
    assert_eq!(shares(10_000, 10_000, 1_024), (448, 64));
    assert_eq!(shares(10_000, 8, 1_024), (504, 8));
    assert_eq!(shares(100, 10_000, 1_024), (100, 64));
    assert_eq!(shares(10_000, 10_000, 0), (1, 1), "somebody can always ask");
}

#[test]
fn the_limit_is_raised_as_far_as_it_goes() {
    let most = raise().expect("raising to one's own maximum is allowed");
    assert_eq!(getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX), most);
}
