//! The key set of a sender that signs with JSON Web Signatures.

use http::HeaderName;
use lockgate_access::keyset::KeySet;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Wrong;
use crate::scheme::Window;

/// Where a detached signature stands where nothing else is said.
const HEADER: &str = "x-jws-signature";

/// JSON Web Signatures from outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JwsSpec {
    /// Where the signature stands.
    pub form: JwsFormName,
    /// The header of a detached signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// Whether one that does not say when it was issued is taken, and one of long ago too. It verifies for ever:
    /// what somebody captured is known again for 30 days alone.
    #[serde(default)]
    pub danger_no_moment: bool,
    /// The sender's public keys (a JWKS).
    pub jwks: Value,
}

/// Where the signature stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JwsFormName {
    /// The body is the token.
    Compact,
    /// A header has the token without its payload; the body is the payload.
    Detached,
}

/// Where the signature stands, as the scheme uses it.
#[derive(Debug)]
pub(crate) enum JwsForm {
    Compact,
    Detached(String),
}

/// JSON Web Signatures as the scheme uses them.
#[derive(Debug)]
pub(crate) struct Jws {
    pub(crate) form: JwsForm,
    pub(crate) window: Option<Window>,
    pub(crate) keys: KeySet,
}

impl JwsSpec {
    pub(super) fn resolve(&self, wrong: &mut Wrong) -> Option<Jws> {
        let form = match self.form {
            JwsFormName::Compact if self.header.is_some() => {
                wrong.add("/jws/header", "is of no use to compact signatures");
                None
            }
            JwsFormName::Compact => Some(JwsForm::Compact),
            JwsFormName::Detached => match HeaderName::try_from(self.header.as_deref().unwrap_or(HEADER)) {
                Ok(name) => Some(JwsForm::Detached(name.as_str().to_owned())),
                Err(_) => {
                    wrong.add("/jws/header", "is not the name of a header");
                    None
                }
            },
        };
        let keys = match KeySet::parse(self.jwks.to_string().as_bytes()) {
            Ok(keys) if keys.usable() > 0 => Some(keys),
            Ok(_) => {
                wrong.add("/jws/jwks", "has no key that can verify");
                None
            }
            Err(refusal) => {
                wrong.add("/jws/jwks", refusal.info().title);
                None
            }
        };
        let window = (!self.danger_no_moment).then_some(Window::both(300));
        Some(Jws { form: form?, window, keys: keys? })
    }
}
