//! Header fields one by one: which bytes may stand in them, and which of them the door must understand.
//!
//! Not here: what fields mean together. [`super::head`] puts them together.

/// A field that says something about framing or about the connection, or that may stand only once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    Connection,
    ContentLength,
    Expect,
    Host,
    TransferEncoding,
    Upgrade,
    /// May stand once, for what it says is acted upon: the bit that remembers it.
    Once(u8),
}

impl Known {
    /// The bit that remembers that the field was there; `None` for what may stand more than once.
    pub(super) const fn bit(self) -> Option<u32> {
        match self {
            Self::Connection => None,
            Self::ContentLength => Some(1),
            Self::Expect => Some(1 << 1),
            Self::Host => Some(1 << 2),
            Self::TransferEncoding => Some(1 << 3),
            Self::Upgrade => Some(1 << 4),
            Self::Once(number) => Some(1 << (5 + number)),
        }
    }
}

/// What a field name turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    /// Nothing that the door must understand.
    Plain,
    /// Something that the door must understand.
    Known(Known),
    /// A known field spelt with an underscore. Many back ends read `Content_Length` as `Content-Length`,
    /// so what one reader takes for a plain field is framing or a credential for another.
    Twin,
}

/// The fields that the door must understand, by the length of their names.
fn candidates(length: usize) -> &'static [(&'static [u8], Known)] {
    match length {
        4 => &[(b"host", Known::Host)],
        5 => &[(b"range", Known::Once(0))],
        6 => &[(b"expect", Known::Expect), (b"origin", Known::Once(1))],
        7 => &[(b"upgrade", Known::Upgrade), (b"referer", Known::Once(2))],
        8 => &[(b"x-dryrun", Known::Once(3))],
        9 => &[(b"x-api-key", Known::Once(4))],
        10 => &[(b"connection", Known::Connection), (b"user-agent", Known::Once(5))],
        11 => &[(b"traceparent", Known::Once(6))],
        12 => &[(b"content-type", Known::Once(7)), (b"max-forwards", Known::Once(8))],
        13 => &[(b"authorization", Known::Once(9)), (b"content-range", Known::Once(10))],
        14 => &[(b"content-length", Known::ContentLength)],
        15 => &[(b"idempotency-key", Known::Once(11))],
        16 => &[(b"content-location", Known::Once(12))],
        17 => &[(b"transfer-encoding", Known::TransferEncoding)],
        18 => &[(b"x-lockgate-session", Known::Once(13))],
        19 => &[(b"x-lockgate-approval", Known::Once(14)), (b"proxy-authorization", Known::Once(15))],
        _ => &[],
    }
}

/// What this name is. It must be a token already.
pub(super) fn classify(name: &[u8]) -> Name {
    for (wanted, known) in candidates(name.len()) {
        if name.eq_ignore_ascii_case(wanted) {
            return Name::Known(*known);
        }
        let like =
            |(byte, wanted): (&u8, &u8)| byte.to_ascii_lowercase() == *wanted || (*byte == b'_' && *wanted == b'-');
        if name.iter().zip(wanted.iter()).all(like) {
            return Name::Twin;
        }
    }
    Name::Plain
}

/// Whether the byte may stand in a token (RFC 9110 section 5.6.2).
pub(super) fn is_token_byte(byte: u8) -> bool {
    const TOKEN: [bool; 256] = token_bytes();
    TOKEN.get(usize::from(byte)).copied().unwrap_or(false)
}

const fn token_bytes() -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0u8;
    while byte < 128 {
        let plain = byte.is_ascii_alphanumeric();
        let mark = matches!(
            byte,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        );
        #[expect(clippy::indexing_slicing, reason = "a byte below 128 lies within 256 places")]
        {
            table[byte as usize] = plain || mark;
        }
        byte += 1;
    }
    table
}

/// Whether these bytes are a token.
pub(super) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| is_token_byte(*byte))
}

/// Whether a field's value is free of control characters but for the tab. Written without a branch per
/// byte, so that the compiler turns it into vector instructions.
pub(super) fn is_clean_value(value: &[u8]) -> bool {
    !value.iter().fold(false, |bad, byte| bad | ((*byte < 0x20) & (*byte != b'\t')) | (*byte == 0x7f))
}

/// The value without the white space around it (RFC 9112 section 5).
pub(super) fn trim(value: &[u8]) -> &[u8] {
    let white = |byte: &u8| *byte == b' ' || *byte == b'\t';
    let from = value.iter().position(|byte| !white(byte)).unwrap_or(value.len());
    let to = value.iter().rposition(|byte| !white(byte)).map_or(from, |last| last + 1);
    value.get(from..to).unwrap_or_default()
}

/// A body's length: decimal digits in their one canonical spelling. `None` for anything else.
pub(super) fn content_length(value: &[u8]) -> Option<u64> {
    let digits = (1..=19).contains(&value.len()) && value.iter().all(u8::is_ascii_digit);
    let canonical = digits && (value.len() == 1 || value.first() != Some(&b'0'));
    if !canonical {
        return None;
    }
    Some(value.iter().fold(0u64, |sum, digit| sum * 10 + u64::from(digit - b'0')))
}

/// What a `Connection` field says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Options {
    /// The peer will send nothing more, or wants another protocol.
    pub last: bool,
}

/// Reads a `Connection` field. A list may name fields that belong to this hop alone, but never one that
/// the door acts upon: naming it would make the next reader drop what this one judged.
pub(super) fn connection_options(value: &[u8]) -> Option<Options> {
    let mut options = Options::default();
    for option in value.split(|byte| *byte == b',').map(trim) {
        if !is_token(option) {
            return None;
        }
        match classify(option) {
            Name::Known(Known::Upgrade) => options.last = true,
            Name::Plain => options.last |= option.eq_ignore_ascii_case(b"close"),
            Name::Known(_) | Name::Twin => return None,
        }
    }
    Some(options)
}

#[cfg(test)]
mod tests;
