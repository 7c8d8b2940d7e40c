//! What the generic HMAC signs: a template such as `{timestamp}.{body}`, taken apart once.

use std::time::Duration;

use http::HeaderName;
use lockgate_vault::webhook::KeyForm;
use serde::{Deserialize, Serialize};

use super::Wrong;
use crate::scheme::Window;

/// Seconds that a moment may lie off on either side where nothing else is said.
const TOLERANCE: u32 = 300;

/// Seconds that it may lie off at the most.
const MOST_TOLERANCE: u32 = 3600;

/// Characters of a template or prefix at the most.
const TEXT_CHARACTERS: usize = 256;

/// The generic HMAC from outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HmacSpec {
    /// The header with the signature.
    pub signature_header: String,
    /// What stands before the signature, such as `sha256=`.
    #[serde(default)]
    pub signature_prefix: String,
    /// What is signed: text with `{body}`, `{timestamp}`, `{id}` and `{url}` in it.
    #[serde(default = "whole_body")]
    pub template: String,
    /// The header with the moment, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp_header: Option<String>,
    /// The header with the delivery's identifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_header: Option<String>,
    /// Seconds that the moment may lie off on either side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance_seconds: Option<u32>,
    /// What of the secret's text is the key.
    #[serde(default)]
    pub key: KeyFormName,
}

/// What of a secret's text is the key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyFormName {
    /// The text as it is.
    #[default]
    Text,
    /// What its hex digits stand for.
    Hex,
    /// What its base64 stands for, behind `whsec_` if that is there.
    Base64,
}

/// A part of what is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Literal(String),
    Timestamp,
    Id,
    Url,
    Body,
}

/// The generic HMAC as the scheme uses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    pub(crate) pieces: Vec<Piece>,
    pub(crate) signature_header: String,
    pub(crate) signature_prefix: String,
    pub(crate) timestamp_header: Option<String>,
    pub(crate) id_header: Option<String>,
    pub(crate) window: Option<Window>,
    pub(crate) key_form: KeyForm,
}

fn whole_body() -> String {
    "{body}".to_owned()
}

impl HmacSpec {
    pub(super) fn resolve(&self, has_url: bool, wrong: &mut Wrong) -> Option<Pattern> {
        let header = |name: &String| HeaderName::try_from(name.as_str()).map(|name| name.as_str().to_owned()).ok();
        let headers = [
            ("/hmac/signature_header", Some(&self.signature_header)),
            ("/hmac/timestamp_header", self.timestamp_header.as_ref()),
            ("/hmac/id_header", self.id_header.as_ref()),
        ];
        for (pointer, _) in headers.iter().filter(|(_, name)| name.is_some_and(|name| header(name).is_none())) {
            wrong.add(*pointer, "is not the name of a header");
        }
        let plain = |text: &str| text.len() <= TEXT_CHARACTERS && text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        if !plain(&self.signature_prefix) {
            wrong.add("/hmac/signature_prefix", "is too long, or has other than visible ASCII characters");
        }
        if self.tolerance_seconds.is_some_and(|seconds| seconds == 0 || seconds > MOST_TOLERANCE) {
            wrong.add("/hmac/tolerance_seconds", "is not between 1 and 3600");
        }
        if self.tolerance_seconds.is_some() && self.timestamp_header.is_none() {
            wrong.add("/hmac/tolerance_seconds", "is of no use without a header with the moment");
        }
        let pieces = plain(&self.template).then(|| pieces(&self.template)).flatten();
        let Some(pieces) = pieces else {
            wrong.add("/hmac/template", "is not text with {body}, {timestamp}, {id} and {url} in it");
            return None;
        };
        self.judge(&pieces, has_url, wrong);
        let seconds = self.tolerance_seconds.unwrap_or(TOLERANCE);
        let side = Duration::from_secs(u64::from(seconds));
        Some(Pattern {
            window: pieces.contains(&Piece::Timestamp).then_some(Window { past: side, future: side }),
            pieces,
            signature_header: header(&self.signature_header)?,
            signature_prefix: self.signature_prefix.clone(),
            timestamp_header: self.timestamp_header.as_ref().and_then(header),
            id_header: self.id_header.as_ref().and_then(header),
            key_form: match self.key {
                KeyFormName::Text => KeyForm::Text,
                KeyFormName::Hex => KeyForm::Hex,
                KeyFormName::Base64 => KeyForm::Whsec,
            },
        })
    }

    /// Whether the pieces can be told apart in what is signed, and whether each has where it comes from.
    fn judge(&self, pieces: &[Piece], has_url: bool, wrong: &mut Wrong) {
        let count = |wanted: &Piece| pieces.iter().filter(|piece| *piece == wanted).count();
        let mut check = |holds: bool, reason: &str| {
            if !holds {
                wrong.add("/hmac/template", reason);
            }
        };
        check(count(&Piece::Body) == 1, "does not have {body} exactly once");
        check(count(&Piece::Timestamp) <= 1 && count(&Piece::Id) <= 1, "has {timestamp} or {id} twice");
        check(
            (count(&Piece::Timestamp) == 1) == self.timestamp_header.is_some(),
            "has {timestamp} without a header for it, or a header without {timestamp}: an unsigned moment proves nothing",
        );
        check(count(&Piece::Id) == 0 || self.id_header.is_some(), "has {id} without a header for it");
        check(count(&Piece::Url) == 0 || has_url, "has {url} without a public URL");
        check(!touches(pieces), "has {id} beside another part without a character between that no identifier has");
    }
}

/// Whether an identifier stands next to a part that could take characters of it, or give it some.
fn touches(pieces: &[Piece]) -> bool {
    let foreign = |byte: u8| !(byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    let separates = |piece: &Piece| match piece {
        Piece::Literal(text) => text.bytes().any(foreign),
        Piece::Url => true,
        _ => false,
    };
    pieces.windows(2).any(|pair| pair.contains(&Piece::Id) && !pair.iter().any(separates))
}

/// The template's pieces; nothing where a brace is not one of the four places.
fn pieces(template: &str) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut rest = template;
    while !rest.is_empty() {
        let (literal, place) = match rest.split_once('{') {
            Some((literal, more)) => (literal, Some(more.split_once('}')?)),
            None => (rest, None),
        };
        if literal.contains('}') {
            return None;
        }
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal.to_owned()));
        }
        let Some((name, more)) = place else { break };
        pieces.push(match name {
            "body" => Piece::Body,
            "timestamp" => Piece::Timestamp,
            "id" => Piece::Id,
            "url" => Piece::Url,
            _ => return None,
        });
        rest = more;
    }
    Some(pieces)
}
