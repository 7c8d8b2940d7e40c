//! Every spelling in which a vendor may send a credential back.
//!
//! What was lent is recognised as itself, in base64 at each of its three alignments (so inside of a longer
//! encoded text too, in either alphabet), and in hexadecimal; of `user:password` the password alone counts
//! as well. Each of these may be percent-encoded, form-encoded, escaped as in JSON or HTML, in any mixture
//! and up to three times over: escapes are read while comparing, so there is no list of them to complete.
//!
//! The spellings stand behind the credential in the one buffer that the request carries it in, and are
//! wiped with it. So they cost no allocation of their own, and nothing in the clear lies in memory between
//! calls, as it would in a cache.

mod escape;

use std::fmt;
use std::ops::Range;

use bytes::Bytes;
use lockgate_vocabulary::Secret;
use zeroize::Zeroizing;

use escape::Escape;

/// A credential that is shorter stands in innocent text too often to be looked for.
const LEAST: usize = 8;

/// Itself, three alignments and hexadecimal, of the credential and of what is secret of it alone.
const FORMS: usize = 10;

/// How often in one credential a byte may be an escape or itself, and both are tried.
const FORKS: usize = 8;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const HEX: &[u8; 16] = b"0123456789abcdef";

/// What was lent, in every spelling. It finds itself in texts and shows itself to nobody.
#[derive(Clone)]
pub struct Spellings {
    bytes: Bytes,
    forms: Forms,
}

/// Where in a text a credential stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sighting {
    /// It does not stand in it.
    Nowhere,
    /// It stands here.
    Whole(Range<usize>),
    /// It may begin here, if more of the text comes.
    Begins(usize),
}

/// Where in its buffer each spelling stands.
#[derive(Clone, Copy, Default)]
pub(crate) struct Forms([Option<Form>; FORMS]);

#[derive(Clone, Copy)]
struct Form {
    kind: Kind,
    from: usize,
    to: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Base64,
    Hex,
}

/// What came of comparing a form with the beginning of a text.
enum Compared {
    Whole(usize),
    Cut,
    Other,
}

impl Spellings {
    pub(crate) fn new(bytes: Bytes, forms: Forms) -> Option<Self> {
        forms.0.iter().any(Option::is_some).then_some(Self { bytes, forms })
    }

    /// Those of a secret that stands alone; none where it is too short to be looked for.
    pub fn of(secret: &Secret) -> Option<Self> {
        let secret = secret.expose();
        let mut buffer = Zeroizing::new(Vec::with_capacity(Forms::room(secret)));
        let forms = Forms::write(&mut buffer, secret, false);
        Self::new(Bytes::from_owner(buffer), forms)
    }

    /// Whether the credential stands in a text that is whole.
    pub fn is_in(&self, text: &[u8]) -> bool {
        self.find(text, 0, false) != Sighting::Nowhere
    }

    /// Where it stands first, from this byte on. `more` says that the text goes on after its end.
    pub fn find(&self, text: &[u8], from: usize, more: bool) -> Sighting {
        let starts = Starts::of(self);
        let mut at = from;
        // Most bytes begin no spelling, and are passed over by one look at a table.
        while let Some(passed) = text.get(at..).and_then(|rest| rest.iter().position(|byte| starts.may_begin(*byte))) {
            at += passed;
            let rest = text.get(at..).unwrap_or_default();
            let candidates = rest.first().map_or(0, |byte| starts.candidates(*byte, rest.get(1).copied(), more));
            match self.compare(rest, candidates, more) {
                Compared::Whole(length) => return Sighting::Whole(at..at + length),
                Compared::Cut => return Sighting::Begins(at),
                Compared::Other => at += 1,
            }
        }
        Sighting::Nowhere
    }

    /// The longest of the candidates that the text begins with.
    fn compare(&self, text: &[u8], candidates: u16, more: bool) -> Compared {
        if candidates == 0 {
            return Compared::Other;
        }
        let likely = self.each().filter(|(_, bit)| candidates & bit != 0);
        let compared = likely.map(|(form, _)| form.kind.compare(self.text(form), text, more, FORKS));
        compared.fold(Compared::Other, Compared::better)
    }

    fn each(&self) -> impl Iterator<Item = (Form, u16)> {
        self.forms.0.into_iter().flatten().enumerate().map(|(index, form)| (form, 1 << index))
    }

    fn text(&self, form: Form) -> &[u8] {
        self.bytes.get(form.from..form.to).unwrap_or_default()
    }
}

impl fmt::Debug for Spellings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Spellings")
    }
}

impl Forms {
    /// How many bytes the spellings of a secret have at the most.
    pub(crate) const fn room(secret: &[u8]) -> usize {
        2 * (8 * (secret.len() + 1) + 8)
    }

    /// Writes the spellings of a secret behind what the buffer holds. `pair` says that it is sent as
    /// `user:password`. INVARIANT: the buffer has the room, or growing would leave a copy behind.
    pub(crate) fn write(buffer: &mut Vec<u8>, secret: &[u8], pair: bool) -> Self {
        let mut forms = Self::default();
        let from = buffer.len();
        buffer.extend_from_slice(secret);
        let colon = secret.iter().position(|byte| *byte == b':');
        if pair && colon.is_none() {
            buffer.push(b':');
        }
        let (to, split) = (buffer.len(), colon.or(pair.then_some(secret.len())));
        // Of `user:password` the password alone is the secret, and the user where there is no password.
        let alone = match split.map(|at| from + at) {
            None => to..to,
            Some(colon) if colon + 1 == to => from..colon,
            Some(colon) => colon + 1..to,
        };
        let mut left = forms.0.iter_mut();
        for value in [from..to, alone].into_iter().filter(|value| value.len() >= LEAST) {
            let plain = Form { kind: Kind::Plain, from: value.start, to: value.end };
            let encoded = (0..3).map(|shift| (Kind::Base64, shift)).chain(std::iter::once((Kind::Hex, 0)));
            let each = encoded.map(|(kind, shift)| kind.write(buffer, value.clone(), shift));
            std::iter::once(plain).chain(each).zip(&mut left).for_each(|(form, place)| *place = Some(form));
        }
        forms
    }
}

impl Kind {
    /// Writes this spelling of a value that stands in the buffer; in base64, the digits that the value alone
    /// determines where it stands `shift` bytes into a longer text.
    fn write(self, buffer: &mut Vec<u8>, value: Range<usize>, shift: usize) -> Form {
        let from = buffer.len();
        match self {
            Self::Plain => buffer.extend_from_within(value),
            Self::Base64 => {
                let ends = (8 * shift).div_ceil(6)..(8 * (value.len() + shift)) / 6;
                for place in ends {
                    buffer.push(digit(buffer, value.start, 6 * place - 8 * shift));
                }
            }
            Self::Hex => {
                for at in value {
                    let byte = buffer.get(at).copied().unwrap_or_default();
                    let nibbles = [byte >> 4, byte & 15];
                    buffer.extend(nibbles.map(|nibble| HEX.get(usize::from(nibble)).copied().unwrap_or_default()));
                }
            }
        }
        Form { kind: self, from, to: buffer.len() }
    }

    /// The bytes that stand for this one where nothing is escaped.
    const fn variants(self, wanted: u8) -> [u8; 2] {
        match (self, wanted) {
            (Self::Plain, b' ') | (Self::Base64, b'+') => {
                [wanted, if matches!(self, Self::Plain) { b'+' } else { b'-' }]
            }
            (Self::Base64, b'/') => [wanted, b'_'],
            (Self::Hex, _) => [wanted, wanted.to_ascii_uppercase()],
            _ => [wanted, wanted],
        }
    }

    /// Compares a form with the beginning of a text. Where a byte may be an escape or itself, both are tried,
    /// `forks` times at the most.
    fn compare(self, form: &[u8], text: &[u8], more: bool, forks: usize) -> Compared {
        let (mut wanted, mut left) = (form, text);
        while !wanted.is_empty() {
            let (steps, cut) = self.steps(wanted, left, more);
            let mut steps = steps.into_iter().flatten();
            let (first, second) = (steps.next(), steps.next());
            if (second.is_some() || cut) && first.is_some() && forks > 0 {
                let before = text.len() - left.len();
                let each = first.into_iter().chain(second).chain(steps);
                let each = each.map(|step| {
                    let (wanted, rest) = step.after(wanted, left);
                    self.compare(wanted, rest, more, forks - 1).further(before + step.text)
                });
                return each.fold(if cut { Compared::Cut } else { Compared::Other }, Compared::better);
            }
            let Some(step) = second.or(first) else { return if cut { Compared::Cut } else { Compared::Other } };
            (wanted, left) = step.after(wanted, left);
        }
        Compared::Whole(text.len() - left.len())
    }

    /// How the next byte of a form may stand at the beginning of a text, and whether the text is too short
    /// to tell.
    fn steps(self, wanted: &[u8], text: &[u8], more: bool) -> ([Option<Step>; 1 + escape::LAYERS], bool) {
        let mut steps = [None; 1 + escape::LAYERS];
        let (Some(want), Some(byte)) = (wanted.first(), text.first()) else { return (steps, more) };
        let same = |byte: u8| self.variants(*want).contains(&byte);
        let itself = same(*byte).then_some(Step { form: 1, text: 1 });
        let mut cut = false;
        // What was encoded again stands for a percent sign at each layer but the last.
        let least = if *want == b'%' { 1 } else { escape::LAYERS };
        let escaped = (least..=escape::LAYERS).filter_map(|layers| match escape::read(text, layers, more) {
            Escape::Means { bytes, length: 1, taken } => {
                bytes.first().is_some_and(|byte| same(*byte)).then_some(Step { form: 1, text: taken })
            }
            Escape::Means { bytes, length, taken } => {
                wanted.starts_with(bytes.get(..length)?).then_some(Step { form: length, text: taken })
            }
            Escape::Cut => {
                cut = true;
                None
            }
            Escape::None => None,
        });
        itself.into_iter().chain(escaped).zip(&mut steps).for_each(|(step, place)| *place = Some(step));
        (steps, cut)
    }
}

/// How many bytes of a form and of a text stand for each other.
#[derive(Clone, Copy)]
struct Step {
    form: usize,
    text: usize,
}

impl Step {
    fn after<'a>(self, form: &'a [u8], text: &'a [u8]) -> (&'a [u8], &'a [u8]) {
        (form.get(self.form..).unwrap_or_default(), text.get(self.text..).unwrap_or_default())
    }
}

impl Compared {
    fn further(self, by: usize) -> Self {
        if let Self::Whole(length) = self { Self::Whole(length + by) } else { self }
    }

    fn better(self, other: Self) -> Self {
        match (self, other) {
            (Self::Whole(one), Self::Whole(other)) => Self::Whole(one.max(other)),
            (whole @ Self::Whole(_), _) | (_, whole @ Self::Whole(_)) => whole,
            (Self::Cut, _) | (_, Self::Cut) => Self::Cut,
            (Self::Other, Self::Other) => Self::Other,
        }
    }
}

/// The digit of the six bits that begin so many bits into the value.
fn digit(buffer: &[u8], value: usize, bit: usize) -> u8 {
    let byte = |at: usize| buffer.get(value + at).copied().unwrap_or_default();
    let bits = u16::from_be_bytes([byte(bit / 8), byte(bit / 8 + 1)]);
    let six = (bits >> (10 - bit % 8)) & 63;
    ALPHABET.get(usize::from(six)).copied().unwrap_or_default()
}

/// Which forms may begin with which two bytes: most places of a text are dismissed by these alone.
struct Starts {
    first: [u16; 256],
    second: [u16; 256],
}

impl Starts {
    fn of(spellings: &Spellings) -> Self {
        let mut starts = Self { first: [0; 256], second: [0; 256] };
        for (form, bit) in spellings.each() {
            let mut bytes = spellings.text(form).iter();
            for table in [&mut starts.first, &mut starts.second] {
                let byte = bytes.next().copied().unwrap_or_default();
                for byte in form.kind.variants(byte).iter().chain(escape::BEGINS) {
                    if let Some(forms) = table.get_mut(usize::from(*byte)) {
                        *forms |= bit;
                    }
                }
            }
        }
        starts
    }

    fn may_begin(&self, byte: u8) -> bool {
        self.first.get(usize::from(byte)).is_some_and(|forms| *forms != 0)
    }

    fn candidates(&self, byte: u8, next: Option<u8>, more: bool) -> u16 {
        let of = |table: &[u16; 256], byte: u8| table.get(usize::from(byte)).copied().unwrap_or_default();
        let first = of(&self.first, byte);
        match next {
            // What follows belongs to the escape.
            _ if first == 0 || escape::BEGINS.contains(&byte) => first,
            Some(next) => first & of(&self.second, next),
            None if more => first,
            None => 0,
        }
    }
}

#[cfg(test)]
mod tests;
