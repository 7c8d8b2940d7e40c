//! API keys and client credentials. A text is shown once, in the answer to its making.

use lockgate_access::registry::{KeyRecord, MadeKey};
use lockgate_vocabulary::Fault;
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer::Answer;

pub(crate) mod create;
pub(crate) mod list;
pub(crate) mod revoke;
pub(crate) mod show;

/// A key that was made.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MadeKeyRecord {
    #[serde(flatten)]
    key: KeyRecord,
    /// Its text, shown this once; absent for `client-jwks`.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

impl MadeKeyRecord {
    /// Shows the text of a key that this very request made.
    pub(crate) fn show(made: MadeKey) -> Answer<Self> {
        let text = |secret: lockgate_vocabulary::Secret| String::from_utf8(secret.expose().to_vec());
        let secret = made.secret.map(text).transpose();
        let secret = secret.map_err(|_| Fault::violated("the text of a key is text"))?;
        Ok(Self { key: made.key, secret })
    }
}
