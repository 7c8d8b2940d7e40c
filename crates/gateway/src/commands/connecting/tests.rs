//! What a browser may bring back to a desk.

use super::*;

#[test]
fn what_comes_back_is_of_this_session_and_either_a_confirmation_or_an_error() {
    let read = |target: &str| match brought(target, "ses_1") {
        Some(Brought::Confirm(confirm)) => format!("confirm {confirm}"),
        Some(Brought::Error(code)) => format!("error {code}"),
        None => String::new(),
    };
    for (target, wanted) in [
        ("/?session=ses_1&confirm=a-b_C", "confirm a-b_C"),
        ("/?session=ses_1&error=vault.connect.denied", "error vault.connect.denied"),
        ("/?session=ses_2&confirm=a", ""),
        ("/?confirm=a", ""),
        ("/?session=ses_1", ""),
        ("/?session=ses_1&confirm=a&error=b", ""),
        ("/?session=ses_1&error=%1b%5B2J", ""),
        ("/favicon.ico", ""),
        ("/x?session=ses_1&confirm=a", ""),
    ] {
        assert_eq!(read(target), wanted, "{target}");
    }
}
