//! What an access token claims, read strictly: every claim typed, bounded, and there or refused.
//!
//! Here: the grammar of each claim. Not here: which claims a policy demands and in which order they
//! are judged ([`super::judge`]).

use std::fmt;
use std::time::Duration;

use lockgate_vocabulary::{KeyId, Name, TenantId, Timestamp};

use crate::AccessRefusal;
use crate::jose::json::Json;

/// Bytes of an identifying claim at the most.
pub const IDENTIFIER_BYTES: usize = 256;

/// Words in a scope at the most.
pub const SCOPE_WORDS: usize = 256;

/// The last second that a time claim may name: the end of the year 9999.
const LAST_SECOND: i64 = 253_402_300_799;

/// Who a token is for, as it says itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TenantClaim {
    /// A tenant of ours by its id.
    Id(TenantId),
    /// A tenant by the name under which the issuer knows it.
    Alias(Name),
}

impl TenantClaim {
    /// A tenant's id, or an alias: a letter or digit, then at most 62 letters, digits and hyphens, all
    /// lower case. No text is both, since an alias has no underscore.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse().map(Self::Id).or_else(|_| text.parse().map(Self::Alias)).ok()
    }
}

impl fmt::Display for TenantClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Alias(alias) => alias.fmt(f),
        }
    }
}

/// The claims of a token that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// The `kid` of the key that signed it.
    pub signed_by: Box<str>,
    /// The subject.
    pub subject: Box<str>,
    /// The client.
    pub client: Box<str>,
    /// The token's own number.
    pub id: Box<str>,
    /// The tenant.
    pub tenant: TenantClaim,
    /// The scope: words separated by one blank.
    pub scope: Box<str>,
    /// The client key that proved the client, in tokens of our own.
    pub key: Option<KeyId>,
    /// When it was issued, in seconds.
    pub issued_at: i64,
    /// From when it is valid, in seconds.
    pub not_before: Option<i64>,
    /// Until when it is valid, in seconds.
    pub expires_at: i64,
}

impl Claims {
    /// Whether the token is valid at this moment, give or take the skew.
    pub fn demand_valid_at(&self, now: Timestamp, skew: Duration) -> Result<(), AccessRefusal> {
        if now >= Timestamp::from_secs(self.expires_at).after(skew) {
            return Err(AccessRefusal::TokenExpired);
        }
        let ahead = now.after(skew);
        if self.not_before.is_some_and(|from| Timestamp::from_secs(from) > ahead) {
            return Err(AccessRefusal::TokenEarly);
        }
        if Timestamp::from_secs(self.issued_at) > ahead {
            return Err(AccessRefusal::TokenIssued);
        }
        Ok(())
    }
}

/// A NumericDate (RFC 7519 section 2) in whole seconds. A fraction is cut against the token's favour.
pub fn seconds(value: &Json, up: bool) -> Option<i64> {
    let whole = match value {
        Json::Whole(seconds) => *seconds,
        // Beyond the last second the cast would lose digits, so the range is checked on the double.
        Json::Real(seconds) if (0.0..=LAST_SECOND as f64).contains(seconds) => {
            (if up { seconds.ceil() } else { seconds.floor() }) as i64
        }
        _ => return None,
    };
    (0..=LAST_SECOND).contains(&whole).then_some(whole)
}

/// An identifying claim: a text without control characters and without white space at either end.
pub fn identifier(value: Option<&Json>) -> Option<&str> {
    let Some(Json::Text(text)) = value else { return None };
    let fits = !text.is_empty()
        && text.len() <= IDENTIFIER_BYTES
        && text.trim() == text
        && !text.chars().any(char::is_control);
    fits.then_some(text)
}

/// Whether this is a scope (RFC 6749 section 3.3), with less licence in its words than there: no
/// wildcards, commas or quotes that some reader might split or match on, and no word twice.
pub fn is_scope(text: &str) -> bool {
    let word = |word: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'/' | b'-');
        !word.is_empty() && word.len() <= IDENTIFIER_BYTES && word.bytes().all(plain)
    };
    let mut words: Vec<&str> = text.split(' ').collect();
    if words.len() > SCOPE_WORDS || !words.iter().all(|each| word(each)) {
        return false;
    }
    words.sort_unstable();
    !words.windows(2).any(|pair| pair.first() == pair.last())
}

#[cfg(test)]
mod tests;
