//! How [`SubscriptionSpec`] is read: from one object, of which each direction takes some members and no others.
//!
//! serde's own way with a tag buffers the object first. It would then take arrays for the objects below, and lose
//! the place of a slip.

use ipnet::IpNet;
use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::{DeliverySpec, EndpointSpec, Handoff, InboundSpec, OutboundSpec, SubscriptionSpec};
use crate::setting::SettingSpec;

/// Every member that there is for either direction.
#[derive(Deserialize)]
#[serde(rename = "SubscriptionSpec", deny_unknown_fields)]
struct Written {
    direction: Direction,
    #[serde(default, deserialize_with = "given")]
    scheme: Option<String>,
    #[serde(default, deserialize_with = "given")]
    setting: Option<SettingSpec>,
    #[serde(default, deserialize_with = "given")]
    addresses: Option<Vec<IpNet>>,
    #[serde(default, deserialize_with = "given")]
    published_addresses: Option<bool>,
    #[serde(default, deserialize_with = "given")]
    per_minute: Option<Option<u32>>,
    #[serde(default, deserialize_with = "given")]
    body_bytes: Option<Option<u32>>,
    #[serde(default, deserialize_with = "given")]
    handoff: Option<Handoff>,
    #[serde(default, deserialize_with = "given")]
    event_types: Option<Vec<String>>,
    #[serde(default, deserialize_with = "given")]
    endpoint: Option<EndpointSpec>,
    #[serde(default)]
    delivery: DeliverySpec,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Direction {
    Inbound,
    Outbound,
}

impl Direction {
    /// What may stand beside it.
    const fn members(self) -> &'static [&'static str] {
        match self {
            Self::Inbound => &[
                "direction",
                "scheme",
                "setting",
                "addresses",
                "published_addresses",
                "per_minute",
                "body_bytes",
                "handoff",
                "delivery",
            ],
            Self::Outbound => &["direction", "event_types", "endpoint", "delivery"],
        }
    }
}

/// A member that is there, which null is as well.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl Written {
    /// What is there and belongs to the other direction.
    fn foreign(&self) -> Option<&'static str> {
        let there = [
            ("scheme", self.scheme.is_some()),
            ("setting", self.setting.is_some()),
            ("addresses", self.addresses.is_some()),
            ("published_addresses", self.published_addresses.is_some()),
            ("per_minute", self.per_minute.is_some()),
            ("body_bytes", self.body_bytes.is_some()),
            ("handoff", self.handoff.is_some()),
            ("event_types", self.event_types.is_some()),
            ("endpoint", self.endpoint.is_some()),
        ];
        let members = self.direction.members();
        there.into_iter().find(|(name, is_there)| *is_there && !members.contains(name)).map(|(name, _)| name)
    }
}

impl<'de> Deserialize<'de> for SubscriptionSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Written::deserialize(deserializer)?;
        if let Some(foreign) = written.foreign() {
            return Err(D::Error::unknown_field(foreign, written.direction.members()));
        }
        let missing = |name| move || D::Error::missing_field(name);
        Ok(match written.direction {
            Direction::Inbound => Self::Inbound(Box::new(InboundSpec {
                scheme: written.scheme.ok_or_else(missing("scheme"))?,
                setting: written.setting.unwrap_or_default(),
                addresses: written.addresses.unwrap_or_default(),
                published_addresses: written.published_addresses.unwrap_or_default(),
                per_minute: written.per_minute.flatten(),
                body_bytes: written.body_bytes.flatten(),
                handoff: written.handoff.unwrap_or_default(),
                delivery: written.delivery,
            })),
            Direction::Outbound => Self::Outbound(OutboundSpec {
                event_types: written.event_types.ok_or_else(missing("event_types"))?,
                endpoint: written.endpoint.ok_or_else(missing("endpoint"))?,
                delivery: written.delivery,
            }),
        })
    }
}
