//! The room as one value: who are you, and may you.

use std::sync::Arc;

use arc_swap::ArcSwap;
use lockgate_vocabulary::Stop;

use crate::authz::{self, Ask, Grant};
use crate::caller::Caller;
use crate::directory::Directory;
use crate::scope::Scope;

/// Identifies callers and authorizes what they ask for, from one snapshot in memory.
#[derive(Debug)]
pub struct Access {
    directory: ArcSwap<Directory>,
}

impl Access {
    /// What is known at this moment.
    pub fn directory(&self) -> Arc<Directory> {
        self.directory.load_full()
    }

    /// Judges a call.
    pub fn authorize(&self, caller: &Caller, ask: &Ask) -> Result<Grant, Stop> {
        authz::authorize(caller, ask)
    }

    /// Demands a scope for what is no call.
    pub fn demand(&self, caller: &Caller, scope: Scope) -> Result<(), Stop> {
        authz::demand(caller, scope)
    }
}
