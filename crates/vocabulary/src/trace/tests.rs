//! The trace context follows the W3C grammar to the letter.

use super::{SpanId, TraceContext};
use crate::entropy::SystemEntropy;

#[test]
fn a_good_traceparent_is_joined_and_passed_on() {
    let given = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let context = TraceContext::join(given, &SystemEntropy).expect("it is good");
    assert_eq!(context.trace.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(context.parent.expect("it has one").to_string(), "00f067aa0ba902b7");
    assert!(context.sampled);
    let next = context.to_traceparent();
    assert!(next.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-") && next.ends_with("-01"));
    assert_ne!(next, given, "our own span goes on, not the caller's");
}

#[test]
fn anything_else_starts_a_trace_of_our_own() {
    for bad in [
        "",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-extra",
        "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    ] {
        assert!(TraceContext::join(bad, &SystemEntropy).is_none(), "{bad}");
    }
}

#[test]
fn bytes_stand_in_the_order_in_which_they_are_written() {
    let context = TraceContext::join("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", &SystemEntropy);
    let context = context.expect("it is good");
    assert_eq!(context.trace.to_bytes()[..4], [0x4b, 0xf9, 0x2f, 0x35]);
    assert_eq!(context.parent.expect("it has one").to_bytes()[..4], [0x00, 0xf0, 0x67, 0xaa]);
    assert_ne!(SpanId::generate(&SystemEntropy), SpanId::generate(&SystemEntropy));
}
