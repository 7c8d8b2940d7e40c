//! What is found between two providers, and what passes.

use serde_json::json;

use super::{Mixed, is_no_worse, mixed};
use crate::directory::{Provider, resolve};
use crate::violations::Violations;

/// A provider with these endpoints: for authorization, for tokens, and its issuer if that is not empty.
fn provider(name: &str, (page, token, issuer): (&str, &str, &str), several: bool) -> Provider {
    let mut authorization = json!({ "url": page, "danger_shared_endpoints": several });
    if !issuer.is_empty() {
        authorization["issuer"] = json!(issuer);
    }
    let spec = json!({
        "name": name, "title": "Vendor", "base_url": "https://api.vendor.test",
        "auth": { "placement": "oauth", "token_url": token, "authorization": authorization },
    });
    let mut wrong = Violations::default();
    let resolved = resolve::provider(serde_json::from_value(spec).unwrap(), &mut wrong).unwrap();
    assert!(wrong.is_empty(), "{wrong}");
    (*resolved.provider).clone()
}

type Ends<'a> = (&'a str, &'a str, &'a str);

/// What the second has of the first, whichever of the two is looked at.
fn between(first: Ends<'_>, second: Ends<'_>) -> Option<Mixed> {
    let (first, second) = (provider("first", first, false), provider("second", second, false));
    let there = mixed(&second, [&first].into_iter()).map(|(_, what)| what);
    let back = mixed(&first, [&second].into_iter()).map(|(_, what)| what);
    assert_eq!(there, back, "it makes no difference which of the two was first");
    there
}

const PAGE: &str = "https://login.vendor.test/authorize";
const TOKEN: &str = "https://api.vendor.test/token";
const VENDOR: Ends<'static> = (PAGE, TOKEN, "https://vendor.test");

#[test]
fn what_leads_a_code_to_another_vendor_is_found() {
    let issuer = "https://vendor.test";
    for (second, what) in [
        // The vendor's page, and somebody else's token endpoint: it gets the codes.
        ((PAGE, "https://evil.test/token", ""), Mixed::Authorization),
        (("https://LOGIN.vendor.test:443/authorize", "https://evil.test/token", ""), Mixed::Authorization),
        (("https://login.vendor.test./authorize", "https://evil.test/token", ""), Mixed::Authorization),
        // Below the vendor's name, or above it, where its page is as well.
        (("https://team.login.vendor.test/authorize", "https://evil.test/token", ""), Mixed::Authorization),
        (("https://vendor.test/authorize", "https://evil.test/token", ""), Mixed::Authorization),
        (("https://team.login.vendor.test/authorize", "https://api.vendor.test/evil", ""), Mixed::Authorization),
        (("https://login.vendor.test/another", "https://evil.test/token", ""), Mixed::Authorization),
        ((PAGE, "https://api.vendor.test:8443/token", ""), Mixed::Authorization),
        ((PAGE, "https://evilapi.vendor.test/token", ""), Mixed::Authorization),
        // A neighbour on the host that the vendor shares with others.
        ((PAGE, "https://api.vendor.test/evil/token", ""), Mixed::Authorization),
        (("https://login.vendor.test/Authorize/", "https://api.vendor.test/evil/token", ""), Mixed::Authorization),
        ((PAGE, TOKEN, "https://evil.test"), Mixed::Authorization),
        ((PAGE, TOKEN, "https://vendor.test/"), Mixed::Authorization),
        // Somebody else's page, which leads on to the vendor's, and the vendor's token endpoint.
        (("https://evil.test/authorize", TOKEN, ""), Mixed::Token),
        (("https://evil.test/authorize", TOKEN, issuer), Mixed::Token),
        (("https://evil.test/authorize", "https://api.vendor.test/other", ""), Mixed::Token),
        (("https://evil.vendor.test/authorize", TOKEN, ""), Mixed::Token),
        (("https://login.vendor.test/other", TOKEN, "https://evil.test"), Mixed::Token),
        (("https://evil.test/authorize", "https://eu.api.vendor.test/token", ""), Mixed::Token),
        (("https://evil.test/authorize", "https://vendor.test/token", ""), Mixed::Token),
        // The vendor's name.
        (("https://evil.test/authorize", "https://evil.test/token", issuer), Mixed::Issuer),
    ] {
        assert_eq!(between(VENDOR, second), Some(what), "{second:?}");
    }
    // Hosts that anybody can have below a name that is not theirs.
    let own =
        |name: &str| (format!("https://{name}.hosted.test/authorize"), format!("https://{name}.hosted.test/token"));
    let ((page, token), (_, evil)) = (own("vendor"), own("evil"));
    assert_eq!(between((&page, &token, ""), (&page, &evil, "")), Some(Mixed::Authorization));
    assert_eq!(between((&page, &token, ""), (&own("evil").0, &token, "")), Some(Mixed::Token));
}

#[test]
fn on_a_host_of_many_a_page_in_another_spelling_is_the_same_page() {
    let one = ("https://login.test/one=1/authorize", "https://login.test/one/token", "");
    for path in ["/one=1/authorize", "/one=1/authorize/", "/ONE=1/Authorize", "/one%3D1/authorize"] {
        let page = format!("https://login.test{path}");
        let found = between(one, (&page, "https://login.test/evil/token", ""));
        assert_eq!(found, Some(Mixed::Authorization), "{path}");
    }
    let two = ("https://login.test/two/authorize", "https://login.test/two/token", "");
    assert_eq!(between(one, two), None);
}

#[test]
fn a_change_is_no_worse_that_leaves_the_endpoints_or_adds_that_there_are_several() {
    let evil = (PAGE, "https://evil.test/token", "");
    for (old, new, no_worse) in [
        ((VENDOR, false), (VENDOR, false), true),
        ((VENDOR, false), (VENDOR, true), true),
        ((VENDOR, true), (VENDOR, true), true),
        ((VENDOR, true), (VENDOR, false), false),
        ((VENDOR, false), (evil, false), false),
        ((VENDOR, false), (evil, true), false),
        ((VENDOR, false), ((PAGE, TOKEN, ""), true), false),
    ] {
        let (old, new) = (provider("one", old.0, old.1), provider("one", new.0, new.1));
        assert_eq!(is_no_worse(&old.auth, &new.auth), no_worse, "{old:?} {new:?}");
    }
}

#[test]
fn vendors_as_they_are_pass() {
    for (first, second) in [
        // One vendor twice, with another scope or another API.
        (VENDOR, VENDOR),
        (VENDOR, (PAGE, TOKEN, "")),
        // Another version of the page.
        (VENDOR, ("https://login.vendor.test/v2/authorize", TOKEN, "https://vendor.test")),
        // Each customer has a host of its own for both.
        (
            ("https://one.shops.test/oauth/authorize", "https://one.shops.test/oauth/token", ""),
            ("https://two.shops.test/oauth/authorize", "https://two.shops.test/oauth/token", ""),
        ),
        // Each customer has a page, or a token endpoint, below the vendor's own host.
        (
            ("https://one.vendor.test/authorize", "https://vendor.test/token", ""),
            ("https://two.vendor.test/authorize", "https://vendor.test/token", ""),
        ),
        (
            ("https://vendor.test/authorize", "https://one.vendor.test/token", ""),
            ("https://vendor.test/authorize", "https://two.vendor.test/token", ""),
        ),
        // The client's certificate is asked for at a host of its own.
        (
            ("https://vendor.test/authorize", "https://vendor.test/token", "https://vendor.test"),
            ("https://vendor.test/authorize", "https://mtls.vendor.test/token", "https://vendor.test"),
        ),
        // Each customer has a path of its own on one host, and an issuer of its own.
        (
            ("https://login.test/one/authorize", "https://login.test/one/token", "https://login.test/one"),
            ("https://login.test/two/authorize", "https://login.test/two/token", "https://login.test/two"),
        ),
        // Another vendor.
        (VENDOR, ("https://other.test/authorize", "https://other.test/token", "https://other.test")),
    ] {
        assert_eq!(between(first, second), None, "{first:?} {second:?}");
    }
}

#[test]
fn both_say_that_their_vendor_has_several() {
    let two = ("https://eu.vendor.test/authorize", TOKEN, "");
    for (own, other) in [(false, true), (true, false), (false, false)] {
        let (first, second) = (provider("first", VENDOR, own), provider("second", two, other));
        let found = mixed(&second, [&first].into_iter()).map(|(other, what)| (other.name.as_str(), what));
        assert_eq!(found, Some(("first", Mixed::Token)), "{own} {other}");
    }
    let (first, second) = (provider("first", VENDOR, true), provider("second", two, true));
    assert_eq!(mixed(&second, [&first].into_iter()), None);
    // A provider is not another one than itself, and one without codes shares none.
    let changed = provider("first", two, false);
    assert_eq!(mixed(&changed, [&first].into_iter()), None);
}
