//! Where a delivery comes from: the address list of its subscription.

use std::net::IpAddr;

use crate::refusal::WebhookRefusal;
use crate::subscription::Inbound;

/// Demands that this address may deliver here. An empty list lets everybody knock.
pub(crate) fn demand(inbound: &Inbound, peer: IpAddr) -> Result<(), WebhookRefusal> {
    let peer = peer.to_canonical();
    let listed = inbound.addresses.iter().any(|network| network.contains(&peer));
    if listed || inbound.addresses.is_empty() { Ok(()) } else { Err(WebhookRefusal::AddressRefused) }
}
