//! An answer repeats the word, or it does not.

use super::repeats;

#[test]
fn the_word_is_the_whole_body_or_a_member() {
    for good in
        ["w0rd", " w0rd\n", r#"{"challenge_response":"w0rd"}"#, r#"{ "challenge_response" : "w0rd", "more": 1 }"#]
    {
        assert!(repeats(good.as_bytes(), "w0rd"), "{good}");
    }
    for bad in [
        "",
        "w0rd2",
        "\"w0rd\"",
        r#"{"challenge_response":"other"}"#,
        r#"{"type":"x","challenge":"w0rd"}"#,
        r#"["w0rd"]"#,
        r#"{"x":"w0rd"}"#,
        "<p>w0rd</p>",
    ] {
        assert!(!repeats(bad.as_bytes(), "w0rd"), "{bad}");
    }
}
