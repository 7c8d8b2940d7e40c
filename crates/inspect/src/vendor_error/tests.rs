//! Of a vendor's error only codes come through.

use super::*;

fn reduce(body: &str) -> String {
    VendorError::reduce(402, Some(b"application/json"), body.as_bytes()).to_string()
}

#[test]
fn known_codes_come_through() {
    for (body, wanted) in [
        (
            r#"{"error":{"code":"card_declined","type":"card_error","message":"Your card 4242 was declined","param":"source"}}"#,
            "status 402, code card_declined, type card_error, parameter source",
        ),
        (
            r#"{"error":"invalid_grant","error_description":"no such user bob@example.com"}"#,
            "status 402, error invalid_grant",
        ),
        (r#"{"errors":[{"code":1234,"message":"x"}]}"#, "status 402, code 1234"),
        (
            r#"{"error":{"code":403,"status":"PERMISSION_DENIED","errors":[{"reason":"forbidden"}]}}"#,
            "status 402, code 403, status PERMISSION_DENIED",
        ),
        (r#"{"code":"ResourceNotFound","message":"…"}"#, "status 402, code ResourceNotFound"),
    ] {
        assert_eq!(reduce(body), wanted, "{body}");
    }
}

#[test]
fn free_text_never_comes_through() {
    for body in [
        r#"{"error":"Something went wrong at /srv/app/db.py line 3"}"#,
        r#"{"error":{"code":"<script>alert(1)</script>"}}"#,
        r#"{"error":{"code":"SELECT * FROM users"}}"#,
        r#"{"error":{"code":"alice@example.com"}}"#,
        r#"{"error":{"code":"sk_live_51H8aaaabbbbcccc"}}"#,
        r#"{"error":{"code":"4242424242424242"}}"#,
        r#"{"error":{"code":99999999999}}"#,
        r#"{"error":{"code":1.5}}"#,
        r#"{"error":{"code":["a"]}}"#,
        r#"{"error":{"code":""}}"#,
        r#"{"error":{"code":"-rf"}}"#,
        r#"{"message":"card_declined"}"#,
        r#"{"code":"a","code":"b"}"#,
        "card_declined",
        "",
        "<html>",
    ] {
        assert_eq!(reduce(body), "status 402", "{body}");
    }
    let long = format!("{{\"code\":\"{}\"}}", "a".repeat(65));
    assert_eq!(reduce(&long), "status 402");
    let huge = format!("{{\"code\":\"a\",\"x\":\"{}\"}}", "x".repeat(70_000));
    assert_eq!(reduce(&huge), "status 402");
}

#[test]
fn what_is_not_said_to_be_json_is_not_read() {
    let body = br#"{"code":"a"}"#;
    assert_eq!(VendorError::reduce(500, Some(b"text/html"), body).codes, []);
    assert_eq!(VendorError::reduce(500, None, body).codes, []);
    assert_eq!(VendorError::reduce(500, Some(b"application/problem+json"), body).code("code"), Some("a"));
    assert_eq!(VendorError::reduce(500, Some(b"application/problem+json"), body).code("type"), None);
}

#[test]
fn text_for_operators_is_one_clean_line() {
    for (text, wanted) in [
        ("No user alice@example.com\n\tat line 3", "No user [email] at line 3"),
        ("<b>Bad</b> <script>alert(1)</script>request", "Bad alert(1) request"),
        ("card 4242\u{200b}424242424242", "card [card]"),
        ("\u{1b}[31mred\u{1b}[0m", "[31mred[0m"),
        ("a < b", "a"),
        ("", ""),
    ] {
        assert_eq!(sanitise(text, 200), wanted, "{text:?}");
    }
    assert_eq!(sanitise("abcdef ghi", 5), "abcde…");
    assert!(sanitise(&"word ".repeat(10_000), 100).chars().count() <= 101);
}
