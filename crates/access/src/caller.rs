//! The proof that somebody was identified.
//!
//! Here: [`Caller`]. Not here: how it comes about (`authn`), and what it may do (`authz`).

use std::sync::Arc;

use lockgate_vocabulary::{Actor, ConnectionId, KeyId, TenantId};

use crate::authn::seen::Seen;
use crate::directory::{Key, Principal, TenantView, Use};
use crate::scope::ScopeSet;

/// Somebody who was identified: a principal of a tenant, by a key or a token of theirs.
#[derive(Debug, Clone)]
pub struct Caller {
    actor: Actor,
    scopes: ScopeSet,
    view: Arc<TenantView>,
    principal: Arc<Principal>,
    key: Option<Arc<Key>>,
    /// The token, where it was one. It is looked at again right before the wire.
    token: Option<Arc<Seen>>,
}

impl Caller {
    /// INVARIANT: only the stage that identifies calls this, and `scopes` is at most what the principal,
    /// the key and the token each hold.
    pub(crate) fn identified(
        view: Arc<TenantView>,
        principal: Arc<Principal>,
        key: Option<Arc<Key>>,
        scopes: ScopeSet,
    ) -> Self {
        Self { actor: principal.actor(view.tenant), scopes, view, principal, key, token: None }
    }

    /// Notes that the caller was identified by this token.
    pub(crate) fn by_token(mut self, token: Arc<Seen>) -> Self {
        self.token = Some(token);
        self
    }

    /// The token by which the caller was identified, where it was one.
    pub(crate) const fn token(&self) -> Option<&Arc<Seen>> {
        self.token.as_ref()
    }

    /// Who acts.
    pub const fn actor(&self) -> &Actor {
        &self.actor
    }

    /// The tenant for which the caller acts.
    pub const fn tenant(&self) -> TenantId {
        self.actor.tenant
    }

    /// What the caller may do.
    pub const fn scopes(&self) -> &ScopeSet {
        &self.scopes
    }

    /// The key or client by which the caller was identified, where it is one of ours.
    pub fn key(&self) -> Option<KeyId> {
        self.key.as_ref().map(|key| key.id)
    }

    /// Whether the caller may have to do with a connection at all: by its scopes, and by what its principal and
    /// its key declare that they use.
    pub fn may_reach(&self, name: &str, id: ConnectionId) -> bool {
        let speaks = |declared: &[Use]| declared.iter().any(|each| each.concerns(name, id));
        let declared = [self.principal.uses.as_deref(), self.key.as_ref().and_then(|key| key.uses.as_deref())];
        self.scopes.may_reach(name, id) && declared.into_iter().flatten().all(speaks)
    }

    /// The caller's tenant as it was when the caller was identified.
    pub const fn view(&self) -> &Arc<TenantView> {
        &self.view
    }

    /// The principal's record.
    pub const fn principal(&self) -> &Arc<Principal> {
        &self.principal
    }

    /// The key's record.
    pub const fn key_record(&self) -> Option<&Arc<Key>> {
        self.key.as_ref()
    }
}
