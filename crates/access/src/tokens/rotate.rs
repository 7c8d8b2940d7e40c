//! Rotating the keys that sign our own tokens.
//!
//! One change moves all keys at once, and expects them where they were: where two nodes rotate at the
//! same time, one change holds and the other finds its work done.

use std::sync::atomic::Ordering;
use std::time::Duration;

use lockgate_audit::Deed;
use lockgate_store::{ApplyFailure, Change, Value, values};
use lockgate_vocabulary::{Fault, Stop, TenantId};

use super::ring::{KeyStatus, Ring, SigningKeyRecord};
use super::signing_key::SigningKey;
use super::{Tokens, rows};

/// How long the keys may stand behind a change that is known. Together with how the change is heard of it keeps a
/// withdrawal within a second.
const LAG_MOST: Duration = Duration::from_millis(500);

/// How often a withdrawal begins anew where the keys moved on. Others rotate or withdraw seldom.
const WITHDRAWALS_MOST: usize = 4;

impl Tokens {
    /// Reads the keys from the store; what the epoch's rising calls for.
    pub async fn reload(&self) -> Result<(), Fault> {
        let _one_at_a_time = self.reloading.lock().await;
        let behind = self.behind_since.load(Ordering::Acquire);
        let rows = self.store.survey(&rows::SIGNING_KEYS, Vec::new()).await?;
        let ring = Ring::read(&rows, &self.ring.load(), &self.seal, self.clock.now())?;
        self.ring.store(ring.into());
        // INVARIANT: what was noted while this read is not taken for read.
        let _ = self.behind_since.compare_exchange(behind, 0, Ordering::AcqRel, Ordering::Acquire);
        Ok(())
    }

    /// Notes that the store has changed since the keys were read.
    pub(crate) fn note_change(&self) {
        let now = u64::try_from(self.clock.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.behind_since.store(now.saturating_add(1), Ordering::Release);
    }

    /// Whether the keys may be relied upon: they show what changed, or have been behind for a moment only.
    pub(crate) fn is_fresh(&self) -> bool {
        let behind = self.behind_since.load(Ordering::Acquire);
        behind == 0 || self.clock.elapsed().saturating_sub(Duration::from_micros(behind - 1)) <= LAG_MOST
    }

    /// What is told of each key that verifies.
    pub fn signing_keys(&self) -> Vec<SigningKeyRecord> {
        self.ring.load().records(self.rotation)
    }

    /// Makes the first keys where there are none, and reads them.
    pub(crate) async fn start(&self) -> Result<(), Fault> {
        self.reload().await?;
        let ring = self.ring.load_full();
        for status in [KeyStatus::Current, KeyStatus::Next] {
            // One that cannot be read is there all the same.
            if ring.kid_of(status).is_some() {
                continue;
            }
            let change = Change::house().raising_epoch();
            let change = change.step(&rows::SIGNING_KEY_FIRST, values![status.as_str()]).expecting(1);
            let change = change.step(&rows::SIGNING_KEY_ADD, self.new_key(status)?.1);
            match self.store.apply(change).await {
                // Another node was first.
                Ok(_) | Err(ApplyFailure::Unmet { .. }) => {}
                Err(failure) => return Err(failure.into_fault("making the first signing keys")),
            }
        }
        self.reload().await?;
        if self.ring.load().signer().is_some() {
            return Ok(());
        }
        self.rotate().await.map_err(|_| Fault::violated("a signing key takes the place of one that cannot be read"))?;
        match self.ring.load().signer() {
            Some(_) => Ok(()),
            None => Err(Fault::violated("there is a current signing key")),
        }
    }

    /// Lets the next key sign and the current one retire. Tokens that it signed stay valid.
    pub async fn rotate(&self) -> Result<(), Stop> {
        let ring = self.ring.load_full();
        let retires_at = self.clock.now().after(self.lifetime).after(self.policy.skew);
        let (change, signs) = (Change::house().raising_epoch(), KeyStatus::Current.as_str());
        let (change, kid) = match ring.kid_of(KeyStatus::Current) {
            Some(kid) => {
                let retiring = values![kid, KeyStatus::Retiring.as_str(), retires_at, signs];
                (change.step(&rows::SIGNING_KEY_MOVE, retiring).expecting(1), kid)
            }
            // Where none signs, the next one need not wait for any.
            None => (change.step(&rows::SIGNING_KEY_FIRST, values![signs]).expecting(1), ""),
        };
        self.settle(self.succeeding(&ring, change)?, "signing_key.rotate", kid).await
    }

    /// Takes a key that is no longer trusted away at once; every token that it signed is refused. `with` adds to the
    /// change what is to hold with it, in this tenant's hands. It says whether anything changed: a key of which nobody
    /// knows is none. One that moved on in between is read anew and taken from where it stands then.
    pub async fn withdraw(&self, by: TenantId, kid: &str, with: impl Fn(Change) -> Change) -> Result<bool, Stop> {
        for _ in 0..WITHDRAWALS_MOST {
            let ring = self.ring.load_full();
            let Some(status) = ring.status_of(kid) else { return Ok(false) };
            let nothing: Vec<u8> = Vec::new();
            let change = Change::of(by).raising_epoch();
            let retired = values![kid, nothing, status.as_str()];
            let change = change.step(&rows::SIGNING_KEY_RETIRE, retired).expecting(1);
            let change = match status {
                KeyStatus::Current => self.succeeding(&ring, change)?,
                KeyStatus::Next => change.step(&rows::SIGNING_KEY_ADD, self.new_key(KeyStatus::Next)?.1),
                KeyStatus::Retiring => change,
            };
            let applied = self.store.apply(with(change)).await;
            self.reload().await?;
            match applied {
                Ok(_) => return Ok(true),
                Err(ApplyFailure::Unmet { .. }) => {}
                Err(failure) => return Err(failure.into_fault("withdrawing a signing key").into()),
            }
        }
        Ok(false)
    }

    /// What falls due by itself: rotation, the end of retired keys, forgetting revocations of tokens
    /// that have expired. The worker calls it about once a minute.
    pub async fn tend(&self) -> Result<(), Stop> {
        let now = self.clock.now();
        let ring = self.ring.load_full();
        if ring.signs_until(self.rotation).is_none_or(|end| end <= now) {
            self.rotate().await?;
        }
        if self.ring.load().retires_next().is_some_and(|end| end <= now) {
            let nothing: Vec<u8> = Vec::new();
            let change = Change::house().raising_epoch().step(&rows::SIGNING_KEYS_EXPIRE, values![now, nothing]);
            self.store.apply(change).await.map_err(|failure| failure.into_fault("retiring signing keys"))?;
            self.reload().await?;
        }
        let forget = Change::house().step(&rows::REVOCATIONS_EXPIRE, values![now]);
        self.store.apply(forget).await.map_err(|failure| failure.into_fault("forgetting revocations"))?;
        Ok(())
    }

    /// Moves the next key up and makes another next one.
    fn succeeding(&self, ring: &Ring, change: Change) -> Result<Change, Fault> {
        let (now_current, was_next) = (KeyStatus::Current.as_str(), KeyStatus::Next.as_str());
        let change = match (ring.next(), ring.kid_of(KeyStatus::Next)) {
            (Some(next), _) => {
                let moved = values![next.kid(), now_current, self.clock.now().after(self.rotation), was_next];
                change.step(&rows::SIGNING_KEY_MOVE, moved).expecting(1)
            }
            // One that cannot be read signs nothing, so it goes, and a new one signs at once.
            (None, Some(unread)) => {
                let nothing: Vec<u8> = Vec::new();
                let retired = values![unread, nothing, was_next];
                let change = change.step(&rows::SIGNING_KEY_RETIRE, retired).expecting(1);
                change.step(&rows::SIGNING_KEY_ADD, self.new_key(KeyStatus::Current)?.1)
            }
            (None, None) => return Err(Fault::violated("there is a next signing key")),
        };
        Ok(change.step(&rows::SIGNING_KEY_ADD, self.new_key(KeyStatus::Next)?.1))
    }

    async fn settle(&self, change: Change, action: &'static str, kid: &str) -> Result<(), Stop> {
        match self.store.apply(change).await {
            Ok(_) => {}
            // Another node did it.
            Err(ApplyFailure::Unmet { .. }) => return Ok(self.reload().await?),
            Err(failure) => return Err(failure.into_fault("rotating the signing keys").into()),
        }
        self.reload().await?;
        if let Some(audit) = &self.audit {
            audit.record(Deed::by_house(None, action, kid)).await?;
        }
        Ok(())
    }

    /// A new key, and its row.
    fn new_key(&self, status: KeyStatus) -> Result<(SigningKey, Vec<Value>), Fault> {
        let (key, private) = SigningKey::generate(self.algorithm, &*self.entropy)?;
        let sealed = self.seal.seal(key.kid().as_bytes(), &private)?;
        let row = values![
            key.kid(),
            key.algorithm().as_str(),
            sealed,
            key.public().to_string(),
            status.as_str(),
            self.clock.now()
        ];
        Ok((key, row))
    }
}
