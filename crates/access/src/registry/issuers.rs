//! External issuers whose tokens a tenant takes. What their settings mean is judged by `issuer`.

use std::net::IpAddr;
use std::sync::Arc;

use lockgate_store::{Change, Row, values};
use lockgate_vocabulary::{Fault, Refusal, Stop, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Page, PageAsk, Registry, column, grants, rfc3339, stored, told, value};
use crate::issuer::{IssuerSpec, TrustedIssuer};
use crate::refusal::AccessRefusal;
use crate::rows::issuers as rows;
use crate::scope::Scope;
use crate::violations::Violations;

/// An issuer that is to be trusted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewIssuer {
    /// The URL that names it, which is the `iss` of its tokens.
    pub issuer: String,
    /// Its settings.
    #[serde(default)]
    pub spec: IssuerSpec,
}

/// A change of an issuer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ChangeIssuer {
    /// Its settings from now on, all of them.
    pub spec: Option<IssuerSpec>,
    /// `active` or `suspended`.
    pub status: Option<String>,
}

/// What is told of an issuer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct IssuerRecord {
    /// The URL that names it.
    pub issuer: String,
    /// Its settings.
    pub spec: IssuerSpec,
    /// `active` or `suspended`.
    pub status: String,
    /// When it was created.
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String)]
    pub created_at: Timestamp,
    #[serde(skip)]
    changed: i64,
}

fn read(row: &Row) -> Result<IssuerRecord, Fault> {
    Ok(IssuerRecord {
        issuer: row.text(0)?.to_owned(),
        spec: stored(row.text(1)?)?,
        status: row.text(2)?.to_owned(),
        created_at: row.moment(3)?,
        changed: row.int(4)?,
    })
}

/// A cursor of this list: the URL of the last issuer, whatever it looks like.
struct AfterUrl(String);

impl std::str::FromStr for AfterUrl {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.replace('\0', "")))
    }
}

impl std::fmt::Display for AfterUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Registry<'_> {
    /// The settings for their column, if they make sense.
    fn issuer_column(&self, url: &str, spec: &IssuerSpec) -> Result<String, Stop> {
        let written = column(spec)?;
        let audience = self.access.audience();
        let check = TrustedIssuer::resolve(url, Some(self.tenant()), spec, Arc::from(written.as_str()), audience);
        // Its pointers start at the settings, which stand below `/spec` here; the URL stands beside them.
        check.map_err(|refusal| below_spec(&refusal))?;
        self.check_networks(url, spec)?;
        self.check_clients(spec)?;
        Ok(written)
    }

    /// The same rule as for a connection: a tenant opens no network that the gateway's configuration does not.
    /// What a name leads to is judged when it is asked; an address is judged here already.
    fn check_networks(&self, url: &str, spec: &IssuerSpec) -> Result<(), Refusal> {
        let mut wrong = Violations::default();
        for (at, written) in [
            ("/issuer", Some(url)),
            ("/spec/jwks_uri", spec.jwks_uri.as_deref()),
            ("/spec/metadata_uri", spec.metadata_uri.as_deref()),
        ] {
            let inside = written.and_then(private_address);
            let opened =
                |address: &IpAddr| spec.danger_private_networks.iter().any(|network| network.contains(address));
            let what = "an address of a private network that danger_private_networks does not name";
            wrong.check(inside.is_none_or(|address| opened(&address)), at, what);
        }
        for (index, network) in spec.danger_private_networks.iter().enumerate() {
            let opened = self.access.danger_networks().iter().any(|allowed| allowed.contains(network));
            let at = format!("/spec/danger_private_networks/{index}");
            wrong.check(opened, at, "the gateway's configuration does not open this network to tenants");
        }
        wrong.done()
    }

    /// A client that is written down as a principal is that principal. So the principal must be there, and
    /// where it is an operator, whoever writes this holds what the operator holds: an issuer of one's own
    /// would otherwise be a way to become anybody.
    fn check_clients(&self, spec: &IssuerSpec) -> Result<(), Stop> {
        let mut wrong = Violations::default();
        let directory = self.access.directory()?;
        let view = directory.tenants.get(&self.tenant());
        for (client, name) in &spec.clients {
            let at = format!("/spec/clients/{}", client.replace('~', "~0").replace('/', "~1"));
            match view.and_then(|view| view.principal(name)) {
                Some(principal) => {
                    let held = principal.scopes.elevated().is_within(self.caller.scopes());
                    wrong.check(held, at, "an operator is lent by those alone who hold the operator's scopes");
                }
                None => wrong.add(at, "no principal of yours"),
            }
        }
        Ok(wrong.done()?)
    }

    /// Trusts an issuer.
    pub async fn create_issuer(&self, new: NewIssuer) -> Result<IssuerRecord, Stop> {
        self.demand(Scope::TenantsAdmin)?;
        let written = self.issuer_column(&new.issuer, &new.spec)?;
        self.demand_room(&rows::COUNT, self.access.quotas().issuers, "issuers").await?;
        let deed = told::tell(self.deed("issuer.create", &new.issuer), None, &value(&new.spec)?);
        let row = values![&new.issuer, written, self.now()];
        self.apply(Change::of(self.tenant()).step(&rows::INSERT, row), &deed).await?;
        self.issuer_of(&new.issuer).await
    }

    /// Lists the tenant's issuers.
    pub async fn issuers(&self, ask: &PageAsk) -> Result<Page<IssuerRecord>, Stop> {
        self.demand(Scope::TenantsAdmin)?;
        let rows = self.read(&rows::PAGE, values![ask.behind::<AfterUrl>()?, ask.rows()?]).await?;
        ask.page(&rows, read, |issuer| issuer.issuer.clone())
    }

    /// Shows an issuer, by its URL.
    pub async fn issuer(&self, url: &str) -> Result<IssuerRecord, Stop> {
        self.demand(Scope::TenantsAdmin)?;
        self.issuer_of(url).await
    }

    async fn issuer_of(&self, url: &str) -> Result<IssuerRecord, Stop> {
        if url.contains('\0') {
            return Err(AccessRefusal::ObjectUnknown.into());
        }
        let row = self.one(&rows::ONE, values![url]).await?;
        Ok(read(&row)?)
    }

    /// Changes an issuer's settings or suspends it.
    pub async fn change_issuer(&self, url: &str, change: ChangeIssuer) -> Result<IssuerRecord, Stop> {
        self.demand(Scope::TenantsAdmin)?;
        let old = self.issuer_of(url).await?;
        let written = match &change.spec {
            Some(spec) => self.issuer_column(url, spec)?,
            None => column(&old.spec)?,
        };
        let mut wrong = Violations::default();
        let status = change.status.unwrap_or(old.status);
        grants::status(&status, &["active", "suspended"], &mut wrong);
        wrong.done()?;
        let deed = self.deed("issuer.change", url).with("status", status.as_str());
        let deed = told::tell(deed, Some(&value(&old.spec)?), &value(change.spec.as_ref().unwrap_or(&old.spec))?);
        let row = values![url, written, status, old.changed];
        self.apply(Change::of(self.tenant()).step(&rows::UPDATE, row).expecting(1), &deed).await?;
        self.issuer_of(url).await
    }
}

/// The address that a URL names, where it is one of a private network.
fn private_address(url: &str) -> Option<IpAddr> {
    let uri = http::Uri::try_from(url).ok()?;
    let address: IpAddr = uri.host()?.trim_start_matches('[').trim_end_matches(']').parse().ok()?;
    let address = address.to_canonical();
    let private = match address {
        IpAddr::V4(v4) => v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_unspecified(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local() || v6.is_unspecified(),
    };
    private.then_some(address)
}

fn below_spec(refusal: &Refusal) -> Refusal {
    let start = Refusal::new(refusal.info());
    refusal.violations().iter().fold(start, |all, each| {
        let pointer = match each.pointer.as_str() {
            "/issuer" => each.pointer.clone(),
            inside => format!("/spec{inside}"),
        };
        all.violation(pointer, each.reason.clone())
    })
}
