//! What is asked of a vendor's token and revocation endpoints, and what their answers must look like. Pure.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderValue, Method, Uri};
use lockgate_access::directory::Connection;
use lockgate_access::spec::{ClientAuth, TokenSpec};
use lockgate_vocabulary::{
    Clock, Entropy, Errand, ErrandAnswer, ErrandAsk, ErrandFailure, ErrandOrder, ErrandOwner, ErrandPost,
    ErrandPurpose, Secret, TlsIdentity,
};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::client::{assertion, client_of, identity_of};
use crate::dpop::{DpopKey, Nonce, ProofClaims, target_of};
use crate::equip::{encode, is_token};
use crate::refusal::VaultRefusal;

/// Bytes of an answer; a token has at most what a credential may have.
const ANSWER_BYTES: usize = 64 * 1024;

/// How long a token endpoint may take.
pub(super) const WITHIN: Duration = Duration::from_secs(10);

/// How long a token is thought to live where the vendor does not say, and the longest that it is believed to.
const UNTOLD: Duration = Duration::from_secs(300);
const LONGEST: Duration = Duration::from_secs(86_400);

/// How long a token is thought to live that nothing renews and that has no end.
const ENDLESS: Duration = Duration::from_secs(10 * 365 * 86_400);

/// Characters of a granted scope that are kept.
const SCOPE: usize = 1_024;

/// What a token is asked for with.
pub(crate) enum Proof<'a> {
    /// The client alone (RFC 6749 section 4.4).
    Client,
    /// A person's consent (section 4.1.3), and that it was this client who asked for it (RFC 7636 section 4.5).
    Code { code: &'a [u8], verifier: &'a [u8], redirect_uri: &'a str },
    /// What came with the tokens before (section 6).
    Refresh(&'a [u8]),
}

/// Tokens that were had.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) access: Secret,
    pub(crate) refresh: Option<Secret>,
    /// What the access token is bound to, where it is.
    pub(crate) key: Option<Arc<DpopKey>>,
    pub(crate) lives: Duration,
    /// What the vendor granted, where it says so.
    pub(crate) scope: Option<String>,
    /// Why the access token is none, where there is a refresh token that must not be lost with it.
    pub(crate) flaw: Option<VaultRefusal>,
}

/// A form in a buffer that wipes itself.
struct Form(Zeroizing<Vec<u8>>);

impl Form {
    /// The whole room is made at once, so that growing never leaves a copy behind.
    fn with_room(bytes: usize) -> Self {
        Self(Zeroizing::new(Vec::with_capacity(256 + 3 * bytes)))
    }

    fn put(&mut self, name: &str, value: &[u8]) {
        if !self.0.is_empty() {
            self.0.push(b'&');
        }
        encode(&mut self.0, name.as_bytes());
        self.0.push(b'=');
        encode(&mut self.0, value);
    }

    /// Puts what proves the client where it is wanted.
    fn authenticate(&mut self, client: &Client<'_>) -> Result<ClientProof, VaultRefusal> {
        const ASSERTION: &[u8] = b"urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        let (id, secret) = client_of(client.spec.client_auth, client.secret);
        let mut proven = ClientProof::default();
        match client.spec.client_auth {
            ClientAuth::Basic => proven.authorization = basic(id, secret),
            ClientAuth::Post => {
                self.put("client_id", id);
                self.put("client_secret", secret);
            }
            ClientAuth::PrivateKeyJwt => {
                let audience = client.spec.audience().ok_or(VaultRefusal::ClientKeyUnfit)?;
                let assertion = assertion(client.secret, audience, client.clock.now(), client.entropy)?;
                self.put("client_id", id);
                self.put("client_assertion_type", ASSERTION);
                self.put("client_assertion", assertion.as_bytes());
            }
            ClientAuth::Mtls => {
                self.put("client_id", id);
                proven.identity = Some(identity_of(client.secret));
            }
        }
        Ok(proven)
    }
}

/// What proves the client beside the form (RFC 6749 section 2.3, RFC 8705).
#[derive(Default)]
struct ClientProof {
    authorization: Option<HeaderValue>,
    identity: Option<TlsIdentity>,
}

/// Who asks a vendor's endpoints, and of which connection.
#[derive(Clone, Copy)]
pub(crate) struct Client<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) spec: &'a TokenSpec,
    /// The client's id and what it proves itself with.
    pub(crate) secret: &'a Secret,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) entropy: &'a dyn Entropy,
}

impl Client<'_> {
    /// Asks the token endpoint. Where tokens are bound to this key (DPoP), the request proves that we have it, and is
    /// sent once more where the endpoint wants another proof: it did nothing then (RFC 9449 section 8).
    pub(crate) async fn ask(
        &self,
        errand: &dyn Errand,
        proof: &Proof<'_>,
        bound: Option<(&DpopKey, &Nonce)>,
    ) -> Result<ErrandAnswer, ErrandFailure> {
        let Some((key, nonce)) = bound else { return errand.run(self.order(proof, None)?).await };
        let until = self.clock.elapsed() + WITHIN;
        let shown = nonce.wanted();
        let answer = errand.run(self.order(proof, Some(self.dpop_proof(key, shown.as_ref())?))?).await?;
        let Some(told) = answer.dpop_nonce.clone() else { return Ok(answer) };
        nonce.hear(told.clone());
        if shown.as_ref() == Some(&told) || !wants_proof(&answer) {
            return Ok(answer);
        }
        let mut order = self.order(proof, Some(self.dpop_proof(key, Some(&told))?))?;
        order.within = until.saturating_sub(self.clock.elapsed());
        errand.run(order).await
    }

    /// The proof that we have the key, for the token endpoint.
    fn dpop_proof(&self, key: &DpopKey, nonce: Option<&HeaderValue>) -> Result<HeaderValue, ErrandFailure> {
        let unfit = || unsent(VaultRefusal::ClientKeyUnfit);
        let target = Uri::try_from(self.spec.token_url.as_str()).map_err(|_| unfit())?;
        let target = target_of(&target);
        let claims = ProofClaims { method: &Method::POST, target, token: None, nonce, now: self.clock.now() };
        key.proof(&claims, self.entropy).map_err(|_| unfit())
    }

    /// The order for a token. What the client proves itself with goes to the token endpoint that it is bound to, and is
    /// in buffers that wipe themselves.
    pub(crate) fn order(&self, proof: &Proof<'_>, dpop: Option<HeaderValue>) -> Result<ErrandOrder, ErrandFailure> {
        let spec = self.spec;
        let asked: usize = spec.parameters.iter().map(|(name, value)| name.len() + value.len() + 2).sum();
        let texts = [&spec.scope, &spec.resource].into_iter().flatten().map(String::len).sum::<usize>();
        let proven = match proof {
            Proof::Client => 0,
            Proof::Code { code, verifier, redirect_uri } => code.len() + verifier.len() + redirect_uri.len(),
            Proof::Refresh(token) => token.len(),
        };
        let mut form = Form::with_room(asked + texts + proven + self.room());
        match proof {
            Proof::Client => form.put("grant_type", b"client_credentials"),
            Proof::Code { code, verifier, redirect_uri } => {
                form.put("grant_type", b"authorization_code");
                form.put("code", code);
                form.put("redirect_uri", redirect_uri.as_bytes());
                form.put("code_verifier", verifier);
            }
            Proof::Refresh(token) => {
                form.put("grant_type", b"refresh_token");
                form.put("refresh_token", token);
            }
        }
        let proven = form.authenticate(self).map_err(unsent)?;
        // What a person let the client do stands in the authorization request.
        let scope = spec.scope.as_ref().filter(|_| matches!(proof, Proof::Client));
        for (name, value) in [("scope", scope), ("resource", spec.resource.as_ref())] {
            if let Some(value) = value {
                form.put(name, value.as_bytes());
            }
        }
        for (name, value) in &spec.parameters {
            form.put(name, value.as_bytes());
        }
        Ok(posted(self.connection, &spec.token_url, form, (proven, dpop)))
    }

    /// The order to revoke a token (RFC 7009 section 2.1); none where the vendor has no endpoint for it.
    pub(crate) fn revocation(&self, (kind, token): (&str, &Secret)) -> Option<Result<ErrandOrder, ErrandFailure>> {
        let url = self.spec.revocation_url.as_deref()?;
        let mut form = Form::with_room(token.expose().len() + self.room());
        form.put("token", token.expose());
        form.put("token_type_hint", kind.as_bytes());
        let proven = form.authenticate(self).map_err(unsent);
        Some(proven.map(|proven| posted(self.connection, url, form, (proven, None))))
    }

    /// Bytes that what proves the client may take in a form: an assertion has its audience in it, and a signature.
    fn room(&self) -> usize {
        self.secret.expose().len() + self.spec.audience().map_or(0, str::len) * 2 + 2048
    }
}

/// Nothing was sent, for what the client has to prove itself with cannot.
fn unsent(why: VaultRefusal) -> ErrandFailure {
    ErrandFailure::Refused(why.info().code)
}

/// Whether a token endpoint wants another proof (RFC 9449 section 8).
fn wants_proof(answer: &ErrandAnswer) -> bool {
    let said = serde_json::from_slice::<Answer>(&answer.body);
    matches!(answer.status, 400 | 401)
        && said.is_ok_and(|said| said.error.is_some_and(|error| error == "use_dpop_nonce"))
}

fn posted(
    connection: &Connection,
    url: &str,
    form: Form,
    (proven, dpop): (ClientProof, Option<HeaderValue>),
) -> ErrandOrder {
    let ClientProof { authorization, identity } = proven;
    let networks = connection.settings.danger_private_networks.iter();
    // Where it is the vendor's own host, its certificate is pinned as in a call.
    let base = &connection.base;
    let parsed = http::Uri::try_from(url).ok();
    let same = parsed.is_some_and(|url| {
        url.host().is_some_and(|host| host.eq_ignore_ascii_case(&base.host))
            && url.port_u16().unwrap_or(443) == base.port
    });
    ErrandOrder {
        purpose: ErrandPurpose::VendorToken,
        owner: ErrandOwner::Tenant(
            connection.tenant,
            networks.map(|network| (network.network(), network.prefix_len())).collect(),
        ),
        url: url.to_owned(),
        ask: ErrandAsk::Post(ErrandPost { form: Bytes::from_owner(form.0), authorization, dpop }),
        trust_pem: connection.settings.trust_pem.as_deref().map(str::to_owned),
        identity,
        pins: if same { connection.settings.pins.clone() } else { Vec::new() },
        most_bytes: ANSWER_BYTES,
        within: WITHIN,
    }
}

/// Id and secret are encoded as in a form before they are put together (RFC 6749 section 2.3.1), which a plain one
/// does not show.
fn basic(id: &[u8], secret: &[u8]) -> Option<HeaderValue> {
    let mut pair = Zeroizing::new(Vec::with_capacity(3 * (id.len() + secret.len()) + 1));
    encode(&mut pair, id);
    pair.push(b':');
    encode(&mut pair, secret);
    let mut whole = Zeroizing::new(Vec::from(*b"Basic "));
    let begin = whole.len();
    whole.reserve_exact(pair.len().div_ceil(3) * 4);
    whole.resize(begin + pair.len().div_ceil(3) * 4, 0);
    STANDARD.encode_slice(pair.as_slice(), whole.get_mut(begin..).unwrap_or_default()).ok()?;
    let mut value = HeaderValue::from_maybe_shared(Bytes::from_owner(whole)).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// RFC 6749 section 5.1. A member that stands twice makes it no answer.
#[derive(Deserialize)]
struct Answer {
    access_token: Option<Secret>,
    token_type: Option<String>,
    expires_in: Option<serde_json::Value>,
    refresh_token: Option<Secret>,
    scope: Option<String>,
    error: Option<serde_json::Value>,
}

/// Seconds; some vendors write the number as a text, or with a fraction. Nothing where it is none above nought.
fn seconds(told: &serde_json::Value) -> Option<Duration> {
    let number = match told {
        serde_json::Value::Number(number) => number.as_f64(),
        serde_json::Value::String(text) => text.parse::<u32>().ok().map(f64::from),
        _ => None,
    };
    // What is longer than any token lives is cut there.
    let number = number.filter(|number| *number >= 1.0).map(|number| number.min(ENDLESS.as_secs_f64()));
    number.and_then(|number| Duration::try_from_secs_f64(number.floor()).ok())
}

/// What a token endpoint answered with to this proof. A token that was to be bound to this key is bound, or it is none.
pub(crate) fn judge(answer: ErrandAnswer, proof: &Proof<'_>, key: Option<Arc<DpopKey>>) -> Result<Got, VaultRefusal> {
    match answer.status {
        200 | 201 => read(&answer.body, proof, key),
        // 401 and 400 say that asking again will not help; so does every other one of the kind but these.
        408 | 425 | 429 => Err(VaultRefusal::TokenUnavailable),
        400..=499 => {
            let said = serde_json::from_slice::<Answer>(&answer.body);
            Err(said.map_or(VaultRefusal::TokenRefused, |said| no(&said, proof)))
        }
        _ => Err(VaultRefusal::TokenUnavailable),
    }
}

/// What an error of the vendor's means (RFC 6749 section 5.2): a grant that it does not know any more is over.
fn no(answer: &Answer, proof: &Proof<'_>) -> VaultRefusal {
    let invalid_grant = answer.error.as_ref().is_some_and(|error| error == "invalid_grant");
    match proof {
        Proof::Refresh(_) if invalid_grant => VaultRefusal::GrantEnded,
        _ => VaultRefusal::TokenRefused,
    }
}

fn read(body: &[u8], proof: &Proof<'_>, key: Option<Arc<DpopKey>>) -> Result<Got, VaultRefusal> {
    let answer: Answer = serde_json::from_slice(body).map_err(|_| VaultRefusal::TokenMalformed)?;
    // Some vendors answer 200 with an error inside.
    if answer.error.is_some() {
        return Err(no(&answer, proof));
    }
    let wanted = if key.is_some() { "DPoP" } else { "Bearer" };
    let meant = answer.token_type.is_some_and(|kind| kind.eq_ignore_ascii_case(wanted));
    let access = answer.access_token.filter(|token| meant && is_token(token.expose()));
    let refresh = match answer.refresh_token {
        // What nobody may send back is no refresh token (RFC 6749 appendix A.17).
        Some(token) if !is_token(token.expose()) => return Err(VaultRefusal::TokenMalformed),
        // The client's own account needs none: it has its secret.
        token => token.filter(|_| !matches!(proof, Proof::Client)),
    };
    let endless = matches!(proof, Proof::Code { .. }) && refresh.is_none();
    let untold = if endless { ENDLESS } else { UNTOLD };
    let lives = match answer.expires_in.as_ref().map(seconds) {
        None => untold,
        Some(Some(told)) => told.min(if endless { ENDLESS } else { LONGEST }),
        Some(None) if matches!(proof, Proof::Client) => return Err(VaultRefusal::TokenMalformed),
        // What a person granted is not lost for a slip of the vendor's.
        Some(None) => UNTOLD,
    };
    let scope = answer.scope.map(|scope| scope.chars().filter(|at| !at.is_control()).take(SCOPE).collect());
    match (access, proof) {
        (Some(access), _) => Ok(Got { access, refresh, key, lives, scope, flaw: None }),
        // The one before is used up, so this one is kept whatever came beside it.
        (None, Proof::Refresh(_)) if refresh.is_some() => {
            let access = Secret::new(Vec::new());
            let flaw = Some(VaultRefusal::TokenMalformed);
            Ok(Got { access, refresh, key, lives: Duration::ZERO, scope, flaw })
        }
        _ => Err(VaultRefusal::TokenMalformed),
    }
}
