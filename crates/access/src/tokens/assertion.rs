//! `private_key_jwt`: a client that signs who it is (RFC 7523), with what draft-ietf-oauth-security-topics-update
//! adds: the audience is the issuer, one value, so that no assertion made for another server is taken.

use std::time::Duration;

use lockgate_vocabulary::Timestamp;

use crate::AccessRefusal;
use crate::authn::claims::{identifier, seconds};
use crate::jose::json::{Json, Object};
use crate::jose::{self, Algorithm, Algorithms, Compact, HeaderRules};
use crate::keyset::KeySet;

/// How long an assertion lives at the most.
pub const ASSERTION_LIFETIME_MOST: Duration = Duration::from_secs(300);

/// What `client_assertion_type` must be.
pub(crate) const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What assertions may be signed with.
pub(crate) const ASSERTION_ALGORITHMS: Algorithms =
    Algorithms::of(&[Algorithm::Es256, Algorithm::EdDsa, Algorithm::Ed25519, Algorithm::Rs256, Algorithm::Ps256]);

/// An assertion that is sound but may have been used before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assertion {
    /// Its number, by which a second use is noticed.
    pub id: Box<str>,
    /// Until when it could be used again, the skew included.
    pub until: Timestamp,
}

/// Judges an assertion of this client for this issuer.
pub fn judge_assertion(
    assertion: &str,
    keys: &KeySet,
    parties: Parties<'_>,
    now: Timestamp,
) -> Result<Assertion, AccessRefusal> {
    let compact = Compact::parse(assertion, &header_rules())?;
    jose::verify(&compact, keys.find(&compact.kid)?)?;
    let claims = Json::object(&compact.payload).map_err(|_| AccessRefusal::AssertionMalformed)?;
    let names = |member: &str| claims.text(member) == Some(parties.client);
    if !names("iss") || !names("sub") {
        return Err(AccessRefusal::AssertionMalformed);
    }
    // One text: a list of one is refused as well, as the draft has it.
    if claims.text("aud") != Some(parties.issuer) {
        return Err(AccessRefusal::AssertionAudience);
    }
    let id = identifier(claims.member("jti")).ok_or(AccessRefusal::AssertionMalformed)?;
    let until = judge_times(&claims, parties.skew, now)?;
    Ok(Assertion { id: id.into(), until })
}

/// Who asserts, and to whom.
#[derive(Debug, Clone, Copy)]
pub struct Parties<'a> {
    /// The client's id.
    pub client: &'a str,
    /// This gateway's issuer URL.
    pub issuer: &'a str,
    /// How far clocks may be apart.
    pub skew: Duration,
}

/// The client that an assertion names, so that its keys can be found. Nothing is verified yet.
pub(crate) fn named_client(assertion: &str) -> Result<String, AccessRefusal> {
    let compact = Compact::parse(assertion, &header_rules())?;
    let claims = Json::object(&compact.payload).map_err(|_| AccessRefusal::AssertionMalformed)?;
    claims.text("sub").map(str::to_owned).ok_or(AccessRefusal::AssertionMalformed)
}

fn header_rules() -> HeaderRules {
    HeaderRules {
        algorithms: ASSERTION_ALGORITHMS,
        types: Box::new(["client-authentication+jwt".into(), "JWT".into()]),
        // RFC 7523 demands none, and the usual client libraries write none.
        type_may_be_absent: true,
        more_members: Box::default(),
    }
}

fn judge_times(claims: &Object, skew: Duration, now: Timestamp) -> Result<Timestamp, AccessRefusal> {
    let moment = |member: &str, up: bool| match claims.member(member) {
        None => Ok(None),
        Some(value) => {
            seconds(value, up).map(|at| Some(Timestamp::from_secs(at))).ok_or(AccessRefusal::AssertionMalformed)
        }
    };
    let exp = moment("exp", false)?.ok_or(AccessRefusal::AssertionMalformed)?;
    let until = exp.after(skew);
    if now >= until {
        return Err(AccessRefusal::TokenExpired);
    }
    let issued = moment("iat", true)?;
    let ahead = now.after(skew);
    if moment("nbf", true)?.is_some_and(|from| from > ahead) || issued.is_some_and(|at| at > ahead) {
        return Err(AccessRefusal::TokenEarly);
    }
    let longest = issued.map_or(ahead, |at| at.min(ahead)).after(ASSERTION_LIFETIME_MOST);
    if exp > longest {
        return Err(AccessRefusal::AssertionLifetime);
    }
    Ok(until)
}

#[cfg(test)]
mod tests;
