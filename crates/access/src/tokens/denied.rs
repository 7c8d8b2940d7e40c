//! What the issuer's endpoints did not do, and for whom.

use lockgate_vocabulary::Stop;

use super::client::Client;
use crate::AccessRefusal;
use crate::caller::Caller;

/// Why a request to one of the issuer's endpoints was stopped. Whoever proved to be a client is named, so
/// that the refusal stands in that client's trail and not among the strangers'.
#[derive(Debug)]
pub struct Denied {
    /// The client, where it proved itself.
    pub caller: Option<Box<Caller>>,
    /// Why.
    pub stop: Stop,
}

impl Denied {
    /// What an authenticated client is told.
    pub(crate) fn to(client: &Client, stop: impl Into<Stop>) -> Self {
        Self { caller: Some(Box::new(client.caller.clone())), stop: stop.into() }
    }
}

impl From<Stop> for Denied {
    fn from(stop: Stop) -> Self {
        Self { caller: None, stop }
    }
}

impl From<AccessRefusal> for Denied {
    fn from(refusal: AccessRefusal) -> Self {
        Stop::from(refusal).into()
    }
}

impl From<Denied> for Stop {
    fn from(denied: Denied) -> Self {
        denied.stop
    }
}
