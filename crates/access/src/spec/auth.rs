//! How [`AuthPlacement`] is read: from one object, of which each placement takes some members and no others.
//!
//! serde's own way with a tag buffers the object first. It would then let any member stand beside a placement that
//! has none, take arrays for the objects below, and lose the place of a slip.

use std::collections::BTreeMap;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::{AuthPlacement, AuthorizationSpec, ClientAuth, TokenSpec};

/// Every member that there is for any placement.
#[derive(Deserialize)]
#[serde(rename = "AuthPlacement", deny_unknown_fields)]
struct Written {
    placement: Placement,
    #[serde(default, deserialize_with = "given")]
    name: Option<String>,
    #[serde(default, deserialize_with = "given")]
    prefix: Option<String>,
    #[serde(default, deserialize_with = "given")]
    token_url: Option<String>,
    #[serde(default, deserialize_with = "given")]
    client_auth: Option<ClientAuth>,
    #[serde(default, deserialize_with = "given")]
    scope: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    resource: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    parameters: Option<BTreeMap<String, String>>,
    #[serde(default, deserialize_with = "given")]
    authorization: Option<Option<AuthorizationSpec>>,
    #[serde(default, deserialize_with = "given")]
    revocation_url: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    assertion_audience: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    dpop: Option<bool>,
    #[serde(default, deserialize_with = "given")]
    certificate_bound: Option<bool>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Placement {
    Bearer,
    Header,
    Query,
    Basic,
    OAuth,
    None,
}

impl Placement {
    /// What may stand beside it.
    const fn members(self) -> &'static [&'static str] {
        match self {
            Self::Bearer | Self::Basic | Self::None => &["placement"],
            Self::Header => &["placement", "name", "prefix"],
            Self::Query => &["placement", "name"],
            Self::OAuth => &[
                "placement",
                "token_url",
                "client_auth",
                "scope",
                "resource",
                "parameters",
                "authorization",
                "revocation_url",
                "assertion_audience",
                "dpop",
                "certificate_bound",
            ],
        }
    }
}

/// A member that is there, which null is as well.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl Written {
    /// What is there and belongs to another placement.
    fn foreign(&self) -> Option<&'static str> {
        let there = [
            ("name", self.name.is_some()),
            ("prefix", self.prefix.is_some()),
            ("token_url", self.token_url.is_some()),
            ("client_auth", self.client_auth.is_some()),
            ("scope", self.scope.is_some()),
            ("resource", self.resource.is_some()),
            ("parameters", self.parameters.is_some()),
            ("authorization", self.authorization.is_some()),
            ("revocation_url", self.revocation_url.is_some()),
            ("assertion_audience", self.assertion_audience.is_some()),
            ("dpop", self.dpop.is_some()),
            ("certificate_bound", self.certificate_bound.is_some()),
        ];
        let members = self.placement.members();
        there.into_iter().find(|(name, is_there)| *is_there && !members.contains(name)).map(|(name, _)| name)
    }
}

impl<'de> Deserialize<'de> for AuthPlacement {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Written::deserialize(deserializer)?;
        if let Some(foreign) = written.foreign() {
            return Err(D::Error::unknown_field(foreign, written.placement.members()));
        }
        let missing = |name| move || D::Error::missing_field(name);
        Ok(match written.placement {
            Placement::Bearer => Self::Bearer,
            Placement::Basic => Self::Basic,
            Placement::None => Self::None,
            Placement::Header => Self::Header {
                name: written.name.ok_or_else(missing("name"))?,
                prefix: written.prefix.unwrap_or_default(),
            },
            Placement::Query => Self::Query { name: written.name.ok_or_else(missing("name"))? },
            Placement::OAuth => Self::OAuth(Box::new(TokenSpec {
                token_url: written.token_url.ok_or_else(missing("token_url"))?,
                client_auth: written.client_auth.unwrap_or_default(),
                scope: written.scope.flatten(),
                resource: written.resource.flatten(),
                parameters: written.parameters.unwrap_or_default(),
                authorization: written.authorization.flatten(),
                revocation_url: written.revocation_url.flatten(),
                assertion_audience: written.assertion_audience.flatten(),
                dpop: written.dpop.unwrap_or_default(),
                certificate_bound: written.certificate_bound.unwrap_or_default(),
            })),
        })
    }
}
