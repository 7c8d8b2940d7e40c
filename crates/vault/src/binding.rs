//! Where a credential may be used: one connection, and what that was when the credential was given: scheme,
//! host, port and path prefix, the place of a request in which it is sent, and whom the connection trusts.
//!
//! The binding stands in clear before the sealed value and is part of what the seal authenticates. So a
//! connection that is re-pointed does not take its credential along, whoever changed it and however: the
//! new base does not open the old seal. Nor does it go to a place of the request where others read it, such
//! as a parameter that the vendor shows, nor over a line to somebody whom another certificate vouches for.
//! Rotating the credential binds the new version to what the connection is by then.

use std::borrow::Cow;

use lockgate_access::directory::Connection;
use lockgate_access::spec::{AuthPlacement, TokenSpec};

/// The longest binding that is sensible: a host has 253 bytes, a prefix what a target has, and what is asked of a
/// vendor's endpoints twice 4 KiB.
const MOST_BYTES: usize = 20 * 1024;

/// Where one version of a credential may be used, in its canonical bytes; each text has its length(2) before it:
///
/// 1. connection(16) plain(1) port(2) trust(32) placement(1);
/// 2. name, prefix before the credential, host, path prefix. Where an access token is had for it, the token endpoint
///    stands in the place of the name, and what follows is there:
/// 3. where tokens are bound or an assertion has an audience: an empty text, whether they are bound to a key, whether to
///    a certificate, and the audience;
/// 4. how the client proves itself, scope, resource, and each parameter's name and value;
/// 5. where there are such endpoints: an empty text, the one for revocation, the one for authorization, its issuer and
///    its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Binding<'a>(Cow<'a, [u8]>);

/// A connection's binding as parts of it, which nothing is allocated for.
struct Parts<'a> {
    connection: [u8; 16],
    plain: [u8; 1],
    port: [u8; 2],
    trust: &'a [u8; 32],
    placement: [u8; 1],
    texts: [&'a str; 4],
    token: Option<&'a TokenSpec>,
}

impl<'a> Parts<'a> {
    fn of(connection: &'a Connection) -> Self {
        let (placement, name, prefix, token) = match &connection.provider.auth {
            AuthPlacement::None => (0, "", "", None),
            AuthPlacement::Bearer => (1, "", "", None),
            AuthPlacement::Basic => (2, "", "", None),
            AuthPlacement::Header { name, prefix } => (3, name.as_str(), prefix.as_str(), None),
            AuthPlacement::Query { name } => (4, name.as_str(), "", None),
            AuthPlacement::OAuth(token) => (5, token.token_url.as_str(), "", Some(&**token)),
        };
        let base = &connection.base;
        Self {
            connection: connection.id.as_u128().to_be_bytes(),
            plain: [u8::from(base.plain)],
            port: base.port.to_be_bytes(),
            trust: &connection.settings.trust,
            placement: [placement],
            texts: [name, prefix, &base.host, &base.prefix],
            token,
        }
    }

    /// The bytes of the binding, piece by piece.
    fn each(&self, mut take: impl FnMut(&[u8])) {
        let fixed = [self.connection.as_slice(), &self.plain, &self.port, self.trust, &self.placement];
        fixed.into_iter().for_each(&mut take);
        let mut put = |text: &str| {
            // None is longer than a target; a longer one gives a binding that nothing matches.
            take(&u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
            take(text.as_bytes());
        };
        self.texts.into_iter().for_each(&mut put);
        let Some(token) = self.token else { return };
        if token.dpop || token.certificate_bound || token.assertion_audience.is_some() {
            // No way of proving oneself has an empty name.
            put("");
            put(if token.dpop { "dpop" } else { "" });
            put(if token.certificate_bound { "certificate" } else { "" });
            put(token.assertion_audience.as_deref().unwrap_or_default());
        }
        put(token.client_auth.as_str());
        put(token.scope.as_deref().unwrap_or_default());
        put(token.resource.as_deref().unwrap_or_default());
        for (name, value) in &token.parameters {
            put(name);
            put(value);
        }
        if token.authorization.is_none() && token.revocation_url.is_none() {
            return;
        }
        // No parameter has an empty name.
        put("");
        put(token.revocation_url.as_deref().unwrap_or_default());
        let Some(authorization) = &token.authorization else { return };
        put(&authorization.url);
        put(authorization.issuer.as_deref().unwrap_or_default());
        for (name, value) in &authorization.parameters {
            put(name);
            put(value);
        }
    }
}

impl<'a> Binding<'a> {
    /// The binding of this connection as it is now.
    pub(crate) fn of(connection: &Connection) -> Self {
        let mut bytes = Vec::with_capacity(256);
        Parts::of(connection).each(|part| bytes.extend_from_slice(part));
        Self(bytes.into())
    }

    /// Whether it is this connection's binding as the connection is now. It allocates nothing.
    pub(crate) fn holds_for(&self, connection: &Connection) -> bool {
        let mut left = Some(&*self.0);
        Parts::of(connection).each(|part| left = left.and_then(|left| left.strip_prefix(part)));
        left.is_some_and(<[u8]>::is_empty)
    }

    /// What the seal authenticates.
    pub(crate) fn context(&self) -> &[u8] {
        &self.0
    }

    /// Puts the binding before a sealed value: length(2) binding sealed.
    pub(crate) fn before(&self, sealed: &[u8]) -> Vec<u8> {
        let length = u16::try_from(self.0.len()).unwrap_or(0);
        let mut record = Vec::with_capacity(2 + self.0.len() + sealed.len());
        record.extend_from_slice(&length.to_be_bytes());
        record.extend_from_slice(&self.0);
        record.extend_from_slice(sealed);
        record
    }

    /// Takes a record apart. Whether the binding is the true one only the seal can tell.
    pub(crate) fn split(record: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (length, rest) = record.split_first_chunk::<2>()?;
        let length = usize::from(u16::from_be_bytes(*length));
        if length > MOST_BYTES {
            return None;
        }
        let (binding, sealed) = rest.split_at_checked(length)?;
        Some((Self(binding.into()), sealed))
    }
}

#[cfg(test)]
mod tests;
