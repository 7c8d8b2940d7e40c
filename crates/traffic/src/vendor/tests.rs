//! Vendors' words: how they are written, and what they do.

use http::HeaderValue;
use proptest::prelude::*;

use super::*;
use crate::tests::seconds;

/// 2027-01-15T08:00:00Z.
const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

fn headers(entries: &[(&'static str, &str)]) -> HeaderMap {
    entries.iter().map(|(name, value)| ((*name).parse().unwrap(), HeaderValue::from_str(value).unwrap())).collect()
}

fn read(status: u16, entries: &[(&'static str, &str)]) -> Option<VendorLimits> {
    VendorLimits::read(
        &RateNames::of(&RateHeaders::default()),
        StatusCode::from_u16(status).unwrap(),
        &headers(entries),
        NOW,
    )
}

fn reset(text: &str, style: ResetStyle) -> Option<Duration> {
    reset_after(text, style, NOW)
}

#[test]
fn an_answer_without_a_word_says_nothing() {
    assert_eq!(read(200, &[]), None);
    assert_eq!(read(200, &[("x-ratelimit-remaining", "many"), ("retry-after", "5")]), None);
    assert_eq!(read(500, &[("retry-after", "5")]), None);
}

#[test]
fn the_usual_headers_are_read() {
    let said = read(
        200,
        &[("x-ratelimit-limit", "5000"), ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1800000060")],
    );
    let wanted =
        VendorLimits { limit: Some(5000), remaining: Some(0), reset_after: Some(seconds(60)), retry_after: None };
    assert_eq!(said, Some(wanted));
    let own = RateHeaders { remaining: "ratelimit-remaining".into(), ..RateHeaders::default() };
    let head = headers(&[("ratelimit-remaining", "12, 12;w=60")]);
    assert_eq!(VendorLimits::read(&RateNames::of(&own), StatusCode::OK, &head, NOW).unwrap().remaining, Some(12));
}

#[test]
fn a_name_that_is_no_header_is_never_found() {
    let own = RateHeaders { remaining: "not a header".into(), limit: String::new(), ..RateHeaders::default() };
    let head = headers(&[("x-ratelimit-remaining", "5")]);
    assert_eq!(VendorLimits::read(&RateNames::of(&own), StatusCode::OK, &head, NOW), None);
}

#[test]
fn resets_are_read_in_every_style() {
    for (text, style, wanted) in [
        ("30", ResetStyle::Auto, Some(seconds(30))),
        ("1800000030", ResetStyle::Auto, Some(seconds(30))),
        ("1800000030000", ResetStyle::Auto, Some(seconds(30))),
        ("1.5", ResetStyle::Auto, Some(Duration::from_millis(1_500))),
        ("1800000030", ResetStyle::Unix, Some(seconds(30))),
        ("1800000030500", ResetStyle::UnixMillis, Some(Duration::from_millis(30_500))),
        ("1799999999", ResetStyle::Unix, Some(Duration::ZERO)),
        ("90", ResetStyle::Seconds, Some(seconds(90))),
        ("6m0s", ResetStyle::Auto, Some(seconds(360))),
        ("20ms", ResetStyle::Auto, Some(Duration::from_millis(20))),
        ("1h2m3.5s", ResetStyle::Auto, Some(Duration::from_millis(3_723_500))),
        ("", ResetStyle::Auto, None),
        ("-5", ResetStyle::Auto, None),
        ("NaN", ResetStyle::Auto, None),
        ("inf", ResetStyle::Seconds, None),
        ("1e300", ResetStyle::Seconds, None),
        ("5 parsecs", ResetStyle::Auto, None),
        ("m", ResetStyle::Auto, None),
        ("5d", ResetStyle::Auto, None),
        ("soon", ResetStyle::Auto, None),
    ] {
        assert_eq!(reset(text, style), wanted, "{text:?} as {style:?}");
    }
}

#[test]
fn retry_after_counts_where_it_means_a_limit() {
    for (status, entries, wanted) in [
        (429, &[("retry-after", "7")][..], Some(seconds(7))),
        (503, &[("retry-after", "7")], Some(seconds(7))),
        (403, &[("retry-after", "7")], Some(seconds(7))),
        (429, &[("retry-after", "Fri, 15 Jan 2027 08:00:09 GMT")], Some(seconds(9))),
        (429, &[("retry-after", "Fri, 15 Jan 2027 07:00:00 GMT")], Some(Duration::ZERO)),
        (429, &[("x-ratelimit-reset", "12")], Some(seconds(12))),
        (429, &[], Some(UNSAID)),
        (429, &[("retry-after", "soon")], Some(UNSAID)),
    ] {
        assert_eq!(read(status, entries).and_then(|said| said.retry_after), wanted, "{status} {entries:?}");
    }
}

#[test]
fn what_is_left_is_counted_down_before_the_vendor_refuses() {
    let mut vendor = Vendor::default();
    assert_eq!(vendor.check(seconds(0), 0), Ok(()));
    let said = VendorLimits { remaining: Some(3), reset_after: Some(seconds(60)), ..VendorLimits::default() };
    vendor.heed(said, 1, seconds(0));
    for _ in 0..2 {
        assert_eq!(vendor.check(seconds(1), 0), Ok(()));
        vendor.send();
    }
    assert_eq!(vendor.remaining(seconds(1)), Some(0));
    assert_eq!(vendor.check(seconds(1), 2), Err(UNDER_WAY), "what is under way will bring a newer word");
    assert_eq!(vendor.check(seconds(1), 0), Err(seconds(59)), "nothing is under way that could bring one");
    vendor.unsend();
    assert_eq!(vendor.check(seconds(1), 0), Ok(()), "one of them never left");
    vendor.heed(VendorLimits { remaining: Some(0), ..said }, 0, seconds(2));
    assert_eq!(vendor.check(seconds(2), 0), Err(seconds(60)));
    assert_eq!(vendor.held_for(seconds(32), 0), Some(seconds(30)));
    assert!(!vendor.is_at_rest(seconds(61)));
    assert_eq!(vendor.check(seconds(62), 0), Ok(()), "the window starts anew");
    assert!(vendor.is_at_rest(seconds(62)));
    assert_eq!(vendor.remaining(seconds(62)), None);
}

#[test]
fn a_refusal_holds_everything_and_a_shorter_word_does_not_shorten_it() {
    let mut vendor = Vendor::default();
    let wait = |seconds| VendorLimits { retry_after: Some(seconds), ..VendorLimits::default() };
    vendor.heed(wait(seconds(30)), 0, seconds(0));
    vendor.heed(wait(seconds(5)), 0, seconds(0));
    assert_eq!(vendor.check(seconds(10), 0), Err(seconds(20)));
    vendor.heed(wait(Duration::MAX), 0, seconds(10));
    assert_eq!(vendor.check(seconds(10), 0), Err(LONGEST), "nonsense is asked again after an hour");
    assert_eq!(vendor.check(seconds(3_610), 0), Ok(()));
}

proptest! {
    /// No header makes the reader fail, and no word holds longer than it may.
    #[test]
    fn any_word_is_read_and_bounded(status in 200u16..600, words in proptest::collection::vec("[ -~]{0,24}", 4)) {
        let entries = [
            ("x-ratelimit-limit", words[0].as_str()),
            ("x-ratelimit-remaining", words[1].as_str()),
            ("x-ratelimit-reset", words[2].as_str()),
            ("retry-after", words[3].as_str()),
        ];
        if let Some(said) = read(status, &entries) {
            let mut vendor = Vendor::default();
            vendor.heed(said, 0, seconds(1));
            prop_assert!(vendor.held_for(seconds(1), 0).unwrap_or_default() <= LONGEST);
            prop_assert!(vendor.is_at_rest(seconds(1) + LONGEST));
        }
    }

    /// Between two words no more leaves than the first allowed.
    #[test]
    fn no_more_leaves_than_was_left(left in 0u32..50, others in 0u32..60, tries in 0u32..120) {
        let mut vendor = Vendor::default();
        let said = VendorLimits { remaining: Some(left), reset_after: Some(seconds(60)), ..VendorLimits::default() };
        vendor.heed(said, others, seconds(0));
        let sent = (0..tries).filter(|_| vendor.check(seconds(1), 0).map(|()| vendor.send()).is_ok()).count();
        prop_assert_eq!(sent as u32, tries.min(left.saturating_sub(others)));
    }
}
