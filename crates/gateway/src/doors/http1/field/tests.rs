//! Fields one by one.

use super::*;

#[test]
fn knows_the_fields_that_matter_in_any_case() {
    assert_eq!(classify(b"Host"), Name::Known(Known::Host));
    assert_eq!(classify(b"CONTENT-LENGTH"), Name::Known(Known::ContentLength));
    assert_eq!(classify(b"transfer-Encoding"), Name::Known(Known::TransferEncoding));
    assert_eq!(classify(b"Accept"), Name::Plain);
    assert_eq!(classify(b"X-Transfer-Encoding"), Name::Plain);
}

#[test]
fn an_underscore_makes_a_twin_only_of_a_known_field() {
    assert_eq!(classify(b"Content_Length"), Name::Twin);
    assert_eq!(classify(b"x_api-key"), Name::Twin);
    assert_eq!(classify(b"X_Request_Id"), Name::Plain);
}

#[test]
fn every_field_that_may_stand_once_has_a_bit_of_its_own() {
    let bits: Vec<u32> = (0..64).flat_map(candidates).filter_map(|(_, known)| known.bit()).collect();
    let all = bits.iter().fold(0u32, |all, bit| all | bit);
    assert_eq!(all.count_ones() as usize, bits.len());
    for length in 0..64 {
        assert!(candidates(length).iter().all(|(name, _)| name.len() == length));
    }
}

#[test]
fn tokens_are_what_rfc_9110_says() {
    assert!(is_token(b"X.Custom|Pipe"));
    for bad in [b"".as_slice(), b"a b", b"a:", b"a(", b"caf\xc3\xa9", b"a\0", b"a\"", b"a/b", b"a@"] {
        assert!(!is_token(bad), "{bad:?}");
    }
}

#[test]
fn values_take_text_and_tabs_but_no_other_control() {
    assert!(is_clean_value(b" a\tb \xc3\xa9"));
    for byte in (0u8..0x20).filter(|byte| *byte != b'\t').chain([0x7f]) {
        assert!(!is_clean_value(&[b'a', byte]), "{byte:#x}");
    }
}

#[test]
fn lengths_have_one_spelling() {
    assert_eq!(content_length(b"0"), Some(0));
    assert_eq!(content_length(b"42"), Some(42));
    assert_eq!(content_length(b"9999999999999999999"), Some(9_999_999_999_999_999_999));
    let bad: [&[u8]; 9] = [b"", b"+1", b"-0", b"010", b"00", b"1,1", b"1 1", b"0x10", b"10000000000000000000000"];
    for bad in bad {
        assert_eq!(content_length(bad), None, "{bad:?}");
    }
}

#[test]
fn white_space_around_a_value_is_not_part_of_it() {
    assert_eq!(trim(b" \t value \t "), b"value");
    assert_eq!(trim(b" \t "), b"");
    assert_eq!(trim(b"\xa0value"), b"\xa0value");
}

#[test]
fn connection_says_whether_the_message_is_the_last() {
    assert_eq!(connection_options(b"keep-alive"), Some(Options { last: false }));
    assert_eq!(connection_options(b"TE, Close"), Some(Options { last: true }));
    assert_eq!(connection_options(b"Upgrade, HTTP2-Settings"), Some(Options { last: true }));
}

#[test]
fn connection_names_no_field_that_the_door_acts_upon() {
    for bad in [b"x-api-key".as_slice(), b"close, Content-Length", b"transfer_encoding", b"a b", b"", b"close,,"] {
        assert_eq!(connection_options(bad), None, "{bad:?}");
    }
}
