//! A body is read whole within its cap and its time.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http_body::Frame;
use lockgate_testkit::ManualClock;
use lockgate_vocabulary::Clock;

use super::*;

const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// A body in pieces, which then ends, breaks off or hangs.
struct Pieces(VecDeque<&'static [u8]>, End);

#[derive(Clone, Copy, PartialEq)]
enum End {
    Ends,
    Breaks,
    Hangs,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error>;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match (self.0.pop_front(), self.1) {
            (Some(piece), _) => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(piece))))),
            (None, End::Ends) => Poll::Ready(None),
            (None, End::Breaks) => Poll::Ready(Some(Err("broken".into()))),
            (None, End::Hangs) => Poll::Pending,
        }
    }
}

async fn read(pieces: &[&'static [u8]], end: End, most: usize) -> Result<Bytes, &'static str> {
    let clock = ManualClock::new();
    let mut alarm = Alarm::new(Arc::new(clock.clone()));
    let mut held = Room::new(40_000, 60_000).enter(TenantId::from_u128(1), PEER);
    let until = clock.elapsed() + Duration::from_secs(10);
    let body = Pieces(pieces.iter().copied().collect(), end);
    let mut reading = Box::pin(Parcel::read(HeaderMap::new(), body, (most, &mut held), &mut alarm, until));
    if end == End::Hangs {
        let early = std::future::poll_fn(|cx| Poll::Ready(reading.as_mut().poll(cx).is_ready())).await;
        assert!(!early, "it waits for more");
        clock.advance(Duration::from_secs(10));
    }
    reading.await.map(|parcel| parcel.body).map_err(|refusal| refusal.code())
}

#[tokio::test]
async fn pieces_are_put_together_up_to_the_cap() {
    assert_eq!(read(&[], End::Ends, 0).await.unwrap(), "");
    assert_eq!(read(&[b"one"], End::Ends, 3).await.unwrap(), "one");
    assert_eq!(read(&[b"one", b"", b"two", b"3"], End::Ends, 7).await.unwrap(), "onetwo3");
    assert_eq!(read(&[b"one", b"two"], End::Ends, 5).await, Err(WebhookRefusal::BodyTooLarge.info().code));
    assert_eq!(read(&[b"one"], End::Breaks, 9).await, Err(WebhookRefusal::BodyBroken.info().code));
    assert_eq!(read(&[b"one"], End::Hangs, 9).await, Err(WebhookRefusal::BodyStalled.info().code));
}

/// What is announced as too large is refused before it is read.
#[tokio::test]
async fn what_is_announced_counts_as_well() {
    struct Large;
    impl Body for Large {
        type Data = Bytes;
        type Error = Infallible;
        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            panic!("it is not read")
        }
        fn size_hint(&self) -> http_body::SizeHint {
            http_body::SizeHint::with_exact(11)
        }
    }
    let mut alarm = Alarm::new(Arc::new(ManualClock::new()));
    let mut held = Room::new(1, 1).enter(TenantId::from_u128(1), PEER);
    let read = Parcel::read(HeaderMap::new(), Large, (10, &mut held), &mut alarm, Duration::from_secs(1));
    let refused = read.await.unwrap_err();
    assert_eq!(refused.code(), WebhookRefusal::BodyTooLarge.info().code);
}

#[test]
fn a_tenant_and_all_tenants_have_so_much_room() {
    let room = Room::new(40_000, 60_000);
    let [one, two] = [1, 2].map(TenantId::from_u128);
    let mut first = room.enter(one, PEER);
    first.hold(30_000).unwrap();
    assert_eq!(room.enter(one, PEER).hold(17_000).unwrap_err().code(), WebhookRefusal::BodyRoom.info().code);
    room.enter(one, PEER).hold(SMALL).unwrap();
    let mut other = room.enter(two, PEER);
    other.hold(30_000).unwrap();
    assert!(other.hold(31_000).unwrap_err().wait().is_some(), "there is no more for all together");
    drop(first);
    other.hold(40_000).unwrap();
}
