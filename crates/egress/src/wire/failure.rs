//! Why no line to a vendor came about.

use crate::refusal::EgressRefusal;

/// Why no line came about. Nothing of the request was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WireFailure {
    /// No address could be connected to in time.
    Unreachable,
    /// The vendor's certificate is not trusted.
    Certificate,
    /// The vendor's certificate has none of the pinned keys.
    Pin,
    /// The handshake failed otherwise.
    Tls,
    /// What the gateway is to name itself by in the handshake cannot be read, or the far side does not take it.
    Identity,
    /// The authorities of the connection cannot be read.
    Authorities,
    /// The socket leads elsewhere than it was dialled to.
    Elsewhere,
}

impl WireFailure {
    /// What the caller is told.
    pub(crate) const fn refusal(self) -> EgressRefusal {
        match self {
            Self::Unreachable | Self::Elsewhere => EgressRefusal::VendorUnreachable,
            Self::Certificate | Self::Authorities => EgressRefusal::VendorCertificate,
            Self::Pin => EgressRefusal::VendorPin,
            Self::Tls | Self::Identity => EgressRefusal::VendorTls,
        }
    }

    /// The word for it in records.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Certificate | Self::Authorities => "untrusted",
            Self::Pin => "unpinned",
            Self::Tls => "no-tls",
            Self::Identity => "no-identity",
            Self::Elsewhere => "elsewhere",
        }
    }

    /// Whether trying again may help. A certificate does not become right by asking twice.
    pub(crate) const fn may_pass(self) -> bool {
        matches!(self, Self::Unreachable | Self::Tls)
    }
}
