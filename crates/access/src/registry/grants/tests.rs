//! Names, addresses and scopes as they are given.

use lockgate_store::Value;
use lockgate_vocabulary::PrincipalKind;

use super::{addresses, check_kind, principal_name, scopes, status, words};
use crate::scope::ScopeSet;
use crate::violations::Violations;

fn wrong(check: impl FnOnce(&mut Violations)) -> Vec<String> {
    let mut wrong = Violations::default();
    check(&mut wrong);
    wrong.refuse().violations().iter().map(|each| each.pointer.clone()).collect()
}

#[test]
fn only_agents_are_named_like_agents() {
    for (name, kind, fits) in [
        ("AI-AGENT-triage", PrincipalKind::Agent, true),
        ("AI-AGENT-", PrincipalKind::Agent, false),
        ("triage", PrincipalKind::Agent, false),
        ("ai-agent-triage", PrincipalKind::Agent, false),
        ("AI-AGENT-triage", PrincipalKind::Service, false),
        ("ai-agent-triage", PrincipalKind::Service, false),
        ("billing", PrincipalKind::Service, true),
        ("https://client.example/x", PrincipalKind::Service, true),
        ("jo@example.com", PrincipalKind::Person, true),
        ("prn_x", PrincipalKind::Service, false),
        ("", PrincipalKind::Service, false),
        ("-x", PrincipalKind::Service, false),
        ("a b", PrincipalKind::Service, false),
        ("b\u{fc}ro", PrincipalKind::Service, false),
        ("a\nb", PrincipalKind::Service, false),
    ] {
        let named = wrong(|wrong| principal_name(name, kind, wrong));
        assert_eq!(named.is_empty(), fits, "{name:?} {kind:?}");
    }
}

#[test]
fn each_wrong_scope_is_named_by_its_place() {
    let list = ["audit.read", "nonsense", "audit.read:x"].map(str::to_owned);
    assert_eq!(wrong(|wrong| drop(scopes(&list, wrong))), ["/scopes/1", "/scopes/2"]);
}

#[test]
fn administration_and_use_do_not_go_together() {
    let elevated: ScopeSet = "tenants.admin".parse().unwrap();
    let using: ScopeSet = "integration.connections.call".parse().unwrap();
    assert_eq!(wrong(|wrong| check_kind(&elevated, PrincipalKind::Service, wrong)), ["/scopes"]);
    assert_eq!(wrong(|wrong| check_kind(&using, PrincipalKind::Operator, wrong)), ["/scopes"]);
    assert!(wrong(|wrong| check_kind(&using, PrincipalKind::Agent, wrong)).is_empty());
}

#[test]
fn an_address_list_restricts() {
    let check = |list: &[&str]| {
        let networks: Vec<_> = list.iter().map(|text| text.parse().unwrap()).collect();
        wrong(|wrong| drop(addresses(&networks, wrong).unwrap()))
    };
    assert!(check(&["192.0.2.0/24", "2001:db8::/32", "198.51.100.7/32"]).is_empty());
    assert_eq!(check(&["192.0.2.1/24"]), ["/addresses/0"]);
    assert_eq!(check(&["192.0.2.0/24", "0.0.0.0/0"]), ["/addresses/1"]);
    assert_eq!(check(&["::/0"]), ["/addresses/0"]);
    assert_eq!(check(&["192.0.2.0/24"; 65]), ["/addresses"]);
    assert_eq!(addresses(&[], &mut Violations::default()).unwrap(), Value::Null);
}

#[test]
fn words_and_statuses_are_bounded() {
    assert!(wrong(|wrong| words("its key was lost", 200, "/reason", wrong)).is_empty());
    for text in ["", "a\u{0}b", "a\u{1b}[2J"] {
        assert_eq!(wrong(|wrong| words(text, 200, "/reason", wrong)), ["/reason"]);
    }
    assert_eq!(wrong(|wrong| words(&"a".repeat(201), 200, "/reason", wrong)), ["/reason"]);
    let gone = |wrong: &mut Violations| assert_eq!(status("gone", &["active"], wrong), "gone");
    assert_eq!(wrong(gone), ["/status"]);
}
