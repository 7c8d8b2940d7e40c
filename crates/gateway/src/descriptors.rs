//! File descriptors: how many the process may have, and how many of them peers may take.
//!
//! A connection that is accepted takes one, and so do a line to a vendor, a spool, the store's files and
//! the trail's segments. Where peers took them all, the trail could not be written and nobody were served.
//! So half of them are never given to peers: whoever comes when the other half is taken is turned away.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Listen;

/// The share of the operators' side where not all fit: one part in eight, so that a crowd at the door
/// never keeps operators out.
const OPERATORS_PART: u64 = 8;

/// Raises the limit to what the process may raise it to, and gives it.
pub fn raise() -> std::io::Result<u64> {
    let known = getrlimit(Resource::Nofile);
    if known.current != known.maximum {
        setrlimit(Resource::Nofile, Rlimit { current: known.maximum, maximum: known.maximum })?;
    }
    Ok(limit())
}

/// How many descriptors the process may have.
pub fn limit() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// The listeners with as many connections as fit, the door and then the operators' side.
pub fn fitted(door: &Listen, admin: &Listen, limit: u64) -> (Listen, Listen) {
    let (mut door, mut admin) = (door.clone(), admin.clone());
    let for_peers = (limit / 2).max(2);
    let wanted = u64::from(door.most_connections) + u64::from(admin.most_connections);
    if wanted > for_peers {
        let operators = u64::from(admin.most_connections).min((for_peers / OPERATORS_PART).max(1));
        admin.most_connections = u32::try_from(operators).unwrap_or(u32::MAX);
        let callers = u64::from(door.most_connections).min(for_peers - operators);
        door.most_connections = u32::try_from(callers).unwrap_or(u32::MAX);
        tracing::warn!(
            wanted,
            descriptors = limit,
            door = door.most_connections,
            admin = admin.most_connections,
            "most_connections of door and admin do not fit into half of the descriptors; fewer are accepted"
        );
    }
    (door, admin)
}

#[cfg(test)]
mod tests;
