//! The access tokens that this node has, each with its time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use lockgate_vocabulary::{CredentialId, Secret, TenantId};

use crate::refusal::VaultRefusal;

/// How long before its end a token is not lent any more: the request has to arrive.
const MARGIN: Duration = Duration::from_secs(5);

/// How long before its end, at the most, another one is had.
const AHEAD: Duration = Duration::from_secs(60);

/// The tokens of all credentials.
#[derive(Default)]
pub(crate) struct Shelf {
    slots: Mutex<HashMap<(TenantId, CredentialId), Arc<Slot>>>,
}

/// The token of one version of a credential.
#[derive(Default)]
pub(crate) struct Slot {
    version: u32,
    held: RwLock<(u64, Option<Arc<Held>>)>,
    /// Whoever has it asks; the last failure, if it was one.
    pub(super) turn: Arc<tokio::sync::Mutex<Option<Failed>>>,
}

/// A token.
pub(crate) struct Held {
    /// Which of the slot's tokens it is.
    pub(crate) number: u64,
    pub(crate) value: Secret,
    ageing_at: Duration,
    ends_at: Duration,
}

/// That none was had.
pub(crate) struct Failed {
    pub(super) at: Duration,
    pub(super) why: VaultRefusal,
}

/// How a slot stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// There is a token.
    Fresh,
    /// There is one that ends soon.
    Ageing,
    /// There is none.
    Over,
}

impl Shelf {
    /// The slot of this version. Tokens of an earlier one are gone: its client's secret may be as well.
    pub(crate) fn slot(&self, tenant: TenantId, credential: CredentialId, version: u32) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = slots.entry((tenant, credential)).or_default();
        if slot.version != version {
            *slot = Arc::new(Slot { version, ..Slot::default() });
        }
        Arc::clone(slot)
    }
}

impl Slot {
    pub(super) fn standing(&self, now: Duration) -> Standing {
        match self.usable(now) {
            None => Standing::Over,
            Some(held) if now >= held.ageing_at => Standing::Ageing,
            Some(_) => Standing::Fresh,
        }
    }

    /// The token, where there is one that has not ended.
    pub(crate) fn usable(&self, now: Duration) -> Option<Arc<Held>> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.1.clone().filter(|held| now < held.ends_at)
    }

    /// Keeps a token that was asked for then and lives so long.
    pub(super) fn put(&self, value: Secret, asked: Duration, lives: Duration) {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let number = held.0 + 1;
        let ends_at = asked + lives.saturating_sub(MARGIN.min(lives / 2));
        let ageing_at = ends_at.saturating_sub(AHEAD.min(lives / 4));
        *held = (number, Some(Arc::new(Held { number, value, ageing_at, ends_at })));
    }

    /// Throws this token away, and no other.
    pub(super) fn spend(&self, number: u64) {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        if held.1.as_ref().is_some_and(|present| present.number == number) {
            held.1 = None;
        }
    }
}
