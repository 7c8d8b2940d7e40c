//! Where browsers may be sent, and what leads to a session.

use lockgate_vocabulary::SessionId;

use super::session::Link;
use super::url::{may_return_to, with_query};
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
    let id = SessionId::from_u128(7);
    let (begin, state) = (Link::Begin.text(&vault, id), Link::State.text(&vault, id));
    assert_eq!((Link::Begin.session(&vault, &begin), Link::State.session(&vault, &state)), (Some(id), Some(id)));
    assert_eq!((Link::Begin.session(&vault, &state), Link::State.session(&vault, &begin)), (None, None));
    assert_eq!(Link::Begin.session(&elsewhere, &begin), None);
    let next = begin.replace(&id.to_string(), &SessionId::from_u128(8).to_string());
    let mut cut = begin.clone();
    cut.pop();
    for text in
        ["", ".", &id.to_string(), &next, &cut, &format!("{begin}A"), &format!("{begin}="), &begin.to_uppercase()]
    {
        assert_eq!(Link::Begin.session(&vault, text), None, "{text}");
    }
}
