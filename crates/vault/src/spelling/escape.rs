//! One layer of escapes undone: percent-encoding, escapes of JSON, entities of HTML. Pure.
//!
//! It takes a text unit by unit and keeps no more of it than one escape, so layers stand behind each other
//! and each undoes what the one before it has left. What turns out to be no escape goes on as it was, but
//! for backslashes, which vanish: some writers put them before whatever they like.

/// Bytes that begin an escape.
pub(super) const BEGINS: &[u8] = b"%\\&";

/// Backslashes in a row that count as one: each writing of JSON inside of JSON doubles them.
const BACKSLASHES: u8 = 16;

/// Units of an entity, its semicolon included.
const ENTITY: usize = 10;

/// How many times over a text may have been escaped.
pub(super) const LAYERS: usize = 3;

/// Half of a character that came without its other half: a byte that no text in UTF-8 has.
const HALF: u8 = 0xff;

/// A byte that is meant, and where it stands in the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unit {
    pub(crate) byte: u8,
    /// It is a letter behind a backslash that may stand for the end of a line.
    pub(crate) ends_line: bool,
    pub(crate) from: usize,
    pub(crate) to: usize,
}

impl Unit {
    /// A byte that stands for itself.
    pub(crate) const fn at(byte: u8, at: usize) -> Self {
        Self { byte, ends_line: false, from: at, to: at + 1 }
    }
}

/// What takes the units that come out.
pub(super) type Sink<'a> = &'a mut dyn FnMut(Unit);

/// One layer.
#[derive(Default)]
pub(super) struct Layer {
    /// What may be an escape: one of [`BEGINS`] and what came after it.
    pending: [Unit; ENTITY],
    length: usize,
    /// How many backslashes the first of them stands for.
    backslashes: u8,
    /// The first half of a character, which waits for its second, and where it begins and ends.
    half: Option<(u32, Unit)>,
}

impl Layer {
    /// Whether it keeps nothing.
    pub(super) const fn is_idle(&self) -> bool {
        self.length == 0 && self.half.is_none()
    }

    /// Where what it keeps begins.
    pub(super) fn keeps_from(&self) -> Option<usize> {
        let pending = self.kept().first().map(|unit| unit.from);
        self.half.map(|(_, unit)| unit.from).or(pending)
    }

    /// Takes the next unit.
    pub(super) fn take(&mut self, unit: Unit, out: Sink<'_>) {
        match (self.kept(), unit.byte) {
            ([], _) => self.begin(unit, out),
            ([Unit { byte: b'\\', .. }], b'\\') => self.backslash(unit),
            ([Unit { byte: b'%', .. }, digits @ ..], digit) if digit.is_ascii_hexdigit() => {
                let is_last = digits.len() == 1;
                self.keep(unit);
                if is_last {
                    self.percent(out);
                }
            }
            ([Unit { byte: b'\\', .. }], b'u' | b'x') => self.keep(unit),
            ([Unit { byte: b'\\', .. }, letter, digits @ ..], digit) if digit.is_ascii_hexdigit() => {
                let is_last = digits.len() + 1 == if letter.byte == b'u' { 4 } else { 2 };
                self.keep(unit);
                if is_last {
                    self.code(out);
                }
            }
            ([Unit { byte: b'&', .. }, ..], b';') => self.entity(unit, out),
            ([Unit { byte: b'&', .. }, rest @ ..], byte)
                if rest.len() + 2 < ENTITY && (byte == b'#' || byte.is_ascii_alphanumeric()) =>
            {
                self.keep(unit);
            }
            ([Unit { byte: b'\\', .. }], _) => self.escaped(unit, out),
            _ => {
                self.give_up(out);
                self.begin(unit, out);
            }
        }
    }

    /// Lets go of what it keeps: nothing more comes.
    pub(super) fn end(&mut self, out: Sink<'_>) {
        self.give_up(out);
        self.break_half(out);
    }

    fn kept(&self) -> &[Unit] {
        self.pending.get(..self.length).unwrap_or_default()
    }

    fn keep(&mut self, unit: Unit) {
        if let Some(place) = self.pending.get_mut(self.length) {
            *place = unit;
            self.length += 1;
        }
    }

    fn begin(&mut self, unit: Unit, out: Sink<'_>) {
        if BEGINS.contains(&unit.byte) {
            self.backslashes = 1;
            self.keep(unit);
        } else {
            self.break_half(out);
            out(unit);
        }
    }

    /// One more backslash in a row. A run that is too long for an escape begins anew with it, or what is
    /// held of an endless one would have no end.
    fn backslash(&mut self, unit: Unit) {
        let Some(first) = self.pending.first_mut() else { return };
        first.to = unit.to;
        self.backslashes += 1;
        if self.backslashes > BACKSLASHES {
            (first.from, self.backslashes) = (unit.from, 1);
        }
    }

    /// `%2F`.
    fn percent(&mut self, out: Sink<'_>) {
        let Some((whole, code)) = self.number(1, 16) else { return self.give_up(out) };
        self.means(code, whole, out);
    }

    /// `\u002f` or `\x2f`, behind backslashes that may have been doubled.
    fn code(&mut self, out: Sink<'_>) {
        let Some((whole, code)) = self.number(2, 16) else { return self.give_up(out) };
        self.length = 0;
        match (self.half.take(), code) {
            (Some((high, half)), 0xdc00..=0xdfff) => {
                let code = 0x1_0000 + ((high - 0xd800) << 10) + (code - 0xdc00);
                character(code, Unit { from: half.from, ..whole }, out);
            }
            (half, code) => {
                self.half = half;
                self.break_half(out);
                if (0xd800..=0xdbff).contains(&code) {
                    self.half = Some((code, whole));
                } else {
                    character(code, whole, out);
                }
            }
        }
    }

    /// `&amp;`, `&#47;`, `&#x2F;`.
    fn entity(&mut self, last: Unit, out: Sink<'_>) {
        let mut name = [0; ENTITY];
        for (byte, unit) in name.iter_mut().zip(self.kept()) {
            *byte = unit.byte;
        }
        let code = match name.get(1..self.length).unwrap_or_default() {
            b"amp" => Some(u32::from(b'&')),
            b"apos" => Some(u32::from(b'\'')),
            b"equals" => Some(u32::from(b'=')),
            b"gt" => Some(u32::from(b'>')),
            b"lt" => Some(u32::from(b'<')),
            b"plus" => Some(u32::from(b'+')),
            b"quot" => Some(u32::from(b'"')),
            b"sol" => Some(u32::from(b'/')),
            [b'#', b'x' | b'X', _, ..] => self.number(3, 16).map(|(_, code)| code),
            [b'#', _, ..] => self.number(2, 10).map(|(_, code)| code),
            _ => None,
        };
        let first = self.kept().first().copied().unwrap_or_default();
        match code.and_then(char::from_u32) {
            Some(meant) => {
                self.length = 0;
                self.break_half(out);
                character(u32::from(meant), Unit { to: last.to, ..first }, out);
            }
            None => {
                self.give_up(out);
                out(last);
            }
        }
    }

    /// What stands behind a backslash, and is none of JSON's codes.
    fn escaped(&mut self, unit: Unit, out: Sink<'_>) {
        let from = self.kept().first().map_or(unit.from, |first| first.from);
        self.length = 0;
        let ends_line = matches!(unit.byte, b'n' | b'r' | b't');
        self.begin(Unit { from, ends_line, ..unit }, out);
    }

    /// What it kept was no escape.
    fn give_up(&mut self, out: Sink<'_>) {
        let length = std::mem::take(&mut self.length);
        let kept = self.pending;
        let Some((first, rest)) = kept.get(..length).and_then(<[Unit]>::split_first) else { return };
        self.break_half(out);
        let vanishes = first.byte == b'\\';
        if !vanishes {
            out(*first);
        }
        for (at, unit) in rest.iter().enumerate() {
            let from = if vanishes && at == 0 { first.from } else { unit.from };
            out(Unit { from, ..*unit });
        }
    }

    /// The unit that what it keeps is together, and the number behind the first so many of it.
    fn number(&self, skipped: usize, radix: u32) -> Option<(Unit, u32)> {
        let kept = self.kept();
        let whole = Unit { from: kept.first()?.from, to: kept.last()?.to, ..Unit::default() };
        let digit =
            |number: u32, unit: &Unit| number.checked_mul(radix)?.checked_add(char::from(unit.byte).to_digit(radix)?);
        kept.get(skipped..)?.iter().try_fold(0, digit).map(|number| (whole, number))
    }

    fn means(&mut self, byte: u32, whole: Unit, out: Sink<'_>) {
        self.length = 0;
        self.break_half(out);
        out(Unit { byte: u8::try_from(byte).unwrap_or_default(), ..whole });
    }

    fn break_half(&mut self, out: Sink<'_>) {
        if let Some((_, half)) = self.half.take() {
            out(Unit { byte: HALF, ..half });
        }
    }
}

/// The bytes of a character in UTF-8; each of them stands where all of it does.
fn character(code: u32, whole: Unit, out: Sink<'_>) {
    let mut bytes = [0; 4];
    let Some(character) = char::from_u32(code) else { return out(Unit { byte: HALF, ..whole }) };
    for byte in character.encode_utf8(&mut bytes).bytes() {
        out(Unit { byte, ..whole });
    }
}

#[cfg(test)]
mod tests;
