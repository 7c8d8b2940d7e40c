//! API keys and clients' keys. The text of a random one is shown once, when it is made; only its hash is
//! kept. Each ends by itself, after 90 days at the latest (IDN-4).

use std::time::Duration;

use ipnet::IpNet;
use lockgate_store::{Change, Row, Value, values};
use lockgate_vocabulary::{Fault, KeyId, PrincipalId, Secret, Stop, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

use super::bootstrap::Unshown;
use super::principals::PrincipalRecord;
use super::{Page, PageAsk, Registry, column, grants, rfc3339, rfc3339_opt, stored};
use crate::authn::{mint_api_key, mint_client_secret};
use crate::keyset::KeySet;
use crate::refusal::AccessRefusal;
use crate::rows::keys as rows;
use crate::scope::{Scope, ScopeSet};
use crate::spec::DeclaredUse;
use crate::tokens::CredentialLife;
use crate::violations::Violations;

/// Live client keys of one principal: at the token endpoint each of them is tried.
const CLIENT_KEYS: i64 = 8;

/// What kind of key it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KeyKind {
    /// Presented with each request.
    ApiKey,
    /// The secret of a client of the token endpoint.
    ClientSecret,
    /// The public keys of a client that signs its assertions (`private_key_jwt`).
    ClientJwks,
}

impl KeyKind {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ApiKey => "api-key",
            Self::ClientSecret => "client-secret",
            Self::ClientJwks => "client-jwks",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::ApiKey, Self::ClientSecret, Self::ClientJwks].into_iter().find(|kind| kind.as_str() == word)
    }
}

/// A key that is to be made.
#[derive(Debug, Clone, PartialEq, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// Whose it is: a principal's id or name.
    pub principal: String,
    /// Its kind.
    pub kind: KeyKind,
    /// The public keys, for `client-jwks` alone.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub jwks: Option<serde_json::Value>,
    /// What it may do at the most; all that its principal may where absent.
    #[serde(default)]
    pub scopes: Option<Vec<String>>,
    /// Where it may call; wherever its principal may where absent.
    #[serde(default)]
    pub endpoints: Option<Vec<DeclaredUse>>,
    /// From where it may come; from wherever its principal may where empty.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub addresses: Vec<IpNet>,
    /// Seconds after which it ends; 90 days at the most and by default.
    #[serde(default)]
    pub expires_in: Option<u64>,
}

/// What is told of a key. Its text is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct KeyRecord {
    /// Its id; the `client_id` of a client.
    #[schema(value_type = String)]
    pub key: KeyId,
    /// Whose it is.
    #[schema(value_type = String)]
    pub principal: PrincipalId,
    /// Its kind.
    pub kind: KeyKind,
    /// What it may do at the most; all that its principal may where absent.
    #[schema(value_type = Option<String>)]
    pub scopes: Option<ScopeSet>,
    /// Where it may call; wherever its principal may where absent.
    pub endpoints: Option<Vec<DeclaredUse>>,
    /// From where it may come; from wherever its principal may where empty.
    #[schema(value_type = Vec<String>)]
    pub addresses: Vec<IpNet>,
    /// Until when.
    #[serde(serialize_with = "rfc3339_opt")]
    #[schema(value_type = Option<String>)]
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    #[serde(serialize_with = "rfc3339_opt")]
    #[schema(value_type = Option<String>)]
    pub revoked_at: Option<Timestamp>,
    /// When it was made.
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String)]
    pub created_at: Timestamp,
}

/// A key that was just made.
#[derive(Debug)]
pub struct MadeKey {
    /// What is told of it.
    pub key: KeyRecord,
    /// Its text, shown this once; none for `client-jwks`.
    pub secret: Option<Secret>,
}

fn read(row: &Row) -> Result<KeyRecord, Fault> {
    let kind = KeyKind::parse(row.text(2)?);
    Ok(KeyRecord {
        key: row.parsed(0)?,
        principal: row.parsed(1)?,
        kind: kind.ok_or(Fault::violated("a stored kind of key is one of the three"))?,
        scopes: row.opt_text(3)?.map(stored).transpose()?,
        endpoints: row.opt_text(4)?.map(stored).transpose()?,
        addresses: row.opt_text(5)?.map(stored).transpose()?.unwrap_or_default(),
        expires_at: row.opt_moment(6)?,
        revoked_at: row.opt_moment(7)?,
        created_at: row.moment(8)?,
    })
}

/// What proves a new key, for its columns, and what its holder gets.
struct Proof {
    verifier: Value,
    jwks: Value,
    secret: Option<Secret>,
}

impl Registry<'_> {
    /// Makes a key for a principal.
    pub async fn create_key(&self, new: NewKey) -> Result<MadeKey, Stop> {
        self.demand(Scope::TenantsAdmin)?;
        let principal = self.principal_of(&new.principal).await?;
        if principal.status != "active" {
            return Err(AccessRefusal::StatusConflict.into());
        }
        let now = self.now();
        let expires_at = CredentialLife::ServiceAccount
            .expiry(now, new.expires_in.map(|seconds| now.after(Duration::from_secs(seconds))))?;
        let mut wrong = Violations::default();
        let scopes = self.key_scopes(&principal, new.scopes.as_deref(), &mut wrong);
        let uses = grants::uses(new.endpoints.as_ref(), &mut wrong)?;
        let addresses = grants::addresses(&new.addresses, &mut wrong)?;
        let id = KeyId::generate(self.clock(), self.entropy());
        let proof = self.proof(new.kind, new.jwks, id, &mut wrong);
        if new.kind != KeyKind::ApiKey {
            let live = self.one(&rows::LIVE_OF_CLIENT, values![principal.principal, now]).await?.int(0)?;
            wrong.check(live < CLIENT_KEYS, "/principal", "it has 8 live client keys; revoke one of them first");
        }
        wrong.done()?;
        self.demand_room(&rows::COUNT, self.access.quotas().keys, "keys").await?;
        self.demand_use_bytes(&uses, 0).await?;
        let deed = self
            .deed("key.create", id)
            .with("principal", principal.principal.to_string())
            .with("kind", new.kind.as_str())
            .with("expires_at", expires_at.to_string());
        let words = scopes.as_ref().map(column).transpose()?;
        let (kind, owner) = (new.kind.as_str(), principal.principal);
        let row = values![id, owner, kind, proof.verifier, proof.jwks, words, uses, addresses, expires_at, now];
        self.apply(Change::of(self.tenant()).step(&rows::INSERT, row), &deed).await?;
        Ok(MadeKey { key: self.key_of(self.tenant(), id).await?, secret: proof.secret })
    }

    /// A key may do what its principal may, or less; and whoever makes it hands on nothing elevated that
    /// they do not hold.
    fn key_scopes(
        &self,
        principal: &PrincipalRecord,
        words: Option<&[String]>,
        wrong: &mut Violations,
    ) -> Option<ScopeSet> {
        let held = principal.held();
        let Some(words) = words else {
            self.check_grant(&held, wrong);
            return None;
        };
        let scopes = grants::scopes(words, wrong);
        wrong.check(scopes.is_within(&held), "/scopes", "more than its principal holds");
        self.check_grant(&scopes, wrong);
        Some(scopes)
    }

    fn proof(&self, kind: KeyKind, jwks: Option<serde_json::Value>, id: KeyId, wrong: &mut Violations) -> Proof {
        wrong.check(jwks.is_some() == (kind == KeyKind::ClientJwks), "/jwks", "for client-jwks, and for nothing else");
        let minted = match kind {
            KeyKind::ApiKey => mint_api_key(id, self.entropy()),
            KeyKind::ClientSecret => mint_client_secret(self.entropy()),
            KeyKind::ClientJwks => {
                let text = jwks.map(|jwks| jwks.to_string()).unwrap_or_default();
                if let Err(refusal) = KeySet::parse(text.as_bytes()) {
                    wrong.add("/jwks", refusal.info().title);
                }
                return Proof { verifier: Value::Null, jwks: Value::from(text), secret: None };
            }
        };
        Proof { verifier: Value::from(minted.verifier), jwks: Value::Null, secret: Some(minted.text) }
    }

    /// Lists the tenant's keys, or those of one principal (by id or name).
    pub async fn keys(&self, principal: Option<&str>, ask: &PageAsk) -> Result<Page<KeyRecord>, Stop> {
        self.demand(Scope::TenantsAdmin)?;
        let (behind, limit) = (ask.behind::<KeyId>()?, ask.rows()?);
        let rows = match principal {
            None => self.read(&rows::PAGE, values![behind, limit]).await?,
            Some(owner) => {
                let owner = self.principal_of(owner).await?.principal;
                self.read(&rows::PAGE_OF, values![behind, limit, owner]).await?
            }
        };
        ask.page(&rows, read, |key| key.key.to_string())
    }

    /// Shows a key.
    pub async fn key(&self, id: KeyId) -> Result<KeyRecord, Stop> {
        self.demand(Scope::TenantsAdmin)?;
        self.key_of(self.tenant(), id).await
    }

    async fn key_of(&self, tenant: TenantId, id: KeyId) -> Result<KeyRecord, Stop> {
        let rows = self.access.store().read(tenant, &rows::ONE, values![id]).await?;
        let row = rows.first().ok_or(AccessRefusal::ObjectUnknown)?;
        Ok(read(row)?)
    }

    pub(super) async fn made(&self, tenant: TenantId, key: Unshown) -> Result<MadeKey, Stop> {
        Ok(MadeKey { key: self.key_of(tenant, key.key).await?, secret: Some(key.text) })
    }

    /// Revokes a key. It holds on every node within a second; one that is revoked already stays so.
    pub async fn revoke_key(&self, id: KeyId) -> Result<KeyRecord, Stop> {
        self.demand(Scope::TenantsAdmin)?;
        let old = self.key_of(self.tenant(), id).await?;
        if old.revoked_at.is_some() {
            return Ok(old);
        }
        let deed = self.deed("key.revoke", id).with("principal", old.principal.to_string());
        let change = Change::of(self.tenant()).step(&rows::REVOKE, values![id, self.now()]).expecting(1);
        self.apply(change, &deed).await?;
        self.key_of(self.tenant(), id).await
    }
}
