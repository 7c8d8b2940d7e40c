//! STORY: a person connects an account at a vendor, and disconnects it.
//!
//! Whoever embeds it opens a connect session for a subject of its own (a user, by its own name for it) and sends that
//! user's browser to the session's link ([`Connector::open`]). The browser begins there, gets a cookie and goes on to
//! the vendor ([`Connector::begin`]); it comes back to the connection's own redirect URI ([`Connector::returned`]) and
//! goes on to where the session said, with a confirmation. Whoever opened the session hands that in for the user whom
//! it sees in that browser ([`Connector::finish`]); only then is the code redeemed.
//!
//! So the one who ends it is the one who began it, four times over: the vendor's answer is taken in the browser that
//! began alone, at the redirect URI of its connection alone, from the issuer of its provider alone, and redeemed for the
//! subject for whom it was opened alone (RFC 9700 section 4.4 and its update on cross-tool and cross-user attacks). PKCE
//! is used each time and does not replace any of it.

mod answer;
mod begin;
mod disconnect;
mod finish;
mod returned;
mod session;
mod upstream;
mod url;
mod visits;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lockgate_access::directory::{Connection, ConnectionStatus};
use lockgate_access::scope::Scope;
use lockgate_access::spec::{AuthorizationSpec, TokenSpec};
use lockgate_access::{Access, AccessRefusal};
use lockgate_audit::Deed;
use lockgate_store::{ApplyFailure, Change, values};
use lockgate_vocabulary::{ConnectionId, CredentialId, Fault, SessionId, Stop, TenantId, Timestamp, TraceId};
use zeroize::Zeroizing;

use crate::equip::Loan;
use crate::refusal::VaultRefusal;
use crate::rows;
use crate::secret::Act;
use crate::token::{Kept, KeptState, Lease, Patience, Tokens, grant_spec};
use crate::vault::Vault;

pub use begin::Begun;
pub use disconnect::Disconnected;
pub use finish::Finish;
pub use returned::Returned;
pub use session::SessionView;
use session::{Link, Session, State};
pub use upstream::{RevokedToken, Upstream};
use visits::{Visitor, Visits};

/// How long a connect session lasts.
const LASTS: Duration = Duration::from_secs(600);

/// How often it is looked whether whoever asks for tokens is done, and how many times.
const LOOK: Duration = Duration::from_millis(100);
const LOOKS: u32 = 400;

/// Sessions of one tenant that may be under way.
const SESSIONS: i64 = 1_000;

/// Characters of a subject.
const SUBJECT: usize = 200;

/// Bytes of chance in what nobody may guess.
const CHANCE: usize = 32;

/// Lets persons connect accounts, and disconnects them.
#[derive(Clone)]
pub struct Connector {
    tokens: Tokens,
    access: Arc<Access>,
    /// The URL by which browsers reach the door, without a slash at its end.
    base: Arc<str>,
    visits: Arc<Visits>,
}

/// A connect session that is to be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSession {
    /// Whose account it is going to be: the name by which whoever opens the session knows its user, 1 to 200
    /// characters. It is kept as a keyed digest alone.
    pub subject: String,
    /// Where the browser goes in the end: an `https:` URL of at most 1,024 bytes, or one of this machine. `session` and
    /// `confirm`, or `error`, are added to its query.
    pub return_to: String,
    /// Whether it takes the place of another subject's account.
    pub replace: bool,
}

/// A connect session that was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenedSession {
    /// Its id.
    pub session: SessionId,
    /// Where the user's browser is sent. Whoever has it can begin, once.
    pub url: String,
    /// The redirect URI that has to be registered at the vendor.
    pub redirect_uri: String,
    /// When it is over.
    pub expires_at: Timestamp,
}

/// How a connection's account stands at its vendor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantView {
    /// `none`, `held`, `ended`, `unknown` where the answer to the last refresh was lost, or `elsewhere` where it was
    /// granted for where the connection led before.
    pub state: &'static str,
    /// What the vendor says that it granted.
    pub scope: Option<String>,
    /// Which refresh it is, counted from the connecting on.
    pub number: u64,
    /// Since when nobody knows what came of the last refresh.
    pub unknown_since: Option<Timestamp>,
}

impl Connector {
    /// Connects accounts with these tokens. `base` is the URL by which browsers reach the door.
    pub fn new(tokens: Tokens, access: Arc<Access>, base: &str) -> Self {
        Self { tokens, access, base: base.trim_end_matches('/').into(), visits: Arc::default() }
    }

    /// Opens a connect session.
    pub async fn open(&self, act: Act<'_>, connection: ConnectionId, new: NewSession) -> Result<OpenedSession, Stop> {
        let tenant = self.demand(act)?;
        let (vault, now) = (self.vault(), self.vault().inner.clock.now());
        let connection = self.connection(tenant, connection)?;
        granting(&connection)?;
        // Two providers that are written at the same moment do not see each other, and some were there before.
        self.access.demand_unmixed(tenant, &connection.provider)?;
        checked(&new)?;
        let loan = vault.inner.lend(&connection)?;
        let kept = vault.kept(tenant, loan.credential, loan.series).await?;
        self.may_replace(tenant, &kept, (&new.subject, new.replace))?;
        self.demand_room(tenant, now).await?;
        let (clock, entropy) = (vault.inner.clock.as_ref(), vault.inner.entropy.as_ref());
        let session = SessionId::generate(clock, entropy);
        let verifier = Zeroizing::new(self.chance());
        let sealed = vault.seal(tenant, session::VERIFIER, &self.place(session, &connection), verifier.as_bytes())?;
        let expires_at = now.after(LASTS);
        let row = values![
            session,
            connection.id,
            loan.credential,
            loan.series,
            act.caller.actor().principal,
            self.digest(tenant, "subject", session, new.subject.as_bytes()),
            new.replace,
            new.return_to,
            vault.bound_to(&connection).to_vec(),
            now,
            expires_at,
            sealed
        ];
        let deed = Deed::new(act.caller.actor(), act.trace, "connection.connect.open", connection.id)
            .with("session", session.to_string());
        self.apply(Change::of(tenant).step(&rows::SESSION_INSERT, row), &deed).await?;
        let url = format!("{}/connect/{}", self.base, Link::Begin.text(vault, session));
        Ok(OpenedSession { session, url, redirect_uri: self.redirect_uri(&connection), expires_at })
    }

    /// How a connect session stands.
    pub async fn show(&self, act: Act<'_>, connection: ConnectionId, id: SessionId) -> Result<SessionView, Stop> {
        self.access.demand(act.caller, Scope::ConnectionsRead)?;
        let session = self.read(act.caller.tenant(), id).await?;
        let session = session.filter(|session| session.connection == connection);
        let session = session.ok_or(AccessRefusal::ObjectUnknown)?;
        Ok(session.view(self.vault().inner.clock.now()))
    }

    /// How the connection's account stands.
    pub async fn grant(&self, act: Act<'_>, connection: ConnectionId) -> Result<GrantView, Stop> {
        self.access.demand(act.caller, Scope::ConnectionsRead)?;
        let (vault, now) = (self.vault(), self.vault().inner.clock.now());
        let connection = self.connection(act.caller.tenant(), connection)?;
        granting(&connection)?;
        let credential = connection.credential.ok_or(VaultRefusal::CredentialAbsent)?;
        let kept = vault.kept(connection.tenant, credential, 0).await?;
        let unknown = kept.is_unknown(now);
        let state = match kept.state {
            KeptState::None => "none",
            KeptState::Ended => "ended",
            KeptState::Held if vault.open_pair(&connection, credential, &kept).is_err() => "elsewhere",
            KeptState::Held if unknown => "unknown",
            KeptState::Held => "held",
        };
        let unknown_since = kept.asked_at.filter(|_| unknown);
        Ok(GrantView { state, scope: kept.scope, number: kept.number, unknown_since })
    }

    fn vault(&self) -> &Vault {
        &self.tokens.vault
    }

    fn demand(&self, act: Act<'_>) -> Result<TenantId, Stop> {
        self.access.demand(act.caller, Scope::ConnectionsWrite)?;
        Ok(act.caller.tenant())
    }

    async fn demand_room(&self, tenant: TenantId, now: Timestamp) -> Result<(), Stop> {
        let rows = self.vault().inner.store.read(tenant, &rows::SESSIONS_COUNT, values![now]).await?;
        let held = rows.first().ok_or(Fault::violated("a count has a row"))?.int(0)?;
        if held >= SESSIONS {
            return Err(VaultRefusal::ConnectFull.refuse().retry_after(Duration::from_secs(60)).into());
        }
        Ok(())
    }

    /// The tenant's connection, unless it is gone for good. A tenant that is suspended has nobody connect anything.
    fn connection(&self, tenant: TenantId, id: ConnectionId) -> Result<Arc<Connection>, Stop> {
        let directory = self.access.directory()?;
        let view = directory.tenants.get(&tenant).ok_or(AccessRefusal::ConnectionUnknown)?;
        let connection = view.connections.get(&id).ok_or(AccessRefusal::ConnectionUnknown)?;
        if !view.active {
            return Err(AccessRefusal::TenantSuspended.into());
        }
        if connection.status == ConnectionStatus::Retired {
            return Err(AccessRefusal::ConnectionRetired.into());
        }
        Ok(connection.clone())
    }

    /// Demands that no other subject's account is connected, unless its place is to be taken.
    fn may_replace(&self, tenant: TenantId, kept: &Kept, (subject, replace): (&str, bool)) -> Result<(), VaultRefusal> {
        let another = kept.state == KeptState::Held && kept.subject != self.account(tenant, subject);
        if another && !replace { Err(VaultRefusal::ConnectHeld) } else { Ok(()) }
    }

    /// A digest of whose account it is.
    fn account(&self, tenant: TenantId, subject: &str) -> Vec<u8> {
        self.vault().digest(tenant, "connect.account", subject.as_bytes()).to_vec()
    }

    /// The lease of a credential's tokens, so that nobody asks for others meanwhile.
    async fn leased(
        &self,
        tenant: TenantId,
        (credential, version, series): (CredentialId, u32, u32),
        lasts: Duration,
    ) -> Result<(Kept, Lease), Stop> {
        let (vault, clock) = (self.vault(), &self.vault().inner.clock);
        let mut patience = Patience::default();
        for _ in 0..LOOKS {
            let kept = vault.kept(tenant, credential, series).await?;
            if patience.is_over(&kept, clock.now(), clock.elapsed())
                && let Some(lease) = vault.lease(tenant, (credential, version), &kept, lasts).await?
            {
                return Ok((kept, lease));
            }
            clock.sleep(LOOK).await;
        }
        Err(VaultRefusal::TokenUnavailable.into())
    }

    /// What a seal of a session's own is for: nobody who writes the database leads a code elsewhere.
    fn place(&self, session: SessionId, connection: &Connection) -> Vec<u8> {
        let mut place = session.as_u128().to_be_bytes().to_vec();
        place.extend_from_slice(&connection.id.as_u128().to_be_bytes());
        place.extend_from_slice(&self.vault().bound_to(connection));
        place
    }

    async fn read(&self, tenant: TenantId, id: SessionId) -> Result<Option<Session>, Fault> {
        let rows = self.vault().inner.store.read(tenant, &rows::SESSION_READ, values![id]).await?;
        rows.first().map(Session::read).transpose()
    }

    /// The session behind a text that only this house can have made, with the digest of the cookie that was brought for
    /// it. A guess costs no look into the store.
    async fn found(
        &self,
        (link, text): (Link, &str),
        cookie: impl Fn(&str) -> Option<String>,
    ) -> Result<(TenantId, Session, Option<Vec<u8>>), Stop> {
        let vault = self.vault();
        let id = link.session(vault, text)?;
        // One that this house did not make is as good as none: whoever knows the session could bring any number of them.
        let brought = cookie(&session::cookie(id)).filter(|value| session::is_own_cookie(vault, id, value));
        let visitor = if brought.is_some() { Visitor::Own } else { Visitor::Stranger };
        self.visits.take((id, link, visitor), vault.inner.clock.now())?;
        let rows = vault.inner.store.survey(&rows::SESSION_FIND, values![id]).await?;
        let tenant = rows.first().ok_or(VaultRefusal::ConnectUnknown)?.parsed(0)?;
        let session = self.read(tenant, id).await?.ok_or(VaultRefusal::ConnectUnknown)?;
        let known = brought.map(|value| self.digest(tenant, "browser", id, value.as_bytes()));
        Ok((tenant, session, known))
    }

    /// The session's connection with the client that asks, if it is what it was when the session was opened.
    fn usable(&self, tenant: TenantId, session: &Session) -> Result<(Arc<Connection>, Loan), Stop> {
        let connection = self.connection(tenant, session.connection)?;
        granting(&connection)?;
        let loan = self.vault().inner.lend(&connection)?;
        let same = (loan.credential, loan.series) == (session.credential, session.series);
        if !same || session.binding != self.vault().bound_to(&connection) {
            return Err(VaultRefusal::ConnectOver.into());
        }
        Ok((connection, loan))
    }

    /// Ends a session that came to nothing, with what it was; one that somebody else has led on stays as it is.
    async fn fail(&self, (tenant, session, from): Failing<'_>, trace: TraceId, code: &'static str, said: &str) {
        let now = self.vault().inner.clock.now();
        let ended = values![session.id, "failed", code, now, from.as_str()];
        let change = Change::of(tenant).step(&rows::SESSION_END, ended).expecting(1);
        let deed = self.deed(tenant, session, trace, "connection.connect.fail").with("code", code).with("said", said);
        let (statement, values) = self.tokens.audit.step(&deed);
        match self.vault().inner.store.apply(change.step(statement, values)).await {
            Ok(_) | Err(ApplyFailure::Unmet { .. } | ApplyFailure::Conflict { .. }) => {}
            Err(ApplyFailure::Fault(fault)) => {
                tracing::warn!(%fault, session = %session.id, "a connect session that failed is over by its time alone");
            }
        }
    }

    fn deed(&self, tenant: TenantId, session: &Session, trace: TraceId, action: &'static str) -> Deed {
        let deed = Deed::by_house(Some(tenant), action, session.connection).traced(trace);
        deed.with("session", session.id.to_string())
    }

    /// Applies a change with the record of it.
    async fn apply(&self, change: Change, deed: &Deed) -> Result<(), Stop> {
        let (statement, values) = self.tokens.audit.step(deed);
        let applied = self.vault().inner.store.apply(change.step(statement, values)).await;
        applied.map(drop).map_err(|failure| failure.into_fault("keeping a connect session").into())
    }

    /// Takes what was changed into memory. It holds whatever comes now; a failed reading is made good by the epoch.
    async fn learn(&self) {
        for read in [self.vault().refresh().await, self.access.refresh().await] {
            if let Err(fault) = read {
                tracing::warn!(%fault, "a change was not loaded yet");
            }
        }
    }

    /// Where a vendor sends browsers back to: each connection has its own (RFC 9700 update, cross-tool attacks).
    fn redirect_uri(&self, connection: &Connection) -> String {
        format!("{}/oauth/callback/{}", self.base, connection.id)
    }

    /// What nobody may guess, in 43 characters.
    fn chance(&self) -> String {
        let mut bytes = Zeroizing::new([0u8; CHANCE]);
        self.vault().inner.entropy.fill(bytes.as_mut());
        URL_SAFE_NO_PAD.encode(bytes.as_ref())
    }

    /// A digest that is worth something in this session alone.
    fn digest(&self, tenant: TenantId, what: &str, session: SessionId, data: &[u8]) -> Vec<u8> {
        let whole = Zeroizing::new([session.as_u128().to_be_bytes().as_slice(), data].concat());
        self.vault().digest(tenant, &format!("connect.{what}"), &whole).to_vec()
    }
}

/// A session that comes to nothing, and where it is on its way.
type Failing<'a> = (TenantId, &'a Session, State);

/// What the connection's vendor wants of a person.
fn granting(connection: &Connection) -> Result<(&TokenSpec, &AuthorizationSpec), VaultRefusal> {
    let spec = grant_spec(connection).ok_or(VaultRefusal::ConnectUnsupported)?;
    Ok((spec, spec.authorization.as_ref().ok_or(VaultRefusal::ConnectUnsupported)?))
}

fn checked(new: &NewSession) -> Result<(), Stop> {
    let mut refusal = VaultRefusal::InputInvalid.refuse();
    let fits = (1..=SUBJECT).contains(&new.subject.chars().count()) && !new.subject.chars().any(char::is_control);
    if !fits {
        refusal = refusal.violation("/subject", "has 1 to 200 characters and no control characters");
    }
    if !url::may_return_to(&new.return_to) {
        let what =
            "is an https URL, or an http URL of this machine, without user name and fragment, at most 1024 bytes";
        refusal = refusal.violation("/return_to", what);
    }
    if refusal.violations().is_empty() { Ok(()) } else { Err(refusal.into()) }
}

#[cfg(test)]
mod tests;
