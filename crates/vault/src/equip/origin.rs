//! Whether a request goes where the credential belongs: the last look before it is lent.
//!
//! The destination was vetted before; this asks again, of the very request that is sent, because here is
//! where a mistake would cost the secret.

use std::borrow::Cow;

use http::header::HOST;
use http::request::Parts;
use http::uri::Scheme;
use lockgate_access::directory::Base;
use lockgate_access::template::canonical_path;

use crate::refusal::VaultRefusal;

const HTTP: u16 = 80;

const HTTPS: u16 = 443;

/// Demands an absolute target of exactly this scheme, host and port, below the path prefix, and no
/// `Host` header that says otherwise.
pub(super) fn check(base: &Base, parts: &Parts) -> Result<(), VaultRefusal> {
    let uri = &parts.uri;
    let scheme = if base.plain { Scheme::HTTP } else { Scheme::HTTPS };
    let inside = uri.scheme() == Some(&scheme)
        && uri.authority().is_some_and(|authority| is_authority(base, authority.as_str()))
        && is_below(&base.prefix, uri.path())
        && is_host(base, parts);
    if inside { Ok(()) } else { Err(VaultRefusal::OriginOutside) }
}

/// `host`, or `host:port` with the port written as a number is; no user before it.
fn is_authority(base: &Base, authority: &str) -> bool {
    let Some(rest) = authority.strip_prefix(&*base.host) else { return false };
    let default = if base.plain { HTTP } else { HTTPS };
    let Some(port) = rest.strip_prefix(':') else { return rest.is_empty() && base.port == default };
    let canonical = port.bytes().all(|byte| byte.is_ascii_digit()) && !port.starts_with('0');
    canonical && port.parse() == Ok(base.port)
}

/// In its one spelling, so that no server can read it as leading out of the prefix.
fn is_below(prefix: &str, path: &str) -> bool {
    let below = path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    below && matches!(canonical_path(path), Ok(Cow::Borrowed(_)))
}

fn is_host(base: &Base, parts: &Parts) -> bool {
    let mut named = parts.headers.get_all(HOST).iter();
    let first = named.next().is_none_or(|host| host.to_str().is_ok_and(|host| is_authority(base, host)));
    first && named.next().is_none()
}
