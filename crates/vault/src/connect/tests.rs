//! Where browsers may be sent, and what leads to a session.

use std::time::Duration;

use lockgate_vocabulary::{Clock, SessionId, SystemEntropy};

use super::session::Link;
use super::url::{may_return_to, with_query};
use crate::refusal::VaultRefusal;
use crate::tests::fixture::House;

#[test]
fn a_browser_goes_back_over_tls_or_to_its_own_machine() {
    for url in [
        "https://product.example",
        "https://product.example:8443/a?b=c&d",
        "http://127.0.0.1:7777/",
        "http://localhost/",
        "http://[::1]:1/x",
    ] {
        assert!(may_return_to(url), "{url}");
    }
    let long = format!("https://product.example/{}", "a".repeat(1_024));
    for url in [
        "",
        "/connected",
        "product.example",
        "http://product.example/",
        "http://127.0.0.1.product.example/",
        "http://localhost.example/",
        "https://",
        "https://user@product.example/",
        "https://product.example/#",
        "https://product.example/\\evil",
        "https://product.example/ a",
        "https://product.example/\u{e9}",
        "https://product.example/\r\nx",
        "javascript:alert(1)",
        "data:text/html,x",
        &long,
    ] {
        assert!(!may_return_to(url), "{url}");
    }
    assert_eq!(with_query("https://a.test/", &[("b c", "d&e")]), "https://a.test/?b%20c=d%26e");
    assert_eq!(with_query("https://a.test/?x=1", &[("y", "2"), ("z", "")]), "https://a.test/?x=1&y=2&z=");
}

#[tokio::test]
async fn a_text_that_leads_to_a_session_is_this_houses_and_of_its_kind() {
    let (house, other) = (House::new().await, House::new().await);
    let (vault, elsewhere) = (house.vault().await, other.vault().await);
    let made = |clock: &dyn Clock| SessionId::generate(clock, &SystemEntropy);
    let id = made(&house.clock);
    let unknown = Err(VaultRefusal::ConnectUnknown);
    let (begin, state) = (Link::Begin.text(&vault, id), Link::State.text(&vault, id));
    assert_eq!((Link::Begin.session(&vault, &begin), Link::State.session(&vault, &state)), (Ok(id), Ok(id)));
    assert_eq!((Link::Begin.session(&vault, &state), Link::State.session(&vault, &begin)), (unknown, unknown));
    assert_eq!(Link::Begin.session(&elsewhere, &begin), unknown);
    let next = begin.replace(&id.to_string(), &made(&house.clock).to_string());
    let mut cut = begin.clone();
    cut.pop();
    for text in
        ["", ".", &id.to_string(), &next, &cut, &format!("{begin}A"), &format!("{begin}="), &begin.to_uppercase()]
    {
        assert_eq!(Link::Begin.session(&vault, text), unknown, "{text}");
    }
    // What was over long ago is not looked for.
    house.clock.advance(Duration::from_secs(1_200));
    assert_eq!(Link::Begin.session(&vault, &begin), Err(VaultRefusal::ConnectOver));
}
