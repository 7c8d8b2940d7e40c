//! Who may read the metrics: on loopback everybody, elsewhere an operator with `audit.read` or whoever has
//! the scrape token. Where a token is named, it is demanded on loopback too.

use std::net::IpAddr;
use std::path::Path;

use lockgate_audit::chain::{Hash, leaf_hash};

use crate::config::ConfigProblem;
use crate::config::owned_file::OwnedFile;

const TOKEN: OwnedFile = OwnedFile {
    key: "telemetry.scrape_token_file",
    cure: "Name a file of 16 to 256 visible characters that its owner alone may read",
    most_bytes: 258,
};

/// What guards the metrics.
#[derive(Debug, Clone, Copy)]
pub(super) struct Guard {
    open: bool,
    /// A digest of the token: comparing digests tells nothing of what they are made of.
    token: Option<Hash>,
}

impl Guard {
    /// The guard of a listener with this address.
    pub(super) fn of(listener: Option<IpAddr>, token_file: Option<&Path>) -> Result<Self, ConfigProblem> {
        let token = token_file.map(read).transpose()?;
        let on_loopback = listener.is_some_and(|address| address.is_loopback());
        Ok(Self { open: on_loopback && token.is_none(), token })
    }

    /// Whether the request may read them without being an operator's.
    pub(super) fn lets_in(&self, authorization: Option<&[u8]>) -> bool {
        let presented = authorization.and_then(|value| value.strip_prefix(b"Bearer ")).map(leaf_hash);
        self.open || self.token.is_some_and(|token| presented == Some(token))
    }
}

fn read(path: &Path) -> Result<Hash, ConfigProblem> {
    let text = TOKEN.read(path)?;
    let token = text.trim_end();
    if !(16..=256).contains(&token.len()) || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(TOKEN.problem(path, "it is not 16 to 256 visible characters of ASCII"));
    }
    Ok(leaf_hash(token.as_bytes()))
}

#[cfg(test)]
mod tests;
