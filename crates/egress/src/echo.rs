//! The credential on its way back: vendors repeat what they were sent, and no caller may read it there.
//!
//! What was lent is recognised in an answer in every spelling that `vault` knows, also where it stands
//! across pieces, and each of its bytes becomes a `*`; so no length changes and nothing has to be read
//! whole. Pieces in which it does not stand go on as they are, uncopied; what was read once is not read
//! again with the next piece.
//!
//! Not here: which spellings there are; and that nothing is packed or cut into ranges, in which nobody
//! could find it (`request`).

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use lockgate_vault::{Search, Spellings};

/// Takes the credential out of a body as it passes.
#[derive(Default)]
pub(crate) struct Echo {
    search: Option<Box<Search>>,
    /// The end of what was read, where the credential may begin.
    held: BytesMut,
    /// How many bytes have gone on.
    gone: usize,
}

impl Echo {
    /// Looks for what was lent; for nothing where nothing was.
    pub(crate) fn of(lent: Option<&Spellings>) -> Self {
        let search = lent.map(|lent| Box::new(lent.search()));
        Self { search, held: BytesMut::new(), gone: 0 }
    }

    /// Whether a field repeats it, of which the body has not begun.
    pub(crate) fn is_in(&mut self, field: &[u8]) -> bool {
        self.search.as_mut().is_some_and(|search| search.is_in(field))
    }

    /// How many bytes it holds back.
    pub(crate) fn held(&self) -> usize {
        self.held.len()
    }

    /// What may go on of the beginning of this piece and of what was held back before it. Others are let at
    /// the thread before it is asked for the rest, which it leaves.
    pub(crate) fn pass(&mut self, piece: &mut Bytes) -> Bytes {
        let Some(search) = &mut self.search else { return std::mem::take(piece) };
        let read = search.read(piece);
        self.clean(piece.split_to(read))
    }

    /// What goes on of what was held back: nothing more comes.
    pub(crate) fn last(&mut self) -> Bytes {
        if let Some(search) = &mut self.search {
            search.end();
        }
        self.clean(Bytes::new())
    }

    /// What is settled, of what is held and of a piece behind it that was read.
    fn clean(&mut self, mut piece: Bytes) -> Bytes {
        let Some(search) = &mut self.search else { return piece };
        let found = search.found();
        let settled = search.settled() - self.gone;
        self.gone += settled;
        if self.held.is_empty() && found.is_empty() {
            let held = piece.split_off(settled.min(piece.len()));
            append(&mut self.held, &held);
            return piece;
        }
        if self.held.is_empty() {
            // It is copied once, or not at all where it is nobody else's.
            self.held = BytesMut::from(piece);
        } else {
            append(&mut self.held, &piece);
        }
        let before = self.gone - settled;
        found.into_iter().for_each(|found| mask(&mut self.held, found, before));
        let rest = self.held.split_off(settled.min(self.held.len()));
        std::mem::replace(&mut self.held, rest).freeze()
    }
}

/// Masks what was found, as far as it has not gone on: `before` bytes have. The zeros of a wide encoding stay.
fn mask(held: &mut [u8], found: Range<usize>, before: usize) {
    let found = found.start.saturating_sub(before)..found.end.saturating_sub(before);
    let found = held.get_mut(found).into_iter().flatten();
    found.filter(|byte| **byte != 0).for_each(|byte| *byte = b'*');
}

/// Grows by half of it at least, so that a body in tiny pieces is not copied with each of them.
fn append(held: &mut BytesMut, piece: &[u8]) {
    if held.capacity() - held.len() < piece.len() {
        let mut grown = BytesMut::with_capacity(2 * held.len() + piece.len());
        grown.extend_from_slice(held);
        *held = grown;
    }
    held.extend_from_slice(piece);
}

#[cfg(test)]
mod tests;
