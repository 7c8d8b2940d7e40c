//! The credential on its way back: vendors repeat what they were sent, and no caller may read it there.
//!
//! What was lent is recognised in an answer in the very spelling in which it was sent, also where it
//! stands across two pieces, and each of its bytes becomes a `*`; so no length changes and nothing has to
//! be read whole. Pieces in which it does not stand go on as they are, uncopied.
//!
//! Not here: other spellings (`vault` knows them, and takes them out of errors), and what a caller that
//! asked for a packed body unpacks.

use std::fmt;

use bytes::{Bytes, BytesMut};
use http::HeaderValue;
use http::header::AUTHORIZATION;
use http::request::Parts;
use lockgate_access::spec::AuthPlacement;
use memchr::memmem;
use zeroize::Zeroizing;

/// A credential that is shorter stands in innocent text too often to be looked for.
const LEAST: usize = 8;

/// What a request carried as its credential. Its bytes are those that the vault lent: wiped with the last
/// handle, and printed nowhere.
#[derive(Clone)]
pub(crate) struct Lent(Kind);

#[derive(Clone)]
enum Kind {
    /// A header's value, and how many bytes stand before the credential in it.
    Field(HeaderValue, usize),
    /// A parameter's value as it stands in the query.
    Parameter(Bytes),
}

impl Lent {
    /// The credential of a request that was equipped.
    pub(crate) fn of(placement: &AuthPlacement, parts: &Parts) -> Option<Self> {
        let field = |value: Option<&HeaderValue>, before: usize| value.map(|value| Kind::Field(value.clone(), before));
        let kind = match placement {
            AuthPlacement::Bearer => field(parts.headers.get(AUTHORIZATION), "Bearer ".len()),
            AuthPlacement::Basic => field(parts.headers.get(AUTHORIZATION), "Basic ".len()),
            AuthPlacement::Header { name, prefix } => field(parts.headers.get(name.as_str()), prefix.len()),
            AuthPlacement::Query { name } => parameter(parts.uri.query().unwrap_or_default(), name),
            AuthPlacement::None => None,
        };
        kind.map(Self).filter(|lent| lent.bytes().len() >= LEAST)
    }

    fn bytes(&self) -> &[u8] {
        match &self.0 {
            Kind::Field(value, before) => value.as_bytes().get(*before..).unwrap_or_default(),
            Kind::Parameter(value) => value,
        }
    }

    /// Whether the credential stands in it.
    pub(crate) fn is_in(&self, text: &[u8]) -> bool {
        memmem::find(text, self.bytes()).is_some()
    }
}

impl fmt::Debug for Lent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lent")
    }
}

fn parameter(query: &str, name: &str) -> Option<Kind> {
    let value = query.rsplit('&').find_map(|part| part.strip_prefix(name)?.strip_prefix('='))?;
    Some(Kind::Parameter(Bytes::from_owner(Zeroizing::new(value.as_bytes().to_vec()))))
}

/// Takes the credential out of a body as it passes.
#[derive(Debug, Default)]
pub(crate) struct Echo {
    lent: Option<Lent>,
    /// The end of the last piece, where the credential may begin.
    held: Bytes,
}

impl Echo {
    /// Looks for what was lent; for nothing where nothing was.
    pub(crate) fn of(lent: Option<Lent>) -> Self {
        Self { lent, held: Bytes::new() }
    }

    /// How many bytes it holds back.
    pub(crate) fn held(&self) -> usize {
        self.held.len()
    }

    /// What may go on of this piece and of what was held back before it.
    pub(crate) fn pass(&mut self, piece: Bytes) -> Bytes {
        let Some(lent) = &self.lent else { return piece };
        let wanted = lent.bytes();
        let mut piece = masked(joined(std::mem::take(&mut self.held), piece), wanted);
        let keep = begins(&piece, wanted);
        self.held = piece.split_off(piece.len().saturating_sub(keep));
        piece
    }

    /// What goes on of the last piece and of what was held back before it.
    pub(crate) fn last(&mut self, piece: Bytes) -> Bytes {
        let Some(lent) = &self.lent else { return piece };
        masked(joined(std::mem::take(&mut self.held), piece), lent.bytes())
    }
}

fn joined(before: Bytes, piece: Bytes) -> Bytes {
    if before.is_empty() {
        return piece;
    }
    let mut both = BytesMut::with_capacity(before.len() + piece.len());
    both.extend_from_slice(&before);
    both.extend_from_slice(&piece);
    both.freeze()
}

fn masked(piece: Bytes, wanted: &[u8]) -> Bytes {
    let Some(first) = memmem::find(&piece, wanted) else { return piece };
    let mut clean = BytesMut::from(piece);
    let mut at = first;
    loop {
        if let Some(found) = clean.get_mut(at..at + wanted.len()) {
            found.fill(b'*');
        }
        let next = at + wanted.len();
        match memmem::find(clean.get(next..).unwrap_or_default(), wanted) {
            Some(further) => at = next + further,
            None => return clean.freeze(),
        }
    }
}

/// How many bytes at the end of the piece may be the beginning of what is wanted.
fn begins(piece: &[u8], wanted: &[u8]) -> usize {
    let Some(first) = wanted.first() else { return 0 };
    let from = piece.len().saturating_sub(wanted.len().saturating_sub(1));
    let tail = piece.get(from..).unwrap_or_default();
    let start = memchr::memchr_iter(*first, tail).find(|at| tail.get(*at..).is_some_and(|end| wanted.starts_with(end)));
    start.map_or(0, |at| tail.len() - at)
}

#[cfg(test)]
mod tests;
