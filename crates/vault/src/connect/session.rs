//! A connect session as it is kept, and the texts that lead to it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lockgate_store::Row;
use lockgate_vocabulary::{ConnectionId, CredentialId, Fault, PrincipalId, SessionId, Timestamp};

use super::{LASTS, url};
use crate::refusal::VaultRefusal;
use subtle::ConstantTimeEq as _;

use crate::vault::{HOUSE, Vault};

/// What the seal of a PKCE verifier says it is for.
pub(super) const VERIFIER: &str = "connect.verifier";

/// What the seal of a vendor's code says it is for.
pub(super) const CODE: &str = "connect.code";

/// Bytes of a tag.
const TAG: usize = 32;

/// What leads to a session. Each is the session's id and a tag that only this house can make, so that a text that was
/// guessed or put together is known as that without looking for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Link {
    /// The link with which a browser begins.
    Begin,
    /// The `state` that comes back from the vendor (RFC 6749 section 10.12).
    State,
}

impl Link {
    const fn purpose(self) -> &'static str {
        match self {
            Self::Begin => "connect.link",
            Self::State => "connect.state",
        }
    }

    /// The text.
    pub(super) fn text(self, vault: &Vault, session: SessionId) -> String {
        let tag = vault.digest(HOUSE, self.purpose(), &session.as_u128().to_be_bytes());
        format!("{session}.{}", URL_SAFE_NO_PAD.encode(tag))
    }

    /// The session that a text of this house's leads to. One that was over long ago is not looked for.
    pub(super) fn session(self, vault: &Vault, text: &str) -> Result<SessionId, VaultRefusal> {
        let id = self.genuine(vault, text).ok_or(VaultRefusal::ConnectUnknown)?;
        // An identifier begins with the moment at which it was made (RFC 9562 section 5.7).
        let made = i64::try_from(id.as_u128() >> 80).map_or(i64::MAX, |millis| millis);
        let over = Timestamp::from_millis(made).after(LASTS.saturating_mul(2)) <= vault.inner.clock.now();
        if over { Err(VaultRefusal::ConnectOver) } else { Ok(id) }
    }

    fn genuine(self, vault: &Vault, text: &str) -> Option<SessionId> {
        let (id, given) = text.split_once('.')?;
        let id: SessionId = id.parse().ok()?;
        let mut bytes = [0u8; TAG];
        let length = URL_SAFE_NO_PAD.decode_slice(given, &mut bytes).ok()?;
        let tag = vault.digest(HOUSE, self.purpose(), &id.as_u128().to_be_bytes());
        (length == TAG && bool::from(tag.ct_eq(&bytes))).then_some(id)
    }
}

/// The name of the cookie by which a session's browser is known. `__Host-` binds it to this host and to TLS.
pub(super) fn cookie(session: SessionId) -> String {
    format!("__Host-connect-{session}")
}

/// What such a cookie holds: what nobody can guess, and a tag that only this house can make, so that one that was made up
/// is known as that without looking for its session.
pub(super) fn own_cookie(vault: &Vault, session: SessionId, chance: &str) -> String {
    format!("{chance}.{}", URL_SAFE_NO_PAD.encode(cookie_tag(vault, session, chance)))
}

/// Whether this house made it for this session.
pub(super) fn is_own_cookie(vault: &Vault, session: SessionId, value: &str) -> bool {
    let Some((chance, given)) = value.split_once('.') else { return false };
    let mut bytes = [0u8; TAG];
    let length = URL_SAFE_NO_PAD.decode_slice(given, &mut bytes).ok();
    length == Some(TAG) && bool::from(cookie_tag(vault, session, chance).ct_eq(&bytes))
}

fn cookie_tag(vault: &Vault, session: SessionId, chance: &str) -> [u8; TAG] {
    let whole = [session.as_u128().to_be_bytes().as_slice(), chance.as_bytes()].concat();
    vault.digest(HOUSE, "connect.cookie", &whole)
}

/// Where a session is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Open,
    Begun,
    Returned,
    Redeeming,
    Done,
    Failed,
}

impl State {
    const ALL: [Self; 6] = [Self::Open, Self::Begun, Self::Returned, Self::Redeeming, Self::Done, Self::Failed];

    /// The word for it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Begun => "begun",
            Self::Returned => "returned",
            Self::Redeeming => "redeeming",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

/// The row.
pub(super) struct Session {
    pub(super) id: SessionId,
    pub(super) connection: ConnectionId,
    pub(super) credential: CredentialId,
    pub(super) opened_by: PrincipalId,
    pub(super) subject: Vec<u8>,
    pub(super) return_to: String,
    pub(super) binding: Vec<u8>,
    state: State,
    browser: Vec<u8>,
    pub(super) confirm: Vec<u8>,
    code: Option<String>,
    created_at: Timestamp,
    expires_at: Timestamp,
    ended_at: Option<Timestamp>,
    /// The PKCE verifier, sealed.
    pub(super) verifier: Vec<u8>,
    /// The vendor's code, sealed.
    pub(super) answer: Vec<u8>,
    /// How often the account had been connected when it was opened.
    pub(super) series: u32,
    /// Whether it takes the place of another subject's account.
    pub(super) replaces: bool,
}

/// What may be known of a connect session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionView {
    /// Its id.
    pub session: SessionId,
    /// Whose account is connected.
    pub connection: ConnectionId,
    /// `open`, `begun`, `returned`, `redeeming`, `done`, `failed`, or `expired` where its time is up.
    pub state: &'static str,
    /// Why it failed.
    pub code: Option<String>,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it is over.
    pub expires_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

impl Session {
    pub(super) fn read(row: &Row) -> Result<Self, Fault> {
        let word = row.text(7)?;
        let state = State::ALL.into_iter().find(|known| known.as_str() == word);
        let bytes = |column| Ok::<_, Fault>(row.opt_bytes(column)?.unwrap_or_default().to_vec());
        Ok(Self {
            id: row.parsed(0)?,
            connection: row.parsed(1)?,
            credential: row.parsed(2)?,
            opened_by: row.parsed(3)?,
            subject: bytes(4)?,
            return_to: row.text(5)?.to_owned(),
            binding: bytes(6)?,
            state: state.ok_or(Fault::violated("a stored session has one of six states"))?,
            browser: bytes(8)?,
            confirm: bytes(9)?,
            code: row.opt_text(10)?.map(str::to_owned),
            created_at: row.moment(11)?,
            expires_at: row.moment(12)?,
            ended_at: row.opt_moment(13)?,
            verifier: bytes(14)?,
            answer: bytes(15)?,
            series: u32::try_from(row.int(16)?).map_err(|error| Fault::broken("reading a series", error))?,
            replaces: row.int(17)? != 0,
        })
    }

    /// Where it is on its way; nothing where its time is up.
    pub(super) fn state(&self, now: Timestamp) -> Option<State> {
        (now < self.expires_at).then_some(self.state)
    }

    /// Whether this is the browser that began it, by the digest of what its cookie holds.
    pub(super) fn is_of_browser(&self, digest: Option<&[u8]>) -> bool {
        digest.is_some_and(|digest| !self.browser.is_empty() && bool::from(self.browser.ct_eq(digest)))
    }

    /// Where its browser goes in the end, with this.
    pub(super) fn back_with(&self, name: &str, value: &str) -> String {
        url::with_query(&self.return_to, &[("session", &self.id.to_string()), (name, value)])
    }

    pub(super) fn view(&self, now: Timestamp) -> SessionView {
        let over = self.ended_at.is_none() && now >= self.expires_at;
        SessionView {
            session: self.id,
            connection: self.connection,
            state: if over { "expired" } else { self.state.as_str() },
            code: self.code.clone(),
            created_at: self.created_at,
            expires_at: self.expires_at,
            ended_at: self.ended_at,
        }
    }
}
