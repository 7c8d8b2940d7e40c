//! Hosts: what has one reading, what has not, and what a list allows.

use proptest::prelude::*;

use super::*;

fn parsed(text: &str) -> Result<String, EgressRefusal> {
    Host::parse(text).map(|host| host.to_string())
}

#[test]
fn names_come_out_in_one_form() {
    for (text, wanted) in [
        ("api.example.com", "api.example.com"),
        ("API.Example.COM", "api.example.com"),
        ("a_b.example.com", "a_b.example.com"),
        ("r3---sn-ab.example.com", "r3---sn-ab.example.com"),
        ("1337.net", "1337.net"),
        ("1.2.3.4.example.com", "1.2.3.4.example.com"),
        ("0x7f.example", "0x7f.example"),
        ("localhost", "localhost"),
        ("münchen.de", "xn--mnchen-3ya.de"),
        ("MÜNCHEN.de", "xn--mnchen-3ya.de"),
        ("XN--MNCHEN-3YA.de", "xn--mnchen-3ya.de"),
        ("✪df.ws", "xn--df-oiy.ws"),
        ("例子.测试", "xn--fsqu00a.xn--0zwm56d"),
        ("مثال.إختبار", "xn--mgbh0fb.xn--kgbechtv"),
        ("xn--strae-oqa.de", "xn--strae-oqa.de"),
        ("1.2.3.4", "1.2.3.4"),
        ("255.255.255.255", "255.255.255.255"),
        ("[2606:4700:4700:0:0:0:0:1111]", "[2606:4700:4700::1111]"),
        ("[::FFFF:A9FE:A9FE]", "[::ffff:a9fe:a9fe]"),
    ] {
        assert_eq!(parsed(text).as_deref(), Ok(wanted), "{text}");
        assert_eq!(parsed(wanted).as_deref(), Ok(wanted), "{wanted} is canonical");
    }
}

#[test]
fn numbers_that_are_no_addresses_are_refused() {
    for text in [
        "127.1",
        "2130706433",
        "0x7f000001",
        "0X7F.1",
        "0177.0.0.1",
        "127.0.0.01",
        "127.0.0.256",
        "1.2.3",
        "1.2.3.4.5",
        "256.256.256.256",
        "0x",
        "0",
        "425.510.425.510",
        "example.123",
        "a.0x1f",
        "00.00.00.00",
        "1.2.3.08",
        "127.000.000.1",
        "99999999999999999999",
        "4294967296",
        "127.0.0.1.",
        "1.2.3.0xg.5",
    ] {
        assert_eq!(parsed(text), Err(EgressRefusal::HostNumeric), "{text}");
    }
}

#[test]
fn names_that_are_not_well_formed_are_refused() {
    let long_label = format!("{}.com", "a".repeat(64));
    let long_name = format!("{}com", "abcdefgh.".repeat(32));
    for text in [
        "",
        ".",
        "..",
        "a..b",
        ".a.b",
        "a.b.",
        "-a.com",
        "a-.com",
        "a b.com",
        "a,b.com",
        "a;b.com",
        "a%2eb.com",
        "a$b.com",
        "a*.com",
        "*.com",
        "a!b.com",
        "8.8.8.8a",
        "example.0x1g",
        "8.8.8.8_",
        "example._tcp",
        "[",
        "[]",
        "[::1",
        "[::1]x",
        "::1",
        "[:::]",
        "[1:2:3:4:5:6:7:8:9]",
        "[12345::]",
        "xn--.com",
        "xn--a.com",
        "xn--zzzzzz.com",
        "xn--example-.com",
        "a\u{0}.com",
        "a\u{7f}b.com",
        &long_label,
        &long_name,
    ] {
        assert!(
            matches!(parsed(text), Err(EgressRefusal::HostInvalid | EgressRefusal::HostLookalike)),
            "{text:?}: {:?}",
            parsed(text)
        );
    }
    assert_eq!(parsed("a..b"), Err(EgressRefusal::HostInvalid));
    assert!(parsed(&format!("{}.com", "a".repeat(63))).is_ok());
}

#[test]
fn characters_that_stand_for_others_are_refused() {
    for text in [
        "①②⑦.⓪.⓪.①",
        "127。0。0。1",
        "127．0．0．1",
        "ⓔⓧⓐⓜⓟⓛⓔ.com",
        "ｅｘａｍｐｌｅ.com",
        "ℓocalhost",
        "ⓁⓄⒸⒶⓁⒽⓄⓈⓉ",
        "example。com",
        "exam\u{ad}ple.com",
        "exam\u{200b}ple.com",
        "faß.de",
        "βόλος.com",
        "a\u{200d}b.com",
        "mu\u{308}nchen.de",
        "𝟏𝟐𝟕.0.0.1",
        "½.com",
        "㎏.com",
        "\u{212a}ey.com",
        "[::1%25eth0]",
        "[::ffff:127.0.0.1]",
        "[::1%eth0]",
        "bücher.Ⓒom",
    ] {
        assert!(
            matches!(parsed(text), Err(EgressRefusal::HostLookalike | EgressRefusal::HostInvalid)),
            "{text:?}: {:?}",
            parsed(text)
        );
    }
    assert_eq!(parsed("faß.de"), Err(EgressRefusal::HostLookalike));
    assert_eq!(parsed("example。com"), Err(EgressRefusal::HostLookalike));
}

fn list(entries: &[&str]) -> HostList {
    HostList::parse(entries.iter().copied()).unwrap()
}

#[test]
fn a_list_allows_what_it_names_and_nothing_like_it() {
    let list = list(&["api.stripe.com", "*.Example.com", "*.bücher.de", "8.8.8.8"]);
    for allowed in [
        "api.stripe.com",
        "API.STRIPE.COM",
        "a.example.com",
        "a.b.c.example.com",
        "x.xn--bcher-kva.de",
        "x.bücher.de",
        "8.8.8.8",
    ] {
        assert!(list.allows(&Host::parse(allowed).unwrap()), "{allowed}");
    }
    for other in [
        "stripe.com",
        "xapi.stripe.com",
        "api.stripe.com.evil.test",
        "a.api.stripe.com",
        "example.com",
        "notexample.com",
        "example.com.evil.test",
        "a.example.comm",
        "8.8.8.80",
        "8.8.4.4",
        "bücher.de",
    ] {
        assert!(!list.allows(&Host::parse(other).unwrap()), "{other}");
    }
    assert!(!HostList::default().allows(&Host::parse("a.b").unwrap()));
}

#[test]
fn a_list_with_an_unreadable_entry_is_refused_whole() {
    for wrong in
        ["*", "*.com", "*.", "a.*.com", "*a.com", "**.a.com", "", "https://a.com", "a.com/", "a.com:443", "*.8.8.8.8"]
    {
        assert!(HostList::parse(["api.example.com", wrong]).is_err(), "{wrong}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// What is taken is taken as itself: reading the canonical form gives the same host.
    #[test]
    fn the_canonical_form_is_a_fixed_point(text in "[a-zA-Z0-9._\\-üßáñ✪中Ⓐ０。\\[\\]:%x]{1,24}") {
        if let Ok(host) = Host::parse(&text) {
            let canonical = host.to_string();
            prop_assert!(canonical.is_ascii());
            prop_assert_eq!(Host::parse(&canonical), Ok(host));
        }
    }

    /// No name that is taken is something that a C library would read as a number.
    #[test]
    fn no_name_ends_in_a_number(text in "(0x)?[0-9a-fx.]{1,16}") {
        if let Ok(Host::Name(name)) = Host::parse(&text) {
            let last = name.rsplit('.').next().unwrap();
            prop_assert!(last.parse::<u128>().is_err(), "{}", name);
            let digits = last.strip_prefix("0x").unwrap_or("no number");
            prop_assert!(u128::from_str_radix(digits, 16).is_err(), "{}", name);
        }
    }

    /// A pattern allows exactly the names that end in its labels.
    #[test]
    fn patterns_match_by_label(labels in proptest::collection::vec("[a-c]{1,2}", 2..6), from in 0usize..4) {
        let name = labels.join(".");
        let from = from.min(labels.len() - 2);
        let list = list(&[&format!("*.{}", labels[from..].join("."))]);
        let host = Host::parse(&name).unwrap();
        prop_assert_eq!(list.allows(&host), from > 0);
    }
}
