//! What is done with tokens by the way: what is over is forgotten, and a gateway that stops waits for who asks.

use std::time::Duration;

use lockgate_store::{Change, values};
use lockgate_vocabulary::Fault;

use super::Tokens;
use crate::rows;

/// How long a connect session that is over can be looked at.
const REMEMBERED: Duration = Duration::from_secs(86_400);

impl Tokens {
    /// Forgets tokens that ended a while ago, empties connect sessions whose time is up, and forgets those that were over
    /// a day ago.
    pub async fn tidy(&self) -> Result<(), Fault> {
        self.vault.inner.tokens.sweep(self.vault.inner.clock.elapsed());
        let now = self.vault.inner.clock.now();
        let change = Change::house()
            .step(&rows::SESSIONS_EMPTY, values![now])
            .step(&rows::SESSIONS_FORGET, values![now.before(REMEMBERED)]);
        let applied = self.vault.inner.store.apply(change).await;
        applied.map(drop).map_err(|failure| failure.into_fault("forgetting connect sessions"))
    }

    /// Waits for so long until whoever asks a vendor has kept what it gave.
    pub async fn close(&self, most: Duration) {
        if !self.background.close(&*self.vault.inner.clock, most).await {
            tracing::warn!("vendors' tokens were being asked for at the end: what came of it is unknown");
        }
    }
}
