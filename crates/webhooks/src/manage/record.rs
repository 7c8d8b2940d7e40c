//! What is told of a subscription.

use lockgate_access::AccessRefusal;
use lockgate_access::registry::{Page, PageAsk};
use lockgate_access::scope::Scope;
use lockgate_store::{Row, values};
use lockgate_vault::Act;
use lockgate_vocabulary::{Fault, Name, Stop, SubscriptionId, TenantId, Timestamp};
use serde::{Serialize, Serializer};

use crate::rows::subscriptions as rows;
use crate::spec::SubscriptionSpec;
use crate::subscription::{SecretPurpose, Status};
use crate::webhooks::Webhooks;

/// A subscription.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct SubscriptionRecord {
    /// Its id.
    #[schema(value_type = String)]
    pub subscription: SubscriptionId,
    /// Its name.
    #[schema(value_type = String)]
    pub name: Name,
    /// Its settings.
    pub spec: SubscriptionSpec,
    /// The path below the gateway's own URL to which the provider delivers; none of a way out.
    pub path: Option<String>,
    /// `pending` until its endpoint has answered its challenge, then `active`; `paused`; `retired`.
    pub status: String,
    /// Why it is paused or retired.
    pub reason: Option<String>,
    /// When it was established (RFC 3339).
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String)]
    pub created_at: Timestamp,
    /// Its secrets, the newest first; in a list of subscriptions there are none.
    pub secrets: Vec<SecretRecord>,
    #[serde(skip)]
    pub(crate) changed: i64,
    /// The URL of the endpoint that answered its challenge.
    #[serde(skip)]
    pub(crate) verified: Option<String>,
}

/// What is told of a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct SecretRecord {
    /// `verify` or `sign`.
    pub purpose: String,
    /// Its version within its purpose.
    pub version: i64,
    /// Tells whether two secrets are the same, and nothing else.
    pub fingerprint: String,
    /// Whether it vouches for anything at this moment.
    pub live: bool,
    /// Until when it does (RFC 3339).
    #[serde(serialize_with = "rfc3339_opt")]
    #[schema(value_type = Option<String>)]
    pub expires_at: Option<Timestamp>,
    /// Since when it is there (RFC 3339).
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String)]
    pub created_at: Timestamp,
}

/// Writes a moment as RFC 3339, as all answers do.
pub(crate) fn rfc3339<S: Serializer>(moment: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(moment)
}

/// The same for a moment that may be absent.
pub(crate) fn rfc3339_opt<S: Serializer>(moment: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match moment {
        Some(moment) => serializer.collect_str(moment),
        None => serializer.serialize_none(),
    }
}

impl SubscriptionRecord {
    pub(crate) fn read(row: &Row) -> Result<Self, Fault> {
        let spec: SubscriptionSpec = serde_json::from_str(row.text(2)?)
            .map_err(|error| Fault::broken("reading a stored subscription", error))?;
        let id: SubscriptionId = row.parsed(0)?;
        Ok(Self {
            subscription: id,
            name: row.parsed(1)?,
            path: matches!(spec, SubscriptionSpec::Inbound(_)).then(|| format!("/hooks/{id}")),
            spec,
            status: row.text(3)?.to_owned(),
            reason: row.opt_text(4)?.map(str::to_owned),
            created_at: row.moment(5)?,
            secrets: Vec::new(),
            changed: row.int(6)?,
            verified: row.opt_text(7)?.map(str::to_owned),
        })
    }

    pub(crate) fn status(&self) -> Result<Status, Fault> {
        Status::parse(&self.status).ok_or(Fault::violated("a stored status is one of the four"))
    }

    /// The versions of a purpose, the newest first.
    pub(crate) fn of(&self, purpose: SecretPurpose) -> impl Iterator<Item = &SecretRecord> {
        self.secrets.iter().filter(move |secret| secret.purpose == purpose.as_str())
    }
}

impl Webhooks {
    /// Lists the tenant's subscriptions, without their secrets.
    pub async fn subscriptions(&self, act: Act<'_>, ask: &PageAsk) -> Result<Page<SubscriptionRecord>, Stop> {
        self.access.demand(act.caller, Scope::ConnectionsRead)?;
        let behind = values![ask.behind::<SubscriptionId>()?, ask.rows()?];
        let rows = self.read(act.caller.tenant(), &rows::PAGE, behind).await?;
        ask.page(&rows, SubscriptionRecord::read, |record| record.subscription.to_string())
    }

    /// Shows a subscription, by id or name.
    pub async fn subscription(&self, act: Act<'_>, id_or_name: &str) -> Result<SubscriptionRecord, Stop> {
        self.access.demand(act.caller, Scope::ConnectionsRead)?;
        self.record_of(act.caller.tenant(), id_or_name).await
    }

    pub(crate) async fn record_of(&self, tenant: TenantId, id_or_name: &str) -> Result<SubscriptionRecord, Stop> {
        let row = match (id_or_name.parse::<SubscriptionId>(), id_or_name.parse::<Name>()) {
            (Ok(id), _) => self.one(tenant, &rows::ONE, values![id]).await?,
            (_, Ok(name)) => self.one(tenant, &rows::NAMED, values![name]).await?,
            _ => return Err(AccessRefusal::ObjectUnknown.into()),
        };
        let mut record = SubscriptionRecord::read(&row)?;
        let now = self.clock.now();
        for row in self.read(tenant, &rows::SECRETS_OF, values![record.subscription]).await? {
            let expires_at = row.opt_moment(3)?;
            record.secrets.push(SecretRecord {
                purpose: row.text(0)?.to_owned(),
                version: row.int(1)?,
                fingerprint: row.text(2)?.to_owned(),
                live: row.int(5)? != 0 && expires_at.is_none_or(|end| now < end),
                expires_at,
                created_at: row.moment(4)?,
            });
        }
        Ok(record)
    }
}
