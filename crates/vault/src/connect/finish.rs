//! Whoever opened the session says for whom it ends; then the code is redeemed, and the connection runs.

use std::sync::Arc;

use lockgate_access::directory::Connection;
use lockgate_access::registry::{Event, EventKind};
use lockgate_audit::Deed;
use lockgate_store::{ApplyFailure, Change, values};
use lockgate_vocabulary::{ConnectionId, ErrandFailure, Fault, Secret, SessionId, Stop, Timestamp};
use subtle::ConstantTimeEq as _;

use super::session::{CODE, Session, SessionView, State, VERIFIER};
use super::{Connector, granting};
use crate::equip::Loan;
use crate::refusal::VaultRefusal;
use crate::rows;
use crate::secret::Act;
use crate::token::{Got, Proof, judge, order};

/// How a connect session is ended.
#[derive(Debug)]
pub struct Finish {
    /// Whom whoever opened the session sees in the browser that brought the confirmation.
    pub subject: String,
    /// The confirmation.
    pub confirm: Secret,
}

/// What goes to the vendor for tokens.
struct Redeemed {
    code: Secret,
    verifier: Secret,
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
        let session = session.ok_or(lockgate_access::AccessRefusal::ObjectUnknown)?;
        match session.state(self.vault().inner.clock.now()) {
            Some(State::Returned) => {}
            // Nothing came back yet, so there is no confirmation that could be true.
            Some(State::Open | State::Begun) => return Err(VaultRefusal::ConnectFinisher.into()),
            _ => return Err(VaultRefusal::ConnectOver.into()),
        }
        if !self.is_starter(act, &session, &finish) {
            // Who ends it for somebody else has led that person here: what the person granted is not redeemed.
            self.fail(tenant, &session, act.trace, VaultRefusal::ConnectFinisher, "").await;
            return Err(VaultRefusal::ConnectFinisher.into());
        }
        let (connection, loan) = self.usable(tenant, &session)?;
        let redeemed = self.redeeming(&session, &connection).await?;
        let had_at = self.vault().inner.clock.now();
        let got = match self.redeem(&connection, &loan, &redeemed).await {
            Ok(got) => got,
            Err(why) => {
                self.fail(tenant, &session, act.trace, why, "").await;
                return Err(why.into());
            }
        };
        // What the vendor gave is kept whether the one who asked waits for it or not.
        let (connector, deed) = (self.clone(), self.connected(act, &session, &got));
        let event = Event::new(EventKind::IntegrationConnectionEstablished, tenant, connection.id)
            .with("connection", connection.id.to_string())
            .with("name", connection.name.as_str())
            .with("credential", loan.credential.to_string())
            .by(act.caller.actor(), act.trace);
        let keeping = Keeping { session: session.id, connection, loan, got, had_at, deed, event };
        let kept = tokio::spawn(async move { connector.keep(keeping).await });
        kept.await.map_err(|error| Fault::broken("keeping tokens", error))??;
        self.access.settle().await;
        let ended = self.read(tenant, id).await?.ok_or(Fault::violated("a session that ended is there"))?;
        Ok(ended.view(self.vault().inner.clock.now()))
    }

    fn is_starter(&self, act: Act<'_>, session: &Session, finish: &Finish) -> bool {
        let tenant = act.caller.tenant();
        let subject = self.digest(tenant, "subject", finish.subject.as_bytes());
        let confirm = self.digest(tenant, "confirm", finish.confirm.expose());
        let same = session.subject.ct_eq(&subject) & session.confirm.ct_eq(&confirm);
        session.opened_by == act.caller.actor().principal && bool::from(same)
    }

    /// Takes code and verifier out of the session, once.
    async fn redeeming(&self, session: &Session, connection: &Connection) -> Result<Redeemed, Stop> {
        let (vault, tenant, context) = (self.vault(), connection.tenant, session.id.as_u128().to_be_bytes());
        let code = vault.unseal(tenant, CODE, &context, &session.answer)?;
        let verifier = vault.unseal(tenant, VERIFIER, &context, &session.verifier)?;
        let change = Change::of(tenant).step(&rows::SESSION_REDEEM, values![session.id]).expecting(1);
        match vault.inner.store.apply(change).await {
            Ok(_) => Ok(Redeemed { code, verifier }),
            Err(ApplyFailure::Fault(fault)) => Err(fault.into()),
            Err(_) => Err(VaultRefusal::ConnectOver.into()),
        }
    }

    /// Redeems the code at the endpoint of the session's own provider.
    async fn redeem(&self, connection: &Connection, loan: &Loan, redeemed: &Redeemed) -> Result<Got, VaultRefusal> {
        let (spec, _) = granting(connection)?;
        let redirect_uri = self.redirect_uri(connection);
        let (code, verifier) = (redeemed.code.expose(), redeemed.verifier.expose());
        let proof = Proof::Code { code, verifier, redirect_uri: &redirect_uri };
        match self.tokens.errand.run(order(connection, spec, &loan.value, &proof)).await {
            Ok(answer) => judge(answer, &proof),
            Err(failure) => {
                tracing::warn!(?failure, connection = %connection.id, "a code was not redeemed");
                let lost = matches!(failure, ErrandFailure::Unanswered(_));
                Err(if lost { VaultRefusal::GrantUnknown } else { VaultRefusal::TokenUnavailable })
            }
        }
    }

    fn connected(&self, act: Act<'_>, session: &Session, got: &Got) -> Deed {
        Deed::new(act.caller.actor(), act.trace, "connection.connect", session.connection)
            .with("session", session.id.to_string())
            .with("credential", session.credential.to_string())
            .with("renewable", if got.refresh.is_some() { "yes" } else { "no" })
            .with("scope", got.scope.clone().unwrap_or_default())
    }

    /// Keeps the tokens, and activates the connection, in one change.
    async fn keep(&self, keeping: Keeping) -> Result<(), Stop> {
        let Keeping { session, connection, loan, got, had_at, deed, event } = keeping;
        let (vault, tenant) = (self.vault(), connection.tenant);
        let (clock, entropy) = (vault.inner.clock.as_ref(), vault.inner.entropy.as_ref());
        let series = loan.series + 1;
        let (told, telling) = event.step(clock, entropy);
        let make = || {
            let tokens = (&got.access, got.refresh.as_ref());
            let sealed = vault.seal_pair(&connection, loan.credential, (series, 1), tokens)?;
            let (recorded, recording) = self.tokens.audit.step(&deed);
            let row = values![
                loan.credential,
                series,
                loan.version,
                had_at,
                had_at.after(got.lives),
                got.scope.clone(),
                sealed
            ];
            Ok(Change::of(tenant)
                .raising_epoch()
                .step(&rows::CREDENTIAL_SERIES, values![loan.credential, loan.series])
                .expecting(1)
                .step(&rows::TOKENS_CONNECT, row)
                .step(&rows::CONNECTION_CONNECT, values![connection.id, loan.credential])
                .expecting(1)
                .step(&rows::SESSION_END, values![session, "done", None::<&str>, clock.now()])
                .step(told, telling.clone())
                .step(recorded, recording))
        };
        if !self.tokens.insist(make).await? {
            // The credential was revoked or given to another connection while the vendor answered.
            return Err(VaultRefusal::CredentialChanged.into());
        }
        for read in [vault.refresh().await, self.access.refresh().await] {
            if let Err(fault) = read {
                tracing::warn!(%fault, "a change was not loaded yet");
            }
        }
        Ok(())
    }
}

/// What is kept of a connect session that came to its end.
struct Keeping {
    session: SessionId,
    connection: Arc<Connection>,
    loan: Loan,
    got: Got,
    had_at: Timestamp,
    deed: Deed,
    event: Event,
}
