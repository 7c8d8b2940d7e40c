//! The keys that sign our own tokens: shown, and taken away at once. They are the house's, so only its operators do
//! either. Rotation goes by itself (`tokens::rotate`).

use lockgate_store::Change;
use lockgate_vocabulary::Stop;

use super::{EventKind, Registry};
use crate::refusal::AccessRefusal;
use crate::tokens::SigningKeyRecord;

impl Registry<'_> {
    /// Every key of ours that verifies tokens.
    pub fn signing_keys(&self) -> Result<Vec<SigningKeyRecord>, Stop> {
        self.demand_house()?;
        Ok(self.access.tokens().signing_keys())
    }

    /// Takes a key away for good, with every token that it signed. Where it signs, the next one signs from now on.
    pub async fn withdraw_signing_key(&self, kid: &str) -> Result<Vec<SigningKeyRecord>, Stop> {
        self.demand_house()?;
        let tokens = self.access.tokens();
        tokens.reload().await?;
        let deed = self.deed("signing_key.withdraw", kid);
        let (statement, values) = self.access.audit().step(&deed);
        let event = self.event(EventKind::SecurityAlertRaised, kid);
        let event = event.with("alert", "signing_key.withdrawn").with("kid", kid);
        let (told, event) = event.step(self.clock(), self.entropy());
        let with = |change: Change| change.step(told, event.clone()).step(statement, values.clone());
        let withdrawn = tokens.withdraw(self.tenant(), kid, with);
        if !withdrawn.await? {
            // It is gone, which is what was wanted, or never was; or the keys moved on in between.
            let there = tokens.signing_keys().iter().any(|key| key.kid == kid);
            let why = if there { AccessRefusal::StatusConflict } else { AccessRefusal::ObjectUnknown };
            return Err(why.into());
        }
        self.access.settle().await;
        Ok(tokens.signing_keys())
    }
}
