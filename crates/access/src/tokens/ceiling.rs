//! How long a credential may live (IDN-4), checked where it is made.

use std::time::Duration;

use lockgate_vocabulary::Timestamp;

use crate::AccessRefusal;

/// What kind of credential is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialLife {
    /// A key or secret of a service account: 90 days.
    ServiceAccount,
    /// A session of a person: 24 hours.
    InteractiveSession,
    /// An access token: one hour.
    AccessToken,
}

impl CredentialLife {
    /// How long it may live at the most.
    pub const fn most(self) -> Duration {
        Duration::from_secs(match self {
            Self::ServiceAccount => 90 * 24 * 3600,
            Self::InteractiveSession => 24 * 3600,
            Self::AccessToken => 3600,
        })
    }

    /// The expiry of a credential that is made now: the one wanted, or the longest where none is.
    pub fn expiry(self, now: Timestamp, wanted: Option<Timestamp>) -> Result<Timestamp, AccessRefusal> {
        let last = now.after(self.most());
        match wanted {
            None => Ok(last),
            Some(wanted) if wanted <= now => Err(AccessRefusal::LifetimePast),
            Some(wanted) if wanted > last => Err(AccessRefusal::LifetimeTooLong),
            Some(wanted) => Ok(wanted),
        }
    }
}

#[cfg(test)]
mod tests;
