//! How a tenant comes to be: its row, its first operator, that operator's key. `lockgate init` founds the
//! house's own tenant in the same way, before there is anybody who could ask for it.

use lockgate_audit::{Audit, Deed};
use lockgate_store::{ApplyFailure, Change, Store, values};
use lockgate_vocabulary::{Clock, Entropy, Fault, KeyId, Name, PrincipalId, PrincipalKind, Secret, Stop, TenantId};

use super::{HOUSE, column, grants};
use crate::authn::mint_api_key;
use crate::refusal::AccessRefusal;
use crate::rows;
use crate::scope::Role;
use crate::tokens::CredentialLife;
use crate::violations::Violations;

/// The roles of a tenant's first operator: all that administer.
const FIRST_ROLES: &[Role] = &[Role::Administrator, Role::Approver, Role::Custodian, Role::Integrator];

/// The first operator of the house.
#[derive(Debug)]
pub struct FirstOperator {
    /// The house's own tenant.
    pub tenant: TenantId,
    /// The operator.
    pub principal: PrincipalId,
    /// The operator's key.
    pub key: KeyId,
    /// The key's text, shown this once.
    pub secret: Secret,
}

/// A tenant that is to be founded.
pub(super) struct Founding {
    pub(super) name: Name,
    pub(super) alias: Option<String>,
    pub(super) operator: String,
}

/// A key whose text was not shown yet.
pub(super) struct Unshown {
    pub(super) key: KeyId,
    pub(super) text: Secret,
}

/// The change that founds a tenant with its first operator.
pub(super) fn founded(
    founding: Founding,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
) -> Result<(TenantId, PrincipalId, Unshown, Change), Stop> {
    let now = clock.now();
    let tenant = TenantId::generate(clock, entropy);
    let principal = PrincipalId::generate(clock, entropy);
    let key = KeyId::generate(clock, entropy);
    let minted = mint_api_key(key, entropy);
    let expires_at = CredentialLife::ServiceAccount.expiry(now, None)?;
    let (none, no_time) = (None::<String>, None::<i64>);
    let operator = values![
        principal,
        founding.operator,
        PrincipalKind::Operator.as_str(),
        column(&FIRST_ROLES)?,
        "[]",
        none.clone(),
        none.clone(),
        no_time,
        now
    ];
    let key_row = values![
        key,
        principal,
        "api-key",
        minted.verifier,
        none.clone(),
        none.clone(),
        none.clone(),
        none,
        expires_at,
        now
    ];
    let change = Change::of(tenant)
        .raising_epoch()
        .step(&rows::tenants::INSERT, values![founding.name, founding.alias, now])
        .step(&rows::principals::INSERT, operator)
        .step(&rows::keys::INSERT, key_row);
    Ok((tenant, principal, Unshown { key, text: minted.text }, change))
}

/// Whether there is a house. Where there is none, nobody is known and nobody could ever be let in.
pub async fn is_founded(store: &Store) -> Result<bool, Fault> {
    Ok(!store.survey(&rows::tenants::NAMED, values![HOUSE]).await?.is_empty())
}

/// Founds the house's own tenant with its first operator. Refused where there is one already.
pub async fn bootstrap(
    store: &Store,
    audit: &Audit,
    operator: &str,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
) -> Result<FirstOperator, Stop> {
    let mut wrong = Violations::default();
    grants::principal_name(operator, PrincipalKind::Operator, &mut wrong);
    wrong.done()?;
    let name = HOUSE.parse().map_err(|error| Fault::broken("naming the house", error))?;
    let founding = Founding { name, alias: None, operator: operator.to_owned() };
    let (tenant, principal, key, change) = founded(founding, clock, entropy)?;
    let deed = Deed::by_house(Some(tenant), "tenant.create", tenant).with("operator", principal.to_string());
    let (statement, values) = audit.step(&deed);
    store.apply(change.step(statement, values)).await.map_err(|failure| match failure {
        ApplyFailure::Conflict { .. } => Stop::from(AccessRefusal::HouseFounded),
        other => other.into_fault("founding the house").into(),
    })?;
    Ok(FirstOperator { tenant, principal, key: key.key, secret: key.text })
}
