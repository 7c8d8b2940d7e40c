//! Fetching ahead of use: what is new, and what will soon be too old.

use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use lockgate_store::Epoch;
use lockgate_vocabulary::{CredentialId, TenantId};
use tokio::task::JoinSet;

use crate::keyring::Held;
use crate::vault::Inner;

/// How long it is from one look to the next.
const ROUND: Duration = Duration::from_secs(15);

/// Values that are fetched at once.
const AT_ONCE: usize = 8;

/// Looks again and again, and at once when something changed, until the vault or the store is gone.
pub(crate) async fn keep(vault: Weak<Inner>, mut epoch: Epoch) {
    loop {
        let Some(inner) = vault.upgrade() else { return };
        round(&inner).await;
        let pause = inner.clock.sleep(ROUND);
        drop(inner);
        tokio::select! {
            () = pause => {}
            rose = epoch.changed() => if rose.is_none() { return },
        }
    }
}

async fn round(inner: &Arc<Inner>) {
    let current = inner.keyring.all_referenced();
    inner.tidy(&current);
    let now = inner.clock.elapsed();
    let mut under_way = JoinSet::new();
    for (tenant, credential, held) in current {
        let slot = inner.custody.slot((tenant, credential, held.version()));
        if slot.sealed(now, inner.custody.refresh).is_some() || slot.failed_lately(now).is_some() {
            continue;
        }
        if under_way.len() >= AT_ONCE {
            under_way.join_next().await;
        }
        let inner = Arc::clone(inner);
        under_way.spawn(async move {
            // What became of it is told where it failed, and to whoever calls.
            let refresh = inner.custody.refresh;
            let _ = inner.fetch(tenant, credential, &held, refresh).await;
        });
    }
    while under_way.join_next().await.is_some() {}
}

impl Inner {
    /// Forgets values of versions that are not in use any more. One that is newer than what is in use, or of a
    /// credential that is not known, was put just now, and its change is on the way.
    fn tidy(&self, current: &[(TenantId, CredentialId, Arc<Held>)]) {
        let versions: std::collections::HashMap<_, _> =
            current.iter().map(|(tenant, credential, held)| ((*tenant, *credential), held.version())).collect();
        let mut slots = self.custody.slots.write().unwrap_or_else(PoisonError::into_inner);
        let (now, refresh) = (self.clock.elapsed(), self.custody.refresh);
        slots.retain(|(tenant, credential, version), slot| match versions.get(&(*tenant, *credential)) {
            Some(in_use) => version >= in_use,
            None => slot.sealed(now, refresh).is_some(),
        });
    }
}
