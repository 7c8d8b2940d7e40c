//! A minute has so many, for each client.

use super::*;

#[test]
fn a_client_has_so_many_in_a_minute() {
    let (pace, one, other) = (Pace::new(3), PrincipalId::from_u128(1), PrincipalId::from_u128(2));
    let at = Duration::from_secs(90);
    for _ in 0..3 {
        assert_eq!(pace.take(one, at), None);
    }
    assert_eq!(pace.take(one, at), Some(Duration::from_secs(30)));
    assert_eq!(pace.take(other, at), None, "another client has its own");
    assert_eq!(pace.take(one, Duration::from_secs(120)), None, "the next minute starts anew");
}
