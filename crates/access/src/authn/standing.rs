//! What a credential amounts to in one snapshot of its tenant: whose it is and what it may do.
//!
//! It is worked out once for each credential and snapshot, and remembered; what depends on the moment or
//! on the caller's address is judged on every call ([`Standing::demand`]).

use std::net::IpAddr;
use std::sync::{Arc, Weak};

use ipnet::IpNet;
use lockgate_vocabulary::{PrincipalId, Timestamp};

use crate::AccessRefusal;
use crate::caller::Caller;
use crate::directory::{Key, Principal, TenantView};
use crate::scope::{Scope, ScopeSet};

/// What a credential amounts to.
#[derive(Debug)]
pub(crate) struct Standing {
    /// The snapshot it was worked out in. Weak, so that what is remembered keeps no old snapshot alive.
    view: Weak<TenantView>,
    principal: Arc<Principal>,
    key: Option<Arc<Key>>,
    scopes: ScopeSet,
}

impl Standing {
    /// Works out what a key, a token granted through a key, or an external token amounts to. `granted`
    /// is what a token holds; a key alone holds what its record says.
    pub(crate) fn resolve(
        view: &Arc<TenantView>,
        principal: PrincipalId,
        key: Option<&Arc<Key>>,
        granted: Option<&ScopeSet>,
    ) -> Result<Self, AccessRefusal> {
        if !view.active {
            return Err(AccessRefusal::TenantInactive);
        }
        let principal = view.principals.get(&principal).ok_or(AccessRefusal::PrincipalUnknown)?;
        if !principal.active {
            return Err(AccessRefusal::PrincipalInactive);
        }
        if key.is_some_and(|key| key.revoked) {
            return Err(AccessRefusal::KeyRevoked);
        }
        let limits = [key.and_then(|key| key.scopes.as_ref()), granted];
        let mut scopes = principal.scopes.clone();
        for limit in limits.into_iter().flatten() {
            scopes = scopes.intersect(limit);
        }
        // Administration and use are separate credentials (IDN-10), whatever a record says.
        if scopes.misfit(principal.kind).is_some() {
            let fitting: Vec<Scope> = Scope::ALL.iter().copied().filter(|scope| scope.fits(principal.kind)).collect();
            scopes = scopes.intersect(&ScopeSet::of(&fitting));
        }
        let principal = Arc::clone(principal);
        Ok(Self { view: Arc::downgrade(view), principal, key: key.cloned(), scopes })
    }

    /// Whether it was worked out in exactly this snapshot.
    pub(crate) fn is_of(&self, view: &Arc<TenantView>) -> bool {
        // INVARIANT: the weak reference keeps the address from being used again, so equal addresses are
        // the same snapshot.
        std::ptr::eq(Weak::as_ptr(&self.view), Arc::as_ptr(view))
    }

    /// Demands that it counts now.
    pub(crate) fn demand_live(&self, now: Timestamp) -> Result<(), AccessRefusal> {
        if self.principal.expires_at.is_some_and(|end| end <= now) {
            return Err(AccessRefusal::PrincipalExpired);
        }
        if self.key.as_ref().and_then(|key| key.expires_at).is_some_and(|end| end <= now) {
            return Err(AccessRefusal::KeyExpired);
        }
        Ok(())
    }

    /// Demands that it counts now and from here.
    pub(crate) fn demand(&self, now: Timestamp, peer: IpAddr) -> Result<(), AccessRefusal> {
        self.demand_live(now)?;
        demand_address(&self.principal.addresses, peer)?;
        demand_address(self.key.as_ref().map_or(&[], |key| &key.addresses), peer)
    }

    /// The proof. INVARIANT: `demand` was passed, and `view` is the snapshot it was worked out in.
    pub(crate) fn caller(&self, view: &Arc<TenantView>) -> Caller {
        Caller::identified(Arc::clone(view), Arc::clone(&self.principal), self.key.clone(), self.scopes.clone())
    }

    pub(crate) const fn principal(&self) -> &Arc<Principal> {
        &self.principal
    }

    pub(crate) const fn scopes(&self) -> &ScopeSet {
        &self.scopes
    }
}

fn demand_address(allowed: &[IpNet], peer: IpAddr) -> Result<(), AccessRefusal> {
    // An IPv4 caller on a dual-stack socket arrives as a mapped IPv6 address.
    let peer = peer.to_canonical();
    if allowed.is_empty() || allowed.iter().any(|network| network.contains(&peer)) {
        return Ok(());
    }
    Err(AccessRefusal::KeyAddress)
}

#[cfg(test)]
mod tests;
