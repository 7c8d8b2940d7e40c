//! What the gate would decide about a call, for `lockgate explain call`: the stages of the story that judge
//! and change nothing, by the same code as the running gate.
//!
//! In the story's order: who (`identify`), may they (`authorize`), is the body within its bounds and can the
//! answer be checked (`gather`), does it lead where it may (`vet`), can it be written down as a request
//! (`send`). Not here: what depends on the moment at the running gate (rates, breakers, what the vendor has
//! left, idempotency keys) and what would be an act (the record, the credential, the call). No name server
//! is asked: a name is judged by its text, and by its addresses where the configuration says them.

use std::sync::Arc;

use lockgate_access::directory::Connection;
use lockgate_access::{Allowed, Ask, CallJudge};
use lockgate_vocabulary::limit::{BODY_BYTES, BULK_BODY_BYTES};
use lockgate_vocabulary::{BoxFuture, Clock, Fault, PrincipalId, Refusal, Stop, TenantId};

use crate::answer::Schemas;
use crate::destination::Destination;
use crate::destination::host::Host;
use crate::destination::judge::judge_host;
use crate::destination::resolve::{ResolveFailure, Resolver, StaticResolver};
use crate::order::method_override;
use crate::refusal::EgressRefusal;
use crate::request;

/// Judges calls.
pub struct CallExplainer {
    judge: CallJudge,
    destination: Destination,
    named: StaticResolver,
    schemas: Schemas,
}

/// A call that is looked at.
pub struct Question<'a> {
    /// As whom.
    pub principal: (TenantId, PrincipalId),
    /// Which connection, method and path; the path canonical.
    pub ask: &'a Ask,
    /// The query.
    pub query: Option<&'a str>,
    /// Bytes of the body.
    pub body_bytes: u64,
}

/// Where a call would end.
#[derive(Debug)]
pub struct Ended {
    /// The stage that would end it.
    pub stage: &'static str,
    /// Why.
    pub stop: Stop,
}

/// What would come of a call of somebody who was identified.
#[derive(Debug)]
pub struct Judged {
    /// Where it would end; nowhere where it would be made.
    pub ended: Result<(), Ended>,
    /// Whether the answer that its endpoint declares for that would stand in while the vendor is down; nothing
    /// where the endpoint declares none, or is not told.
    pub fallback: Option<bool>,
}

impl CallExplainer {
    /// Judges by this directory and these rules.
    pub fn new(config: &crate::Config, judge: CallJudge, clock: Arc<dyn Clock>) -> Result<Self, Fault> {
        let named = StaticResolver::new(&config.destination.danger_static_hosts).map_err(|refusal| {
            Fault::broken("reading egress.destination.danger_static_hosts", Refusal::from(refusal))
        })?;
        let destination = Destination::new(&config.destination, Arc::new(NobodyIsAsked), clock)?;
        Ok(Self { judge, destination, named, schemas: Schemas::new() })
    }

    /// Every principal with this name, or the one with this id.
    pub fn principals(&self, name_or_id: &str) -> Vec<(TenantId, PrincipalId)> {
        self.judge.principals(name_or_id)
    }

    /// Whether a credential of this principal is worth anything.
    pub fn identify(&self, principal: (TenantId, PrincipalId)) -> Result<(), Ended> {
        self.judge.identify(principal).map_err(|refusal| Ended { stage: "identify", stop: refusal.into() })
    }

    /// Judges a call of somebody who was identified. What stands in for a vendor stands in for it alone: not for
    /// what the gateway itself refuses.
    pub async fn judge(&self, question: &Question<'_>) -> Judged {
        let allowed = match self.judge.judge(question.principal, question.ask) {
            Ok(allowed) => allowed,
            Err(stop) => return Judged { ended: Err(Ended { stage: "authorize", stop }), fallback: None },
        };
        let ended = self.judge_allowed(question, &allowed).await;
        let fallback = allowed.endpoint.fallback.as_ref().map(|_| ended.is_ok());
        Judged { ended, fallback }
    }

    async fn judge_allowed(&self, question: &Question<'_>, allowed: &Allowed) -> Result<(), Ended> {
        let at = |stage| move |stop: Stop| Ended { stage, stop };
        if let Some(name) = question.query.and_then(method_override) {
            return Err(at("gather")(EgressRefusal::QueryOverride.refuse().detail(name).into()));
        }
        let most = if allowed.endpoint.bulk { BULK_BODY_BYTES } else { BODY_BYTES };
        if question.body_bytes > most {
            return Err(at("gather")(EgressRefusal::BodyTooLarge.into()));
        }
        let tenant = allowed.connection.tenant;
        self.schemas.of(&allowed.endpoint, tenant).await.map_err(at("gather"))?;
        self.vet(&allowed.connection).await.map_err(at("vet"))?;
        let prefix = &allowed.connection.base.prefix;
        request::target(prefix, &question.ask.path, question.query).map(drop).map_err(at("send"))
    }

    async fn vet(&self, connection: &Connection) -> Result<(), Stop> {
        let (base, settings) = (&connection.base, &connection.settings);
        match Host::parse(&base.host)? {
            Host::Name(name) if !self.named.has(&name) => {
                judge_host(&Host::Name(name), &settings.danger_private_networks)?;
                Ok(())
            }
            Host::Name(_) | Host::Address(_) => self.destination.vet_base(base, settings).await.map(drop),
        }
    }
}

/// Stands in for name servers, which are not asked.
struct NobodyIsAsked;

impl Resolver for NobodyIsAsked {
    fn resolve(&self, _: Arc<str>) -> BoxFuture<Result<Vec<std::net::IpAddr>, ResolveFailure>> {
        Box::pin(std::future::ready(Err(ResolveFailure::NotFound)))
    }
}
