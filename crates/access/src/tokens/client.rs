//! Who asks at the token endpoint: authenticating a client by its secret or by its key (RFC 6749 section
//! 2.3, RFC 7523).
//!
//! A client's id is the id of one of its principal's client keys. Any live secret of the same principal
//! proves it, so that two secrets can be live while one replaces the other.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lockgate_store::{ApplyFailure, Change, values};
use lockgate_vocabulary::{Arrival, KeyId, Stop, Timestamp};
use zeroize::Zeroizing;

use super::assertion::{ASSERTION_TYPE, Assertion, Parties, judge_assertion, named_client};
use super::form::{self, Form};
use super::{Tokens, rows};
use crate::AccessRefusal;
use crate::authn::standing::Standing;
use crate::authn::text_key::{fingerprint, proves};
use crate::caller::Caller;
use crate::directory::{Directory, Key, TenantView, Verifier};
use crate::jose::base64url;
use crate::keyset::KeySet;

/// What was posted to the token, revocation or introspection endpoint.
#[derive(Debug, Clone, Copy)]
pub struct Posted<'a> {
    /// The value of `Authorization`.
    pub authorization: Option<&'a [u8]>,
    /// The body, `application/x-www-form-urlencoded`.
    pub form: &'a [u8],
}

/// A client that was authenticated.
#[derive(Debug)]
pub(crate) struct Client {
    /// Its id.
    pub(crate) id: KeyId,
    /// The key that proved it.
    pub(crate) key: Arc<Key>,
    /// Whom that makes it.
    pub(crate) caller: Caller,
}

/// How a client proves who it is.
enum Proof {
    Secret { client: Zeroizing<String>, secret: Zeroizing<String> },
    Assertion { client: String, text: String },
}

impl Proof {
    fn client(&self) -> &str {
        match self {
            Self::Secret { client, .. } => client,
            Self::Assertion { client, .. } => client,
        }
    }
}

impl Tokens {
    /// Authenticates the client. Every way to fail looks alike, and too many failures must wait.
    pub(crate) async fn authenticate(
        &self,
        directory: &Directory,
        posted: &Posted<'_>,
        form: &Form,
        arrival: &Arrival,
    ) -> Result<Client, Stop> {
        let proof = read_proof(posted, form)?;
        let (peer, elapsed) = (arrival.peer.ip(), self.clock.elapsed());
        // Proving comes before counting: whoever fails from behind the same address must not keep out
        // those who have their secret.
        let found = match &proof {
            Proof::Secret { client, secret } => self.by_secret(directory, client, secret, arrival),
            Proof::Assertion { client, text } => self.by_assertion(directory, client, text, arrival).await,
        };
        found.map_err(|stop| match stop {
            Failure::Refused(refusal) => {
                if let Some(wait) = self.attempts.wait(proof.client(), peer, elapsed) {
                    return AccessRefusal::ClientThrottled.refuse().retry_after(wait).into();
                }
                self.attempts.failed(proof.client(), peer, elapsed);
                let code = refusal.info().code;
                tracing::info!(code, trace = %arrival.trace.trace, %peer, "a client was refused");
                AccessRefusal::ClientInvalid.into()
            }
            Failure::Stopped(stop) => stop,
        })
    }

    fn by_secret(
        &self,
        directory: &Directory,
        client: &str,
        secret: &str,
        arrival: &Arrival,
    ) -> Result<Client, Failure> {
        let named = named_key(directory, client);
        let Some((id, view, key)) = named else {
            // An unknown client costs what a known one costs.
            proves(secret.as_bytes(), &[0; 32]);
            return Err(AccessRefusal::KeyUnknown.into());
        };
        let mut proven = None;
        for key in keys_of(view, key) {
            if let Verifier::ClientSecret(verifier) = &key.verifier
                && proves(secret.as_bytes(), verifier)
            {
                proven = Some(key);
            }
        }
        let key = proven.ok_or(AccessRefusal::KeyWrong)?;
        self.stand(view, key, id, arrival)
    }

    async fn by_assertion(
        &self,
        directory: &Directory,
        client: &str,
        text: &str,
        arrival: &Arrival,
    ) -> Result<Client, Failure> {
        let (id, view, key) = named_key(directory, client).ok_or(AccessRefusal::KeyUnknown)?;
        let now = self.clock.now();
        let parties = Parties { client, issuer: &self.policy.issuer, skew: self.policy.skew };
        let mut why = AccessRefusal::KeyUnknown;
        let mut proven = None;
        for key in keys_of(view, key) {
            let Verifier::ClientKeys(jwks) = &key.verifier else { continue };
            let judged = KeySet::parse(jwks.as_bytes()).and_then(|keys| judge_assertion(text, &keys, parties, now));
            match judged {
                Ok(assertion) => {
                    proven = Some((key, assertion));
                    break;
                }
                // Another of the principal's sets need not know the key.
                Err(AccessRefusal::TokenKeyUnknown) => {}
                Err(refusal) => why = refusal,
            }
        }
        let (key, assertion) = proven.ok_or(why)?;
        let client = self.stand(view, key, id, arrival)?;
        self.use_up(&client, &assertion).await?;
        Ok(client)
    }

    fn stand(&self, view: &Arc<TenantView>, key: &Arc<Key>, id: KeyId, arrival: &Arrival) -> Result<Client, Failure> {
        let standing = Standing::resolve(view, key.principal, Some(key), None)?;
        standing.demand(self.clock.now(), arrival.peer.ip())?;
        Ok(Client { id, key: Arc::clone(key), caller: standing.caller(view) })
    }

    /// Notes that the assertion was used; a second use meets the first one's row, on whatever node.
    async fn use_up(&self, client: &Client, assertion: &Assertion) -> Result<(), Failure> {
        let named = format!("{}\0{}", client.id, assertion.id);
        let digest = format!("assertion:{}", base64url::encode(&fingerprint(named.as_bytes())));
        let change = Change::of(client.caller.tenant());
        let change = change.step(&rows::ASSERTION_USE, values![digest, assertion.until]).expecting(1);
        match self.store.apply(change).await {
            Ok(_) => Ok(()),
            Err(ApplyFailure::Unmet { .. } | ApplyFailure::Conflict { .. }) => {
                Err(AccessRefusal::AssertionReplayed.into())
            }
            Err(ApplyFailure::Fault(fault)) => Err(Failure::Stopped(fault.into())),
        }
    }
}

/// Why a client was not authenticated.
enum Failure {
    /// It did not prove itself.
    Refused(AccessRefusal),
    /// Something else is in the way.
    Stopped(Stop),
}

impl From<AccessRefusal> for Failure {
    fn from(refusal: AccessRefusal) -> Self {
        Self::Refused(refusal)
    }
}

fn named_key<'d>(directory: &'d Directory, client: &str) -> Option<(KeyId, &'d Arc<TenantView>, &'d Arc<Key>)> {
    let id: KeyId = client.parse().ok()?;
    let (view, key) = directory.key(id)?;
    // An API key is no client: it is a credential by itself.
    (!matches!(key.verifier, Verifier::ApiKey(_))).then_some((id, view, key))
}

/// The named key first, then the live client keys of the same principal: all of them, since the registry
/// bounds how many there are, and one that is passed over may be the one that was presented.
fn keys_of<'v>(view: &'v TenantView, named: &'v Arc<Key>) -> impl Iterator<Item = &'v Arc<Key>> {
    let of_same = |key: &&Arc<Key>| {
        key.principal == named.principal && key.id != named.id && !matches!(key.verifier, Verifier::ApiKey(_))
    };
    let live = |key: &&Arc<Key>| !key.revoked;
    let others = view.keys.values().filter(of_same).filter(live);
    std::iter::once(named).filter(live).chain(others)
}

/// The one way in which the client proves itself; more than one is refused (RFC 6749 section 2.3).
fn read_proof(posted: &Posted<'_>, form: &Form) -> Result<Proof, AccessRefusal> {
    let basic = posted.authorization.map(read_basic).transpose()?;
    let in_form = form.value("client_id").zip(form.value("client_secret"));
    let assertion = form.value("client_assertion");
    let named = form.value("client_id");
    let proof = match (basic, in_form, assertion) {
        (Some(basic), None, None) => basic,
        (None, Some((client, secret)), None) => {
            Proof::Secret { client: Zeroizing::new(client.into()), secret: Zeroizing::new(secret.into()) }
        }
        (None, None, Some(text)) => {
            if form.value("client_assertion_type") != Some(ASSERTION_TYPE) {
                return Err(AccessRefusal::GrantMalformed);
            }
            let client = named_client(text).map_err(|_| AccessRefusal::ClientInvalid)?;
            Proof::Assertion { client, text: text.to_owned() }
        }
        (None, None, None) => return Err(AccessRefusal::ClientInvalid),
        _ => return Err(AccessRefusal::GrantMalformed),
    };
    if named.is_some_and(|named| named != proof.client()) {
        return Err(AccessRefusal::GrantMalformed);
    }
    Ok(proof)
}

/// `Authorization: Basic`, whose halves are form-encoded before they are joined (RFC 6749 section 2.3.1).
fn read_basic(header: &[u8]) -> Result<Proof, AccessRefusal> {
    let text = std::str::from_utf8(header).map_err(|_| AccessRefusal::ClientInvalid)?;
    let (scheme, encoded) = text.split_once(' ').ok_or(AccessRefusal::ClientInvalid)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(AccessRefusal::ClientInvalid);
    }
    let joined = Zeroizing::new(STANDARD.decode(encoded).map_err(|_| AccessRefusal::ClientInvalid)?);
    let mut halves = joined.splitn(2, |byte| *byte == b':');
    let mut half = || halves.next().and_then(form::decode).map(Zeroizing::new).ok_or(AccessRefusal::ClientInvalid);
    let (client, secret) = (half()?, half()?);
    Ok(Proof::Secret { client, secret })
}

/// Until when a token granted through this client may live: no longer than what it rests on.
pub(crate) fn last_moment(client: &Client) -> Option<Timestamp> {
    [client.key.expires_at, client.caller.principal().expires_at].into_iter().flatten().min()
}

#[cfg(test)]
mod tests;
