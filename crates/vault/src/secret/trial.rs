//! Asking the vendor whether it takes a version: the read that the provider declares, and what its answer means.
//!
//! It is sent as a call's request would be: to the connection's own base alone, the credential in the place that the
//! provider wants, under the connection's certificates and pins. Whoever asks reaches nothing else by it.

use std::time::Duration;

use http::request::Parts;
use http::{HeaderValue, Request};
use lockgate_access::directory::Connection;
use lockgate_access::spec::{AuthPlacement, VerifySpec};
use lockgate_vocabulary::{
    CredentialId, Errand, ErrandAnswer, ErrandAsk, ErrandFailure, ErrandOrder, ErrandOwner, ErrandPurpose, ErrandTrial,
    Fault, Stop,
};
use zeroize::Zeroize as _;

use crate::client::Identity;
use crate::equip::{self, Loan, Value};
use crate::refusal::VaultRefusal;
use crate::token::{self, Got};
use crate::vault::Inner;

/// Bytes of an answer that are read: enough for what says who one is, or for a short list.
const ANSWER_BYTES: usize = 1024 * 1024;

/// How long the vendor may take.
const WITHIN: Duration = Duration::from_secs(10);

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// The vendor takes it.
    Took(Option<u16>),
    /// It does not.
    Refused(Option<u16>),
    /// It did not say; it may when it is asked again.
    Nothing(Option<u16>),
    /// It was not asked yet: the connection's rates have no room for so long.
    Paced(Duration),
    /// It was cut off before the vendor had said anything: this process stops, or something of ours broke.
    Cut,
    /// It was not asked: a rule of ours is in the way, which this code names.
    Unasked(&'static str),
}

impl Said {
    /// Why it did not pass, as it is recorded.
    pub(super) const fn code(self) -> Option<&'static str> {
        match self {
            Self::Took(_) => None,
            Self::Refused(_) => Some(VaultRefusal::VersionUnaccepted.info().code),
            Self::Nothing(_) => Some(VaultRefusal::VersionUnanswered.info().code),
            Self::Paced(_) => Some(VaultRefusal::VersionPaced.info().code),
            Self::Cut => Some(VaultRefusal::VersionInterrupted.info().code),
            Self::Unasked(code) => Some(code),
        }
    }

    /// The vendor's status.
    pub(super) const fn status(self) -> Option<u16> {
        match self {
            Self::Took(status) | Self::Refused(status) | Self::Nothing(status) => status,
            Self::Paced(_) | Self::Cut | Self::Unasked(_) => None,
        }
    }

    /// What whoever asked is told where it did not pass.
    pub(super) fn refused(self) -> Option<Stop> {
        let told = |status: Option<u16>| status.map(|status| format!("The vendor answered with {status}."));
        let (refusal, detail) = match self {
            Self::Took(_) => return None,
            Self::Refused(status) => (VaultRefusal::VersionUnaccepted.refuse(), told(status)),
            Self::Nothing(status) => (VaultRefusal::VersionUnanswered.refuse(), told(status)),
            Self::Paced(wait) => return Some(VaultRefusal::VersionPaced.refuse().retry_after(wait).into()),
            Self::Cut => (VaultRefusal::VersionInterrupted.refuse(), None),
            Self::Unasked(code) => (VaultRefusal::VersionUnanswered.refuse(), Some(format!("It was refused: {code}."))),
        };
        Some(match detail {
            Some(detail) => refusal.detail(detail).into(),
            None => refusal.into(),
        })
    }
}

/// What the vendor is shown.
enum Presented {
    /// The credential.
    Itself(Loan),
    /// A token that was had for this version of it, and what the line is named by where the token is bound to that.
    Token((CredentialId, u32), Got, Option<Identity>),
}

/// Asks the vendor with this loan, which is not the version in use.
pub(super) async fn ask(errand: &dyn Errand, inner: &Inner, connection: &Connection, loan: Loan) -> Result<Said, Stop> {
    let exhibit = match &connection.provider.auth {
        AuthPlacement::OAuth(spec) if spec.authorization.is_some() => {
            return Ok(match token::is_known(errand, inner.client(connection, spec, &loan.value)).await {
                Ok(()) => Said::Took(None),
                Err(VaultRefusal::TokenUnavailable) => Said::Nothing(None),
                Err(_) => Said::Refused(None),
            });
        }
        AuthPlacement::OAuth(spec) => match token::once(errand, inner.client(connection, spec, &loan.value)).await {
            Ok(got) => {
                let identity = spec.certificate_bound.then(|| Identity::of(&loan));
                Presented::Token((loan.credential, loan.version), got, identity)
            }
            Err(VaultRefusal::TokenUnavailable) => return Ok(Said::Nothing(None)),
            Err(_) => return Ok(Said::Refused(None)),
        },
        _ => Presented::Itself(loan),
    };
    // Whoever gets a token for its secret has shown that the vendor takes it.
    let Some(spec) = &connection.provider.verify else { return Ok(Said::Took(None)) };
    let mut answer = errand.run(order(inner, connection, spec, &exhibit, None)?).await;
    if let (Ok(told), Presented::Token(_, Got { key: Some(_), .. }, _)) = (&answer, &exhibit)
        && let Some(nonce) = told.dpop_nonce.clone().filter(|_| told.status == 401)
    {
        // It wants another proof of possession, and says what has to be in it.
        answer = errand.run(order(inner, connection, spec, &exhibit, Some(nonce))?).await;
    }
    Ok(match answer {
        Ok(answer) => judge(spec, answer),
        Err(ErrandFailure::Unreachable | ErrandFailure::Unanswered(_)) => Said::Nothing(None),
        Err(ErrandFailure::Unidentified) => Said::Refused(None),
        Err(ErrandFailure::Paced(wait)) => Said::Paced(wait),
        Err(ErrandFailure::Refused(code)) => Said::Unasked(code),
    })
}

fn order(
    inner: &Inner,
    connection: &Connection,
    spec: &VerifySpec,
    exhibit: &Presented,
    nonce: Option<HeaderValue>,
) -> Result<ErrandOrder, Stop> {
    let url = url(connection, spec);
    let mut parts = parts(connection, &url)?;
    equip::check_origin(connection, &parts)?;
    let equipped = match exhibit {
        Presented::Itself(loan) => equip::put(&connection.provider.auth, Some(loan), &mut parts)?,
        Presented::Token(lent, got, _) => {
            let access = got.access.expose();
            let value = Value::of_token(access, got.key.is_some()).ok_or(VaultRefusal::SecretUnfit)?;
            let proof = got.key.as_ref().map(|key| inner.proof(key, access, nonce, &parts)).transpose()?;
            equip::put_token(*lent, (0, value), proof, &mut parts)
        }
    };
    let target = parts.uri.path_and_query().cloned().ok_or(Fault::violated("a target has a path"))?;
    // What is in the request stays in it: it goes to its origin and nowhere else.
    drop(equipped);
    let settings = &connection.settings;
    let networks = settings.danger_private_networks.iter();
    let networks = networks.map(|network| (network.network(), network.prefix_len())).collect();
    Ok(ErrandOrder {
        purpose: ErrandPurpose::VendorTrial,
        owner: ErrandOwner::Tenant(connection.tenant, networks),
        url,
        ask: ErrandAsk::Trial(ErrandTrial {
            connection: connection.id,
            target,
            headers: parts.headers,
            plain: connection.base.plain,
        }),
        trust_pem: settings.trust_pem.as_deref().map(str::to_owned),
        identity: match exhibit {
            Presented::Token(_, _, identity) => identity.as_ref().map(|identity| identity.handshake().clone()),
            Presented::Itself(_) => None,
        },
        pins: settings.pins.clone(),
        most_bytes: ANSWER_BYTES,
        within: WITHIN,
    })
}

/// Where it goes, without the credential.
fn url(connection: &Connection, spec: &VerifySpec) -> String {
    let base = &connection.base;
    let (scheme, usual) = if base.plain { ("http", 80) } else { ("https", 443) };
    let port = if base.port == usual { String::new() } else { format!(":{}", base.port) };
    format!("{scheme}://{}{port}{}{}", base.host, base.prefix, spec.path)
}

fn parts(connection: &Connection, url: &str) -> Result<Parts, Fault> {
    let request = Request::get(url).body(()).map_err(|error| Fault::broken("writing a verification", error))?;
    let (mut parts, ()) = request.into_parts();
    parts.headers.extend(connection.provider.headers.iter().map(|(name, value)| (name.clone(), value.clone())));
    Ok(parts)
}

fn judge(spec: &VerifySpec, mut answer: ErrandAnswer) -> Said {
    let status = Some(answer.status);
    let said = match answer.status {
        200..=299 if holds(spec, &answer.body) => Said::Took(status),
        408 | 425 | 429 | 500.. => Said::Nothing(status),
        _ => Said::Refused(status),
    };
    // A vendor may repeat the credential in it.
    answer.body.zeroize();
    said
}

/// Whether the answer has what it must have.
fn holds(spec: &VerifySpec, body: &[u8]) -> bool {
    if spec.expect.is_empty() {
        return true;
    }
    let Ok(value) = serde_json::from_slice::<serde_json::Value>(body) else { return false };
    spec.expect.iter().all(|(pointer, wanted)| value.pointer(pointer) == Some(wanted))
}

#[cfg(test)]
mod tests;
