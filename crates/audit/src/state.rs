//! What recovery would otherwise have to read the whole log for: the ledger at some checkpoint, signed.
//!
//! It is derived and may be deleted. It is signed because recovery trusts it in place of the segments
//! before it; `verify` never looks at it.

use lockgate_vocabulary::{AuditId, RunId, TenantId};
use serde::{Deserialize, Serialize};

use crate::chain::{Frontier, Hash};
use crate::checkpoint::{Signer, VerifierKey};
use crate::disk::LogDir;
use crate::ledger::{Head, Ledger};

/// The first line. No log's identity is this, so a state can never pass for a checkpoint.
const TITLE: &str = "lockgate audit state 1";

/// A place in the log, right behind a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) segment: u32,
    pub(crate) offset: u64,
    /// How many lines of the segment lie before it.
    pub(crate) lines: u64,
}

/// A ledger at a place, ready to be kept.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kept {
    origin: String,
    place: Place,
    size: u64,
    peaks: Vec<Hash>,
    heads: Vec<(Option<TenantId>, u64, Hash)>,
    open: Vec<(RunId, u64)>,
    relayed: Vec<AuditId>,
}

impl Kept {
    /// The ledger at this place, copied.
    pub(crate) fn of(origin: &str, place: Place, ledger: &Ledger) -> Self {
        Self {
            origin: origin.to_owned(),
            place,
            size: ledger.size(),
            peaks: ledger.tree().peaks().to_vec(),
            heads: ledger.heads().iter().map(|head| (head.tenant, head.sequence, head.hash)).collect(),
            open: ledger.open.iter().map(|(run, index)| (*run, *index)).collect(),
            relayed: ledger.relayed.iter().copied().collect(),
        }
    }

    /// The text that is signed.
    fn text(&self) -> Result<String, serde_json::Error> {
        Ok(format!("{TITLE}\n{}\n", serde_json::to_string(self)?))
    }

    /// Keeps it beside the log.
    pub(crate) fn keep(&self, dir: &LogDir, signer: &Signer) -> std::io::Result<()> {
        let text = self.text().map_err(std::io::Error::other)?;
        dir.replace(&dir.state(), signer.sign(&text).as_bytes())
    }
}

/// The kept state, if there is one that this key signed for this log.
pub(crate) fn load(dir: &LogDir, key: &VerifierKey) -> Option<(Place, Ledger)> {
    let note = std::fs::read_to_string(dir.state()).ok()?;
    let text = key.open(&note).ok()?;
    let kept: Kept = serde_json::from_str(text.strip_prefix(TITLE)?.trim()).ok()?;
    if kept.origin != key.name() {
        return None;
    }
    let heads = kept.heads.into_iter().map(|(tenant, sequence, hash)| Head { tenant, sequence, hash }).collect();
    let mut ledger = Ledger::from_parts(Frontier::from_peaks(kept.size, kept.peaks)?, heads)?;
    ledger.open = kept.open.into_iter().collect();
    ledger.relayed = kept.relayed.into_iter().collect();
    Some((kept.place, ledger))
}

#[cfg(test)]
mod tests;
