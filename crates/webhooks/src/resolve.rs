//! From what an operator wrote down to what is worked with: everything is checked here, once, and all that is
//! wrong is told at once.

use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use lockgate_access::Violations;
use lockgate_egress::{Endpoint, EndpointParts};
use lockgate_store::Rate;

use crate::ground::Open;
use crate::judge::SCHEDULE;
use crate::scheme::{self, Scheme};
use crate::setting::Setting;
use crate::spec::{DeliverySpec, EndpointSpec, Handoff, InboundSpec, OutboundSpec, SubscriptionSpec};
use crate::subscription::{EventPattern, Inbound, Onward, Side, Way};

const DAY: Duration = Duration::from_secs(86_400);

/// Bytes of a body where a subscription says nothing; GitHub sends the largest that are known, 25 MB.
const BODY_BYTES: u32 = 1024 * 1024;
const BODY_BYTES_MOST: u32 = 26 * 1024 * 1024;

const PER_MINUTE: u32 = 60_000;

/// Knocks a minute of one network at the least, so that a few forgeries from a provider's own network do not shut
/// it out, and at the most.
const KNOCKS: u32 = 6_000;
const KNOCKS_MOST: u32 = 6_000_000;

/// Types of events of one way out.
const TYPES_MOST: usize = 100;

/// Networks of one address list.
const NETWORKS_MOST: usize = 500;

/// Bytes of a JSON Pointer.
const POINTER_BYTES: usize = 256;

/// A specification that makes sense.
#[derive(Debug, Clone)]
pub(crate) struct Resolved {
    pub(crate) side: Side,
    pub(crate) onward: Onward,
}

/// Resolves a specification. `open` is what the gateway's configuration opens to its tenant. A list of hosts does
/// not refuse here: it may have changed since, and what is not on it is refused at every message.
pub(crate) fn subscription(spec: &SubscriptionSpec, open: Open<'_>, wrong: &mut Violations) -> Option<Resolved> {
    match spec {
        SubscriptionSpec::Inbound(spec) => inbound(spec, open, wrong),
        SubscriptionSpec::Outbound(spec) => outbound(spec, open, wrong),
    }
}

fn inbound(spec: &InboundSpec, open: Open<'_>, wrong: &mut Violations) -> Option<Resolved> {
    let scheme = scheme::named(&spec.scheme);
    wrong.check(scheme.is_some(), "/scheme", "no scheme that is known; `hmac` and `jws` are for all others");
    let setting = scheme.and_then(|scheme| match Setting::resolve(scheme, &spec.setting) {
        Ok(setting) => Some(Arc::new(setting)),
        Err(found) => {
            found.into_iter().for_each(|each| wrong.add(format!("/setting{}", each.pointer), each.reason));
            None
        }
    });
    wrong.check(spec.addresses.len() <= NETWORKS_MOST, "/addresses", "at most 500 networks");
    let addresses = addresses(spec, scheme, wrong);
    let per_minute = spec.per_minute.unwrap_or(PER_MINUTE);
    let rate = Rate::per_minute(per_minute, (per_minute / 10).max(1));
    wrong.check(rate.is_some(), "/per_minute", "at least 1");
    let knocking = per_minute.saturating_mul(10).clamp(KNOCKS, KNOCKS_MOST);
    let body_bytes = spec.body_bytes.unwrap_or(BODY_BYTES);
    wrong.check((1..=BODY_BYTES_MOST).contains(&body_bytes), "/body_bytes", "1 to 27,262,976");
    let onward = match &spec.handoff {
        Handoff::Nats => Some(onward(Way::Publish, &spec.delivery, None, wrong)),
        Handoff::Pull => Some(onward(Way::Pull, &spec.delivery, None, wrong)),
        Handoff::Push(endpoint) => pushed(endpoint, &spec.delivery, "/handoff/push", open, wrong),
    };
    let inbound = Inbound {
        scheme: scheme?,
        setting: setting?,
        addresses,
        rate: rate?,
        knocking: Rate::per_minute(knocking, (knocking / 10).max(1))?,
        body_bytes: usize::try_from(body_bytes).unwrap_or(usize::MAX),
    };
    Some(Resolved { side: Side::Inbound(inbound), onward: onward? })
}

/// The networks that deliveries may come from: the operator's, and the provider's own where that is asked for.
fn addresses(spec: &InboundSpec, scheme: Option<&dyn Scheme>, wrong: &mut Violations) -> Box<[IpNet]> {
    let published = scheme.filter(|_| spec.published_addresses).map(|scheme| scheme.profile().sources);
    let known = published.is_none_or(|networks| !networks.is_empty());
    wrong.check(known, "/published_addresses", "the provider publishes none that are known here");
    let published = published.unwrap_or_default().iter().filter_map(|network| network.parse().ok());
    spec.addresses.iter().map(IpNet::trunc).chain(published).collect()
}

fn outbound(spec: &OutboundSpec, open: Open<'_>, wrong: &mut Violations) -> Option<Resolved> {
    wrong.check((1..=TYPES_MOST).contains(&spec.event_types.len()), "/event_types", "1 to 100 types");
    let mut types = Vec::with_capacity(spec.event_types.len());
    for (index, written) in spec.event_types.iter().take(TYPES_MOST).enumerate() {
        let pattern = pattern(written);
        wrong.check(pattern.is_some(), format!("/event_types/{index}"), "a type, or a beginning with `.*`, or `*`");
        types.extend(pattern);
    }
    let onward = pushed(&spec.endpoint, &spec.delivery, "/endpoint", open, wrong)?;
    Some(Resolved { side: Side::Outbound { types: types.into() }, onward })
}

/// A type of event, as it may be written: letters, digits, `.`, `_`, `-`, at most 128.
pub(crate) fn is_event_type(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=128).contains(&text.len()) && text.bytes().all(plain)
}

fn pattern(written: &str) -> Option<EventPattern> {
    if written == "*" {
        return Some(EventPattern::All);
    }
    match written.strip_suffix('*') {
        Some(begin) if begin.ends_with('.') && is_event_type(begin) => Some(EventPattern::Begins(begin.into())),
        Some(_) => None,
        None => is_event_type(written).then(|| EventPattern::Is(written.into())),
    }
}

fn pushed(
    spec: &EndpointSpec,
    delivery: &DeliverySpec,
    at: &'static str,
    open: Open<'_>,
    wrong: &mut Violations,
) -> Option<Onward> {
    for (index, network) in spec.danger_private_networks.iter().enumerate() {
        let within = open.networks.iter().any(|allowed| allowed.contains(network));
        let at = format!("{at}/danger_private_networks/{index}");
        wrong.check(within, at, "the gateway's configuration does not open this network to tenants");
    }
    let timeout = spec.timeout_seconds.unwrap_or(15);
    wrong.check((1..=30).contains(&timeout), format!("{at}/timeout_seconds"), "1 to 30");
    wrong.check(spec.per_minute != Some(0), format!("{at}/per_minute"), "at least 1");
    let concurrent = spec.concurrent.unwrap_or(8);
    wrong.check((1..=64).contains(&concurrent), format!("{at}/concurrent"), "1 to 64");
    let endpoint = Endpoint::resolve(EndpointParts {
        url: spec.url.clone(),
        trust_pem: spec.trust_pem.clone(),
        pins: Vec::new(),
        danger_private_networks: spec.danger_private_networks.clone(),
        allow: open.hosts.cloned(),
    });
    let endpoint = wrong.take(endpoint.map_err(|refusal| refusal.info().title), format!("{at}/url"))?;
    Some(onward(Way::Push(Arc::new(endpoint)), delivery, Some(spec), wrong))
}

/// Refuses an endpoint that is not on the house's list, where it is declared.
pub(crate) fn listed(resolved: &Resolved, wrong: &mut Violations) {
    let Way::Push(endpoint) = &resolved.onward.way else { return };
    let at = match resolved.side {
        Side::Inbound(_) => "/handoff/push/url",
        Side::Outbound { .. } => "/endpoint/url",
    };
    wrong.check(endpoint.is_listed(), at, "the gateway's configuration lists no such host for this tenant's endpoints");
}

fn onward(way: Way, spec: &DeliverySpec, endpoint: Option<&EndpointSpec>, wrong: &mut Violations) -> Onward {
    let waits = spec.retry_seconds.as_deref();
    let fits = waits.is_none_or(|waits| waits.len() <= 20 && waits.iter().all(|wait| (1..=86_400).contains(wait)));
    wrong.check(fits, "/delivery/retry_seconds", "at most 20 waits of 1 to 86,400 seconds");
    let schedule = match waits {
        Some(waits) => waits.iter().map(|wait| Duration::from_secs(u64::from(*wait))).collect(),
        None => SCHEDULE.into(),
    };
    let keep_days = spec.keep_days.unwrap_or(30);
    wrong.check((1..=365).contains(&keep_days), "/delivery/keep_days", "1 to 365");
    let pointer = spec.order_by.as_deref();
    let fits = pointer.is_none_or(|pointer| pointer.starts_with('/') && pointer.len() <= POINTER_BYTES);
    wrong.check(fits, "/delivery/order_by", "a JSON Pointer, which begins with `/`");
    Onward {
        way,
        schedule,
        timeout: Duration::from_secs(endpoint.and_then(|spec| spec.timeout_seconds).unwrap_or(15).into()),
        per_minute: endpoint.and_then(|spec| spec.per_minute),
        concurrent: endpoint.and_then(|spec| spec.concurrent).unwrap_or(8).into(),
        order_by: pointer.map(Into::into),
        keep: DAY * u32::from(keep_days),
        replay_approval: spec.replay_approval,
    }
}

#[cfg(test)]
mod tests;
