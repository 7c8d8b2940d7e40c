//! The access tokens that this node has, each with its time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use lockgate_vocabulary::{CredentialId, Secret, TenantId};

use crate::dpop::{DpopKey, Nonce};
use crate::equip::Value;
use crate::keyring::Lendable;
use crate::refusal::VaultRefusal;

/// How long before its end a token is not lent any more: the request has to arrive.
const MARGIN: Duration = Duration::from_secs(5);

/// How long before its end, at the most, another one is had.
const AHEAD: Duration = Duration::from_secs(60);

/// For how long a token that was just had is believed in, whatever a vendor says of it.
const YOUNG: Duration = Duration::from_secs(30);

/// For how long a token is looked for in answers after its end: longer than a call takes.
const REMEMBERED: Duration = Duration::from_secs(600);

/// The tokens of all credentials.
#[derive(Default)]
pub(crate) struct Shelf {
    slots: Mutex<HashMap<(TenantId, CredentialId), Arc<Slot>>>,
}

/// The tokens of one version of a credential, and of one time that a person connected its account.
#[derive(Default)]
pub(crate) struct Slot {
    pub(super) version: u32,
    pub(super) series: u32,
    held: RwLock<Tokens>,
    /// What the vendor's API and its token endpoint want to see in the next proof of possession.
    pub(crate) at_api: Nonce,
    pub(super) at_issuer: Nonce,
    /// Whoever has it asks; the last failure, if it was one.
    pub(super) turn: Arc<tokio::sync::Mutex<Option<Failed>>>,
}

#[derive(Default)]
struct Tokens {
    current: Option<Arc<Held>>,
    /// The one before, which calls that are under way have with them.
    before: Option<Arc<Held>>,
}

/// A token.
pub(crate) struct Held {
    /// Which of the credential's tokens it is.
    pub(crate) number: u64,
    pub(crate) value: Secret,
    /// What it is bound to, where it is.
    pub(crate) key: Option<Arc<DpopKey>>,
    /// As requests carry it, made by the first that does: the spellings by which it is searched for in answers take
    /// longer to write than all else that a call does with it.
    sent: OnceLock<Option<Value>>,
    doubtful_at: Duration,
    ageing_at: Duration,
    ends_at: Duration,
}

impl Held {
    /// As requests carry it; nothing where it is no token that can be sent.
    pub(crate) fn sent(&self) -> Option<Value> {
        self.sent.get_or_init(|| Value::of_token(self.value.expose(), self.key.is_some())).clone()
    }
}

/// A token that was had so long ago and lives so long in all.
pub(super) struct Fresh {
    pub(super) number: u64,
    pub(super) value: Secret,
    pub(super) key: Option<Arc<DpopKey>>,
    pub(super) age: Duration,
    pub(super) lives: Duration,
}

/// That none was had.
pub(crate) struct Failed {
    pub(super) at: Duration,
    pub(super) why: VaultRefusal,
    /// For how long nobody asks again.
    pub(super) holds: Duration,
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
    /// The slot of what was lent. Tokens of an earlier version are gone, since its client's secret may be as well, and
    /// so are those of an account that was connected anew.
    pub(crate) fn slot(&self, tenant: TenantId, loan: Lendable) -> Arc<Slot> {
        let mut slots = self.slots();
        let slot = slots.entry((tenant, loan.credential)).or_default();
        if (slot.version, slot.series) != (loan.version, loan.series) {
            *slot = Arc::new(Slot { version: loan.version, series: loan.series, ..Slot::default() });
        }
        Arc::clone(slot)
    }

    /// Forgets what there is for a credential that may not be used any more.
    pub(crate) fn forget(&self, tenant: TenantId, credential: CredentialId) {
        self.slots().remove(&(tenant, credential));
    }

    /// Forgets tokens that ended a while ago: no call that may have had one with it is still under way.
    pub(super) fn sweep(&self, now: Duration) {
        let ended = |slot: &Slot| slot.read().current.as_ref().is_some_and(|held| now > held.ends_at + REMEMBERED);
        // A slot that somebody waits for is theirs.
        self.slots().retain(|_, slot| Arc::strong_count(slot) > 1 || !ended(slot));
    }

    /// Forgets what is not of this time that a person connected the account; all of it where there is none.
    pub(crate) fn keep_only(&self, tenant: TenantId, credential: CredentialId, series: Option<u32>) {
        let mut slots = self.slots();
        let other = slots.get(&(tenant, credential)).is_some_and(|slot| Some(slot.series) != series);
        if other {
            slots.remove(&(tenant, credential));
        }
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<(TenantId, CredentialId), Arc<Slot>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// Whether it is still that of what was lent.
    pub(super) fn is_of(&self, loan: Lendable) -> bool {
        (self.version, self.series) == (loan.version, loan.series)
    }

    pub(super) fn standing(&self, now: Duration) -> Standing {
        match self.usable(now) {
            None => Standing::Over,
            Some(held) if now >= held.ageing_at => Standing::Ageing,
            Some(_) => Standing::Fresh,
        }
    }

    /// The token, where there is one that has not ended.
    pub(crate) fn usable(&self, now: Duration) -> Option<Arc<Held>> {
        self.read().current.clone().filter(|held| now < held.ends_at)
    }

    /// The number of the newest token that was here, ended or not.
    pub(super) fn number(&self) -> u64 {
        self.read().current.as_ref().map_or(0, |held| held.number)
    }

    /// Every token that a call may have had with it, ended or not.
    pub(crate) fn known(&self) -> Vec<Arc<Held>> {
        let held = self.read();
        [held.current.clone(), held.before.clone()].into_iter().flatten().collect()
    }

    /// Keeps a token; whether it has not ended already.
    pub(super) fn put(&self, fresh: Fresh, now: Duration) -> bool {
        let Fresh { number, value, key, age, lives } = fresh;
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let left = lives.saturating_sub(age);
        let ends_at = now + left.saturating_sub(MARGIN.min(lives / 2));
        let ageing_at = ends_at.saturating_sub(AHEAD.min(lives / 4));
        let doubtful_at = now + YOUNG.saturating_sub(age);
        held.before = held.current.take();
        let sent = OnceLock::new();
        held.current = Some(Arc::new(Held { number, value, key, sent, doubtful_at, ageing_at, ends_at }));
        now < ends_at
    }

    /// Whether another token is worth asking for in place of this one, which a vendor did not know: there is none
    /// by now, and it was known for a while. A vendor says 401 for other reasons too.
    pub(super) fn is_doubtful(&self, number: u64, now: Duration) -> Option<bool> {
        let held = self.read();
        let present = held.current.as_ref().filter(|present| present.number == number)?;
        Some(now >= present.doubtful_at)
    }

    fn read(&self) -> RwLockReadGuard<'_, Tokens> {
        self.held.read().unwrap_or_else(PoisonError::into_inner)
    }
}
