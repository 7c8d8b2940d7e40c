//! Base URLs: one strict reading of `https://host[:port][/prefix]`, and no other.
//!
//! A credential is bound to what stands here, so nothing is guessed or corrected: a host that another
//! reader could take for a different one is refused. Not here: the addresses behind a name (`egress`).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use ipnet::IpNet;

use super::Base;
use crate::template::canonical_path;

/// What stands first in a catalogue's host where the vendor gives each customer a host of its own.
pub const CUSTOMER: &str = "{customer}.";

/// Bytes of a base URL.
const URL_BYTES: usize = 1024;

/// Why a text is no base URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BaseParse {
    /// The host is an address literal that no danger network of the connection has.
    Address,
    /// The host is not a DNS name in its canonical ASCII spelling.
    Host,
    /// The host has one label; only a connection with danger networks may have such a one.
    Local,
    /// The port is not a number from 1 to 65535 in its shortest spelling, or it is 443, which is left out.
    Port,
    /// The path is not canonical, or it ends in a slash.
    Prefix,
    /// It does not start with `https://`, is too long, or has a user, a query or a fragment.
    Shape,
}

impl fmt::Display for BaseParse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Address => "an address in place of a host name needs a danger network that has it",
            Self::Host => {
                "the host is not a DNS name in lower-case ASCII (a name in another script is written in its xn-- form)"
            }
            Self::Local => "a host of one label needs a danger network",
            Self::Port => "the port is a number from 1 to 65535, and 443 is left out",
            Self::Prefix => "the path prefix is not in its canonical spelling without a slash at its end",
            Self::Shape => "a base URL is https://host[:port][/prefix], without user, query and fragment",
        })
    }
}

impl std::error::Error for BaseParse {}

/// A base URL taken apart, its parts not yet shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BaseText<'a> {
    pub(crate) host: &'a str,
    pub(crate) port: u16,
    pub(crate) prefix: &'a str,
}

impl BaseText<'_> {
    pub(crate) fn to_base(self) -> Base {
        Base { plain: false, host: Arc::from(self.host), port: self.port, prefix: Arc::from(self.prefix) }
    }
}

/// Reads a base URL. Address literals and single labels are for connections with danger networks.
pub(crate) fn parse<'a>(url: &'a str, danger_networks: &[IpNet]) -> Result<BaseText<'a>, BaseParse> {
    let rest = url.strip_prefix("https://").filter(|_| url.len() <= URL_BYTES).ok_or(BaseParse::Shape)?;
    if rest.contains(['@', '?', '#', '\\']) || !rest.is_ascii() {
        return Err(BaseParse::Shape);
    }
    let (authority, prefix) = match rest.find('/').and_then(|at| rest.split_at_checked(at)) {
        Some(parts) => parts,
        None => (rest, ""),
    };
    let (host, port) = split_port(authority)?;
    check_host(host, danger_networks)?;
    let prefix = if prefix == "/" { "" } else { prefix };
    let canonical = prefix.is_empty() || matches!(canonical_path(prefix), Ok(std::borrow::Cow::Borrowed(_)));
    if !canonical || prefix.ends_with('/') {
        return Err(BaseParse::Prefix);
    }
    Ok(BaseText { host, port, prefix })
}

/// Reads a provider's base URL, whose host may start with [`CUSTOMER`].
pub(crate) fn parse_provider(url: &str) -> Result<Base, BaseParse> {
    let Some(domain) = url.strip_prefix("https://").and_then(|rest| rest.strip_prefix(CUSTOMER)) else {
        // A tenant's own provider may well stand in a private network; its connections then say so.
        return parse(url, &any_network()).map(BaseText::to_base);
    };
    let fixed = format!("https://{domain}");
    let base = parse(&fixed, &[])?;
    Ok(Base { host: format!("{CUSTOMER}{}", base.host).into(), ..base.to_base() })
}

fn any_network() -> [IpNet; 2] {
    let net = |address: IpAddr| IpNet::new_assert(address, 0);
    [net(Ipv4Addr::UNSPECIFIED.into()), net(Ipv6Addr::UNSPECIFIED.into())]
}

fn split_port(authority: &str) -> Result<(&str, u16), BaseParse> {
    // The colons of an IPv6 address stand inside its brackets.
    let after_brackets = authority.rfind(']').map_or(0, |at| at + 1);
    let (_, tail) = authority.split_at_checked(after_brackets).ok_or(BaseParse::Host)?;
    let Some((gap, port)) = tail.rsplit_once(':') else { return Ok((authority, 443)) };
    let host_bytes = after_brackets + gap.len();
    let (host, _) = authority.split_at_checked(host_bytes).ok_or(BaseParse::Host)?;
    let number: u16 = port.parse().map_err(|_| BaseParse::Port)?;
    if number == 0 || number == 443 || number.to_string() != port {
        return Err(BaseParse::Port);
    }
    Ok((host, number))
}

pub(crate) fn check_host(host: &str, danger_networks: &[IpNet]) -> Result<(), BaseParse> {
    if let Some(address) = literal(host)? {
        let vouched = danger_networks.iter().any(|network| network.contains(&address));
        return if vouched { Ok(()) } else { Err(BaseParse::Address) };
    }
    if !is_dns_name(host) {
        return Err(BaseParse::Host);
    }
    if !host.contains('.') && danger_networks.is_empty() {
        return Err(BaseParse::Local);
    }
    Ok(())
}

/// The address that the host is a literal of, in its one spelling. Old spellings of IPv4 (fewer than
/// four parts, octal, hexadecimal) are no addresses here and fail as names, since their last label is
/// a number.
fn literal(host: &str) -> Result<Option<IpAddr>, BaseParse> {
    if let Some(inner) = host.strip_prefix('[') {
        let inner = inner.strip_suffix(']').ok_or(BaseParse::Host)?;
        let address: Ipv6Addr = inner.parse().map_err(|_| BaseParse::Host)?;
        let one_spelling = address.to_string() == inner && address.to_ipv4_mapped().is_none();
        return if one_spelling { Ok(Some(IpAddr::V6(address))) } else { Err(BaseParse::Host) };
    }
    Ok(host.parse::<Ipv4Addr>().ok().map(IpAddr::V4))
}

/// Whether it is a DNS name as RFC 1123 has it, in lower case, whose last label is no number (the URL
/// Standard reads such a host as an IPv4 address).
pub(crate) fn is_dns_name(host: &str) -> bool {
    let label = |label: &str| {
        let bytes = label.as_bytes();
        let plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        (1..=63).contains(&bytes.len())
            && bytes.iter().all(|byte| plain(byte) || *byte == b'-')
            && bytes.first().is_some_and(plain)
            && bytes.last().is_some_and(plain)
    };
    let last = host.rsplit('.').next().unwrap_or_default();
    let numeric = last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x");
    host.len() <= 253 && host.split('.').all(label) && !numeric
}

/// Whether a connection of a provider with this base may have that one: the same, or narrower, or, for
/// a provider whose customers have hosts of their own, such a host.
pub(crate) fn narrows(provider: &Base, own: BaseText<'_>) -> bool {
    let host = match provider.host.strip_prefix(CUSTOMER) {
        Some(domain) => own.host.strip_suffix(domain).is_some_and(|labels| labels.len() > 1 && labels.ends_with('.')),
        None => own.host == &*provider.host,
    };
    let below = own.prefix.strip_prefix(&*provider.prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    host && own.port == provider.port && below
}

#[cfg(test)]
mod tests;
