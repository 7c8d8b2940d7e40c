//! The credential on its way back: vendors repeat what they were sent, and no caller may read it there.
//!
//! What was lent is recognised in an answer in every spelling that `vault` knows, also where it stands
//! across two pieces, and each of its bytes becomes a `*`; so no length changes and nothing has to be read
//! whole. Pieces in which it does not stand go on as they are, uncopied.
//!
//! Not here: which spellings there are; and that nothing is packed or cut into ranges, in which nobody
//! could find it (`request`).

use bytes::{Bytes, BytesMut};
use lockgate_vault::{Sighting, Spellings};

/// Takes the credential out of a body as it passes.
#[derive(Debug, Default)]
pub(crate) struct Echo {
    lent: Option<Spellings>,
    /// The end of the last piece, where the credential may begin.
    held: Bytes,
}

impl Echo {
    /// Looks for what was lent; for nothing where nothing was.
    pub(crate) fn of(lent: Option<Spellings>) -> Self {
        Self { lent, held: Bytes::new() }
    }

    /// How many bytes it holds back.
    pub(crate) fn held(&self) -> usize {
        self.held.len()
    }

    /// What may go on of this piece and of what was held back before it.
    pub(crate) fn pass(&mut self, piece: Bytes) -> Bytes {
        self.clean(piece, true)
    }

    /// What goes on of the last piece and of what was held back before it.
    pub(crate) fn last(&mut self, piece: Bytes) -> Bytes {
        self.clean(piece, false)
    }

    fn clean(&mut self, piece: Bytes, more: bool) -> Bytes {
        let Some(lent) = &self.lent else { return piece };
        let mut piece = joined(std::mem::take(&mut self.held), piece);
        let mut from = 0;
        loop {
            match lent.find(&piece, from, more) {
                Sighting::Nowhere => return piece,
                Sighting::Begins(at) => {
                    self.held = piece.split_off(at);
                    return piece;
                }
                Sighting::Whole(found) => {
                    from = found.end;
                    // It is copied once: what was made here is nobody else's.
                    let mut clean = BytesMut::from(piece);
                    if let Some(found) = clean.get_mut(found) {
                        found.fill(b'*');
                    }
                    piece = clean.freeze();
                }
            }
        }
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

#[cfg(test)]
mod tests;
