//! What an escape in a text stands for: percent-encoding, escapes of JSON, entities of HTML. Pure.

/// Bytes that begin an escape.
pub(super) const BEGINS: &[u8] = b"%\\&";

/// Backslashes in a row that count as one escape: each writing of JSON inside of JSON doubles them.
const BACKSLASHES: usize = 16;

/// Bytes of an entity, its semicolon included.
const ENTITY: usize = 10;

/// How many times over a text may have been percent-encoded.
pub(super) const LAYERS: usize = 3;

/// What stands at the beginning of a text.
pub(super) enum Escape {
    /// No escape.
    None,
    /// The text ends within one, and goes on.
    Cut,
    /// One that stands for these bytes, `length` of them, and is `taken` long.
    Means { bytes: [u8; 4], length: usize, taken: usize },
}

/// Reads the escape at the beginning of the text, which was percent-encoded so many times at the most.
/// `more` says that the text goes on after its end.
pub(super) fn read(text: &[u8], layers: usize, more: bool) -> Escape {
    match text.first() {
        Some(b'%') => percent(text, layers, more),
        Some(b'\\') => backslash(text, more),
        Some(b'&') => entity(text, more),
        _ => Escape::None,
    }
}

const fn byte(byte: u8, taken: usize) -> Escape {
    Escape::Means { bytes: [byte, 0, 0, 0], length: 1, taken }
}

fn character(code: u32, taken: usize) -> Escape {
    let Some(character) = char::from_u32(code) else { return Escape::None };
    let mut bytes = [0; 4];
    let length = character.encode_utf8(&mut bytes).len();
    Escape::Means { bytes, length, taken }
}

const fn cut(more: bool) -> Escape {
    if more { Escape::Cut } else { Escape::None }
}

/// `%2F`, and what was encoded again: `%252F`, `%25252F`.
fn percent(text: &[u8], layers: usize, more: bool) -> Escape {
    let Some(digits) = text.get(1..3) else { return cut(more) };
    let Some(meant) = number(digits, 16) else { return Escape::None };
    let mut escape = byte(u8::try_from(meant).unwrap_or_default(), 3);
    let (mut last, mut taken) = (meant, 3);
    while last == u32::from(b'%') && taken < 1 + 2 * layers {
        let Some(digits) = text.get(taken..taken + 2) else { return if more { Escape::Cut } else { escape } };
        let Some(meant) = number(digits, 16) else { break };
        (last, taken) = (meant, taken + 2);
        escape = byte(u8::try_from(meant).unwrap_or_default(), taken);
    }
    escape
}

/// `\/`, `\u002f`, `\x2f`, and what was escaped again: `\\/`.
fn backslash(text: &[u8], more: bool) -> Escape {
    let run = text.iter().take(BACKSLASHES).take_while(|byte| **byte == b'\\').count();
    let rest = text.get(run..).unwrap_or_default();
    let digits = match rest.first() {
        None => return cut(more),
        Some(b'u') => 4,
        Some(b'x') => 2,
        Some(plain) => return byte(*plain, run + 1),
    };
    let taken = run + 1 + digits;
    match (rest.get(1..=digits), rest.first()) {
        (None, _) if more => Escape::Cut,
        (Some(digits), _) if let Some(code) = number(digits, 16) => character(code, taken),
        (_, Some(plain)) => byte(*plain, run + 1),
        (_, None) => Escape::None,
    }
}

/// `&amp;`, `&#47;`, `&#x2F;`.
fn entity(text: &[u8], more: bool) -> Escape {
    let Some(end) = text.iter().take(ENTITY).position(|byte| *byte == b';') else {
        return cut(more && text.len() < ENTITY);
    };
    let code = match text.get(1..end).unwrap_or_default() {
        b"amp" => Some(u32::from(b'&')),
        b"apos" => Some(u32::from(b'\'')),
        b"equals" => Some(u32::from(b'=')),
        b"gt" => Some(u32::from(b'>')),
        b"lt" => Some(u32::from(b'<')),
        b"plus" => Some(u32::from(b'+')),
        b"quot" => Some(u32::from(b'"')),
        b"sol" => Some(u32::from(b'/')),
        [b'#', b'x' | b'X', digits @ ..] => number(digits, 16),
        [b'#', digits @ ..] => number(digits, 10),
        _ => None,
    };
    code.map_or(Escape::None, |code| character(code, end + 1))
}

fn number(digits: &[u8], radix: u32) -> Option<u32> {
    let plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_alphanumeric);
    let text = std::str::from_utf8(digits).ok().filter(|_| plain)?;
    u32::from_str_radix(text, radix).ok()
}
