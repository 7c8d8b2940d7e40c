//! What an operator may set about the vault.

use super::*;

#[test]
fn a_recovery_window_has_7_to_90_days() {
    let with = |days| Config { recovery_days: days, ..Config::default() }.recovery();
    let days = |days: u32| Ok(Duration::from_secs(86_400) * days);
    assert_eq!(with(None), days(30));
    assert_eq!((with(Some(7)), with(Some(90))), (days(7), days(90)));
    for wrong in [0, 6, 91] {
        assert!(with(Some(wrong)).is_err(), "{wrong}");
    }
}
