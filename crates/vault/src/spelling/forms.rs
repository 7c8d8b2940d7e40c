//! What is looked for: a secret as itself, in base64 and in hexadecimal, written into the credential's buffer.

use std::ops::Range;

use zeroize::Zeroizing;

use super::LEAST;
use super::escape::{self, LAYERS, Unit};
use super::kind::Kind;
use super::reading::{Reader, Stream};

/// Itself as it is and with its escapes undone, three alignments and hexadecimal, of the credential and of
/// what is secret of it alone; of what was sent, what it becomes when it is encoded once more.
pub(super) const FORMS: usize = 16;

/// How many times over a credential itself may look escaped.
const OWN: usize = 3;

/// The most layers of escapes that are undone.
pub(super) const MOST_LAYERS: usize = LAYERS + OWN;

/// What is shorter is not looked for encoded: two digits stand in any text.
const ENCODED: usize = 3;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const HEX: &[u8; 16] = b"0123456789abcdef";

/// How the request carries a secret.
#[derive(Debug)]
pub(crate) enum Sent {
    /// As it is.
    Itself,
    /// Encoded in base64 as `user:password`, here in the buffer.
    Pair(Range<usize>),
    /// Percent-encoded, here in the buffer.
    Encoded(Range<usize>),
}

/// Where in its buffer each form stands.
#[derive(Clone, Copy, Default)]
pub(crate) struct Forms {
    each: [Option<Form>; FORMS],
    /// How many layers of escapes are to be undone.
    layers: usize,
}

/// One of them.
#[derive(Clone, Copy)]
pub(crate) struct Form {
    pub(crate) kind: Kind,
    /// The one reading of a text that it is looked for in; each where there is none.
    pub(crate) stream: Option<Stream>,
    from: usize,
    to: usize,
}

impl Form {
    /// Its bytes, in the buffer that it was written into.
    pub(crate) fn of(self, buffer: &[u8]) -> &[u8] {
        buffer.get(self.from..self.to).unwrap_or_default()
    }

    pub(crate) fn is_in(self, stream: Stream) -> bool {
        self.stream.is_none_or(|only| only == stream)
    }
}

impl Forms {
    pub(crate) fn is_empty(&self) -> bool {
        self.each().next().is_none()
    }

    pub(crate) fn each(&self) -> impl Iterator<Item = Form> {
        self.each.into_iter().flatten()
    }

    pub(super) fn at(&self, index: usize) -> Option<Form> {
        self.each.get(index).copied().flatten()
    }

    /// Whether other forms of this kind are looked for in one reading than in the other.
    pub(crate) fn differ(&self, kind: Kind) -> bool {
        self.each().any(|form| form.kind == kind && form.stream.is_some())
    }

    /// How many layers of escapes are to be undone: a credential that looks escaped needs more.
    pub(crate) const fn layers(&self) -> usize {
        self.layers
    }

    /// How many bytes are written at the most, for a secret and what is sent of it of these lengths.
    pub(crate) const fn room(secret: usize, sent: usize) -> usize {
        // The secret itself; then, of it and of a part of it: twice itself, four thirds three times, twice.
        (secret + 1) + 2 * (8 * (secret + 1) + 8) + 6 * sent + 8
    }

    /// Writes the forms of a secret behind what the buffer holds; none of less than `least` bytes.
    /// INVARIANT: the buffer has the room, or growing would leave a copy behind.
    pub(crate) fn write(buffer: &mut Vec<u8>, secret: &[u8], sent: &Sent, least: usize) -> Self {
        let pair = matches!(sent, Sent::Pair(_));
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
            Some(at) if at + 1 == to && (colon.is_none() || at - from >= LEAST) => from..at,
            Some(colon) => colon + 1..to,
        };
        let own = own_layers(secret);
        let mut forms = Self { each: [None; FORMS], layers: LAYERS + own };
        for value in [from..to, alone].into_iter().filter(|value| value.len() >= least.max(1)) {
            forms.plain(buffer, value.clone());
            if value.len() >= ENCODED {
                forms.encoded(buffer, &value);
            }
        }
        match sent {
            // What it became when it was sent is among the forms already.
            Sent::Pair(sent) if sent.len() >= least => forms.encoded(buffer, sent),
            Sent::Encoded(sent) if sent.len() != secret.len() && sent.len() >= least => forms.encoded(buffer, sent),
            Sent::Itself | Sent::Pair(_) | Sent::Encoded(_) => {}
        }
        forms
    }

    /// A value as it is, for the text as it is, and with its escapes undone, for the text undone likewise: so
    /// it is found where a part of it looks escaped and another part is.
    fn plain(&mut self, buffer: &mut Vec<u8>, value: Range<usize>) {
        let undone = undone(buffer.get(value.clone()).unwrap_or_default(), self.layers);
        let from = buffer.len();
        buffer.extend_from_within(value);
        let to = buffer.len();
        buffer.get_mut(from..).into_iter().flatten().for_each(|byte| *byte = Kind::Plain.fold(*byte));
        self.add(Form { kind: Kind::Plain, stream: undone.as_ref().map(|_| Stream::Written), from, to });
        // What is left of it may be so short that it stands in innocent text.
        if let Some(undone) = undone.filter(|undone| undone.len() >= LEAST.min(to - from)) {
            buffer.extend(undone.iter().map(|byte| Kind::Plain.fold(*byte)));
            self.add(Form { kind: Kind::Plain, stream: Some(Stream::Undone), from: to, to: buffer.len() });
        }
    }

    /// A value in base64 and in hexadecimal.
    fn encoded(&mut self, buffer: &mut Vec<u8>, value: &Range<usize>) {
        // Where a value stands one or two bytes into a longer text, it shares its first digit.
        for shared in [0, 4, 2] {
            let from = buffer.len();
            base64(buffer, value.clone(), shared);
            self.add(Form { kind: Kind::Base64, stream: None, from, to: buffer.len() });
        }
        let from = buffer.len();
        for at in value.clone() {
            let byte = buffer.get(at).copied().unwrap_or_default();
            buffer.extend([byte >> 4, byte & 15].map(|nibble| of(HEX, nibble)));
        }
        self.add(Form { kind: Kind::Hex, stream: None, from, to: buffer.len() });
    }

    fn add(&mut self, form: Form) {
        if form.from < form.to
            && let Some(place) = self.each.iter_mut().find(|place| place.is_none())
        {
            *place = Some(form);
        }
    }
}

/// The secret with so many layers of escapes undone; none where there is nothing to undo.
fn undone(secret: &[u8], layers: usize) -> Option<Zeroizing<Vec<u8>>> {
    if !secret.iter().any(|byte| escape::BEGINS.contains(byte)) {
        return None;
    }
    // The room is made at once: undoing makes nothing longer.
    let mut undone = Zeroizing::new(Vec::with_capacity(secret.len()));
    let mut reader = Reader::new(layers);
    for (at, byte) in secret.iter().enumerate() {
        reader.read(Unit::at(*byte, at), &mut |stream, unit| {
            if stream == Stream::Undone {
                undone.push(unit.byte);
            }
        });
    }
    reader.end(&mut |unit| undone.push(unit.byte));
    Some(undone)
}

/// How many layers of escapes a secret itself seems to have.
fn own_layers(secret: &[u8]) -> usize {
    let mut text: Option<Zeroizing<Vec<u8>>> = None;
    for layers in 0..OWN {
        let before = text.as_ref().map_or(secret, |text| text.as_slice());
        match undone(before, 1) {
            Some(undone) if undone.as_slice() != before => text = Some(undone),
            _ => return layers,
        }
    }
    OWN
}

/// Writes the digits that a value alone determines, without those for 62, which are passed over.
fn base64(buffer: &mut Vec<u8>, value: Range<usize>, shared: u32) {
    let (mut bits, mut count) = (0u32, 0);
    for (index, at) in value.enumerate() {
        let byte = buffer.get(at).copied().unwrap_or_default();
        (bits, count) = (bits << 8 | u32::from(byte), count + 8);
        if index == 0 {
            count -= shared;
        }
        while count >= 6 {
            count -= 6;
            let digit = of(ALPHABET, u8::try_from(bits >> count & 63).unwrap_or_default());
            if Kind::Base64.fold(digit) != 0 {
                buffer.push(digit);
            }
        }
    }
}

fn of(alphabet: &[u8], digit: u8) -> u8 {
    alphabet.get(usize::from(digit)).copied().unwrap_or_default()
}
