//! A browser comes back from the vendor. Its answer is taken only where it belongs, and redeemed by nobody yet.

use lockgate_store::{ApplyFailure, Change, values};
use lockgate_vocabulary::{Secret, Stop, TenantId, TraceId};

use super::answer::{Answer, Said};
use super::session::{CODE, Link, Session, State};
use super::{Connector, granting, url};
use crate::refusal::VaultRefusal;
use crate::rows;

/// Where a browser goes on to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returned {
    /// Where the session said, with its id and a confirmation, or with what went wrong.
    pub location: String,
}

impl Connector {
    /// Takes the vendor's answer in the query of a connection's redirect URI. `cookie` finds the value of one of the
    /// browser's cookies by its name.
    ///
    /// Who is not known as the browser that began changes nothing. From there on whatever is wrong ends the session,
    /// and is told where the session said.
    pub async fn returned(
        &self,
        connection: &str,
        query: &str,
        cookie: impl Fn(&str) -> Option<String>,
        trace: TraceId,
    ) -> Result<Returned, Stop> {
        let answer = Answer::read(query)?;
        let (tenant, session) = self.found(Link::State, &answer.state).await?;
        let known = cookie(&session.cookie()).map(|value| self.digest(tenant, "browser", value.as_bytes()));
        if !session.is_of_browser(known.as_deref()) {
            return Err(VaultRefusal::ConnectBrowser.into());
        }
        if session.state(self.vault().inner.clock.now()) != Some(State::Begun) {
            return Err(VaultRefusal::ConnectOver.into());
        }
        let code = match self.belongs(tenant, &session, connection, &answer) {
            Ok(()) => match answer.said {
                Said::Code(code) => code,
                Said::Error(said) => {
                    return self.led(tenant, &session, (VaultRefusal::ConnectDenied, &said), trace).await;
                }
            },
            Err(why) => return self.led(tenant, &session, (why, ""), trace).await,
        };
        let confirm = self.kept(tenant, &session, &code, trace).await?;
        let id = session.id.to_string();
        let location = url::with_query(&session.return_to, &[("session", &id), ("confirm", &confirm)]);
        Ok(Returned { location })
    }

    /// INVARIANT: before anything is done with an answer it is known that it came to the redirect URI of the session's
    /// connection, from the issuer of its provider, and that the connection is what it was.
    fn belongs(
        &self,
        tenant: TenantId,
        session: &Session,
        connection: &str,
        answer: &Answer,
    ) -> Result<(), VaultRefusal> {
        if connection != session.connection.to_string() {
            return Err(VaultRefusal::ConnectContext);
        }
        let (connection, _) = self.usable(tenant, session).map_err(|_| VaultRefusal::ConnectOver)?;
        let (_, authorization) = granting(&connection)?;
        if answer.issuer != authorization.issuer {
            return Err(VaultRefusal::ConnectIssuer);
        }
        Ok(())
    }

    /// Ends the session, and leads the browser to where it is told.
    async fn led(
        &self,
        tenant: TenantId,
        session: &Session,
        (why, said): (VaultRefusal, &str),
        trace: TraceId,
    ) -> Result<Returned, Stop> {
        self.fail(tenant, session, trace, why, said).await;
        let id = session.id.to_string();
        Ok(Returned { location: url::with_query(&session.return_to, &[("session", &id), ("error", why.info().code)]) })
    }

    /// Keeps the code, sealed, until it is redeemed; the confirmation with which it is.
    async fn kept(&self, tenant: TenantId, session: &Session, code: &Secret, trace: TraceId) -> Result<String, Stop> {
        let confirm = self.chance();
        let digest = self.digest(tenant, "confirm", confirm.as_bytes());
        let sealed = self.vault().seal(tenant, CODE, &session.id.as_u128().to_be_bytes(), code.expose())?;
        let (recorded, recording) =
            self.tokens.audit.step(&self.deed(tenant, session, trace, "connection.connect.return"));
        let change = Change::of(tenant)
            .step(&rows::SESSION_RETURN, values![session.id, digest, sealed])
            .expecting(1)
            .step(recorded, recording);
        match self.vault().inner.store.apply(change).await {
            Ok(_) => Ok(confirm),
            Err(ApplyFailure::Fault(fault)) => Err(fault.into()),
            Err(_) => Err(VaultRefusal::ConnectOver.into()),
        }
    }
}
