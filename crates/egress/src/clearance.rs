//! All proofs together: without one of them nothing is sent.

use lockgate_access::Grant;
use lockgate_access::directory::Connection;
use lockgate_audit::Opened;
use lockgate_traffic::{Passage, Permit};
use lockgate_vocabulary::Fault;

use crate::destination::PinnedTarget;

/// What a call needs to leave the house: it was authorized, admitted, let out, its destination was vetted,
/// and its record is durable. The wire takes nothing else.
pub(crate) struct Clearance<'a> {
    grant: &'a Grant,
    target: &'a PinnedTarget,
}

impl<'a> Clearance<'a> {
    /// Combines the proofs. Most are asked for only so that nobody can come without them.
    pub(crate) fn new(
        grant: &'a Grant,
        _permit: &Permit,
        _passage: &Passage,
        target: &'a PinnedTarget,
        _opened: &Opened,
    ) -> Result<Self, Fault> {
        // INVARIANT: nobody uses another tenant's connection, whatever went wrong before.
        if grant.connection().tenant != grant.caller().tenant() {
            return Err(Fault::violated("a grant is for a connection of the caller's tenant"));
        }
        Ok(Self { grant, target })
    }

    /// The connection that is called.
    pub(crate) fn connection(&self) -> &'a Connection {
        self.grant.connection()
    }

    /// Where it leads.
    pub(crate) fn target(&self) -> &'a PinnedTarget {
        self.target
    }
}
