//! What the gate would say to a call of somebody's, for `lockgate explain call`: the same judgement as the
//! running gate's, with no credential shown and nothing changed.
//!
//! INVARIANT: no `Caller` and no `Grant` leaves this file. Whoever asks has proven nothing, so nothing that
//! comes of it may be able to go on to a call.

use std::sync::Arc;

use lockgate_store::Store;
use lockgate_vocabulary::{Clock, Fault, PrincipalId, Stop, TenantId};

use super::{Ask, authorize};
use crate::authn::standing::Standing;
use crate::caller::Caller;
use crate::catalog::Catalog;
use crate::config::Config;
use crate::directory::keeper::Keeper;
use crate::directory::{Connection, Directory, Endpoint};
use crate::refusal::AccessRefusal;

/// Judges calls of principals in one snapshot of the directory.
pub struct CallJudge {
    directory: Arc<Directory>,
    clock: Arc<dyn Clock>,
}

/// A call that would be allowed.
pub struct Allowed {
    /// The connection that it would use.
    pub connection: Arc<Connection>,
    /// The declared endpoint that it falls under.
    pub endpoint: Arc<Endpoint>,
}

impl CallJudge {
    /// Reads the directory as it is at this moment.
    pub async fn open(config: &Config, store: Store, clock: Arc<dyn Clock>) -> Result<Self, Fault> {
        let keeper =
            Keeper::open(store, Arc::clone(&clock), Catalog::compiled()?, &config.danger_private_networks).await?;
        Ok(Self { directory: keeper.current_full(), clock })
    }

    /// Every principal with this name, or the one with this id. Several tenants may use the same name.
    pub fn principals(&self, name_or_id: &str) -> Vec<(TenantId, PrincipalId)> {
        let views = self.directory.tenants.values();
        views.filter_map(|view| Some((view.tenant, view.principal(name_or_id)?.id))).collect()
    }

    /// Whether a credential of this principal is worth anything at this moment. The reason is the log's; a
    /// caller is told no more than that the credential is not valid.
    pub fn identify(&self, (tenant, principal): (TenantId, PrincipalId)) -> Result<(), AccessRefusal> {
        self.caller(tenant, principal).map(drop)
    }

    /// Judges a call as it would be judged with a key of the principal's that narrows nothing.
    pub fn judge(&self, (tenant, principal): (TenantId, PrincipalId), ask: &Ask) -> Result<Allowed, Stop> {
        let caller = self.caller(tenant, principal)?;
        let grant = authorize(&caller, ask)?;
        Ok(Allowed { connection: Arc::clone(grant.connection()), endpoint: Arc::clone(grant.endpoint()) })
    }

    fn caller(&self, tenant: TenantId, principal: PrincipalId) -> Result<Caller, AccessRefusal> {
        let view = self.directory.tenants.get(&tenant).ok_or(AccessRefusal::TenantInactive)?;
        let standing = Standing::resolve(view, principal, None, None)?;
        standing.demand_live(self.clock.now())?;
        Ok(standing.caller(view))
    }
}
