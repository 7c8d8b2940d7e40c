//! Taking a compact JWS apart (RFC 7515 section 7.1) before any signature is looked at.
//!
//! The order: size, three segments, base64url, strict JSON, then the header member by member. Every
//! member of the header must be known and allowed; nothing in it can choose a key or switch a check off.

use lockgate_vocabulary::limit;

use super::algorithm::{Algorithm, Algorithms};
use super::base64url;
use super::json::{Json, Object};
use crate::AccessRefusal;

/// Bytes of a `kid` at the most.
pub const KID_BYTES: usize = 256;

/// What a header may say.
#[derive(Debug, Clone)]
pub struct HeaderRules {
    /// The algorithms allowed.
    pub algorithms: Algorithms,
    /// The media types allowed in `typ`, compared exactly.
    pub types: Box<[Box<str>]>,
    /// Whether `typ` may be absent.
    pub type_may_be_absent: bool,
    /// Members allowed beside `alg`, `kid` and `typ`. They are not looked at.
    pub more_members: Box<[Box<str>]>,
}

impl HeaderRules {
    /// Members that would change how the token is read or which key it is checked with. No issuer may
    /// declare them.
    pub const NEVER: &'static [&'static str] =
        &["b64", "crit", "cty", "enc", "epk", "jku", "jwk", "p2c", "p2s", "x5c", "x5u", "zip"];

    fn allow(&self, name: &str) -> bool {
        let plain = matches!(name, "alg" | "kid" | "typ");
        plain || (self.more_members.iter().any(|more| **more == *name) && !Self::NEVER.contains(&name))
    }
}

/// A token in its parts. Its signature was not checked.
#[derive(Debug)]
pub struct Compact<'a> {
    /// What is signed: the first two segments and the dot between them.
    pub signed: &'a [u8],
    /// The algorithm that the header names; it is one of those allowed.
    pub algorithm: Algorithm,
    /// The key that the header names.
    pub kid: String,
    /// The payload.
    pub payload: Vec<u8>,
    /// The signature.
    pub signature: Vec<u8>,
}

impl<'a> Compact<'a> {
    /// Takes the token apart.
    pub fn parse(token: &'a str, rules: &HeaderRules) -> Result<Self, AccessRefusal> {
        if token.len() > limit::CREDENTIAL_BYTES {
            return Err(AccessRefusal::TokenSize);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(AccessRefusal::TokenSegments)?;
        let (header, payload) = signed.split_once('.').ok_or(AccessRefusal::TokenSegments)?;
        if payload.contains('.') {
            return Err(AccessRefusal::TokenSegments);
        }
        let decode = |segment: &str| base64url::decode(segment.as_bytes()).ok_or(AccessRefusal::TokenEncoding);
        let (header, payload, signature) = (decode(header)?, decode(payload)?, decode(signature)?);
        let header = Json::object(&header).map_err(|_| AccessRefusal::TokenHeader)?;
        let (algorithm, kid) = judge_header(&header, rules)?;
        Ok(Self { signed: signed.as_bytes(), algorithm, kid, payload, signature })
    }
}

fn judge_header(header: &Object, rules: &HeaderRules) -> Result<(Algorithm, String), AccessRefusal> {
    if header.names().any(|name| !rules.allow(name)) {
        return Err(AccessRefusal::TokenHeaderMember);
    }
    let algorithm = header.text("alg").and_then(Algorithm::parse).filter(|algorithm| rules.algorithms.has(*algorithm));
    let algorithm = algorithm.ok_or(AccessRefusal::TokenAlgorithm)?;
    let fits = match header.member("typ") {
        Some(Json::Text(given)) => rules.types.iter().any(|known| **known == **given),
        Some(_) => false,
        None => rules.type_may_be_absent,
    };
    if !fits {
        return Err(AccessRefusal::TokenType);
    }
    let kid = header.text("kid").filter(|kid| !kid.is_empty() && kid.len() <= KID_BYTES);
    Ok((algorithm, kid.ok_or(AccessRefusal::TokenKeyMissing)?.to_owned()))
}

#[cfg(test)]
mod tests;
