//! The credential, looked for in a text as it comes.
//!
//! Whatever the text and the credential are, each byte costs a bounded number of steps, however the text is
//! cut: what was read of it is known by how much of each form it ends with, and not read again. Most bytes
//! cost one look at a table: nothing begins with them.

use std::fmt;
use std::ops::Range;

use super::Spellings;
use super::escape::{self, Unit};
use super::kind::Kind;
use super::lane::{Lanes, Wanted};
use super::reading::{Reader, Stream};

/// Bytes that are held back at the most while they may be the beginning of a credential. More than these
/// are taken for it: no innocent text goes on for so long like one.
const HELD: usize = 64 * 1024;

/// Bytes that are read at once at the most.
const SLICE: usize = 16 * 1024;

/// Of these, so many at the most that are not passed over: each may cost some 600 instructions.
const DEAR: usize = 1024;

/// The byte begins an escape, so it may be the beginning of anything.
const ESCAPES: u32 = 1 << 31;

/// Looks for the credential in a text, piece by piece. Like the spellings, it shows itself to nobody.
pub struct Search {
    wanted: Wanted,
    starts: Starts,
    reader: Reader,
    written: Lanes,
    undone: Lanes,
    /// How many bytes of the text were read.
    read: usize,
    found: Found,
    /// Up to where it was settled before.
    settled: usize,
}

/// Where the credential stands.
#[derive(Default)]
struct Found {
    /// What was not told yet.
    untold: Vec<Range<usize>>,
    /// The last stretch of a text all of which is the credential, told or not.
    last: Range<usize>,
}

impl Search {
    pub(super) fn new(spellings: Spellings) -> Self {
        Self {
            starts: Starts::of(&spellings),
            reader: Reader::new(spellings.forms.layers()),
            written: Lanes::new(&spellings, Stream::Written),
            undone: Lanes::new(&spellings, Stream::Undone),
            wanted: Wanted::new(spellings),
            read: 0,
            found: Found::default(),
            settled: 0,
        }
    }

    /// Whether the credential stands in a text that is whole, or the beginning of it at the text's end.
    pub fn is_in(&mut self, text: &[u8]) -> bool {
        self.read_all(text);
        self.end();
        let is_in = !self.found().is_empty();
        (self.read, self.settled, self.found) = (0, 0, Found::default());
        is_in
    }

    /// Reads as much of the next piece of the text as may be read without letting others at the thread, and
    /// tells how much that was.
    #[must_use = "the rest is to be read as well"]
    pub fn read(&mut self, piece: &[u8]) -> usize {
        let piece = piece.get(..SLICE).unwrap_or(piece);
        let (mut at, mut dear) = (0, 0);
        while dear < DEAR {
            if self.written.is_idle() && self.undone.is_idle() && self.reader.is_idle() {
                at += self.starts.innocent(piece.get(at..).unwrap_or_default());
            }
            let Some(byte) = piece.get(at) else { break };
            self.take(Unit::at(*byte, self.read + at));
            (at, dear) = (at + 1, dear + 1);
        }
        self.read += at;
        if self.read - self.settled() > HELD {
            self.found.note(self.settled()..self.read);
        }
        self.settled = self.settled();
        at
    }

    pub(super) fn read_all(&mut self, mut text: &[u8]) {
        while !text.is_empty() {
            let read = self.read(text);
            text = text.get(read..).unwrap_or_default();
        }
    }

    /// The text is over. Where it ends with a beginning of the credential, that counts as it.
    pub fn end(&mut self) {
        // It may end in the middle of an escape, which is read as none then.
        self.cut_off();
        let Self { wanted, starts, reader, undone, found, .. } = self;
        reader.end(&mut |unit| {
            let begin = starts.forms(unit.byte);
            undone.take(unit, begin, wanted, &mut |range| found.note(range));
        });
        self.cut_off();
        self.written.reset();
        self.undone.reset();
    }

    fn cut_off(&mut self) {
        let cut = [&self.written, &self.undone].into_iter().filter_map(|lanes| lanes.cut(self.wanted.spellings()));
        if let Some(from) = cut.min() {
            self.found.note(from..self.read);
        }
    }

    /// Where it stands, as far as that was not told before; some of it may have been. Of what was settled
    /// nothing is told for the first time.
    pub fn found(&mut self) -> Vec<Range<usize>> {
        std::mem::take(&mut self.found.untold)
    }

    /// Up to where nothing that comes can change what the text holds.
    pub fn settled(&self) -> usize {
        let kept = [self.written.keeps_from(), self.undone.keeps_from(), self.reader.keeps_from()];
        let kept = kept.into_iter().flatten().min().unwrap_or(self.read);
        // What may begin inside of what is the credential already tells nothing new of the rest of that.
        let kept = if self.found.last.contains(&kept) { self.found.last.end } else { kept };
        kept.max(self.settled)
    }

    fn take(&mut self, unit: Unit) {
        let Self { wanted, starts, reader, written, undone, found, .. } = self;
        reader.read(unit, &mut |stream, unit| {
            let lanes = if stream == Stream::Written { &mut *written } else { &mut *undone };
            let begin = starts.forms(unit.byte);
            lanes.take(unit, begin, wanted, &mut |range| found.note(range));
        });
    }

    /// Comparisons so far.
    #[cfg(test)]
    pub(super) const fn steps(&self) -> usize {
        self.wanted.steps
    }
}

impl fmt::Debug for Search {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Search")
    }
}

impl Found {
    /// Notes where the credential stands, together with what overlaps it. The two readings may come upon it
    /// in another order than it stands in.
    fn note(&mut self, range: Range<usize>) {
        let overlap = |one: &Range<usize>, other: &Range<usize>| one.start <= other.end && other.start <= one.end;
        let union = |one: &Range<usize>, other: &Range<usize>| one.start.min(other.start)..one.end.max(other.end);
        if overlap(&self.last, &range) {
            self.last = union(&self.last, &range);
        } else if range.end > self.last.end {
            self.last = range.clone();
        }
        match self.untold.last_mut().filter(|last| overlap(last, &range)) {
            Some(last) => *last = union(last, &range),
            None => self.untold.push(range),
        }
    }
}

/// Which forms may begin with which two bytes: most places of a text are dismissed by these alone.
struct Starts {
    first: [u32; 256],
    second: [u32; 256],
}

impl Starts {
    fn of(spellings: &Spellings) -> Self {
        let mut starts = Self { first: [0; 256], second: [ESCAPES; 256] };
        for (form, bit) in spellings.each() {
            let mut bytes = spellings.text(form).iter();
            for table in [&mut starts.first, &mut starts.second] {
                let folded = bytes.next().copied().unwrap_or_default();
                add(table, &form.kind.variants(folded), bit);
            }
        }
        for kind in Kind::ALL {
            let of = spellings.each().filter(|(form, _)| form.kind == kind).fold(0, |bits, (_, bit)| bits | bit);
            add(&mut starts.second, kind.passes(), of);
        }
        add(&mut starts.first, escape::BEGINS, ESCAPES);
        add(&mut starts.second, escape::BEGINS, u32::MAX);
        starts
    }

    /// The forms that begin with this byte.
    fn forms(&self, byte: u8) -> u32 {
        look(&self.first, byte) & !ESCAPES
    }

    /// How many bytes at the beginning of a text begin neither a form nor an escape.
    fn innocent(&self, text: &[u8]) -> usize {
        let begins = |forms: u32, next: u8| forms & look(&self.second, next);
        let mut passed = 0;
        let mut before = 0;
        let (chunks, rest) = text.as_chunks::<8>();
        // Whether a byte begins something shows with the next one; eight are judged by one branch.
        for chunk in chunks {
            let mut forms = before;
            let any = chunk.iter().fold(0, |any, byte| {
                let begun = begins(forms, *byte);
                forms = look(&self.first, *byte);
                any | begun
            });
            if any != 0 {
                break;
            }
            (before, passed) = (forms, passed + chunk.len());
        }
        for byte in text.get(passed..).unwrap_or(rest) {
            if begins(before, *byte) != 0 {
                return passed - 1;
            }
            (before, passed) = (look(&self.first, *byte), passed + 1);
        }
        // The piece ends here, and the form may go on in the next.
        if before == 0 { passed } else { passed - 1 }
    }
}

fn look(table: &[u32; 256], byte: u8) -> u32 {
    table.get(usize::from(byte)).copied().unwrap_or_default()
}

fn add(table: &mut [u32; 256], bytes: &[u8], forms: u32) {
    for byte in bytes {
        if let Some(entry) = table.get_mut(usize::from(*byte)) {
            *entry |= forms;
        }
    }
}

#[cfg(test)]
mod tests;
