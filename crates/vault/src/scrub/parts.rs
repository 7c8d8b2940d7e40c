//! The parts of a credential that count as it, and where they stand in a text.

use zeroize::Zeroizing;

use crate::spelling::{Forms, Kind, PASSED, Stream, Unit};

/// From this length on, parts of a credential count as it.
pub(super) const LONG: usize = 16;
/// How many bytes in a row of a long credential count.
pub(super) const PART: usize = 12;

/// Every part of the credential that counts as it, of one kind and for one reading, in order.
pub(super) struct Parts {
    kind: Kind,
    pub(super) each: Vec<Set>,
}

/// The parts of one length.
pub(super) struct Set {
    pub(super) length: usize,
    /// Each as a number, in order.
    pub(super) parts: Zeroizing<Vec<u128>>,
    /// A bit for each, at its hash: most parts of a text are dismissed by one look.
    filter: Zeroizing<Vec<u64>>,
}

impl Parts {
    pub(super) fn of(forms: &Forms, buffer: &[u8], kind: Kind, stream: Stream) -> Self {
        let mut each = Vec::new();
        for length in 1..LONG {
            let wanted = || {
                let forms = forms.each().filter(|form| form.kind == kind && form.is_in(stream));
                let counts = |form: &&[u8]| length == if form.len() >= LONG { PART } else { form.len() };
                forms.map(|form| form.of(buffer)).filter(counts)
            };
            // The room is made at once, so that growing never leaves a copy behind.
            let room = wanted().map(<[u8]>::len).sum::<usize>();
            if room == 0 {
                continue;
            }
            let mut parts = Zeroizing::new(Vec::with_capacity(room));
            for form in wanted() {
                let mut window = 0;
                for (at, byte) in form.iter().enumerate() {
                    window = window << 8 | u128::from(*byte);
                    parts.extend((at + 1 >= length).then_some(last(window, length)));
                }
            }
            each.push(Set::of(length, parts));
        }
        Self { kind, each }
    }

    /// Marks where one of the parts stands.
    pub(super) fn hide(&self, units: &[Unit], hidden: &mut [bool]) {
        if self.each.is_empty() {
            return;
        }
        let mut window = Zeroizing::new(0u128);
        let mut starts = Vec::with_capacity(units.len());
        let mut passed = 0;
        for unit in units {
            let byte = self.kind.reads(*unit);
            if byte == 0 {
                passed = PASSED.min(passed) + 1;
                if passed > PASSED {
                    starts.clear();
                }
                continue;
            }
            passed = 0;
            starts.push(unit.from);
            *window = *window << 8 | u128::from(byte);
            let stands = |set: &&Set| starts.len() >= set.length && set.has(last(*window, set.length));
            let longest = self.each.iter().rev().find(stands).map(|set| starts.len() - set.length);
            let from = longest.and_then(|at| starts.get(at).copied());
            if let Some(range) = from.and_then(|from| hidden.get_mut(from..unit.to)) {
                range.fill(true);
            }
        }
    }
}

impl Set {
    fn of(length: usize, mut parts: Zeroizing<Vec<u128>>) -> Self {
        parts.sort_unstable();
        parts.dedup();
        // Eight bits for each, so that few others have theirs in common with one.
        let filter = Zeroizing::new(vec![0; (parts.len() / 8).next_power_of_two()]);
        let mut set = Self { length, parts: Zeroizing::new(Vec::new()), filter };
        for part in parts.iter() {
            let (at, bit) = set.place(*part);
            if let Some(bits) = set.filter.get_mut(at) {
                *bits |= bit;
            }
        }
        set.parts = parts;
        set
    }

    fn has(&self, part: u128) -> bool {
        let (at, bit) = self.place(part);
        let likely = self.filter.get(at).is_some_and(|bits| bits & bit != 0);
        likely && self.parts.binary_search(&part).is_ok()
    }

    /// Where the bit of a part is.
    fn place(&self, part: u128) -> (usize, u64) {
        let [one, other] = [part as u64, (part >> 64) as u64];
        let hash = (one ^ other.rotate_left(29)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        ((hash >> 32) as usize & (self.filter.len() - 1), 1 << (hash >> 26 & 63))
    }
}

/// The last so many bytes of a window, fewer than it has.
const fn last(window: u128, length: usize) -> u128 {
    window & ((1 << (8 * length)) - 1)
}
