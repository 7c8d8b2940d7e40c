//! A credential that others know: one act revokes it, stops what depends on it, raises the alarm and says what used it.

use lockgate_access::registry::{Event, EventKind};
use lockgate_access::scope::Scope;
use lockgate_audit::Deed;
use lockgate_store::{Change, values};
use lockgate_vocabulary::{ConnectionId, CredentialId, Stop, Timestamp};

use super::revoke::checked;
use super::uses::Uses;
use super::{Act, By, CommitFailure, CredentialView, Custodian};
use crate::refusal::VaultRefusal;
use crate::rows;

/// What somebody reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compromise {
    /// Since when others may have known it.
    pub since: Timestamp,
    /// When it was reported, where that was before now; from then the hour runs.
    pub reported_at: Option<Timestamp>,
    /// What happened.
    pub reason: String,
}

/// What was done, and what is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compromised {
    /// The credential as it is now, with the report and its clock.
    pub credential: CredentialView,
    /// The connections that run nothing until they have another.
    pub degraded: Vec<ConnectionId>,
    /// The calls that used it since then, for whoever may read runs.
    pub uses: Option<Uses>,
}

impl Custodian {
    /// Takes a report in. A credential that was revoked before is reported all the same, and the clock of the first
    /// report goes on.
    ///
    /// What was had with it at the vendor, such as tokens, is to be revoked there as well: the place for that is
    /// between the change and the report, where the credential is lent to no call any more.
    pub async fn compromise(&self, act: Act<'_>, id: CredentialId, report: Compromise) -> Result<Compromised, Stop> {
        let tenant = self.demand(act, Scope::CredentialsRotate)?;
        checked(&report.reason)?;
        let now = self.now();
        let reported_at = report.reported_at.unwrap_or(now);
        let mut refusal = VaultRefusal::InputInvalid.refuse();
        for (pointer, moment) in [("/since", report.since), ("/reported_at", reported_at)] {
            if moment > now {
                refusal = refusal.violation(pointer, "does not lie ahead");
            }
        }
        if !refusal.violations().is_empty() {
            return Err(refusal.into());
        }
        let before = self.credential(tenant, id).await?;
        let deed = Deed::new(act.caller.actor(), act.trace, "credential.compromise", id)
            .with("reason", report.reason.as_str())
            .with("since", report.since.to_string())
            .with("reported_at", reported_at.to_string());
        let more = |change: Change| {
            let change = change.step(&rows::CREDENTIAL_COMPROMISE, values![id, reported_at, report.since]).expecting(1);
            let event = Event::new(EventKind::SecurityAlertRaised, tenant, id)
                .with("alert", "credential.compromised")
                .with("credential", id.to_string())
                .with("name", before.name.as_str())
                .with("since", report.since.to_string())
                .with("reported_at", reported_at.to_string());
            self.telling(change, event, By::Somebody(act))
        };
        let degraded = if before.is_active() {
            self.revoke_with(act, id, &report.reason, &deed, more).await?.degraded
        } else {
            let change = more(Change::of(tenant).raising_epoch());
            self.commit(change, &deed).await.map_err(CommitFailure::stop)?;
            self.dependents(tenant, id).await?
        };
        let may_read = self.access.demand(act.caller, Scope::RunsRead).is_ok();
        let uses = if may_read { Some(self.used(tenant, id, report.since, None).await?) } else { None };
        Ok(Compromised { credential: self.credential(tenant, id).await?, degraded, uses })
    }
}
