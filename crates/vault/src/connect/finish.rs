//! Whoever opened the session says for whom it ends; then the code is redeemed, and the connection runs.

use std::sync::Arc;

use lockgate_access::AccessRefusal;
use lockgate_access::directory::Connection;
use lockgate_access::registry::{Event, EventKind};
use lockgate_audit::Deed;
use lockgate_store::{ApplyFailure, Change, values};
use lockgate_vocabulary::{ConnectionId, Fault, Secret, SessionId, Stop, Timestamp};
use subtle::ConstantTimeEq as _;

use super::session::{CODE, Session, SessionView, State, VERIFIER};
use super::upstream::telling;
use super::{Connector, granting};
use crate::dpop::Nonce;
use crate::equip::Loan;
use crate::refusal::VaultRefusal;
use crate::rows;
use crate::secret::Act;
use crate::token::{Got, Kept, KeptState, LONG_LEASE, Lease, Pair, Proof, TokensToSeal, dpop_of, judge, new_dpop_key};

/// How a connect session is ended.
#[derive(Debug)]
pub struct Finish {
    /// Whom whoever opened the session sees in the browser that brought the confirmation.
    pub subject: String,
    /// The confirmation.
    pub confirm: Secret,
}

/// A session that is being ended, by who began it.
struct Ending {
    session: Session,
    connection: Arc<Connection>,
    loan: Loan,
    /// A digest of whose account it is.
    account: Vec<u8>,
    replaced: Kept,
    lease: Lease,
}

impl Connector {
    /// Ends a connect session: redeems the vendor's code, keeps what comes of it, and activates the connection.
    pub async fn finish(
        &self,
        act: Act<'_>,
        connection: ConnectionId,
        id: SessionId,
        finish: Finish,
    ) -> Result<SessionView, Stop> {
        let tenant = self.demand(act)?;
        let session = self.read(tenant, id).await?.filter(|session| session.connection == connection);
        let session = session.ok_or(AccessRefusal::ObjectUnknown)?;
        match session.state(self.vault().inner.clock.now()) {
            Some(State::Returned) => {}
            // Nothing came back yet, so there is no confirmation that could be true.
            Some(State::Open | State::Begun) => return Err(VaultRefusal::ConnectFinisher.into()),
            _ => return Err(VaultRefusal::ConnectOver.into()),
        }
        if !self.is_starter(act, &session, &finish) {
            // Who ends it for somebody else has led that person here: what the person granted is not redeemed.
            let failing = (tenant, &session, State::Returned);
            self.fail(failing, act.trace, VaultRefusal::ConnectFinisher.info().code, "").await;
            return Err(VaultRefusal::ConnectFinisher.into());
        }
        // What the vendor gives is kept whether the one who asked waits for it or not.
        let (connector, caller, trace) = (self.clone(), act.caller.clone(), act.trace);
        let present = self.tokens.background.enter();
        let done = tokio::spawn(async move {
            let done = connector.finished(Act { caller: &caller, trace }, session, &finish.subject).await;
            drop(present);
            done
        });
        done.await.map_err(|error| Fault::broken("ending a connect session", error))??;
        self.access.settle().await;
        let ended = self.read(tenant, id).await?.ok_or(Fault::violated("a session that ended is there"))?;
        Ok(ended.view(self.vault().inner.clock.now()))
    }

    fn is_starter(&self, act: Act<'_>, session: &Session, finish: &Finish) -> bool {
        let tenant = act.caller.tenant();
        let subject = self.digest(tenant, "subject", session.id, finish.subject.as_bytes());
        let confirm = self.digest(tenant, "confirm", session.id, finish.confirm.expose());
        let same = session.subject.ct_eq(&subject) & session.confirm.ct_eq(&confirm);
        session.opened_by == act.caller.actor().principal && bool::from(same)
    }

    async fn finished(&self, act: Act<'_>, session: Session, subject: &str) -> Result<(), Stop> {
        let (tenant, replaces) = (act.caller.tenant(), session.replaces);
        let (connection, loan) = self.usable(tenant, &session)?;
        let place = (loan.credential, loan.version, loan.series);
        let (replaced, lease) = self.leased(tenant, place, LONG_LEASE).await?;
        let account = self.account(tenant, subject);
        let ending = Ending { session, connection, loan, account, replaced, lease };
        let mut from = State::Returned;
        let done = match self.may_end(&ending, (subject, replaces)).await {
            Ok(()) => self.redeemed(act, &ending, &mut from).await,
            Err(stop) => Err(stop),
        };
        let Err(stop) = done else { return Ok(()) };
        if let Stop::Refused(refusal) = &stop {
            self.fail((tenant, &ending.session, from), act.trace, refusal.code(), "").await;
        }
        // Nothing was asked with what is kept.
        let (credential, lease) = (ending.loan.credential, &ending.lease);
        let released = self.vault().release_step(tenant, credential, lease, lease.unknown_since, None)?;
        let released = self.vault().inner.store.apply(released).await;
        released.map_err(|failure| failure.into_fault("ending a lease of tokens"))?;
        Err(stop)
    }

    /// Demands under the lease what was looked at before it: the memory of this node may be a moment behind.
    async fn may_end(&self, ending: &Ending, new: (&str, bool)) -> Result<(), Stop> {
        let (tenant, credential) = (ending.connection.tenant, ending.loan.credential);
        let rows = self.vault().inner.store.read(tenant, &rows::SERIES_READ, values![credential]).await?;
        let series = rows.first().ok_or(VaultRefusal::CredentialRevoked)?.int(0)?;
        if series != i64::from(ending.session.series) {
            return Err(VaultRefusal::ConnectOver.into());
        }
        Ok(self.may_replace(tenant, &ending.replaced, new)?)
    }

    /// Takes code and verifier out of the session, once, redeems them and keeps what comes of it.
    async fn redeemed(&self, act: Act<'_>, ending: &Ending, from: &mut State) -> Result<(), Stop> {
        let (vault, session, at) = (self.vault(), &ending.session, &ending.connection);
        let place = self.place(session.id, at);
        let code = vault.unseal(at.tenant, CODE, &place, &session.answer)?;
        let verifier = vault.unseal(at.tenant, VERIFIER, &place, &session.verifier)?;
        let change = Change::of(at.tenant).step(&rows::SESSION_REDEEM, values![session.id]).expecting(1);
        match vault.inner.store.apply(change).await {
            Ok(_) => *from = State::Redeeming,
            Err(ApplyFailure::Fault(fault)) => return Err(fault.into()),
            Err(_) => return Err(VaultRefusal::ConnectOver.into()),
        }
        let had_at = vault.inner.clock.now();
        let (spec, _) = granting(at)?;
        let redirect_uri = self.redirect_uri(at);
        let proof = Proof::Code { code: code.expose(), verifier: verifier.expose(), redirect_uri: &redirect_uri };
        let key = new_dpop_key(spec, vault.inner.entropy.as_ref())?;
        let client = vault.inner.client(at, spec, &ending.loan.value);
        let got = match client.ask(self.tokens.errand.as_ref(), &proof, dpop_of(&key, &Nonce::default())).await {
            Ok(answer) => judge(answer, &proof, key).map_err(|why| match why {
                VaultRefusal::TokenUnavailable => VaultRefusal::ConnectUnredeemed,
                why => why,
            })?,
            Err(failure) => {
                tracing::warn!(?failure, connection = %at.id, "a code was not redeemed");
                return Err(VaultRefusal::ConnectUnredeemed.into());
            }
        };
        self.keep(act, ending, got, had_at).await
    }

    /// Keeps the tokens, and activates the connection, in one change.
    async fn keep(&self, act: Act<'_>, ending: &Ending, got: Got, had_at: Timestamp) -> Result<(), Stop> {
        let Ending { session, connection, loan, account, lease, .. } = ending;
        let (vault, tenant, series) = (self.vault(), connection.tenant, loan.series + 1);
        let (clock, entropy) = (vault.inner.clock.as_ref(), vault.inner.entropy.as_ref());
        let deed = Deed::new(act.caller.actor(), act.trace, "connection.connect", connection.id)
            .with("session", session.id.to_string())
            .with("credential", loan.credential.to_string())
            .with("renewable", if got.refresh.is_some() { "yes" } else { "no" })
            .with("scope", got.scope.clone().unwrap_or_default());
        let event = Event::new(EventKind::IntegrationConnectionEstablished, tenant, connection.id)
            .with("connection", connection.id.to_string())
            .with("name", connection.name.as_str())
            .with("credential", loan.credential.to_string())
            .by(act.caller.actor(), act.trace);
        let (told, telling) = event.step(clock, entropy);
        let make = || {
            let tokens = TokensToSeal { access: &got.access, refresh: got.refresh.as_ref(), key: got.key.as_deref() };
            let sealed = vault.seal_pair(connection, loan.credential, (series, 1), tokens)?;
            let (recorded, recording) = self.tokens.audit.step(&deed);
            let (ends_at, scope) = (had_at.after(got.lives), got.scope.as_deref());
            let row = values![
                loan.credential,
                lease.fence,
                series,
                loan.version,
                had_at,
                ends_at,
                account.clone(),
                scope,
                sealed
            ];
            Ok(Change::of(tenant)
                .raising_epoch()
                .step(&rows::CREDENTIAL_SERIES, values![loan.credential, loan.series])
                .expecting(1)
                .step(&rows::TOKENS_CONNECT, row)
                .expecting(1)
                .step(&rows::CONNECTION_CONNECT, values![connection.id, loan.credential])
                .expecting(1)
                .step(
                    &rows::SESSION_END,
                    values![session.id, "done", None::<&str>, clock.now(), State::Redeeming.as_str()],
                )
                .step(told, telling.clone())
                .step(recorded, recording))
        };
        let kept = self.tokens.insist(make).await;
        if !matches!(kept, Ok(true)) {
            // An answer of the store's may have been lost; else the credential or the connection is another one by now.
            let now = vault.kept(tenant, loan.credential, series).await;
            let ours =
                now.is_ok_and(|now| now.series == series && now.state == KeptState::Held && now.is_had_at(had_at));
            if !ours {
                self.give_back(act, ending, got).await;
                return kept.map_err(Stop::from).and(Err(VaultRefusal::CredentialChanged.into()));
            }
        }
        self.learn().await;
        self.give_up_replaced(act, ending).await;
        Ok(())
    }

    /// Revokes what was just had and cannot be kept: nobody else knows of it.
    async fn give_back(&self, act: Act<'_>, ending: &Ending, got: Got) {
        let pair = Pair { access: got.access, refresh: got.refresh, key: got.key };
        self.give_up(act, ending, &pair, "connection.given_back").await;
    }

    /// Revokes what another subject had granted, in whose place this is. The same subject's earlier tokens are left: a
    /// vendor may revoke the new ones with them.
    async fn give_up_replaced(&self, act: Act<'_>, ending: &Ending) {
        let Ending { connection, loan, replaced, .. } = ending;
        if replaced.state != KeptState::Held || replaced.subject == ending.account {
            return;
        }
        let Ok(pair) = self.vault().open_pair(connection, loan.credential, replaced) else { return };
        self.give_up(act, ending, &pair, "connection.replaced").await;
    }

    /// Revokes tokens at the vendor, and records what became of each.
    async fn give_up(&self, act: Act<'_>, ending: &Ending, pair: &Pair, action: &'static str) {
        let (connection, loan) = (&ending.connection, &ending.loan);
        let Ok((spec, _)) = granting(connection) else { return };
        let tokens = self.revoked(connection, spec, &loan.value, pair).await;
        let deed = Deed::new(act.caller.actor(), act.trace, action, connection.id)
            .with("credential", loan.credential.to_string());
        if let Err(stop) = self.apply(Change::of(connection.tenant), &telling(deed, &tokens)).await {
            tracing::warn!(%stop, ?tokens, connection = %connection.id, "what became of tokens is not recorded");
        }
    }
}
