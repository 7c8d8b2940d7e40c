//! The way out: by breaker, by calls under way, and by what the vendor has left.

use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, StatusCode};
use lockgate_access::Grant;
use lockgate_access::directory::Connection;
use lockgate_vocabulary::{Clock, Stop};

use crate::breaker::{Health, Ticket};
use crate::lane::{Held, Lane};
use crate::traffic::Traffic;
use crate::vendor::VendorLimits;

/// Proof that a call may leave now. It holds one of the connection's places until it is dropped.
pub struct Passage {
    lane: Arc<Lane>,
    clock: Arc<dyn Clock>,
    ticket: Ticket,
    reported: bool,
}

impl Traffic {
    /// Lets one attempt of a granted call leave.
    pub fn enter(&self, grant: &Grant) -> Result<Passage, Stop> {
        self.enter_connection(grant.connection())
    }

    pub(crate) fn enter_connection(&self, connection: &Connection) -> Result<Passage, Stop> {
        let lane = self.lane(connection)?;
        let ticket = lane.enter(connection, self.now())?.map_err(Held::refuse)?;
        Ok(Passage { lane, clock: Arc::clone(&self.0.clock), ticket, reported: false })
    }
}

impl Passage {
    /// Says how the far side did; the place stays taken until the passage is dropped, so that an answer
    /// that is still streaming counts as under way. Only the first report counts. A passage that is
    /// dropped without one counts as [`Health::Neutral`], and as a call that never left.
    pub fn report(&mut self, health: Health) {
        if !self.reported {
            self.reported = true;
            self.lane.report(self.ticket, health, self.clock.elapsed());
        }
    }

    /// Takes in what the head of the answer says about the vendor's limits.
    pub fn heed(&self, status: StatusCode, headers: &HeaderMap) {
        if let Some(said) = VendorLimits::read(&self.lane.names(), status, headers, self.clock.now()) {
            self.lane.heed(said, self.clock.elapsed());
        }
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        // The time only matters to a breaker that still waits for this ticket.
        let unreported = (!self.reported).then(|| (self.ticket, self.clock.elapsed()));
        self.lane.leave(unreported);
    }
}

impl fmt::Debug for Passage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passage").field("reported", &self.reported).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
