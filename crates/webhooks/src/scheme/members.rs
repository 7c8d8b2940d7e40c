//! The members of a JSON body that say what a delivery is, read only after its signature was checked.
//!
//! A body in which two readers could find two identifiers has none: it is then known by what was signed.

use std::collections::BTreeMap;

use lockgate_inspect::json::{Limits, check};
use serde_json::value::RawValue;

use super::strict;
use crate::refusal::WebhookRefusal;

/// The byte order mark that some senders put before a text, and sign.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// The members of one object.
#[derive(Debug, Default)]
pub struct Members<'a>(BTreeMap<String, &'a RawValue>);

impl<'a> Members<'a> {
    /// Of a body that is an object in strict JSON.
    pub fn read(body: &'a [u8]) -> Option<Self> {
        let text = body.strip_prefix(MARK).unwrap_or(body);
        check(text, &Limits::default()).ok()?;
        serde_json::from_slice(text).ok().map(Self)
    }

    /// A member that is a text.
    pub fn text(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.0.get(name)?.get()).ok()
    }

    /// A member that is a word, such as an event's type.
    pub fn word(&self, name: &str) -> Option<String> {
        self.text(name).filter(|text| strict::is_word(text))
    }

    /// A member that names the delivery, if it is there. One that could not stand in a record is refused: to
    /// leave it out would make a retry that is signed anew another delivery.
    pub fn id(&self, name: &str) -> Result<Option<String>, WebhookRefusal> {
        if self.lacks(name) {
            return Ok(None);
        }
        let fit = self.text(name).filter(|text| strict::is_body_id(text));
        fit.map(Some).ok_or(WebhookRefusal::IdMalformed)
    }

    /// A member that is a whole number.
    pub fn whole(&self, name: &str) -> Option<i64> {
        serde_json::from_str(self.0.get(name)?.get()).ok()
    }

    /// A member that is true or false.
    pub fn truth(&self, name: &str) -> Option<bool> {
        serde_json::from_str(self.0.get(name)?.get()).ok()
    }

    /// A member that is an object.
    pub fn object(&self, name: &str) -> Option<Members<'a>> {
        let raw: &'a RawValue = self.0.get(name)?;
        serde_json::from_str(raw.get()).ok().map(Members)
    }

    /// A member that is an array of objects.
    pub fn objects(&self, name: &str) -> Option<Vec<Members<'a>>> {
        let raw: &'a RawValue = self.0.get(name)?;
        let all: Vec<BTreeMap<String, &'a RawValue>> = serde_json::from_str(raw.get()).ok()?;
        Some(all.into_iter().map(Members).collect())
    }

    /// Whether the member is there.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Whether the member is absent or null.
    pub fn lacks(&self, name: &str) -> bool {
        self.0.get(name).is_none_or(|raw| raw.get() == "null")
    }
}
