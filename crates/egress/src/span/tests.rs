//! A queue that is full drops and counts, and a trace is told of or not, whoever asks.

use lockgate_vocabulary::{SystemEntropy, TraceContext};

use super::*;

fn span(trace: TraceContext) -> Span {
    Span {
        trace: trace.trace,
        span: trace.span,
        parent: trace.parent,
        begun: Timestamp::from_secs(1),
        ended: Timestamp::from_secs(2),
        run: RunId::from_u128(1),
        method: "GET",
        status: Some(200),
        work: Work::Call { code: None },
    }
}

#[test]
fn what_does_not_fit_is_dropped_and_counted() {
    let (spans, queue) = Spans::queue(2, Share::ALL);
    let trace = TraceContext::start(&SystemEntropy);
    for _ in 0..5 {
        spans.tell(span(trace));
    }
    assert_eq!((queue.try_iter().count(), spans.take_dropped(), spans.take_dropped()), (2, 3, 0));
    drop(queue);
    spans.tell(span(trace));
    assert_eq!(spans.take_dropped(), 1, "nobody takes them any more");
}

#[test]
fn nobody_is_told_where_nobody_listens() {
    let spans = Spans::default();
    let trace = TraceContext::start(&SystemEntropy);
    assert!(!spans.records(trace.trace));
    spans.tell(span(trace));
    assert_eq!(spans.take_dropped(), 0);
}

#[test]
fn the_share_is_about_the_share() {
    assert!([-0.1, 1.1, f64::NAN].iter().all(|share| Share::of(*share).is_none()));
    for (share, least, most) in [(0.0, 0, 0), (0.1, 300, 500), (0.5, 1_800, 2_200), (1.0, 4_000, 4_000)] {
        let (spans, _queue) = Spans::queue(1, Share::of(share).expect("a share"));
        let told = (0..4_000).filter(|_| spans.records(TraceContext::start(&SystemEntropy).trace)).count();
        assert!((least..=most).contains(&told), "{share}: {told}");
    }
}

#[test]
fn a_method_is_a_word_of_a_list() {
    assert_eq!(method_word(&Method::PATCH), "PATCH");
    assert_eq!(method_word(&Method::from_bytes(b"SECRET-TEXT").expect("a method")), "_OTHER");
}
