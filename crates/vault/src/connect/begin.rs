//! A browser comes with the session's link, and is sent to the vendor.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lockgate_access::directory::Connection;
use lockgate_store::{ApplyFailure, Change, values};
use lockgate_vocabulary::{Fault, Stop, TenantId, TraceId};

use super::session::{self, Link, Session, State, VERIFIER};
use super::{Connector, LASTS, granting, url};
use crate::client::client_of;
use crate::equip::Loan;
use crate::refusal::VaultRefusal;
use crate::rows;

/// Where a browser goes on to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    /// The vendor's authorization endpoint with the request.
    pub location: String,
    /// The cookie by which the browser is known when it comes back; none where it has it already.
    pub cookie: Option<String>,
}

impl Connector {
    /// Begins with the link's last segment. `cookie` finds the value of one of the browser's cookies by its name.
    ///
    /// The first browser that comes begins; the same one may come again, and no other.
    pub async fn begin(
        &self,
        link: &str,
        cookie: impl Fn(&str) -> Option<String>,
        trace: TraceId,
    ) -> Result<Begun, Stop> {
        let (tenant, session, known) = self.found((Link::Begin, link), cookie).await?;
        let fresh = match session.state(self.vault().inner.clock.now()) {
            Some(State::Open) => true,
            Some(State::Begun) if session.is_of_browser(known.as_deref()) => false,
            Some(State::Begun) => return Err(VaultRefusal::ConnectBrowser.into()),
            _ => return Err(VaultRefusal::ConnectOver.into()),
        };
        let (connection, loan) = self.usable(tenant, &session)?;
        let location = self.request(tenant, &session, &connection, &loan)?;
        let cookie = if fresh { Some(self.known(tenant, &session, trace).await?) } else { None };
        Ok(Begun { location, cookie })
    }

    /// Makes this browser the one of the session.
    async fn known(&self, tenant: TenantId, session: &Session, trace: TraceId) -> Result<String, Stop> {
        let value = session::own_cookie(self.vault(), session.id, &self.chance());
        let digest = self.digest(tenant, "browser", session.id, value.as_bytes());
        let (recorded, recording) =
            self.tokens.audit.step(&self.deed(tenant, session, trace, "connection.connect.begin"));
        let change = Change::of(tenant)
            .step(&rows::SESSION_BEGIN, values![session.id, digest])
            .expecting(1)
            .step(recorded, recording);
        match self.vault().inner.store.apply(change).await {
            // `Lax`, because the way back from the vendor is a navigation from another site.
            Ok(_) => Ok(format!(
                "{}={value}; Path=/; Max-Age={}; Secure; HttpOnly; SameSite=Lax",
                session::cookie(session.id),
                LASTS.as_secs()
            )),
            Err(ApplyFailure::Fault(fault)) => Err(fault.into()),
            Err(_) => Err(VaultRefusal::ConnectBrowser.into()),
        }
    }

    /// The authorization request (RFC 6749 section 4.1.1), with the S256 challenge of its verifier (RFC 7636 section
    /// 4.2).
    fn request(&self, tenant: TenantId, session: &Session, at: &Connection, loan: &Loan) -> Result<String, Stop> {
        let (spec, authorization) = granting(at)?;
        let verifier = self.vault().unseal(tenant, VERIFIER, &self.place(session.id, at), &session.verifier)?;
        let hashed = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, verifier.expose());
        let challenge = URL_SAFE_NO_PAD.encode(hashed.as_ref());
        let unfit = |_| Fault::violated("a client that was taken in is ASCII");
        let client = std::str::from_utf8(client_of(spec.client_auth, &loan.value).0).map_err(unfit)?;
        let (redirect_uri, state) = (self.redirect_uri(at), Link::State.text(self.vault(), session.id));
        let mut all = vec![
            ("response_type", "code"),
            ("client_id", client),
            ("redirect_uri", &redirect_uri),
            ("state", &state),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        for (name, value) in [("scope", &spec.scope), ("resource", &spec.resource)] {
            all.extend(value.as_deref().map(|value| (name, value)));
        }
        all.extend(authorization.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        Ok(url::with_query(&authorization.url, &all))
    }
}
