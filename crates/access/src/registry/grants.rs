//! What principals and keys are given, checked: scopes, declared uses, addresses, names.

use std::fmt::Display;

use ipnet::IpNet;
use lockgate_store::Value;
use lockgate_vocabulary::{Fault, PrincipalKind};

use super::column;
use crate::directory::endpoint;
use crate::scope::ScopeSet;
use crate::spec::DeclaredUse;
use crate::violations::Violations;

/// Networks of one address list.
const ADDRESSES_MOST: usize = 64;

/// What an agent's name starts with in every record (IDN-8).
pub(super) const AGENT: &str = "AI-AGENT-";

/// Reads scope words, each with its own place in the input.
pub(super) fn scopes(words: &[String], wrong: &mut Violations) -> ScopeSet {
    for (index, word) in words.iter().enumerate() {
        wrong.take(ScopeSet::parse_words([word.as_str()]), format!("/scopes/{index}"));
    }
    if !wrong.is_empty() {
        return ScopeSet::EMPTY;
    }
    wrong.take(ScopeSet::parse_words(words.iter().map(String::as_str)), "/scopes").unwrap_or_default()
}

/// A scope that a principal of this kind may not hold is refused where it is given.
pub(super) fn check_kind(scopes: &ScopeSet, kind: PrincipalKind, wrong: &mut Violations) {
    if let Some(misfit) = scopes.misfit(kind) {
        let reason = match kind {
            PrincipalKind::Operator => "operators administer and do not use",
            _ => "only operators may hold an elevated scope",
        };
        wrong.add("/scopes", format!("{misfit}: {reason}"));
    }
}

/// Declared uses, checked, for their column.
pub(super) fn uses(declared: Option<&Vec<DeclaredUse>>, wrong: &mut Violations) -> Result<Value, Fault> {
    let Some(declared) = declared else { return Ok(Value::Null) };
    endpoint::uses(declared.clone(), "/endpoints", wrong);
    column(declared).map(Value::from)
}

/// An address list, checked, for its column. An empty one is none.
pub(super) fn addresses(networks: &[IpNet], wrong: &mut Violations) -> Result<Value, Fault> {
    wrong.check(networks.len() <= ADDRESSES_MOST, "/addresses", "at most 64 networks");
    for (index, network) in networks.iter().enumerate() {
        let at = format!("/addresses/{index}");
        wrong.check(network.trunc() == *network, at.clone(), "bits are set beyond the prefix");
        wrong.check(network.prefix_len() > 0, at, "the whole internet is no restriction");
    }
    if networks.is_empty() { Ok(Value::Null) } else { column(&networks).map(Value::from) }
}

/// The name of a principal. It stands in records, so it is plain; agents are told by it.
pub(super) fn principal_name(name: &str, kind: PrincipalKind, wrong: &mut Violations) {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._@:/|+=-".contains(&byte);
    let fits = (1..=100).contains(&name.len())
        && name.bytes().all(plain)
        && name.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric());
    wrong.check(fits, "/name", "1 to 100 of letters, digits and . _ @ : / | + = -, a letter or digit first");
    // An id would be taken for the principal that has it.
    wrong.check(!name.starts_with("prn_"), "/name", "a name does not look like an id");
    let agent = name.get(..AGENT.len()).is_some_and(|start| start.eq_ignore_ascii_case(AGENT));
    match kind {
        PrincipalKind::Agent => {
            let named = name.strip_prefix(AGENT).is_some_and(|rest| !rest.is_empty());
            wrong.check(named, "/name", "an agent's name starts with AI-AGENT-");
        }
        _ => wrong.check(!agent, "/name", "only agents' names start with AI-AGENT-"),
    }
}

/// A title or reason in words: printable, bounded.
pub(super) fn words(text: &str, most: usize, at: &str, wrong: &mut Violations) {
    let fits = (1..=most).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    wrong.check(fits, at, "empty, too long, or with control characters");
}

/// The word of a status that an object may be given.
pub(super) fn status<'a>(wanted: &'a str, allowed: &[&str], wrong: &mut Violations) -> &'a str {
    if !allowed.contains(&wanted) {
        wrong.add("/status", OneOf(allowed));
    }
    wanted
}

struct OneOf<'a>(&'a [&'a str]);

impl Display for OneOf<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "one of {}", self.0.join(", "))
    }
}

#[cfg(test)]
mod tests;
