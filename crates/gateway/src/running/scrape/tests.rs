//! Loopback is open, all else is not, and a token is demanded wherever there is one.

use std::os::unix::fs::PermissionsExt;

use super::*;

const TOKEN: &str = "0123456789abcdef";

fn guard(address: &str, token: Option<&str>) -> Result<Guard, ConfigProblem> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("scrape.token");
    if let Some(token) = token {
        std::fs::write(&path, format!("{token}\n")).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("set");
    }
    Guard::of(Some(address.parse().expect("an address")), token.map(|_| path.as_path()))
}

#[test]
fn without_a_token_loopback_alone_is_open() {
    for address in ["127.0.0.1", "::1"] {
        assert!(guard(address, None).expect("sound").lets_in(None));
    }
    for address in ["0.0.0.0", "192.0.2.1", "::", "2001:db8::1"] {
        let guard = guard(address, None).expect("sound");
        assert!(!guard.lets_in(None) && !guard.lets_in(Some(b"Bearer ")), "{address}");
    }
}

#[test]
fn a_token_is_demanded_everywhere() {
    for address in ["127.0.0.1", "192.0.2.1"] {
        let guard = guard(address, Some(TOKEN)).expect("sound");
        assert!(guard.lets_in(Some(format!("Bearer {TOKEN}").as_bytes())));
        for wrong in
            [None, Some("Bearer "), Some(TOKEN), Some("Bearer 0123456789abcdeF"), Some("Basic 0123456789abcdef")]
        {
            assert!(!guard.lets_in(wrong.map(str::as_bytes)), "{wrong:?}");
        }
    }
}

#[test]
fn a_token_that_is_short_or_that_others_may_read_stops_the_start() {
    assert!(guard("127.0.0.1", Some("short")).is_err());
    assert!(guard("127.0.0.1", Some("with a space in it")).is_err());
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("scrape.token");
    assert!(Guard::of(None, Some(&path)).is_err(), "it is not there");
    std::fs::write(&path, TOKEN).expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("set");
    assert!(Guard::of(None, Some(&path)).is_err());
}
