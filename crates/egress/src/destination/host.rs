//! Hosts in one canonical form, and lists of hosts that are allowed.
//!
//! Pure. A host that two programs could read differently is refused rather than interpreted: numbers
//! that are not four decimal octets, characters that some mapping turns into others, labels that do not
//! survive the way to Unicode and back. What a name may refer to is asked in [`super::internal`]; where
//! it leads, in [`super::resolve`].

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

use crate::refusal::EgressRefusal;

/// The longest name, without the root's dot (RFC 1035 section 3.1).
const NAME_BYTES: usize = 253;

/// The longest label.
const LABEL_BYTES: usize = 63;

/// Characters that IDNA2003 and IDNA2008 map to different names: ß, ς and the two joiners.
const DEVIATIONS: [char; 4] = ['\u{df}', '\u{3c2}', '\u{200c}', '\u{200d}'];

/// A host in its canonical form.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// A DNS name: lower case, ASCII, no dot at its end.
    Name(Arc<str>),
    /// An address.
    Address(IpAddr),
}

impl Host {
    /// Reads a host as it stands in a URL: a name, four decimal octets, or IPv6 in brackets.
    pub fn parse(text: &str) -> Result<Self, EgressRefusal> {
        if let Some(rest) = text.strip_prefix('[') {
            let inner = rest.strip_suffix(']').ok_or(EgressRefusal::HostInvalid)?;
            return bracketed(inner).map(|address| Self::Address(IpAddr::V6(address)));
        }
        let name = if text.is_ascii() { text.to_ascii_lowercase() } else { from_unicode(text)? };
        if ends_in_number(&name) {
            // The standard parser takes nothing but four decimal octets without leading zeros.
            let address: Ipv4Addr = name.parse().map_err(|_| EgressRefusal::HostNumeric)?;
            return Ok(Self::Address(IpAddr::V4(address)));
        }
        if !is_well_formed(&name) {
            return Err(EgressRefusal::HostInvalid);
        }
        survives_unicode(&name)?;
        Ok(Self::Name(name.into()))
    }

    /// The name, where it is one.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Name(name) => Some(name),
            Self::Address(_) => None,
        }
    }

    /// The address, where it is one.
    pub fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Name(_) => None,
            Self::Address(address) => Some(*address),
        }
    }
}

impl fmt::Display for Host {
    /// As it stands in a URL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => match (address.to_ipv4_mapped(), address.segments()) {
                // Without the dots in which the standard library writes these, so that it can be read again.
                (Some(_), [.., high, low]) => write!(f, "[::ffff:{high:x}:{low:x}]"),
                (None, _) => write!(f, "[{address}]"),
            },
        }
    }
}

/// IPv6 without a zone (which means another machine on every machine) and without IPv4 digits in it.
fn bracketed(inner: &str) -> Result<Ipv6Addr, EgressRefusal> {
    if inner.contains(['.', '%']) {
        return Err(EgressRefusal::HostLookalike);
    }
    inner.parse().map_err(|_| EgressRefusal::HostInvalid)
}

/// Whether some program would take it for an IPv4 address: its last label is a number in any notation
/// (the rule of the WHATWG URL standard, which covers what `inet_aton` takes).
fn ends_in_number(name: &str) -> bool {
    let last = name.rsplit('.').find(|label| !label.is_empty()).unwrap_or_default();
    let decimal = !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit());
    let hexadecimal = last.strip_prefix("0x").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_hexdigit()));
    decimal || hexadecimal
}

fn is_well_formed(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    let label = |label: &str| {
        (1..=LABEL_BYTES).contains(&label.len())
            && label.bytes().all(plain)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // A top-level label begins with a letter (RFC 1123 section 2.1, RFC 3696 section 2).
    let top = |last: &str| last.starts_with(|first: char| first.is_ascii_lowercase()) && !last.contains('_');
    name.len() <= NAME_BYTES && name.split('.').all(label) && name.rsplit_once('.').is_none_or(|(_, last)| top(last))
}

/// Takes a name in Unicode only if every program maps it alike: in lower case, composed, without
/// characters that stand for others. Whoever means such a name can write its ASCII form.
fn from_unicode(text: &str) -> Result<String, EgressRefusal> {
    // The Kelvin sign, for one, is a capital of the letter k.
    let becomes_ascii = |c: char| !c.is_ascii() && c.to_lowercase().any(|lower| lower.is_ascii());
    let lower = text.to_lowercase();
    if lower.contains(DEVIATIONS) || text.contains(becomes_ascii) {
        return Err(EgressRefusal::HostLookalike);
    }
    let uts46 = Uts46::new();
    let ascii = uts46
        .to_ascii(lower.as_bytes(), AsciiDenyList::URL, Hyphens::CheckFirstLast, DnsLength::Verify)
        .map_err(|_| EgressRefusal::HostInvalid)?;
    let written = lower.split('.');
    let mapped = ascii.split('.');
    // A different number of labels means that some character stood for a dot.
    let alike = written.clone().count() == mapped.clone().count()
        && written.zip(mapped).all(|(written, mapped)| is_same_label(&uts46, written, mapped));
    if alike { Ok(ascii.into_owned()) } else { Err(EgressRefusal::HostLookalike) }
}

fn is_same_label(uts46: &Uts46, written: &str, mapped: &str) -> bool {
    if written.is_ascii() {
        return written == mapped;
    }
    let (unicode, valid) = uts46.to_unicode(mapped.as_bytes(), AsciiDenyList::URL, Hyphens::Allow);
    valid.is_ok() && mapped.starts_with("xn--") && unicode == written
}

/// An `xn--` label that is not what its own Unicode form encodes to names two things at once.
fn survives_unicode(name: &str) -> Result<(), EgressRefusal> {
    if !name.split('.').any(|label| label.starts_with("xn--")) {
        return Ok(());
    }
    let uts46 = Uts46::new();
    let (unicode, valid) = uts46.to_unicode(name.as_bytes(), AsciiDenyList::URL, Hyphens::Allow);
    let back = uts46.to_ascii(unicode.as_bytes(), AsciiDenyList::URL, Hyphens::Allow, DnsLength::Verify);
    match (valid, back) {
        (Ok(()), Ok(back)) if back == name => Ok(()),
        _ => Err(EgressRefusal::HostInvalid),
    }
}

/// Hosts that are allowed: whole hosts, and `*.example.com` for every name below `example.com`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HostList {
    hosts: Vec<Pattern>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Pattern {
    Exactly(Host),
    Below(Arc<str>),
}

impl HostList {
    /// Reads a list. One entry that cannot be read refuses the whole list: a list that silently lost an
    /// entry would say less, or more, than its author meant.
    pub fn parse<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Self, EgressRefusal> {
        let hosts = entries.into_iter().map(Pattern::parse).collect::<Result<_, _>>()?;
        Ok(Self { hosts })
    }

    /// Whether the host is on the list.
    pub fn allows(&self, host: &Host) -> bool {
        self.hosts.iter().any(|pattern| pattern.matches(host))
    }
}

impl Pattern {
    fn parse(entry: &str) -> Result<Self, EgressRefusal> {
        let Some(suffix) = entry.strip_prefix("*.") else {
            return Host::parse(entry).map(Self::Exactly);
        };
        match Host::parse(suffix)? {
            // `*.com` would allow everybody's names.
            Host::Name(name) if name.contains('.') => Ok(Self::Below(name)),
            _ => Err(EgressRefusal::HostInvalid),
        }
    }

    fn matches(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Exactly(allowed), host) => allowed == host,
            (Self::Below(suffix), Host::Name(name)) => {
                name.strip_suffix(&**suffix).is_some_and(|head| head.len() > 1 && head.ends_with('.'))
            }
            (Self::Below(_), Host::Address(_)) => false,
        }
    }
}

#[cfg(test)]
mod tests;
