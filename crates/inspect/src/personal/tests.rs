//! What is personal or secret is masked; what is plain stays.

use proptest::prelude::*;

use super::*;

#[test]
fn addresses_are_masked() {
    for (text, wanted) in [
        ("mail alice@example.com.", "mail [email]."),
        ("<alice.o'neil+tag@mail.example.co.uk>", "<[email]>"),
        ("to=alice%40example.com&x", "[email]&x"),
        ("müller@größe.example", "[email]"),
        ("a@b", "[email]"),
        ("alice@localhost", "[email]"),
        ("at 5 @ home", "at 5 @ home"),
        ("@", "@"),
    ] {
        assert_eq!(mask(text), wanted, "{text}");
    }
}

#[test]
fn cards_are_masked() {
    for (text, wanted) in [
        ("card 4242424242424242 declined", "card [card] declined"),
        ("card 4242 4242 4242 4242.", "card [card]."),
        ("378282246310005", "[card]"),
        ("6011-1111-1111-1117", "[card]"),
        ("id 4242424242424243", "id 4242424242424243"),
    ] {
        assert_eq!(mask(text), wanted, "{text}");
    }
}

#[test]
fn accounts_are_masked() {
    for text in ["DE89370400440532013000", "GB82 WEST 1234 5698 7654 32", "gb82west12345698765432"] {
        assert_eq!(mask(&format!("pay {text} now")), "pay [iban] now", "{text}");
    }
    assert!(find("GB83 WEST 1234 5698 7654 32").iter().all(|finding| finding.kind != Kind::Iban));
}

#[test]
fn telephones_are_masked() {
    for text in ["+49 30 901820", "+14155552671", "(415) 555-2671 4", "030 90182000", "0171/1234567", "415-555-2671"] {
        assert!(mask(&format!("call {text}.")).contains("[phone]"), "{text}: {}", mask(text));
        assert!(!mask(text).contains("2671") && !mask(text).contains("9018"), "{text}");
    }
}

#[test]
fn tokens_are_masked() {
    for text in [
        "sk_live_51H8aaaabbbbcccc",
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        "AKIAIOSFODNN7EXAMPLE",
        "550e8400-e29b-41d4-a716-446655440000",
        "9f86d081884c7d659a2feaa0c55ad015",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "xoxb-123456789012-abcdefGHIJKL",
    ] {
        let masked = mask(text);
        assert_eq!(masked, "[token]", "{text}");
    }
}

#[test]
fn named_secrets_are_masked_whatever_they_look_like() {
    for (text, wanted) in [
        ("password=hunter2 rest", "password=[token] rest"),
        ("{\"password\": \"hunter2\"}", "{\"password\": \"[token]\"}"),
        ("api_key: abc, next", "api_key: [token], next"),
        ("Authorization: Bearer abc", "Authorization: [token]"),
        ("sent Bearer abcDEF1 to us", "sent Bearer [token] to us"),
        ("client_secret=x&grant=y", "client_secret=[token]&grant=y"),
    ] {
        assert_eq!(mask(text), wanted, "{text}");
    }
}

#[test]
fn plain_text_stays() {
    for text in [
        "",
        "Your card was declined.",
        "rate_limit_exceeded",
        "invalid_request_error_v2",
        "The basic plan has no token for this",
        "at 2026-11-22 10:15:00 UTC",
        "2026-11-22T10:15:00Z",
        "version 1.12.3, build 4711",
        "GET /v1/customers/{id}/subscriptions?limit=100",
        "application/vnd.github.v3.star+json",
        "InvalidParameterCombinationException",
        "internationalisation-of-everything",
        "expected 3 to 10 elements, found 12",
        "amount 1200000 is above 999999",
        "sha256 and utf8 and http2",
    ] {
        assert_eq!(mask(text), text);
    }
}

#[test]
fn findings_are_in_order_and_apart() {
    let found = find("bob@example.com 4242424242424242 password=bob@example.com");
    let kinds: Vec<Kind> = found.iter().map(|finding| finding.kind).collect();
    assert_eq!(kinds, [Kind::Email, Kind::Card, Kind::Email]);
    assert!(found.windows(2).all(|pair| pair[0].range.end <= pair[1].range.start));
}

#[test]
fn long_texts_are_cut_and_judged_quickly() {
    for part in ["a%40", "token=", "AA11 ", "4 ", "((1", "a.b-", "bearer ", "@a"] {
        let text = part.repeat(20_000);
        assert!(mask(&text).len() <= TEXT_BYTES * 4);
    }
}

proptest! {
    #[test]
    fn any_text_is_masked_without_a_panic(text in "\\PC{0,200}") {
        let masked = mask(&text);
        prop_assert!(find(&text).is_empty() == (masked == text.as_str()));
    }

    #[test]
    fn masking_twice_changes_nothing(text in "[a-zA-Z0-9@+._ =:-]{0,80}") {
        let once = mask(&text).into_owned();
        for kind in [Kind::Email, Kind::Card] {
            prop_assert!(find(&once).iter().all(|finding| finding.kind != kind), "{}", once);
        }
    }

    #[test]
    fn every_address_is_found(local in "[a-z0-9.]{1,20}", domain in "[a-z]{1,10}\\.[a-z]{2,5}", around in "[ ,;()<>]{1,3}") {
        let text = format!("{around}{local}@{domain}{around}");
        prop_assert!(!mask(&text).contains('@'));
    }
}
