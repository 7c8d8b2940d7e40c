//! One leg of an attempt: a request to one origin, and where its answer leads on to.

use std::net::IpAddr;

use http::header::LOCATION;
use http::{Request, StatusCode};
use lockgate_access::Grant;
use lockgate_access::directory::Connection;
use lockgate_traffic::Passage;
use lockgate_vault::{Equipped, Identity, ProofVerdict, Vault};
use lockgate_vocabulary::Stop;

use crate::answer::Setback;
use crate::destination::PinnedTarget;
use crate::destination::redirect::{Hop, Next, Trail};
use crate::order::method_override;
use crate::refusal::EgressRefusal;
use crate::request::{self, Compose};
use crate::retry::Trouble;
use crate::run::{Attempted, Run};
use crate::wire::{Exchange, Lost, Outgoing, WireFailure};

/// Where a request of an attempt goes, and what it carries.
pub(crate) struct Leg {
    pub(crate) target: PinnedTarget,
    /// Whether a line that waits will not do.
    pub(crate) fresh: bool,
    hop: Option<Hop>,
    equipped: Option<Equipped>,
}

impl Leg {
    /// The call itself.
    pub(crate) fn first(target: &PinnedTarget) -> Self {
        Self { target: target.clone(), fresh: false, hop: None, equipped: None }
    }

    /// What a redirect leads to.
    pub(crate) fn next(self, hop: Hop, target: PinnedTarget) -> Self {
        Self { target, fresh: false, hop: Some(hop), equipped: self.equipped }
    }

    /// The request, with the credential where it belongs: the secret enters last.
    pub(crate) fn equip(&mut self, run: &mut Run) -> Result<Request<Outgoing>, Stop> {
        let (grant, order, hop) = (&run.grant, &run.order, self.hop.as_ref());
        let compose =
            Compose { grant, order, target: &self.target, hop, vendor_key: run.vendor_key(), trace: run.trace() };
        let mut parts = compose.parts()?;
        let body = if hop.is_none_or(|hop| hop.keeps_body) { Outgoing::of(&order.body)? } else { Outgoing::Empty };
        if let Some(hop) = hop {
            may_be_led(run, hop)?;
        }
        if hop.is_none_or(|hop| hop.keeps_credential) {
            let equipped = run.inner.parts.vault.equip(grant, &mut parts)?;
            run.lent = equipped.spellings().cloned();
            run.credential = equipped.lent();
            self.equipped = Some(equipped);
        } else if let Some(equipped) = self.equipped.take() {
            run.credential = None;
            // The address that it leads to may repeat the query of the request before, credential included.
            equipped.strip(&mut parts)?;
        }
        Ok(Request::from_parts(parts, body))
    }

    /// What the line names itself by, which is shown to nobody who is not shown the credential.
    pub(crate) fn identity(&self, vault: &Vault, grant: &Grant) -> Result<Option<Identity>, Stop> {
        if self.hop.as_ref().is_some_and(|hop| !hop.keeps_credential) {
            return Ok(None);
        }
        vault.identity(grant, (self.target.host(), self.target.port()))
    }

    /// Whether what the request carries is of the credential by which its line is named, where it is named by one.
    pub(crate) fn is_named_by(&self, identity: Option<&Identity>) -> bool {
        let lent = self.equipped.as_ref().and_then(Equipped::lent);
        identity.is_none_or(|identity| lent == Some(identity.lent()))
    }

    /// What the vendor says of the proof of possession that the request had, and wants to see in the next one.
    pub(crate) fn proof_verdict(&self, run: &Run, exchange: &Exchange) -> ProofVerdict {
        let (status, headers) = (exchange.head.status, &exchange.head.headers);
        let Some(equipped) = &self.equipped else { return ProofVerdict::Unquestioned };
        run.inner.parts.tokens.heed(&run.grant, equipped, status, headers)
    }

    /// The access token by which the vendor did not know the call, with its credential's version.
    pub(crate) fn unknown_by(&self, exchange: &Exchange) -> Option<(u32, u64)> {
        let equipped = self.equipped.as_ref().filter(|_| exchange.head.status == StatusCode::UNAUTHORIZED)?;
        equipped.lent().map(|(_, version)| version).zip(equipped.token())
    }
}

/// INVARIANT: with the credential a vendor leads a caller only where the caller may go itself, or a redirect
/// would reach what no declared endpoint allows.
fn may_be_led(run: &Run, hop: &Hop) -> Result<(), Stop> {
    if !hop.keeps_credential {
        return Ok(());
    }
    let (grant, whole) = (&run.grant, hop.url.path());
    let (path, query) = whole.split_once('?').map_or((whole, None), |(path, query)| (path, Some(query)));
    let below = path.strip_prefix(&*grant.connection().base.prefix).unwrap_or_default();
    let means_itself = query.and_then(method_override).is_none();
    if means_itself && run.inner.parts.access.may_lead(grant, &hop.method, below)? {
        return Ok(());
    }
    Err(EgressRefusal::RedirectEndpoint.into())
}

/// The answers of an attempt so far: each is recorded, heeded, and followed where it leads on.
pub(crate) struct Trace<'a> {
    connection: &'a Connection,
    passage: &'a Passage,
    /// Begun with the first redirect; most calls have none.
    trail: Option<Trail<'a>>,
}

impl<'a> Trace<'a> {
    pub(crate) const fn new(connection: &'a Connection, passage: &'a Passage) -> Self {
        Self { connection, passage, trail: None }
    }

    /// Takes an answer in; where it leads on to, if it does.
    pub(crate) fn follow(&mut self, run: &mut Run, exchange: &Exchange, peer: IpAddr) -> Result<Option<Hop>, Setback> {
        let (status, headers) = (exchange.head.status, &exchange.head.headers);
        let code = status.as_u16();
        run.attempted(Attempted { address: Some(peer), status: Some(code), outcome: "answered", sent: true });
        self.passage.heed(status, headers);
        // 304 says that nothing changed and leads nowhere, unless it says where to all the same.
        let leads = status.is_redirection() && (status != StatusCode::NOT_MODIFIED || headers.contains_key(LOCATION));
        if !leads {
            return Ok(None);
        }
        run.answered(code);
        // 307 and 308 ask for the same request elsewhere; the others follow one that was taken.
        if matches!(code, 301..=303) {
            run.carried_out();
        }
        match self.trail(run)?.follow(status, headers) {
            Ok(Next::Answer) => Ok(None),
            Ok(Next::Hop(hop)) => Ok(Some(hop)),
            Err(refusal) => Err(Setback::new(Trouble::Final, refusal)),
        }
    }

    fn trail(&mut self, run: &Run) -> Result<&mut Trail<'a>, Stop> {
        let trail = match self.trail.take() {
            Some(trail) => trail,
            None => {
                let target = request::path_and_query(&run.grant, &run.order)?;
                let rules = &self.connection.settings.redirects;
                Trail::start(&self.connection.base, rules, run.order.ask.method.clone(), &target)?
            }
        };
        Ok(self.trail.insert(trail))
    }
}

/// No line to the vendor came about.
pub(crate) fn unreached(run: &mut Run, failure: WireFailure) -> Setback {
    run.attempted(Attempted { address: None, status: None, outcome: failure.as_str(), sent: false });
    let trouble = if failure.may_pass() { Trouble::Unsent } else { Trouble::Final };
    Setback::new(trouble, failure.refusal())
}

/// A line came about, and no answer over it.
pub(crate) fn unanswered(run: &mut Run, lost: Lost, peer: IpAddr) -> Setback {
    run.attempted(Attempted { address: Some(peer), status: None, outcome: lost.word, sent: lost.sent });
    if !lost.sent {
        run.unsent();
        return Setback::new(Trouble::Unsent, lost.refusal);
    }
    run.lost();
    match lost.fault {
        Some(fault) => Setback::new(Trouble::Final, fault),
        None => Setback::new(Trouble::Lost, lost.refusal),
    }
}
