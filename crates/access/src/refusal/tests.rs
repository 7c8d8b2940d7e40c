//! The lines of the manual that this room writes.

use super::AccessRefusal;

#[test]
fn every_code_names_this_room_and_stands_once() {
    let mut codes: Vec<_> = AccessRefusal::ALL.iter().map(|line| line.code).collect();
    assert!(codes.iter().all(|code| code.starts_with("access.") && code.split('.').count() >= 3), "{codes:?}");
    let count = codes.len();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), count);
}

#[test]
fn every_line_says_what_to_do() {
    for line in AccessRefusal::ALL {
        assert!(line.title.ends_with('.') && line.cure.ends_with('.'), "{}", line.code);
        assert!(matches!(line.status, 400 | 401 | 403 | 409 | 422 | 429 | 503), "{}", line.code);
    }
}
