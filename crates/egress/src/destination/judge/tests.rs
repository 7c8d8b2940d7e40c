//! The verdict: in which order things are said, and that nothing beyond the text is needed.

use super::*;

fn refusal(url: &str, policy: &Policy) -> Option<EgressRefusal> {
    match judge(url, policy) {
        Verdict::Blocked(refusal, _) => Some(refusal),
        Verdict::Allowed(..) | Verdict::Resolve(_) => None,
    }
}

fn allowing(hosts: &[&str]) -> Policy {
    Policy { allow: Some(HostList::parse(hosts.iter().copied()).unwrap()), ..Policy::default() }
}

#[test]
fn a_name_is_left_to_the_name_server_and_an_address_is_not() {
    let policy = Policy::default();
    assert!(matches!(judge("https://api.example.com/", &policy), Verdict::Resolve(_)));
    let Verdict::Allowed(url, address) = judge("https://8.8.8.8/", &policy) else { panic!("an address is judged") };
    assert_eq!((url.host().address(), address), (Some(address), IpAddr::from([8, 8, 8, 8])));
}

#[test]
fn the_list_is_asked_after_what_no_list_opens() {
    let policy = allowing(&["api.example.com", "10.0.0.1", "localhost", "8.8.8.8"]);
    assert_eq!(refusal("https://api.example.com/", &policy), None);
    assert_eq!(refusal("https://8.8.8.8/", &policy), None);
    assert_eq!(refusal("https://8.8.4.4/", &policy), Some(EgressRefusal::HostNotAllowed));
    assert_eq!(refusal("https://other.example.com/", &policy), Some(EgressRefusal::HostNotAllowed));
    assert_eq!(refusal("https://10.0.0.1/", &policy), Some(EgressRefusal::AddressPrivate));
    assert_eq!(refusal("https://localhost/", &policy), Some(EgressRefusal::HostInternal));
    assert_eq!(refusal("http://api.example.com/", &policy), Some(EgressRefusal::UrlScheme));
}

#[test]
fn http_is_judged_on_its_address_where_the_danger_is_chosen() {
    let policy = Policy { danger_allow_http: true, ..Policy::default() };
    assert_eq!(refusal("http://8.8.8.8/", &policy), None);
    assert_eq!(refusal("http://127.0.0.1/", &policy), Some(EgressRefusal::AddressLoopback));
    assert_eq!(refusal("ftp://8.8.8.8/", &policy), Some(EgressRefusal::UrlScheme));
}

#[test]
fn opened_networks_open_internal_names_too() {
    let opened = vec!["10.0.0.0/8".parse().unwrap()];
    let policy = Policy { danger_private_networks: opened, ..Policy::default() };
    assert_eq!(refusal("https://erp.corp/", &policy), None);
    assert_eq!(refusal("https://10.9.8.7/", &policy), None);
    assert_eq!(refusal("https://192.168.0.1/", &policy), Some(EgressRefusal::AddressPrivate));
    assert_eq!(refusal("https://metadata/", &policy), Some(EgressRefusal::HostMetadata));
}

#[test]
fn answers_stand_or_fall_together() {
    let public = IpAddr::from([8, 8, 8, 8]);
    let private = IpAddr::from([10, 0, 0, 1]);
    assert_eq!(judge_answers(&[], 443, &[]), Err(EgressRefusal::NameUnresolved));
    assert_eq!(judge_answers(&[public, public], 443, &[]).unwrap(), vec![SocketAddr::new(public, 443)]);
    assert_eq!(judge_answers(&[public, private], 443, &[]), Err(EgressRefusal::AddressPrivate));
    assert_eq!(judge_answers(&[private, public], 443, &[]), Err(EgressRefusal::AddressPrivate));
    let opened = ["10.0.0.0/8".parse().unwrap()];
    assert_eq!(judge_answers(&[private, public], 443, &opened).unwrap().len(), 2);
}
