//! Whether a token is one to accept: pure, the same for the running gate and for `explain token`.
//!
//! The order is the security argument: size, segments, base64url, JSON, header, key, algorithm and
//! signature come first, so that nothing a stranger wrote is believed; then every claim in turn.

use std::time::Duration;

use lockgate_vocabulary::Timestamp;

use super::claims::{Claims, TenantClaim, identifier, is_scope, seconds};
use super::policy::TokenPolicy;
use crate::AccessRefusal;
use crate::jose::json::{Json, Object};
use crate::jose::{self, Compact};
use crate::keyset::KeySet;

/// Claims that only other kinds of token have: ID tokens (OpenID Connect Core), logout and event tokens
/// (RFC 8417), DPoP proofs (RFC 9449).
const FOREIGN: &[&str] = &["at_hash", "ath", "c_hash", "events", "htm", "htu", "nonce", "s_hash", "sub_jwk"];

/// Claims by which some issuers say what kind of token it is, and the values that mean an access token.
const KINDS: &[(&str, &[&str])] =
    &[("typ", &["Bearer", "at+jwt"]), ("token_use", &["access"]), ("token_type", &["Bearer", "access_token"])];

/// Judges an access token.
pub fn judge_token(token: &str, keys: &KeySet, policy: &TokenPolicy, now: Timestamp) -> Result<Claims, AccessRefusal> {
    let compact = Compact::parse(token, &policy.header)?;
    jose::verify(&compact, keys.find(&compact.kid)?)?;
    let claims = Json::object(&compact.payload).map_err(|_| AccessRefusal::TokenPayload)?;
    judge_claims(&claims, compact.kid.into(), policy, now)
}

fn judge_claims(
    claims: &Object,
    signed_by: Box<str>,
    policy: &TokenPolicy,
    now: Timestamp,
) -> Result<Claims, AccessRefusal> {
    demand_access_kind(claims)?;
    if claims.text("iss") != Some(&*policy.issuer) {
        return Err(AccessRefusal::TokenIssuer);
    }
    demand_audience(claims, &policy.audience)?;
    let times = judge_times(claims, policy.most_lifetime)?;
    let subject = identifier(claims.member("sub")).ok_or(AccessRefusal::TokenSubject)?;
    let client = identifier(claims.member("client_id")).ok_or(AccessRefusal::TokenClient)?;
    if policy.client_is_subject && client != subject {
        return Err(AccessRefusal::TokenClient);
    }
    let id = identifier(claims.member("jti")).ok_or(AccessRefusal::TokenId)?;
    // A token that is bound to a key proves nothing without that key (RFC 9449, RFC 8705).
    if claims.member("cnf").is_some() {
        return Err(AccessRefusal::TokenBound);
    }
    let accepted = Claims {
        signed_by,
        subject: subject.into(),
        client: client.into(),
        id: id.into(),
        tenant: judge_tenant(claims, policy)?,
        scope: judge_scope(claims, policy)?,
        key: claims.text("key_id").and_then(|key| key.parse().ok()),
        issued_at: times.issued,
        not_before: times.from,
        expires_at: times.until,
    };
    accepted.demand_valid_at(now, policy.skew)?;
    Ok(accepted)
}

fn demand_access_kind(claims: &Object) -> Result<(), AccessRefusal> {
    if FOREIGN.iter().any(|name| claims.member(name).is_some()) {
        return Err(AccessRefusal::TokenForeign);
    }
    for (name, access) in KINDS {
        let other = claims.member(name).is_some() && !claims.text(name).is_some_and(|kind| access.contains(&kind));
        if other {
            return Err(AccessRefusal::TokenForeign);
        }
    }
    Ok(())
}

fn demand_audience(claims: &Object, wanted: &str) -> Result<(), AccessRefusal> {
    let only = match claims.member("aud") {
        Some(Json::Text(audience)) => Some(audience),
        Some(Json::List(audiences)) => match audiences.as_slice() {
            [Json::Text(audience)] => Some(audience),
            _ => None,
        },
        _ => None,
    };
    if only.is_some_and(|audience| audience == wanted) { Ok(()) } else { Err(AccessRefusal::TokenAudience) }
}

struct Times {
    issued: i64,
    from: Option<i64>,
    until: i64,
}

fn judge_times(claims: &Object, most_lifetime: Duration) -> Result<Times, AccessRefusal> {
    let until = claims.member("exp").and_then(|value| seconds(value, false)).ok_or(AccessRefusal::TokenTime)?;
    let issued = claims.member("iat").and_then(|value| seconds(value, true)).ok_or(AccessRefusal::TokenIssued)?;
    let from = match claims.member("nbf") {
        // A claim of the wrong type never counts as one that is absent.
        Some(value) => Some(seconds(value, true).ok_or(AccessRefusal::TokenTime)?),
        None => None,
    };
    if until <= issued || from.is_some_and(|from| until <= from) {
        return Err(AccessRefusal::TokenTime);
    }
    if u64::try_from(until - issued).map_or(true, |lifetime| lifetime > most_lifetime.as_secs()) {
        return Err(AccessRefusal::TokenLifetime);
    }
    Ok(Times { issued, from, until })
}

/// The tenant that the token names. Nothing is known of the token's signature by whoever asks before
/// it was judged, so the answer then only serves to find the issuer's policy.
pub fn judge_tenant(claims: &Object, policy: &TokenPolicy) -> Result<TenantClaim, AccessRefusal> {
    // Another spelling of the claim beside it, and two readers would pick two tenants.
    let plain = |name: &str| name.replace(['_', '-', ' ', '.'], "").to_ascii_lowercase();
    let named = plain(&policy.tenant_claim);
    let rivals = claims.names().filter(|name| {
        let folded = plain(name);
        **name != *policy.tenant_claim && (folded == named || folded == "tenantid" || folded == "tenant")
    });
    if rivals.count() > 0 {
        return Err(AccessRefusal::TokenTenant);
    }
    let text = claims.text(&policy.tenant_claim).ok_or(AccessRefusal::TokenTenant)?;
    let tenant = if policy.tenants.is_empty() { TenantClaim::parse(text) } else { policy.tenants.get(text).cloned() };
    let tenant = tenant.ok_or(AccessRefusal::TokenTenant)?;
    if policy.demanded_tenant.as_deref().is_some_and(|wanted| wanted != text) {
        return Err(AccessRefusal::TokenTenantOther);
    }
    Ok(tenant)
}

fn judge_scope(claims: &Object, policy: &TokenPolicy) -> Result<Box<str>, AccessRefusal> {
    let scope = match claims.member(&policy.scope_claim) {
        Some(Json::Text(text)) if !policy.scope_is_list => text.clone(),
        Some(Json::List(words)) if policy.scope_is_list => {
            let words: Option<Vec<&str>> = words.iter().map(word).collect();
            words.ok_or(AccessRefusal::TokenScope)?.join(" ")
        }
        _ => return Err(AccessRefusal::TokenScope),
    };
    if !is_scope(&scope) {
        return Err(AccessRefusal::TokenScope);
    }
    let lacks = |wanted: &str| !scope.split(' ').any(|word| word == wanted);
    if policy.demanded_scope.as_deref().is_some_and(lacks) {
        return Err(AccessRefusal::TokenScopeLacking);
    }
    Ok(scope.into())
}

fn word(value: &Json) -> Option<&str> {
    match value {
        Json::Text(text) if !text.contains(' ') => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
