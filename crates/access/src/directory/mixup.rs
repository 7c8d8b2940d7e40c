//! Two providers that name endpoints of one vendor and differ in the rest: how a code gets to the wrong vendor (RFC
//! 9700 section 4.4). Pure.
//!
//! A vendor has one authorization endpoint, one token endpoint and one issuer. Where two providers share one of them
//! and not the others, one of the two sends persons to the one vendor and their codes, or its client, to another one.
//! Either may be the true one, so none is believed before whoever operates the tenant has looked.
//!
//! Hosts are compared with their ports, and names below a name count as that name's: who answers for `vendor.test`
//! answers for `shop.vendor.test`. Neighbours do not: `one.hosted.test` and `two.hosted.test` may be anybody's. On one
//! host that serves many the path of the token endpoint tells them apart. Servers differ in what they take for the same
//! path, so pages of one host are another only where more than their spelling is.

use std::borrow::Cow;

use http::Uri;

use super::Provider;
use crate::spec::{AuthPlacement, AuthorizationSpec, TokenSpec};
use crate::template::canonical_path;

/// What one of two providers has of the other's vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mixed {
    /// The authorization endpoint or its host's name, with another token endpoint or issuer.
    Authorization,
    /// The issuer, with other endpoints.
    Issuer,
    /// The token endpoint or its host's name, with another authorization endpoint or issuer.
    Token,
}

impl Mixed {
    /// What it is, for whoever wrote the provider.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Authorization => {
                "the authorization endpoint or its host's name, with another token endpoint or issuer"
            }
            Self::Issuer => "the issuer, with other endpoints",
            Self::Token => "the token endpoint or its host's name, with another authorization endpoint or issuer",
        }
    }
}

/// The first of the others with which this provider shares something, and not all. Providers for which no person
/// connects an account have no codes.
pub(crate) fn mixed<'a>(
    provider: &Provider,
    others: impl Iterator<Item = &'a Provider>,
) -> Option<(&'a Provider, Mixed)> {
    let own = Ends::of(&provider.auth)?;
    let mut others = others.filter(|other| other.name != provider.name);
    others.find_map(|other| own.against(&Ends::of(&other.auth)?).map(|mixed| (other, mixed)))
}

/// Whether a change leaves what is compared as it was, or only adds that the vendor has several. Two that are mixed
/// already are put right one after the other, so it is let be while nobody connects an account of either.
pub(crate) fn is_no_worse(old: &AuthPlacement, new: &AuthPlacement) -> bool {
    let (Some(old), Some(new)) = (Ends::of(old), Ends::of(new)) else { return false };
    let same = old.authorization == new.authorization && old.token == new.token && old.issuer == new.issuer;
    same && (new.several || !old.several)
}

/// Whether one of two endpoints is at the other's host or below it, at the same port.
pub(crate) fn are_kin(one: &str, other: &str) -> bool {
    End::of(one).zip(End::of(other)).is_some_and(|(one, other)| one.is_kin(&other, None))
}

/// Where a provider sends persons and their codes.
struct Ends<'a> {
    authorization: End<'a>,
    token: End<'a>,
    issuer: Option<&'a str>,
    several: bool,
}

impl<'a> Ends<'a> {
    fn of(auth: &'a AuthPlacement) -> Option<Self> {
        let AuthPlacement::OAuth(token) = auth else { return None };
        let TokenSpec { token_url, authorization: Some(authorization), .. } = &**token else { return None };
        let AuthorizationSpec { url, issuer, danger_shared_endpoints, .. } = authorization;
        let (authorization, token) = (End::of(url)?, End::of(token_url)?);
        Some(Self { authorization, token, issuer: issuer.as_deref(), several: *danger_shared_endpoints })
    }

    fn against(&self, other: &Self) -> Option<Mixed> {
        // Who says it in one of the two alone does not speak for the other.
        if self.several && other.several {
            return None;
        }
        let issuers = self.issuer.zip(other.issuer);
        let other_issuer = issuers.is_some_and(|(own, other)| own != other);
        let same_issuer = issuers.is_some_and(|(own, other)| own == other);
        let page = self.authorization.is_beside(&other.authorization);
        let endpoint = self.token.is_beside(&other.token);
        let tokens_kin = self.token.is_kin(&other.token, page.then_some(&self.authorization));
        let pages_kin = self.authorization.is_kin(&other.authorization, endpoint.then_some(&self.token));
        // A page below the vendor's name may be the vendor's as well, and a page is told by its path there too.
        let near_page = self.authorization.is_kin(&other.authorization, None);
        let same_path = self.authorization.is_spelled_like(&other.authorization);
        let another_token = !tokens_kin || (same_path && !self.token.is_of_one_server(&other.token));
        if (near_page && another_token) || (page && same_path && other_issuer) {
            return Some(Mixed::Authorization);
        }
        let near_token = self.token.is_kin(&other.token, None);
        let same_token = endpoint && self.token.is_spelled_like(&other.token);
        if (near_token && !pages_kin) || (same_token && other_issuer) {
            return Some(Mixed::Token);
        }
        let apart = !tokens_kin || !pages_kin || !self.token.is_of_one_server(&other.token);
        (same_issuer && apart).then_some(Mixed::Issuer)
    }
}

/// An endpoint in one spelling.
#[derive(PartialEq)]
struct End<'a> {
    host: String,
    port: u16,
    path: Cow<'a, str>,
}

impl<'a> End<'a> {
    /// What stands in a provider is an `https:` URL without user name, query and fragment.
    fn of(url: &'a str) -> Option<Self> {
        let uri = Uri::try_from(url).ok()?;
        let host = uri.host()?.trim_end_matches('.').to_ascii_lowercase();
        let port = uri.port_u16().unwrap_or(443);
        let path = path_of(url);
        // What stands in a provider has one spelling; whatever else came here would be its own.
        Some(Self { host, port, path: canonical_path(path).unwrap_or(Cow::Borrowed(path)) })
    }

    /// Whether both are at one host and port.
    fn is_beside(&self, other: &Self) -> bool {
        (self.port, &self.host) == (other.port, &other.host)
    }

    /// Whether the other is there or below this name.
    fn covers(&self, other: &Self) -> bool {
        let below = other.host.strip_suffix(&self.host).is_some_and(|labels| labels.ends_with('.'));
        self.port == other.port && (self.host == other.host || (below && self.host.contains('.')))
    }

    /// Whether both are one name's: one of them is below the other, or both below what the two providers share.
    fn is_kin(&self, other: &Self, shared: Option<&Self>) -> bool {
        let both = shared.is_some_and(|shared| shared.covers(self) && shared.covers(other));
        both || self.covers(other) || other.covers(self)
    }

    /// Whether the paths are one as careless servers read them: regardless of case, of a slash at the end and of what is
    /// percent-encoded.
    fn is_spelled_like(&self, other: &Self) -> bool {
        folded(&self.path) == folded(&other.path)
    }

    /// Whether they are one, or at different hosts, which tell for themselves.
    fn is_of_one_server(&self, other: &Self) -> bool {
        !self.is_beside(other) || self.path == other.path
    }
}

/// The path of an `https:` URL, as it is written.
pub(crate) fn path_of(url: &str) -> &str {
    let rest = url.strip_prefix("https://");
    rest.and_then(|rest| rest.find('/').and_then(|at| rest.get(at..))).unwrap_or("/")
}

/// A path as a careless server reads it.
fn folded(path: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path.trim_end_matches('/').bytes();
    while let Some(byte) = rest.next() {
        let mut digits = rest.clone();
        let hidden = if byte == b'%' { hex(digits.next()).zip(hex(digits.next())) } else { None };
        let Some((high, low)) = hidden else {
            out.push(byte.to_ascii_lowercase());
            continue;
        };
        out.push((high << 4 | low).to_ascii_lowercase());
        rest = digits;
    }
    out
}

fn hex(digit: Option<u8>) -> Option<u8> {
    let value = char::from(digit?).to_digit(16)?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests;
