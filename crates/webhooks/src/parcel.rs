//! A parcel: a delivery as it came, before anybody has looked into it.

use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::Body;
use lockgate_egress::{Alarm, Rang, Share, Shares};
use lockgate_vocabulary::{Refusal, TenantId, network};

use crate::refusal::WebhookRefusal;

/// The headers and the raw bytes of the body, whole and within the cap.
#[derive(Debug, Clone)]
pub struct Parcel {
    /// Every header, duplicates included.
    pub headers: HeaderMap,
    /// The bytes of the body as they came.
    pub body: Bytes,
}

/// Bytes of a body that are not counted: as many connections as there may be hold little of them together.
const SMALL: usize = 16 * 1024;

/// Bytes of the largest body that a subscription may take: a network has room for one.
const LARGEST: u64 = 26 * 1024 * 1024;

/// Bytes of bodies that are in memory, of each network at each tenant, of each tenant, and of all together. Whoever knows a URL may send one, and
/// it is held before anybody vouched for it.
pub(crate) struct Room {
    shares: [Arc<Shares>; 3],
}

/// What a body takes of it, until it is dropped.
pub(crate) struct Held {
    shares: [Share; 3],
}

impl Room {
    pub(crate) fn new(each: u64, all: u64) -> Self {
        // One network alone does not take all of a tenant's room from its provider.
        Self { shares: [Shares::new((each / 4).max(LARGEST)), Shares::new(each), Shares::of_all(all)] }
    }

    pub(crate) fn enter(&self, tenant: TenantId, peer: IpAddr) -> Held {
        let [from, each, all] = &self.shares;
        let network = match network(peer) {
            IpAddr::V4(address) => u128::from(address.to_bits()),
            IpAddr::V6(address) => address.to_bits(),
        };
        // Tenants' numbers are mostly chance, so that no two sums of one and a network meet.
        let whose = TenantId::from_u128(tenant.as_u128() ^ network.rotate_left(64));
        Held { shares: [from.none(whose), each.none(tenant), all.none(tenant)] }
    }
}

impl Held {
    /// Holds a body of so many bytes, where there is room for it.
    fn hold(&mut self, bytes: usize) -> Result<(), Refusal> {
        let wanted = if bytes > SMALL { bytes as u64 } else { 0 };
        if self.shares.iter_mut().all(|share| share.grow_to(wanted)) {
            return Ok(());
        }
        Err(WebhookRefusal::BodyRoom.refuse().retry_after(Duration::from_secs(5)))
    }
}

impl Parcel {
    /// Reads a body whole. What is announced only makes a refusal come sooner; bytes are counted as they come.
    pub(crate) async fn read<B>(
        headers: HeaderMap,
        body: B,
        (most, held): (usize, &mut Held),
        alarm: &mut Alarm,
        until: Duration,
    ) -> Result<Self, Refusal>
    where
        B: Body<Data = Bytes>,
    {
        if body.size_hint().lower() > most as u64 {
            return Err(WebhookRefusal::BodyTooLarge.into());
        }
        match alarm.race(until, whole(body, most, held)).await {
            Ok(read) => Ok(Self { headers, body: read? }),
            Err(Rang) => Err(WebhookRefusal::BodyStalled.into()),
        }
    }
}

async fn whole<B: Body<Data = Bytes>>(body: B, most: usize, held: &mut Held) -> Result<Bytes, Refusal> {
    let mut body = pin!(body);
    let mut first = None;
    let mut all = BytesMut::new();
    let mut read = 0usize;
    while let Some(frame) = std::future::poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        // Why it broke off is of no use to whoever did not send it whole.
        let Ok(frame) = frame else { return Err(WebhookRefusal::BodyBroken.into()) };
        let Ok(data) = frame.into_data() else { continue };
        read = read.saturating_add(data.len());
        if read > most {
            return Err(WebhookRefusal::BodyTooLarge.into());
        }
        held.hold(read)?;
        // Most bodies are one piece, which is then not copied.
        match first.take() {
            None if all.is_empty() => first = Some(data),
            None => all.extend_from_slice(&data),
            Some(before) => {
                all.extend_from_slice(&before);
                all.extend_from_slice(&data);
            }
        }
    }
    Ok(first.unwrap_or_else(|| all.freeze()))
}

#[cfg(test)]
mod tests;
