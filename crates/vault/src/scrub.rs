//! Takes a credential out of text that a vendor sent back: vendors echo what they were sent.
//!
//! It is found in every spelling that [`crate::spelling`] knows. Of one of 16 bytes or more any 12 in a row
//! count, so a cut-off echo is found as well: every such part is looked up among those of the credential,
//! which are put in order once, so the work is in proportion to the text and to the credential, not to both
//! at once.

mod parts;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lockgate_access::spec::AuthPlacement;
use zeroize::Zeroizing;

use crate::equip::encode;
use crate::spelling::{Forms, Kind, Reader, Sent, Stream, Unit};
use parts::Parts;

/// What stands where the credential stood.
pub(crate) const MARK: &str = "[credential]";

/// What is given where nothing can be said safely.
pub(crate) const WITHHELD: &str = "[withheld]";

/// Bytes of the text that are looked at; the rest is cut off.
pub(crate) const TEXT_BYTES: usize = 8 * 1024;

/// The text without the credential, at most [`TEXT_BYTES`] and the marks long.
pub(crate) fn scrub(text: &str, secret: &[u8], placement: &AuthPlacement) -> String {
    let text = clipped(text);
    let (buffer, forms) = spelled(secret, placement);
    let mut hidden = vec![false; text.len()];
    let [written, undone] = readings(text, forms.layers());
    for kind in Kind::ALL {
        let parts = Parts::of(&forms, &buffer, kind, Stream::Written);
        parts.hide(&written, &mut hidden);
        if forms.differ(kind) {
            Parts::of(&forms, &buffer, kind, Stream::Undone).hide(&undone, &mut hidden);
        } else if undone != written {
            parts.hide(&undone, &mut hidden);
        }
    }
    masked(text, &hidden)
}

/// As much of the text as is looked at.
pub(crate) fn clipped(text: &str) -> &str {
    text.get(..text.floor_char_boundary(TEXT_BYTES)).unwrap_or_default()
}

/// What is looked for, in a buffer that is wiped.
fn spelled(secret: &[u8], placement: &AuthPlacement) -> (Zeroizing<Vec<u8>>, Forms) {
    let most = 3 * secret.len() + 4;
    let mut buffer = Zeroizing::new(Vec::with_capacity(most + Forms::room(secret.len(), most)));
    let sent = match placement {
        AuthPlacement::Basic => {
            let mut pair = Zeroizing::new(Vec::with_capacity(secret.len() + 1));
            pair.extend_from_slice(secret);
            pair.extend((!secret.contains(&b':')).then_some(b':'));
            let length = pair.len().div_ceil(3) * 4;
            buffer.resize(length, 0);
            // It has its length, so nothing can be missing.
            STANDARD.encode_slice(pair.as_slice(), buffer.as_mut_slice()).map_or(Sent::Itself, |end| Sent::Pair(0..end))
        }
        AuthPlacement::Query { .. } => {
            encode(&mut buffer, secret);
            Sent::Encoded(0..buffer.len())
        }
        AuthPlacement::Bearer | AuthPlacement::OAuth(_) | AuthPlacement::Header { .. } | AuthPlacement::None => {
            Sent::Itself
        }
    };
    let forms = Forms::write(&mut buffer, secret, &sent, 1);
    (buffer, forms)
}

/// The text as it is written, and with its escapes undone.
fn readings(text: &str, layers: usize) -> [Vec<Unit>; 2] {
    let (mut written, mut undone) = (Vec::with_capacity(text.len()), Vec::with_capacity(text.len()));
    let mut reader = Reader::new(layers);
    for (at, byte) in text.bytes().enumerate() {
        reader.read(Unit::at(byte, at), &mut |stream, unit| match stream {
            Stream::Written => written.push(unit),
            Stream::Undone => undone.push(unit),
        });
    }
    reader.end(&mut |unit| undone.push(unit));
    [written, undone]
}

/// The text with one mark for each run of hidden bytes.
fn masked(text: &str, hidden: &[bool]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut inside = false;
    for (at, character) in text.char_indices() {
        let width = character.len_utf8();
        let covered = hidden.get(at..at + width).is_some_and(|bytes| bytes.contains(&true));
        match (covered, inside) {
            (true, false) => out.push_str(MARK),
            (true, true) => {}
            (false, _) => out.push(character),
        }
        inside = covered;
    }
    out
}

#[cfg(test)]
mod tests;
