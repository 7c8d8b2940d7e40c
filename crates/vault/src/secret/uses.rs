//! Which calls a credential was lent to, as this node's trail has it, and which nodes have trails beside it.

use std::time::Duration;

use lockgate_access::scope::Scope;
use lockgate_audit::{Cursor, Deed, Filter, Order, OtherLog, Run};
use lockgate_vocabulary::{ConnectionId, CredentialId, Stop, TenantId, Timestamp};

use super::{Act, Custodian};

/// For how long a call may go on at the most, in the background: one that was opened so long before may have used
/// the credential after.
const LONGEST: Duration = Duration::from_secs(86_400);

/// Pages of the trail that one look goes through.
const PAGES: usize = 32;
const PAGE: usize = 1_000;

/// Runs that used a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uses {
    /// Runs that were lent it, and those under way that may be; the newest first.
    pub items: Vec<Run>,
    /// Where to go on, where there is more.
    pub next: Option<Cursor>,
    /// The node whose trail this is.
    pub node: String,
    /// The nodes that may have more of them: each has its trail in files of its own, and is asked itself.
    pub elsewhere: Vec<OtherLog>,
}

impl Custodian {
    /// The runs that were lent the credential since a moment, and those under way on a connection of its.
    pub async fn uses(
        &self,
        act: Act<'_>,
        id: CredentialId,
        since: Timestamp,
        cursor: Option<Cursor>,
    ) -> Result<Uses, Stop> {
        let tenant = self.demand(act, Scope::RunsRead)?;
        let deed = Deed::new(act.caller.actor(), act.trace, "credential.uses", id).with("since", since.to_string());
        self.audit.record(deed).await?;
        self.credential(tenant, id).await?;
        self.used(tenant, id, since, cursor).await
    }

    pub(super) async fn used(
        &self,
        tenant: TenantId,
        id: CredentialId,
        since: Timestamp,
        mut cursor: Option<Cursor>,
    ) -> Result<Uses, Stop> {
        let (connections, earliest) = (self.dependents(tenant, id).await?, since.before(LONGEST));
        let mut items = Vec::new();
        for _ in 0..PAGES {
            // Backwards, so that a long trail is read as far as it matters and no further.
            let filter = Filter { order: Order::NewestFirst, ..Filter::default() };
            let page = self.audit.runs(tenant, filter, cursor, PAGE).await?;
            let ends = page.items.iter().any(|run| run.opened_at < earliest);
            items.extend(page.items.into_iter().filter(|run| is_of(run, id, since, &connections)));
            cursor = page.next.filter(|_| !ends);
            if cursor.is_none() || items.len() >= PAGE {
                break;
            }
        }
        let elsewhere = self.audit.others(&self.vault.inner.store, since).await?;
        Ok(Uses { items, next: cursor, node: self.audit.node().to_owned(), elsewhere })
    }
}

fn is_of(run: &Run, id: CredentialId, since: Timestamp, connections: &[ConnectionId]) -> bool {
    let under_way = run.ended.is_none() && connections.contains(&run.facts.connection);
    let lent = |attempt: &lockgate_audit::Attempt| attempt.at >= since && attempt.facts.credential == Some(id);
    under_way || run.attempts.iter().any(lent)
}
