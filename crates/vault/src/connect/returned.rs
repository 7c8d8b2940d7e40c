//! A browser comes back from the vendor. Its answer is taken only where it belongs, and redeemed by nobody yet.

use std::sync::Arc;

use lockgate_access::directory::Connection;
use lockgate_store::{ApplyFailure, Change, values};
use lockgate_vocabulary::{Secret, Stop, TenantId, TraceId};

use super::answer::{Answer, Said};
use super::session::{CODE, Link, Session, State};
use super::{Connector, granting};
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
        let (tenant, session, known) = self.found((Link::State, &answer.state), cookie).await?;
        if !session.is_of_browser(known.as_deref()) {
            return Err(VaultRefusal::ConnectBrowser.into());
        }
        if session.state(self.vault().inner.clock.now()) != Some(State::Begun) {
            let over = VaultRefusal::ConnectOver.info().code;
            return Ok(Returned { location: session.back_with("error", over) });
        }
        let (connection, code) = match self.belongs(tenant, &session, connection, &answer) {
            Ok(connection) => match answer.said {
                Said::Code(code) => (connection, code),
                Said::Error(said) => {
                    return self.led(tenant, &session, (VaultRefusal::ConnectDenied, said), trace).await;
                }
            },
            Err(why) => return self.led(tenant, &session, (why, ""), trace).await,
        };
        let confirm = self.kept(&connection, &session, &code, trace).await?;
        Ok(Returned { location: session.back_with("confirm", &confirm) })
    }

    /// INVARIANT: before anything is done with an answer it is known that it came to the redirect URI of the session's
    /// connection, from the issuer of its provider, and that the connection is what it was.
    fn belongs(
        &self,
        tenant: TenantId,
        session: &Session,
        connection: &str,
        answer: &Answer,
    ) -> Result<Arc<Connection>, VaultRefusal> {
        if connection != session.connection.to_string() {
            return Err(VaultRefusal::ConnectContext);
        }
        let (connection, _) = self.usable(tenant, session).map_err(|_| VaultRefusal::ConnectOver)?;
        let (_, authorization) = granting(&connection)?;
        if answer.issuer != authorization.issuer {
            return Err(VaultRefusal::ConnectIssuer);
        }
        Ok(connection)
    }

    /// Ends the session, and leads the browser to where it is told.
    async fn led(
        &self,
        tenant: TenantId,
        session: &Session,
        (why, said): (VaultRefusal, &str),
        trace: TraceId,
    ) -> Result<Returned, Stop> {
        self.fail((tenant, session, State::Begun), trace, why.info().code, said).await;
        Ok(Returned { location: session.back_with("error", why.info().code) })
    }

    /// Keeps the code, sealed, until it is redeemed; the confirmation with which it is.
    async fn kept(&self, at: &Connection, session: &Session, code: &Secret, trace: TraceId) -> Result<String, Stop> {
        let (tenant, confirm) = (at.tenant, self.chance());
        let digest = self.digest(tenant, "confirm", session.id, confirm.as_bytes());
        let sealed = self.vault().seal(tenant, CODE, &self.place(session.id, at), code.expose())?;
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
