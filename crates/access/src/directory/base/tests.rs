//! A base URL has one reading, or it is refused.

use ipnet::IpNet;
use proptest::prelude::*;

use super::{BaseParse, is_dns_name, narrows, parse, parse_provider};

fn networks(texts: &[&str]) -> Vec<IpNet> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[test]
fn a_base_url_is_taken_apart() {
    for (url, host, port, prefix) in [
        ("https://api.stripe.com", "api.stripe.com", 443, ""),
        ("https://api.stripe.com/", "api.stripe.com", 443, ""),
        ("https://api.example.com:8443/v1/x", "api.example.com", 8443, "/v1/x"),
        ("https://xn--bcher-kva.example/a%20b", "xn--bcher-kva.example", 443, "/a%20b"),
    ] {
        let base = parse(url, &[]).unwrap();
        assert_eq!((base.host, base.port, base.prefix), (host, port, prefix), "{url}");
    }
}

#[test]
fn what_could_be_read_in_two_ways_is_refused() {
    for (url, why) in [
        ("http://api.example.com", BaseParse::Shape),
        ("HTTPS://api.example.com", BaseParse::Shape),
        ("https:/api.example.com", BaseParse::Shape),
        ("//api.example.com", BaseParse::Shape),
        ("https://user@api.example.com", BaseParse::Shape),
        ("https://user:pw@api.example.com", BaseParse::Shape),
        ("https://api.example.com?x=1", BaseParse::Shape),
        ("https://api.example.com#x", BaseParse::Shape),
        ("https://api.example.com\\@evil.example", BaseParse::Shape),
        ("https://b\u{fc}cher.example", BaseParse::Shape),
        ("https://api.example\u{3002}com", BaseParse::Shape),
        ("https://", BaseParse::Host),
        ("https:///x", BaseParse::Host),
        ("https://API.example.com", BaseParse::Host),
        ("https://api.example.com.", BaseParse::Host),
        ("https://api..example.com", BaseParse::Host),
        ("https://-api.example.com", BaseParse::Host),
        ("https://api_1.example.com", BaseParse::Host),
        ("https://api.example.com:", BaseParse::Port),
        ("https://api.example.com:0", BaseParse::Port),
        ("https://api.example.com:443", BaseParse::Port),
        ("https://api.example.com:08443", BaseParse::Port),
        ("https://api.example.com:+8443", BaseParse::Port),
        ("https://api.example.com:65536", BaseParse::Port),
        ("https://api.example.com/a/../b", BaseParse::Prefix),
        ("https://api.example.com/a//b", BaseParse::Prefix),
        ("https://api.example.com/a/", BaseParse::Prefix),
        ("https://api.example.com/%61", BaseParse::Prefix),
        ("https://api.example.com/a%2fb", BaseParse::Prefix),
        ("https://127.0.0.1", BaseParse::Address),
        ("https://93.184.216.34", BaseParse::Address),
        ("https://[2001:db8::1]", BaseParse::Address),
        ("https://2130706433", BaseParse::Host),
        ("https://0x7f000001", BaseParse::Host),
        ("https://127.1", BaseParse::Host),
        ("https://0177.0.0.1", BaseParse::Host),
        ("https://1.2.3.4.5", BaseParse::Host),
        ("https://example.0x7f", BaseParse::Host),
        ("https://[::ffff:127.0.0.1]", BaseParse::Host),
        ("https://[2001:DB8::1]", BaseParse::Host),
        ("https://[fe80::1%25eth0]", BaseParse::Host),
        ("https://[::1", BaseParse::Host),
        ("https://localhost", BaseParse::Local),
        ("https://vendor:8443", BaseParse::Local),
    ] {
        assert_eq!(parse(url, &[]).map(|_| ()), Err(why), "{url}");
    }
    let long = format!("https://api.example.com/{}", "a".repeat(1024));
    assert_eq!(parse(&long, &[]).map(|_| ()), Err(BaseParse::Shape));
}

#[test]
fn an_address_needs_a_danger_network_that_has_it() {
    let loopback = networks(&["127.0.0.0/8", "::1/128"]);
    assert_eq!(parse("https://127.0.0.1:9443/v1", &loopback).unwrap().host, "127.0.0.1");
    assert_eq!(parse("https://[::1]:9443", &loopback).unwrap().host, "[::1]");
    assert_eq!(parse("https://localhost:9443", &loopback).unwrap().port, 9443);
    assert_eq!(parse("https://10.0.0.1", &loopback), Err(BaseParse::Address));
    assert_eq!(parse("https://127.1", &loopback), Err(BaseParse::Host));
}

#[test]
fn a_connection_narrows_its_providers_base() {
    let stripe = parse_provider("https://api.example.com/v1").unwrap();
    for (url, fits) in [
        ("https://api.example.com/v1", true),
        ("https://api.example.com/v1/customers", true),
        ("https://api.example.com/v10", false),
        ("https://api.example.com", false),
        ("https://api.example.com:8443/v1", false),
        ("https://evil.example/v1", false),
        ("https://sub.api.example.com/v1", false),
    ] {
        assert_eq!(narrows(&stripe, parse(url, &[]).unwrap()), fits, "{url}");
    }
}

#[test]
fn a_customers_host_stands_under_the_vendors_domain() {
    let shops = parse_provider("https://{customer}.shops.example/admin").unwrap();
    assert_eq!(&*shops.host, "{customer}.shops.example");
    for (url, fits) in [
        ("https://acme.shops.example/admin", true),
        ("https://eu.acme.shops.example/admin/x", true),
        ("https://shops.example/admin", false),
        ("https://evilshops.example/admin", false),
        ("https://acme.shops.example.evil.example/admin", false),
        ("https://acme.shops.example", false),
    ] {
        assert_eq!(narrows(&shops, parse(url, &[]).unwrap()), fits, "{url}");
    }
    assert!(parse_provider("https://{customer}.localhost.").is_err());
    assert!(parse_provider("https://x.{customer}.example").is_err());
    assert!(parse_provider("https://{customer}.10.0.0.1").is_err());
}

#[test]
fn a_dns_name_is_lower_case_ascii() {
    assert!(is_dns_name("a.b-c.d1") && is_dns_name("my--sandbox.example") && is_dns_name("localhost"));
    assert!(!is_dns_name("") && !is_dns_name("a.b-") && !is_dns_name("a.B") && !is_dns_name("a.1"));
    assert!(!is_dns_name(&format!("{}.example", "a".repeat(64))) && !is_dns_name(&"a.".repeat(127)));
}

proptest! {
    /// Whatever is accepted is read alike by putting its parts together again.
    #[test]
    fn an_accepted_url_is_its_parts(host in "[a-z0-9.\\[\\]:@%-]{1,20}", port in proptest::option::of(0u32..70_000), prefix in "(/[a-z0-9.%/]{0,8})?") {
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let url = format!("https://{host}{port}{prefix}");
        if let Ok(base) = parse(&url, &networks(&["0.0.0.0/0", "::/0"])) {
            let port = if base.port == 443 { String::new() } else { format!(":{}", base.port) };
            let again = format!("https://{}{port}{}", base.host, base.prefix);
            prop_assert_eq!(again.as_str(), url.strip_suffix('/').unwrap_or(&url));
        }
    }

    #[test]
    fn any_text_is_a_base_or_a_refusal(text in "\\PC{0,60}") {
        let _ = parse(&text, &[]);
        let _ = parse(&format!("https://{text}"), &networks(&["0.0.0.0/0"]));
        let _ = parse_provider(&format!("https://{{customer}}.{text}"));
    }
}
