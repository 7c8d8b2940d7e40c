//! Whether a redirect is followed, and with what.
//!
//! Pure: a trail of hops and the rules of its connection. Every hop's URL goes through the same strict
//! reading as any other and is vetted anew before it is dialled. A vendor that redirects is trusted no
//! further than its connection says: another origin needs to be listed and never gets the credential.

use http::header::LOCATION;
use http::{HeaderMap, Method, StatusCode};
use lockgate_access::directory::Base;
use lockgate_access::spec::RedirectSpec;

use super::host::{Host, HostList};
use super::url::{Scheme, StrictUrl};
use crate::refusal::EgressRefusal;

/// How many redirects are followed in one call.
pub const HOPS: usize = 5;

/// What to do with an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// It is no redirect: the caller gets it.
    Answer,
    /// It is one, and may be followed once its destination is vetted.
    Hop(Hop),
}

/// The next request of a trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// Where to.
    pub url: StrictUrl,
    /// The method.
    pub method: Method,
    /// Whether the body goes along.
    pub keeps_body: bool,
    /// Whether the credential goes along: only to the same origin, only below the connection's prefix, and
    /// never again once it was taken off. Whether the caller may call there is judged right before it.
    pub keeps_credential: bool,
}

/// The requests of one call so far.
#[derive(Debug)]
pub struct Trail<'a> {
    prefix: &'a str,
    rules: &'a RedirectSpec,
    seen: Vec<(Method, StrictUrl)>,
    has_credential: bool,
}

impl<'a> Trail<'a> {
    /// Begins with the call itself.
    pub fn start(
        base: &'a Base,
        rules: &'a RedirectSpec,
        method: Method,
        path_and_query: &str,
    ) -> Result<Self, EgressRefusal> {
        let url = StrictUrl::of(Scheme::of(base), Host::parse(&base.host)?, base.port, path_and_query)?;
        Ok(Self { prefix: &base.prefix, rules, seen: vec![(method, url)], has_credential: true })
    }

    /// Reads an answer to the last request of the trail. A hop that is returned counts as made.
    pub fn follow(&mut self, status: StatusCode, headers: &HeaderMap) -> Result<Next, EgressRefusal> {
        let Some(location) = location(status, headers)? else { return Ok(Next::Answer) };
        if !self.rules.follow {
            return Err(EgressRefusal::RedirectNotFollowed);
        }
        let (method, current) = self.seen.last().ok_or(EgressRefusal::RedirectLocation)?;
        let url = current.join(location)?;
        let (method, keeps_body) = method_after(status, method)?;
        let same_origin = current.is_same_origin(&url);
        if current.scheme() == Scheme::Https && url.scheme() == Scheme::Http {
            return Err(EgressRefusal::RedirectDowngrade);
        }
        if !same_origin && !self.lists(url.host()) {
            return Err(EgressRefusal::RedirectHost);
        }
        let step = (method, url);
        if self.seen.contains(&step) {
            return Err(EgressRefusal::RedirectLoop);
        }
        if self.seen.len() > HOPS {
            return Err(EgressRefusal::RedirectTooMany);
        }
        self.has_credential &= same_origin && is_below(self.prefix, step.1.path());
        self.seen.push(step.clone());
        let (method, url) = step;
        Ok(Next::Hop(Hop { url, method, keeps_body, keeps_credential: self.has_credential }))
    }

    /// Whether the connection lists the host. A list with an entry that cannot be read allows nothing.
    fn lists(&self, host: &Host) -> bool {
        let list = HostList::parse(self.rules.hosts.iter().map(String::as_str)).unwrap_or_default();
        list.allows(host)
    }
}

/// Where a redirect leads; none where the answer is no redirect. `Location` beside a status that is no
/// redirect (201, 202) only names something; beside an unknown 3xx it asks for one reader's luck.
fn location(status: StatusCode, headers: &HeaderMap) -> Result<Option<&str>, EgressRefusal> {
    if !status.is_redirection() {
        return Ok(None);
    }
    let mut locations = headers.get_all(LOCATION).iter();
    let first = locations.next();
    let follows = matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308);
    match (follows, first) {
        (false, None) => Ok(None),
        (false, Some(_)) => Err(EgressRefusal::RedirectStatus),
        (true, Some(location)) if locations.next().is_none() => match std::str::from_utf8(location.as_bytes()) {
            Ok(location) if !location.is_empty() => Ok(Some(location)),
            _ => Err(EgressRefusal::RedirectLocation),
        },
        (true, _) => Err(EgressRefusal::RedirectLocation),
    }
}

/// The method and whether the body stays (RFC 9110 section 15.4). Where programs disagree, at a write
/// answered with 301 or 302, nothing is sent: neither a write repeated elsewhere nor a read in its place
/// is what the caller asked for.
fn method_after(status: StatusCode, method: &Method) -> Result<(Method, bool), EgressRefusal> {
    let reads = matches!(*method, Method::GET | Method::HEAD);
    match status.as_u16() {
        303 if *method == Method::HEAD => Ok((Method::HEAD, false)),
        303 => Ok((Method::GET, false)),
        307 | 308 => Ok((method.clone(), true)),
        _ if reads => Ok((method.clone(), true)),
        _ => Err(EgressRefusal::RedirectMethod),
    }
}

/// Whether the path lies below the prefix in every reading: no encoded dot, slash or backslash that a
/// server could resolve after us.
fn is_below(prefix: &str, path: &str) -> bool {
    let (path, _) = path.split_once('?').unwrap_or((path, ""));
    let lower = path.to_ascii_lowercase();
    let hides = ["%2e", "%2f", "%5c", "%25"].iter().any(|code| lower.contains(code));
    !hides && path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests;
