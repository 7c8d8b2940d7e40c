//! Where a credential may be used: one connection, and the scheme, host, port and path prefix that it had when
//! the credential was given.
//!
//! The binding stands in clear before the sealed value and is part of what the seal authenticates. So a
//! connection that is re-pointed does not take its credential along, whoever changed it and however: the
//! new base does not open the old seal. Rotating the credential binds the new version to the new base.

use std::borrow::Cow;

use lockgate_access::directory::{Base, Connection};
use lockgate_vocabulary::ConnectionId;

/// The longest binding that is sensible: a host has 253 bytes, a prefix what a target has.
const MOST_BYTES: usize = 9 * 1024;

/// Where one version of a credential may be used, in its canonical bytes:
/// connection(16) plain(1) port(2) host-length(2) host prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Binding<'a>(Cow<'a, [u8]>);

impl<'a> Binding<'a> {
    /// The binding of this connection as it is now.
    pub(crate) fn of(connection: &Connection) -> Self {
        Self::to(connection.id, &connection.base)
    }

    fn to(connection: ConnectionId, base: &Base) -> Self {
        let mut bytes = Vec::with_capacity(21 + base.host.len() + base.prefix.len());
        bytes.extend_from_slice(&connection.as_u128().to_be_bytes());
        bytes.push(u8::from(base.plain));
        bytes.extend_from_slice(&base.port.to_be_bytes());
        // A host has 253 bytes at the most; a longer one gives a binding that nothing matches.
        bytes.extend_from_slice(&u16::try_from(base.host.len()).unwrap_or(u16::MAX).to_be_bytes());
        bytes.extend_from_slice(base.host.as_bytes());
        bytes.extend_from_slice(base.prefix.as_bytes());
        Self(bytes.into())
    }

    /// Whether it is this connection's binding as the connection is now. It allocates nothing.
    pub(crate) fn holds_for(&self, connection: &Connection) -> bool {
        let base = &connection.base;
        let Some((id, rest)) = self.0.split_first_chunk::<16>() else { return false };
        let Some((plain, rest)) = rest.split_first_chunk::<1>() else { return false };
        let Some((port, rest)) = rest.split_first_chunk::<2>() else { return false };
        let Some((length, rest)) = rest.split_first_chunk::<2>() else { return false };
        let Some((host, prefix)) = rest.split_at_checked(u16::from_be_bytes(*length).into()) else { return false };
        *id == connection.id.as_u128().to_be_bytes()
            && *plain == [u8::from(base.plain)]
            && *port == base.port.to_be_bytes()
            && host == base.host.as_bytes()
            && prefix == base.prefix.as_bytes()
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
