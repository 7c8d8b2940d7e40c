//! Callers' bodies: read whole, counted, spooled sealed, given up in time.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body::Frame;
use http_body_util::{Full, StreamBody};
use lockgate_testkit::{Behaviour, Canned, Vendor};
use lockgate_vocabulary::Refusal;

use super::world::{World, code, refusal};
use crate::{Body, BoxError, Config, EgressRefusal};

const LINE: &str = "POST /base/v1/import";

fn pieces(count: usize, size: usize) -> Body {
    let each = (0..count)
        .map(move |number| Ok::<_, BoxError>(Frame::data(Bytes::from(vec![b'a' + (number % 26) as u8; size]))));
    Body::streaming(StreamBody::new(stream::iter(each)))
}

#[tokio::test]
async fn a_body_in_pieces_arrives_whole() {
    let world = World::new().await;
    world.vendor.answers(LINE, Canned::json(200, "{}"));
    for (count, size) in [(1, 10), (3, 1_000), (70, 1_000), (40, 70_000)] {
        let mut order = world.order("POST /v1/import");
        order.body = pieces(count, size);
        world.send(order).await.expect("an answer");
        let seen = world.vendor.seen().pop().expect("seen");
        assert_eq!(seen.body.len(), count * size, "{count} pieces of {size}");
        let wanted: Vec<u8> = (0..count).flat_map(|number| vec![b'a' + (number % 26) as u8; size]).collect();
        assert!(seen.body == wanted, "{count} pieces of {size} in their order");
        assert_eq!(seen.header("content-length"), Some((count * size).to_string().as_str()));
    }
}

#[tokio::test]
async fn nothing_of_a_spool_is_left_or_readable() {
    let world = World::new().await;
    world.vendor.answers(LINE, Canned::json(200, "{}"));
    let mut order = world.order("POST /v1/import");
    order.body = pieces(40, 10_000);
    world.send(order).await.expect("an answer");
    let left = std::fs::read_dir(world.folder.path().join("spool")).expect("a folder").count();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn a_tenants_spools_take_so_much_space() {
    let vendor = Vendor::start("vendor.test").await;
    let (port, pem) = (vendor.address.port(), vendor.authority_pem.clone());
    let world = World::bare(vendor, Config { spool_bytes_per_tenant: 250_000, ..Config::default() }).await;
    world.connect("crm", port, &pem, |_, _| ()).await;
    world.vendor.on(LINE, Behaviour::Gated(Canned::json(200, "{}")));
    let order = |pieces_of_it: usize| {
        let mut order = world.order("POST /v1/import");
        order.body = pieces(pieces_of_it, 10_000);
        order
    };
    let held = world.spawn(order(20)).await;
    world.vendor.wait_for(LINE, 1).await;
    let refused = refusal(world.send(order(10)).await);
    assert_eq!(refused.code(), EgressRefusal::BodySpoolFull.info().code);
    assert!(refused.wait().is_some());
    world.vendor.release();
    held.await.expect("over").expect("an answer");
    world.vendor.forget(LINE);
    world.vendor.answers(LINE, Canned::json(200, "{}"));
    world.send(order(20)).await.expect("the space came back");
}

#[tokio::test]
async fn too_much_is_refused_before_anything_is_sent() {
    let world = World::new().await;
    let mut announced = world.order("POST /v1/things");
    announced.body = Body::streaming(Full::new(Bytes::from(vec![0; 10_000_001])));
    assert_eq!(code(world.send(announced).await), EgressRefusal::BodyTooLarge.info().code);
    let mut streamed = world.order("POST /v1/things");
    streamed.body = pieces(11, 1_000_000);
    assert_eq!(code(world.send(streamed).await), EgressRefusal::BodyTooLarge.info().code);
    assert_eq!((world.vendor.connections(), world.entries("opened").await), (0, 0));
    let left = std::fs::read_dir(world.folder.path().join("spool")).expect("a folder").count();
    assert_eq!(left, 0);

    world.vendor.answers(LINE, Canned::json(200, "{}"));
    let mut bulk = world.order("POST /v1/import");
    bulk.body = pieces(11, 1_000_000);
    assert_eq!(world.send(bulk).await.expect("an answer").status, 200);
}

#[tokio::test]
async fn a_body_that_stops_is_given_up() {
    let world = World::new().await;
    let mut order = world.order("POST /v1/things");
    order.body = Body::streaming(StreamBody::new(stream::pending::<Result<Frame<Bytes>, BoxError>>()));
    let call = world.spawn(order).await;
    world.until(|| world.sleepers() > 0).await;
    world.pass(Duration::from_secs(11)).await;
    assert_eq!(code(call.await.expect("it ran")), EgressRefusal::BodyStalled.info().code);
    assert_eq!(world.vendor.connections(), 0);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_named_by_who_knows_why() {
    let world = World::new().await;
    let mut order = world.order("POST /v1/things");
    let broken = stream::iter([Ok(Frame::data(Bytes::from_static(b"x"))), Err::<_, BoxError>("reset".into())]);
    order.body = Body::streaming(StreamBody::new(broken));
    assert_eq!(code(world.send(order).await), EgressRefusal::BodyBroken.info().code);

    let mut order = world.order("POST /v1/things");
    let named: BoxError = Box::new(Refusal::from(EgressRefusal::LineMalformed));
    order.body = Body::streaming(StreamBody::new(stream::iter([Err::<Frame<Bytes>, _>(named)])));
    assert_eq!(code(world.send(order).await), EgressRefusal::LineMalformed.info().code);
    assert_eq!(world.vendor.connections(), 0);
}

#[tokio::test]
async fn a_spooled_write_without_a_key_is_sent_once() {
    let world = World::new().await;
    world.vendor.answers("PUT /base/v1/things/1", Canned::json(503, "{}"));
    let mut order = world.order("PUT /v1/things/1");
    order.body = pieces(2, 70_000);
    assert_eq!(code(world.send(order).await), EgressRefusal::VendorFailed.info().code);
    assert_eq!(world.vendor.seen().len(), 1);
}

#[tokio::test]
async fn with_a_key_a_spool_is_sent_again() {
    let world = World::new().await;
    world.vendor.answers("PUT /base/v1/things/1", Canned::json(503, "{}"));
    world.vendor.answers("PUT /base/v1/things/1", Canned::json(200, "{}"));
    let mut order = world.order("PUT /v1/things/1");
    order.body = pieces(2, 70_000);
    order.idempotency_key = Some("key-1".into());
    let call = world.spawn(order).await;
    world.until_it_waits(&call).await;
    world.pass(Duration::from_millis(1_250)).await;
    assert_eq!(call.await.expect("it ran").expect("an answer").status, 200);
    let seen = world.vendor.seen();
    assert!(seen.len() == 2 && seen[0].body == seen[1].body && seen[0].body.len() == 140_000);
}
