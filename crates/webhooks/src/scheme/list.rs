//! The list of labelled parts in one header, such as `t=1,v1=ab,v1=cd`, read strictly.

use lockgate_vault::webhook::Hash;
use lockgate_vocabulary::Timestamp;

use super::strict;
use crate::refusal::WebhookRefusal;

/// How a provider writes its list.
pub struct Manner {
    /// What stands between two parts.
    pub between: char,
    /// The label of the moment.
    pub moment: &'static str,
    /// Whether a label is that of a signature that counts.
    pub counts: fn(&str) -> bool,
}

/// A list in its parts.
#[derive(Debug, PartialEq, Eq)]
pub struct Parts<'a> {
    /// The moment's text, which is what was signed.
    pub moment: &'a str,
    /// The moment.
    pub sent_at: Timestamp,
    /// The texts of the signatures that count, one at least.
    pub signatures: Vec<&'a str>,
}

impl Parts<'_> {
    /// The bytes of every signature that counts, in lower-case hex.
    pub fn hex(&self, hash: Hash) -> Result<Vec<Vec<u8>>, WebhookRefusal> {
        self.signatures.iter().map(|text| strict::hex(text, hash.bytes())).collect()
    }
}

/// Reads the list: exactly one moment, every part `label=value`, no blanks and nothing empty. Signatures
/// under other labels are passed over, whatever they are worth, but count against the cap.
pub fn read<'a>(text: &'a str, manner: &Manner) -> Result<Parts<'a>, WebhookRefusal> {
    let mut moment = None;
    let mut signatures = Vec::new();
    strict::demand_few(text.matches(manner.between).count())?;
    for part in text.split(manner.between) {
        let (label, value) = part.split_once('=').ok_or(WebhookRefusal::SignatureMalformed)?;
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        if label.is_empty() || !label.bytes().all(plain) {
            return Err(WebhookRefusal::SignatureMalformed);
        }
        if label == manner.moment {
            if moment.replace(value).is_some() {
                return Err(WebhookRefusal::TimestampMalformed);
            }
        } else if (manner.counts)(label) {
            signatures.push(value);
        }
    }
    let moment = moment.ok_or(WebhookRefusal::TimestampMalformed)?;
    if signatures.is_empty() {
        return Err(WebhookRefusal::SignatureMissing);
    }
    Ok(Parts { moment, sent_at: strict::seconds(moment)?, signatures })
}

#[cfg(test)]
mod tests;
