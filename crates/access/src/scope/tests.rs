//! Scopes: strict words, one spelling, narrowing never widens.

use lockgate_vocabulary::{ConnectionId, PrincipalKind};
use proptest::prelude::*;

use super::{Operations, Role, Scope, ScopeClass, ScopeParse, ScopeSet, WORDS_MOST, is_reserved_name};
use crate::spec::Operation;

const EACH: [Operation; 3] = [Operation::Read, Operation::Write, Operation::Delete];

fn set(text: &str) -> ScopeSet {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn id(number: u128) -> ConnectionId {
    ConnectionId::from_u128(number)
}

#[test]
fn the_words_are_those_of_the_contract() {
    let words: Vec<_> = Scope::ALL.iter().map(|scope| scope.as_str()).collect();
    let mut sorted = words.clone();
    sorted.sort_unstable();
    assert_eq!(words, sorted, "the canonical order is the alphabetical one");
    assert_eq!(words.len(), 16);
    assert!(Scope::ALL.iter().all(|scope| Scope::parse(scope.as_str()) == Some(*scope)));
    assert!(Scope::ALL.len() <= 32, "a word is a bit of 32");
}

#[test]
fn administration_and_use_are_never_one_credential() {
    for scope in Scope::ALL {
        let operator = scope.fits(PrincipalKind::Operator);
        let service = scope.fits(PrincipalKind::Service);
        match scope.class() {
            ScopeClass::Elevated => assert!(operator && !service, "{scope}"),
            ScopeClass::Plain => assert!(operator && service, "{scope}"),
            ScopeClass::Using => assert!(!operator && service, "{scope}"),
        }
    }
    let mixed = set("integration.connections.call:crm integration.credentials.rotate");
    assert_eq!(mixed.misfit(PrincipalKind::Service), Some(Scope::CredentialsRotate));
    assert_eq!(mixed.misfit(PrincipalKind::Operator), Some(Scope::ConnectionsCall));
    assert_eq!(set("integration.runs.read").misfit(PrincipalKind::Agent), None);
}

#[test]
fn a_call_is_narrowed_by_connection_and_operation() {
    let narrow = set("integration.connections.call:crm:read integration.connections.call:mail");
    assert!(narrow.may_call("crm", id(1), Operation::Read));
    assert!(!narrow.may_call("crm", id(1), Operation::Write));
    assert!(EACH.iter().all(|operation| narrow.may_call("mail", id(2), *operation)));
    assert!(!narrow.may_call("shop", id(3), Operation::Read));
    assert!(!narrow.has(Scope::ConnectionsCall), "a narrowed call is not the bare word");

    let read = set("integration.connections.call:read");
    assert!(read.may_call("anything", id(1), Operation::Read));
    assert!(!read.may_call("anything", id(1), Operation::Delete));
}

#[test]
fn a_call_is_narrowed_by_id_alike() {
    let text = format!("integration.connections.call:{}:delete", id(7));
    let narrow = set(&text);
    assert!(narrow.may_call("whatever", id(7), Operation::Delete));
    assert!(!narrow.may_call("whatever", id(8), Operation::Delete));
    assert_eq!(narrow.to_string(), text);
}

#[test]
fn one_meaning_has_one_spelling() {
    let spelled = set("webhooks.events.send integration.connections.call:b:write integration.connections.call:a \
                       integration.connections.call:b:read integration.connections.call:b:delete agents.sessions");
    assert_eq!(
        spelled.to_string(),
        "agents.sessions integration.connections.call:a integration.connections.call:b webhooks.events.send"
    );
    assert_eq!(
        set("integration.connections.call integration.connections.call:crm:read").to_string(),
        "integration.connections.call"
    );
    assert_eq!(
        set("integration.connections.call:crm integration.connections.call:read").to_string(),
        "integration.connections.call:read integration.connections.call:crm:write integration.connections.call:crm:delete"
    );
}

#[test]
fn what_is_no_scope_is_refused() {
    for (text, why) in [
        (" ", ScopeParse::Blank),
        ("audit.read ", ScopeParse::Blank),
        ("audit.read  agents.sessions", ScopeParse::Blank),
        ("audit.read\tagents.sessions", ScopeParse::Unknown),
        ("AUDIT.READ", ScopeParse::Unknown),
        ("audit", ScopeParse::Unknown),
        ("*", ScopeParse::Unknown),
        ("audit.read:crm", ScopeParse::Narrowing),
        ("integration.connections.call:", ScopeParse::Narrowing),
        ("integration.connections.call:*", ScopeParse::Narrowing),
        ("integration.connections.call:crm:", ScopeParse::Narrowing),
        ("integration.connections.call:crm:list", ScopeParse::Narrowing),
        ("integration.connections.call:crm:read:read", ScopeParse::Narrowing),
        ("integration.connections.call:read:read", ScopeParse::Narrowing),
        ("integration.connections.call:read:crm", ScopeParse::Narrowing),
        ("integration.connections.call:CRM", ScopeParse::Narrowing),
        ("integration.connections.call:conn_1", ScopeParse::Narrowing),
    ] {
        assert_eq!(text.parse::<ScopeSet>(), Err(why), "{text:?}");
    }
    let many = vec!["audit.read"; WORDS_MOST + 1];
    assert_eq!(ScopeSet::parse_words(many), Err(ScopeParse::TooMany));
    let long = format!("integration.connections.call:{}", "a".repeat(200));
    assert_eq!(long.parse::<ScopeSet>(), Err(ScopeParse::TooMany));
    assert!(is_reserved_name("read") && is_reserved_name("write") && is_reserved_name("delete"));
    assert!(!is_reserved_name("reader"));
}

#[test]
fn narrowing_never_widens() {
    let principal = set("integration.connections.call:read integration.connections.call:crm audit.read");
    let key = set("integration.connections.call:crm:write integration.connections.call:mail integration.runs.read");
    let both = principal.intersect(&key);
    assert_eq!(both.to_string(), "integration.connections.call:crm:write integration.connections.call:mail:read");
    assert!(both.is_within(&principal) && both.is_within(&key));
    assert!(!principal.is_within(&key));
    assert!(ScopeSet::EMPTY.is_within(&key) && ScopeSet::EMPTY.is_empty());
}

#[test]
fn json_is_an_array_of_words() {
    let parsed: ScopeSet = serde_json::from_str(r#"["audit.read","agents.sessions"]"#).unwrap();
    assert_eq!(serde_json::to_string(&parsed).unwrap(), r#"["agents.sessions","audit.read"]"#);
    assert!(serde_json::from_str::<ScopeSet>(r#"["audit.read agents.sessions"]"#).is_err());
    assert!(serde_json::from_str::<ScopeSet>(r#""audit.read""#).is_err());
}

#[test]
fn no_role_mixes_administration_and_use() {
    for role in Role::ALL {
        assert_eq!(Role::parse(role.as_str()), Some(*role));
        assert_eq!(serde_json::to_string(role).unwrap(), format!("\"{}\"", role.as_str()));
        let scopes = role.scopes();
        let fits = |kind| scopes.misfit(kind).is_none();
        assert!(fits(PrincipalKind::Operator) || fits(PrincipalKind::Service), "{}", role.as_str());
        let both = scopes.has(Scope::CredentialsRotate)
            && (scopes.has(Scope::ConnectionsWrite) || scopes.has(Scope::ConnectionsCall));
        assert!(!both, "{}: who rotates credentials neither uses them nor says where they go", role.as_str());
    }
    let both = Role::effective(&[Role::Auditor, Role::Custodian], &set("tenants.admin"));
    assert_eq!(
        both.to_string(),
        "audit.read integration.connections.read integration.credentials.rotate integration.runs.read tenants.admin"
    );
    assert_eq!(both.elevated().to_string(), "integration.credentials.rotate tenants.admin");
    assert!(Role::Caller.scopes().elevated().is_empty());
}

#[test]
fn operations_combine() {
    let read = Operations::one(Operation::Read);
    assert!(Operations::ALL.has(Operation::Delete) && !read.has(Operation::Delete));
    assert!(Operations::ALL.without(read).and(read).is_none());
}

fn any_word() -> impl Strategy<Value = String> {
    let plain = prop::sample::select(Scope::ALL).prop_map(|scope| scope.as_str().to_owned());
    let subject = prop_oneof![
        prop::sample::select(vec!["crm", "mail", "shop"]).prop_map(str::to_owned),
        (0u128..3).prop_map(|number| id(number).to_string()),
    ];
    let suffix = prop::sample::select(vec!["", ":read", ":write", ":delete"]);
    let narrowed =
        (subject, suffix).prop_map(|(subject, suffix)| format!("integration.connections.call:{subject}{suffix}"));
    let everywhere = prop::sample::select(vec!["read", "write", "delete"])
        .prop_map(|operation| format!("integration.connections.call:{operation}"));
    prop_oneof![2 => plain, 4 => narrowed, 1 => everywhere]
}

fn any_set() -> impl Strategy<Value = ScopeSet> {
    prop::collection::vec(any_word(), 0..8)
        .prop_map(|words| ScopeSet::parse_words(words.iter().map(String::as_str)).unwrap())
}

/// The obvious reading of a set: look at each word.
fn naive(set: &ScopeSet, name: &str, id: ConnectionId, operation: Operation) -> bool {
    set.words().iter().any(|word| {
        let Some(narrowing) = word.strip_prefix("integration.connections.call") else { return false };
        let operation = operation.as_str();
        [
            String::new(),
            format!(":{operation}"),
            format!(":{name}"),
            format!(":{name}:{operation}"),
            format!(":{id}"),
            format!(":{id}:{operation}"),
        ]
        .contains(&narrowing.to_owned())
    })
}

proptest! {
    #[test]
    fn the_spelling_is_read_back_to_the_same_set(set in any_set()) {
        prop_assert_eq!(set.to_string().parse::<ScopeSet>().unwrap(), set.clone());
        let json = serde_json::to_string(&set).unwrap();
        prop_assert_eq!(serde_json::from_str::<ScopeSet>(&json).unwrap(), set);
    }

    #[test]
    fn the_compact_set_answers_as_its_words_do(set in any_set(), number in 0u128..4, name in "crm|mail|shop|other") {
        for operation in EACH {
            prop_assert_eq!(set.may_call(&name, id(number), operation), naive(&set, &name, id(number), operation));
        }
        let reach = EACH.iter().any(|operation| set.may_call(&name, id(number), *operation));
        prop_assert_eq!(set.may_reach(&name, id(number)), reach);
    }

    #[test]
    fn an_intersection_allows_nothing_that_one_of_both_does_not(a in any_set(), b in any_set(), number in 0u128..4, name in "crm|mail|shop|other") {
        let both = a.intersect(&b);
        prop_assert_eq!(&both, &b.intersect(&a));
        prop_assert!(both.is_within(&a) && both.is_within(&b));
        for operation in EACH {
            let (in_a, in_b) = (a.may_call(&name, id(number), operation), b.may_call(&name, id(number), operation));
            prop_assert!(!both.may_call(&name, id(number), operation) || (in_a && in_b));
        }
        let either = a.union(&b);
        prop_assert!(a.is_within(&either) && b.is_within(&either));
        for operation in EACH {
            let one = a.may_call(&name, id(number), operation) || b.may_call(&name, id(number), operation);
            prop_assert_eq!(either.may_call(&name, id(number), operation), one);
        }
        for scope in Scope::ALL {
            prop_assert_eq!(both.has(*scope), a.has(*scope) && b.has(*scope));
        }
    }

    #[test]
    fn any_text_is_a_set_or_a_refusal(text in "\\PC{0,80}") {
        if let Ok(set) = text.parse::<ScopeSet>() {
            prop_assert!(set.is_within(&set));
        }
    }
}
