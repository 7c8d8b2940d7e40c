//! The verdict on a URL: what can be said without a name server, and what its answers must be like.
//!
//! Pure. `lockgate explain url`, the story of a call, every redirect and every errand use these same
//! functions. The order is part of the promise: everything that the text alone tells comes first, so that
//! no name is looked up for a URL that is refused anyway.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use super::host::{Host, HostList};
use super::url::{Scheme, StrictUrl};
use super::{address, internal};
use crate::refusal::EgressRefusal;

/// How many addresses of a name are kept for dialling. All of them are judged.
pub const ADDRESSES: usize = 16;

/// What is allowed.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// The hosts that may be called; every public host where absent.
    pub allow: Option<HostList>,
    /// Whether `http:` is judged like `https:`. It sends everything in the clear.
    pub danger_allow_http: bool,
    /// Private networks that may be reached all the same.
    pub danger_private_networks: Vec<IpNet>,
}

/// What the text of a URL tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It leads to this address, which may be called.
    Allowed(StrictUrl, IpAddr),
    /// The name may be looked up; [`judge_answers`] decides about what comes back.
    Resolve(StrictUrl),
    /// It must not be called; the URL where it could be read.
    Blocked(EgressRefusal, Option<StrictUrl>),
}

/// Judges a URL as far as its text goes.
pub fn judge(url: &str, policy: &Policy) -> Verdict {
    match StrictUrl::parse(url) {
        Ok(url) => judge_url(url, policy),
        Err(refusal) => Verdict::Blocked(refusal, None),
    }
}

/// Judges a URL that was read before.
pub fn judge_url(url: StrictUrl, policy: &Policy) -> Verdict {
    let allowed = || {
        if url.scheme() == Scheme::Http && !policy.danger_allow_http {
            return Err(EgressRefusal::UrlScheme);
        }
        let address = judge_host(url.host(), &policy.danger_private_networks);
        // A host that no list could open is named as such before the list is asked.
        match &policy.allow {
            Some(list) if address.is_ok() && !list.allows(url.host()) => Err(EgressRefusal::HostNotAllowed),
            _ => address,
        }
    };
    match allowed() {
        Ok(Some(address)) => Verdict::Allowed(url, address),
        Ok(None) => Verdict::Resolve(url),
        Err(refusal) => Verdict::Blocked(refusal, Some(url)),
    }
}

/// Judges a host: an address fully, a name as far as its text goes.
pub fn judge_host(host: &Host, opened: &[IpNet]) -> Result<Option<IpAddr>, EgressRefusal> {
    match host {
        Host::Address(address) => address::judge(*address, opened).map(|()| Some(*address)),
        Host::Name(name) => internal::judge(name, !opened.is_empty()).map(|()| None),
    }
}

/// Judges what a name server answered. One address that must not be called refuses the name: a server
/// that mixes them wants the caller to be lucky.
pub fn judge_answers(answers: &[IpAddr], port: u16, opened: &[IpNet]) -> Result<Vec<SocketAddr>, EgressRefusal> {
    if answers.is_empty() {
        return Err(EgressRefusal::NameUnresolved);
    }
    let mut kept: Vec<SocketAddr> = Vec::with_capacity(answers.len().min(ADDRESSES));
    for answer in answers {
        address::judge(*answer, opened)?;
        let socket = SocketAddr::new(*answer, port);
        if kept.len() < ADDRESSES && !kept.contains(&socket) {
            kept.push(socket);
        }
    }
    Ok(kept)
}

#[cfg(test)]
mod tests;
