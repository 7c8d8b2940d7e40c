//! How much of each form the text that was read ends with.
//!
//! Each form is compared as Knuth, Morris and Pratt do it: what is known after a byte is the longest
//! beginning of the form that the text ends with, so nothing is compared anew, and the work is in proportion
//! to the text whatever the text and the form are. What a form repeats of itself is found only as far as a
//! text has come in it: most never get beyond two bytes.

use std::collections::VecDeque;
use std::ops::Range;

use super::Spellings;
use super::escape::Unit;
use super::forms::FORMS;
use super::kind::Kind;
use super::reading::Stream;

/// Bytes in a row that are passed over inside of a spelling: the end of a line and what it is indented by.
pub(crate) const PASSED: u8 = 16;

/// How many forms there are of each kind, as a set of bits.
pub(super) const KINDS: usize = Kind::ALL.len();

/// What is looked for.
pub(super) struct Wanted {
    spellings: Spellings,
    /// What each form repeats of itself, as far as a text has come in it: after how many bytes, less two, how
    /// many of its first it ends with. These numbers tell nothing of the bytes.
    repeats: [Vec<u32>; FORMS],
    #[cfg(test)]
    pub(super) steps: usize,
}

/// One reading of a text.
pub(super) struct Lanes {
    /// The forms that are looked for in it.
    forms: u32,
    /// Those of which the text ends with a beginning.
    active: u32,
    matched: [u32; FORMS],
    lanes: [Lane; KINDS],
}

/// One reading of a text, and one kind of forms in it.
#[derive(Default)]
struct Lane {
    forms: u32,
    /// Where each unit of the longest beginning that the text ends with begins.
    starts: VecDeque<usize>,
    passed: u8,
}

impl Wanted {
    pub(super) fn new(spellings: Spellings) -> Self {
        Self {
            spellings,
            repeats: Default::default(),
            #[cfg(test)]
            steps: 0,
        }
    }

    pub(super) const fn spellings(&self) -> &Spellings {
        &self.spellings
    }

    /// How many bytes of a form the text ends with after this byte, where it were so many before; and how
    /// many the form has, where that is all of it.
    fn advance(&mut self, index: usize, before: u32, byte: u8) -> (u32, Option<u32>) {
        let form = self.spellings.form(index);
        let repeats = self.repeats.get_mut(index);
        let Some(repeats) = repeats else { return (0, None) };
        let mut matched = before;
        loop {
            #[cfg(test)]
            {
                self.steps += 1;
            }
            if form.get(matched as usize) == Some(&byte) {
                matched += 1;
                break;
            }
            if matched == 0 {
                return (0, None);
            }
            matched = repeated(repeats, matched);
        }
        extend(form, repeats, matched as usize);
        let whole = matched as usize == form.len();
        if whole { (repeated(repeats, matched), Some(matched)) } else { (matched, None) }
    }
}

/// How many of a form's first bytes its first `length` end with.
fn repeated(repeats: &[u32], length: u32) -> u32 {
    (length as usize).checked_sub(2).and_then(|at| repeats.get(at)).copied().unwrap_or_default()
}

/// Learns what the first `length` bytes of a form repeat. INVARIANT: it is known of one byte less, since a
/// text comes into a form byte by byte.
fn extend(form: &[u8], repeats: &mut Vec<u32>, length: usize) {
    if length < repeats.len() + 2 {
        return;
    }
    let byte = form.get(length - 1);
    let mut known = u32::try_from(length - 1).map_or(0, |before| repeated(repeats, before));
    while known > 0 && form.get(known as usize) != byte {
        known = repeated(repeats, known);
    }
    let same = form.get(known as usize) == byte;
    repeats.push(known + u32::from(same));
}

impl Lanes {
    pub(super) fn new(spellings: &Spellings, stream: Stream) -> Self {
        let mut lanes: [Lane; KINDS] = Default::default();
        for (form, bit) in spellings.each().filter(|(form, _)| form.is_in(stream)) {
            for (lane, kind) in lanes.iter_mut().zip(Kind::ALL) {
                lane.forms |= if form.kind == kind { bit } else { 0 };
            }
        }
        let forms = lanes.iter().fold(0, |forms, lane| forms | lane.forms);
        Self { forms, active: 0, matched: [0; FORMS], lanes }
    }

    /// Whether the text ends with no beginning of any form.
    pub(super) const fn is_idle(&self) -> bool {
        self.active == 0
    }

    /// Where the longest of them begins.
    pub(super) fn keeps_from(&self) -> Option<usize> {
        self.lanes.iter().filter_map(|lane| lane.starts.front().copied()).min()
    }

    /// Takes the next unit of the text. `begin` are the forms that begin with it.
    pub(super) fn take(&mut self, unit: Unit, begin: u32, wanted: &mut Wanted, found: &mut dyn FnMut(Range<usize>)) {
        #[cfg(test)]
        {
            wanted.steps += 1;
        }
        let likely = (self.active | begin) & self.forms;
        if likely == 0 {
            return;
        }
        let (active, matched) = (&mut self.active, &mut self.matched);
        for (lane, kind) in self.lanes.iter_mut().zip(Kind::ALL) {
            let likely = likely & lane.forms;
            if likely == 0 {
                continue;
            }
            let byte = kind.reads(unit);
            if byte == 0 {
                lane.pass_over(active);
                continue;
            }
            lane.passed = 0;
            lane.starts.push_back(unit.from);
            let mut longest = 0;
            let mut left = likely;
            while let Some(matched) = matched.get_mut(left.trailing_zeros() as usize) {
                let index = left.trailing_zeros() as usize;
                let bit = left & left.wrapping_neg();
                left ^= bit;
                let before = if *active & bit == 0 { 0 } else { *matched };
                let (after, whole) = wanted.advance(index, before, byte);
                if let Some(from) = whole.and_then(|length| lane.start(length)) {
                    found(from..unit.to);
                }
                *matched = after;
                *active = if after == 0 { *active & !bit } else { *active | bit };
                longest = longest.max(after as usize);
            }
            lane.keep(longest);
        }
    }

    /// Where the beginning of a form begins that the text ends with, where it is long enough to count.
    pub(super) fn cut(&self, spellings: &Spellings) -> Option<usize> {
        let cut = spellings.each().zip(&self.matched).filter_map(|((form, bit), matched)| {
            let counts = self.active & bit != 0 && (*matched as usize) >= form.kind.cut();
            let lane = self.lanes.iter().find(|lane| lane.forms & bit != 0).filter(|_| counts);
            lane.and_then(|lane| lane.start(*matched))
        });
        cut.min()
    }

    /// Forgets the text.
    pub(super) fn reset(&mut self) {
        self.active = 0;
        self.lanes.iter_mut().for_each(|lane| lane.keep(0));
    }
}

impl Lane {
    /// Takes a unit that is passed over. Too many of them end what has begun, or all of a text might have
    /// to be held back.
    fn pass_over(&mut self, active: &mut u32) {
        self.passed = self.passed.saturating_add(1);
        if self.passed > PASSED {
            *active &= !self.forms;
            self.keep(0);
        }
    }

    /// Where the last so many units begin.
    fn start(&self, length: u32) -> Option<usize> {
        let at = self.starts.len().checked_sub(length as usize)?;
        self.starts.get(at).copied()
    }

    /// Forgets all but the last so many.
    fn keep(&mut self, longest: usize) {
        if longest == 0 {
            return self.starts.clear();
        }
        while self.starts.len() > longest {
            self.starts.pop_front();
        }
    }
}
