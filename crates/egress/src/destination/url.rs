//! One strict reading of absolute URLs.
//!
//! Pure. RFC 3986, the WHATWG standard, curl and `inet_aton` disagree about many texts; whatever two of
//! them could read differently is refused here, so that what was judged is what everybody behind us
//! calls. What is left has one canonical form: scheme, host, port, and a path in which the dots are
//! resolved and everything is ASCII.

use std::fmt;

use lockgate_access::directory::Base;
use lockgate_vocabulary::limit::TARGET_BYTES;

use super::host::Host;
use crate::refusal::EgressRefusal;

/// How a destination is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Over TLS.
    Https,
    /// In the clear. Only where an operator opened it.
    Http,
}

impl Scheme {
    /// How a base is spoken to.
    pub const fn of(base: &Base) -> Self {
        if base.plain { Self::Http } else { Self::Https }
    }

    /// As it stands in a URL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
        }
    }

    /// The port that a URL leaves out.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Https => 443,
            Self::Http => 80,
        }
    }
}

/// Ports of other protocols, to which a browser sends no request either (the Fetch standard's list of bad
/// ports): a line of a request must not be taken for a line of mail or of a printer's queue.
const BAD_PORTS: &[u16] = &[
    1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109, 110,
    111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532,
    540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061,
    6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
];

/// A URL that has one reading.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StrictUrl {
    scheme: Scheme,
    host: Host,
    port: u16,
    path: Box<str>,
}

impl StrictUrl {
    /// Reads an absolute URL. A fragment is left out: it is never sent.
    pub fn parse(text: &str) -> Result<Self, EgressRefusal> {
        check_characters(text)?;
        let (scheme, rest) = split_scheme(text)?;
        Self::after_scheme(scheme, rest)
    }

    /// The URL of a path below a host that was judged before. The path begins with a slash.
    pub fn of(scheme: Scheme, host: Host, port: u16, path_and_query: &str) -> Result<Self, EgressRefusal> {
        check_characters(path_and_query)?;
        if !path_and_query.starts_with('/') {
            return Err(EgressRefusal::UrlMalformed);
        }
        Ok(Self { scheme, host, port, path: canonical_path(path_and_query).into() })
    }

    /// Resolves a reference, such as a `Location`, against this URL (RFC 3986 section 5.2).
    pub fn join(&self, reference: &str) -> Result<Self, EgressRefusal> {
        check_characters(reference)?;
        if let Some(rest) = reference.strip_prefix("//") {
            return Self::after_scheme(self.scheme, rest);
        }
        let (first, _) = cut(reference, &['/', '?', '#']);
        if first.contains(':') {
            let (scheme, rest) = split_scheme(reference)?;
            return Self::after_scheme(scheme, rest);
        }
        let (path, query) = cut(&self.path, &['?']);
        let target = match reference.chars().next() {
            Some('/') => reference.to_owned(),
            Some('?') => format!("{path}{reference}"),
            Some('#') | None => format!("{path}{query}"),
            Some(_) => {
                let (folder, _) = path.rsplit_once('/').unwrap_or(("", ""));
                format!("{folder}/{reference}")
            }
        };
        if target.starts_with("//") {
            return Err(EgressRefusal::UrlAmbiguous);
        }
        Ok(Self { path: canonical_path(&target).into(), ..self.clone() })
    }

    fn after_scheme(scheme: Scheme, rest: &str) -> Result<Self, EgressRefusal> {
        let (authority, tail) = cut(rest, &['/', '?', '#']);
        if authority.contains('@') {
            return Err(EgressRefusal::UrlUserinfo);
        }
        // A reader that ends the host only at a slash would take what follows `@` for the host.
        let (until_slash, _) = cut(tail, &['/']);
        if until_slash.contains('@') {
            return Err(EgressRefusal::UrlAmbiguous);
        }
        let (host, port) = split_port(authority)?;
        if host.is_empty() {
            return Err(EgressRefusal::UrlMalformed);
        }
        let port = port.map_or(Ok(scheme.default_port()), parse_port)?;
        let host = Host::parse(host)?;
        Ok(Self { scheme, host, port, path: canonical_path(tail).into() })
    }

    /// How it is spoken to.
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host.
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// The port.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The path and, after `?`, the query, as they are sent.
    pub const fn path(&self) -> &str {
        &self.path
    }

    /// Whether both lead to the same scheme, host and port (RFC 6454).
    pub fn is_same_origin(&self, other: &Self) -> bool {
        (self.scheme, &self.host, self.port) == (other.scheme, &other.host, other.port)
    }
}

impl fmt::Display for StrictUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.host)?;
        if self.port != self.scheme.default_port() {
            write!(f, ":{}", self.port)?;
        }
        f.write_str(&self.path)
    }
}

/// Splits before the first of the characters.
fn cut<'a>(text: &'a str, at: &[char]) -> (&'a str, &'a str) {
    text.find(at).and_then(|place| text.split_at_checked(place)).unwrap_or((text, ""))
}

/// What some reader strips, trims or turns into a slash.
fn check_characters(text: &str) -> Result<(), EgressRefusal> {
    if text.len() > TARGET_BYTES {
        return Err(EgressRefusal::UrlTooLong);
    }
    if text.contains(|c: char| c.is_control() || c.is_whitespace() || c == '\\') {
        return Err(EgressRefusal::UrlCharacter);
    }
    Ok(())
}

fn split_scheme(text: &str) -> Result<(Scheme, &str), EgressRefusal> {
    let (scheme, rest) = text.split_once(':').ok_or(EgressRefusal::UrlMalformed)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    if !scheme.starts_with(|first: char| first.is_ascii_alphabetic()) || !scheme.bytes().all(plain) {
        return Err(EgressRefusal::UrlMalformed);
    }
    let scheme = match () {
        () if scheme.eq_ignore_ascii_case("https") => Scheme::Https,
        () if scheme.eq_ignore_ascii_case("http") => Scheme::Http,
        () => return Err(EgressRefusal::UrlScheme),
    };
    rest.strip_prefix("//").map(|rest| (scheme, rest)).ok_or(EgressRefusal::UrlMalformed)
}

/// Splits an authority without userinfo into the host and, if there is a colon, the port.
fn split_port(authority: &str) -> Result<(&str, Option<&str>), EgressRefusal> {
    if authority.starts_with('[') {
        let end = authority.find(']').ok_or(EgressRefusal::HostInvalid)?;
        let (host, rest) = authority.split_at_checked(end + 1).ok_or(EgressRefusal::HostInvalid)?;
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if rest.is_empty() => Ok((host, None)),
            None => Err(EgressRefusal::HostInvalid),
        };
    }
    match authority.split_once(':') {
        // IPv6 without brackets, or two ports of which readers take different ones.
        Some((_, port)) if port.contains(':') => Err(EgressRefusal::UrlMalformed),
        Some((host, port)) => Ok((host, Some(port))),
        None => Ok((authority, None)),
    }
}

fn parse_port(text: &str) -> Result<u16, EgressRefusal> {
    let canonical = (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if !canonical || text.starts_with('0') {
        return Err(EgressRefusal::UrlPort);
    }
    let port = text.parse().map_err(|_| EgressRefusal::UrlPort)?;
    if BAD_PORTS.contains(&port) { Err(EgressRefusal::UrlPort) } else { Ok(port) }
}

/// The path and query as they are sent: dots resolved, a slash at the front, no fragment, all ASCII.
fn canonical_path(tail: &str) -> String {
    let (sent, _) = cut(tail, &['#']);
    let (path, query) = cut(sent, &['?']);
    let mut out = String::with_capacity(sent.len() + 1);
    for segment in without_dots(path) {
        out.push('/');
        encode(segment, "\"<>^`{}", &mut out);
    }
    if out.is_empty() {
        out.push('/');
    }
    encode(query, "\"<>'", &mut out);
    out
}

/// The segments of a path after `.` and `..` have been carried out (RFC 3986 section 5.2.4); `%2e` is a
/// dot, as section 6.2.2.2 and the WHATWG standard have it.
fn without_dots(path: &str) -> Vec<&str> {
    let mut segments: Vec<&str> = Vec::new();
    let mut written = path.strip_prefix('/').unwrap_or(path).split('/').peekable();
    while let Some(segment) = written.next() {
        let is_last = written.peek().is_none();
        match dots(segment) {
            0 => segments.push(segment),
            count => {
                if count == 2 {
                    segments.pop();
                }
                if is_last {
                    segments.push("");
                }
            }
        }
    }
    segments
}

/// 1 for `.`, 2 for `..`, 0 for every other segment.
fn dots(segment: &str) -> usize {
    if segment.len() > 6 {
        return 0;
    }
    match segment.to_ascii_lowercase().replace("%2e", ".").as_str() {
        "." => 1,
        ".." => 2,
        _ => 0,
    }
}

/// Appends the text; what is not ASCII and what is listed is percent-encoded.
fn encode(text: &str, listed: &str, out: &mut String) {
    for c in text.chars() {
        if c.is_ascii() && !listed.contains(c) {
            out.push(c);
            continue;
        }
        let mut bytes = [0; 4];
        for byte in c.encode_utf8(&mut bytes).bytes() {
            out.push('%');
            out.extend(
                [byte >> 4, byte & 15]
                    .map(|digit| char::from_digit(u32::from(digit), 16).unwrap_or('0').to_ascii_uppercase()),
            );
        }
    }
}

#[cfg(test)]
mod tests;
