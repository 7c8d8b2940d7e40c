//! What the gate would say to a token, line by line, for `lockgate explain token`: no side effects, no
//! network, the same code as the running gate.

use std::borrow::Cow;
use std::collections::BTreeMap;

use lockgate_vocabulary::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::judge::judge_token;
use super::policy::TokenPolicy;
use crate::AccessRefusal;
use crate::keyset::KeySet;

/// The code of a token that is accepted.
pub const ACCEPTED: &str = "access.token.accepted";

/// The code of a line that is not one of input.
pub const LINE_MALFORMED: &str = "access.explain.line";

/// What tokens are judged by.
#[derive(Debug)]
pub struct ExplainPolicy {
    /// The keys, for lines that bring none. A set that was refused refuses every such line.
    pub keys: Result<KeySet, AccessRefusal>,
    /// The policy.
    pub policy: TokenPolicy,
    /// The moment.
    pub now: Timestamp,
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(default)]
    id: Value,
    #[serde(borrow)]
    token: Cow<'a, str>,
    #[serde(borrow, default)]
    jwks: Option<&'a RawValue>,
}

impl ExplainPolicy {
    /// Judges one line of input, `{"id", "token", "jwks"?}`, and gives the line of output.
    pub fn explain_line(&self, line: &str) -> String {
        let (id, verdict) = match serde_json::from_str::<Line<'_>>(line) {
            Ok(line) => (line.id.clone(), self.judge(&line)),
            Err(_) => {
                let id = id_alone(line);
                return json!({"id": id, "verdict": "reject", "code": LINE_MALFORMED}).to_string();
            }
        };
        match verdict {
            Ok(()) => json!({"id": id, "verdict": "accept", "code": ACCEPTED}),
            Err(refusal) => json!({"id": id, "verdict": "reject", "code": refusal.info().code}),
        }
        .to_string()
    }

    fn judge(&self, line: &Line<'_>) -> Result<(), AccessRefusal> {
        // The set is read from the bytes of the line, so that a member that stands twice is seen.
        let own = line.jwks.map(|jwks| KeySet::parse(jwks.get().as_bytes())).transpose()?;
        let keys = match &own {
            Some(keys) => keys,
            None => self.keys.as_ref().map_err(|refusal| *refusal)?,
        };
        judge_token(&line.token, keys, &self.policy, self.now).map(|_| ())
    }
}

/// The id of a line of which nothing else can be read.
fn id_alone(line: &str) -> Value {
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(line).unwrap_or_default();
    members.get("id").and_then(|id| serde_json::from_str(id.get()).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
