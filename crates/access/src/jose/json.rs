//! A strict reader of small JSON texts (RFC 8259) from people we do not trust: headers, claims, key sets.
//!
//! It refuses what two parsers may read differently: a member that stands twice, bytes that are not
//! UTF-8, lone surrogates, numbers beyond a double, anything after the end. Depth, members and list
//! length are bounded before anything is built. Not here: what the values mean.

/// How deep a text may nest; the outermost object is level one.
pub const DEPTH_MOST: usize = 8;

/// How many members one object may have.
pub const MEMBERS_MOST: usize = 64;

/// How many elements one list may have.
pub const ELEMENTS_MOST: usize = 1024;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number without fraction or exponent that fits 64 bits.
    Whole(i64),
    /// Any other number; always finite.
    Real(f64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Json>),
    /// An object.
    Object(Object),
}

/// An object: its members in the order in which they stood, each name once.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Object(Vec<(String, Json)>);

/// Why a text was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonFault {
    /// A member's name stands twice.
    Duplicate,
    /// It nests too deep, or an object or list is too long.
    Large,
    /// It is not JSON, or not JSON alone.
    Malformed,
}

impl Object {
    /// The member of this name.
    pub fn member(&self, name: &str) -> Option<&Json> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// The member of this name, where it is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.member(name) {
            Some(Json::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Every member's name.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }
}

impl Json {
    /// Reads a text that is exactly one JSON object.
    pub fn object(bytes: &[u8]) -> Result<Object, JsonFault> {
        match Self::parse(bytes)? {
            Self::Object(object) => Ok(object),
            _ => Err(JsonFault::Malformed),
        }
    }

    /// Reads a text that is exactly one JSON value.
    pub fn parse(bytes: &[u8]) -> Result<Self, JsonFault> {
        if std::str::from_utf8(bytes).is_err() {
            return Err(JsonFault::Malformed);
        }
        let mut reader = Reader { bytes, at: 0 };
        reader.blank();
        let value = reader.value(1)?;
        reader.blank();
        if reader.at == bytes.len() { Ok(value) } else { Err(JsonFault::Malformed) }
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn next(&mut self) -> Result<u8, JsonFault> {
        let byte = self.peek().ok_or(JsonFault::Malformed)?;
        self.at += 1;
        Ok(byte)
    }

    fn take(&mut self, wanted: u8) -> bool {
        let there = self.peek() == Some(wanted);
        self.at += usize::from(there);
        there
    }

    fn demand(&mut self, wanted: u8) -> Result<(), JsonFault> {
        if self.take(wanted) { Ok(()) } else { Err(JsonFault::Malformed) }
    }

    fn blank(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn word(&mut self, word: &[u8], value: Json) -> Result<Json, JsonFault> {
        for byte in word {
            self.demand(*byte)?;
        }
        Ok(value)
    }

    fn value(&mut self, depth: usize) -> Result<Json, JsonFault> {
        match self.peek() {
            Some(b'{' | b'[') if depth > DEPTH_MOST => Err(JsonFault::Large),
            Some(b'{') => self.members(depth).map(Json::Object),
            Some(b'[') => self.elements(depth).map(Json::List),
            Some(b'"') => self.text().map(Json::Text),
            Some(b't') => self.word(b"true", Json::Bool(true)),
            Some(b'f') => self.word(b"false", Json::Bool(false)),
            Some(b'n') => self.word(b"null", Json::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(JsonFault::Malformed),
        }
    }

    fn members(&mut self, depth: usize) -> Result<Object, JsonFault> {
        self.demand(b'{')?;
        let mut members: Vec<(String, Json)> = Vec::new();
        self.blank();
        if self.take(b'}') {
            return Ok(Object(members));
        }
        loop {
            self.blank();
            let name = self.text()?;
            if members.iter().any(|(known, _)| *known == name) {
                return Err(JsonFault::Duplicate);
            }
            if members.len() >= MEMBERS_MOST {
                return Err(JsonFault::Large);
            }
            self.blank();
            self.demand(b':')?;
            self.blank();
            members.push((name, self.value(depth + 1)?));
            self.blank();
            if self.take(b'}') {
                return Ok(Object(members));
            }
            self.demand(b',')?;
        }
    }

    fn elements(&mut self, depth: usize) -> Result<Vec<Json>, JsonFault> {
        self.demand(b'[')?;
        let mut elements = Vec::new();
        self.blank();
        if self.take(b']') {
            return Ok(elements);
        }
        loop {
            if elements.len() >= ELEMENTS_MOST {
                return Err(JsonFault::Large);
            }
            self.blank();
            elements.push(self.value(depth + 1)?);
            self.blank();
            if self.take(b']') {
                return Ok(elements);
            }
            self.demand(b',')?;
        }
    }

    fn text(&mut self) -> Result<String, JsonFault> {
        self.demand(b'"')?;
        let mut out = Vec::new();
        loop {
            match self.next()? {
                b'"' => return String::from_utf8(out).map_err(|_| JsonFault::Malformed),
                b'\\' => {
                    let character = self.escape()?;
                    let mut utf8 = [0; 4];
                    out.extend_from_slice(character.encode_utf8(&mut utf8).as_bytes());
                }
                0..0x20 => return Err(JsonFault::Malformed),
                byte => out.push(byte),
            }
        }
    }

    fn escape(&mut self) -> Result<char, JsonFault> {
        Ok(match self.next()? {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => return Err(JsonFault::Malformed),
        })
    }

    fn unicode(&mut self) -> Result<char, JsonFault> {
        let first = self.four_digits()?;
        if !(0xd800..0xdc00).contains(&first) {
            // A low surrogate without its high one is no character, and this says so.
            return char::from_u32(first).ok_or(JsonFault::Malformed);
        }
        self.demand(b'\\')?;
        self.demand(b'u')?;
        let second = self.four_digits()?;
        if !(0xdc00..0xe000).contains(&second) {
            return Err(JsonFault::Malformed);
        }
        char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)).ok_or(JsonFault::Malformed)
    }

    fn four_digits(&mut self) -> Result<u32, JsonFault> {
        let mut value = 0;
        for _ in 0..4 {
            let digit = char::from(self.next()?).to_digit(16).ok_or(JsonFault::Malformed)?;
            value = value * 16 + digit;
        }
        Ok(value)
    }

    fn number(&mut self) -> Result<Json, JsonFault> {
        let start = self.at;
        self.take(b'-');
        // A leading zero stands alone.
        if !self.take(b'0') {
            self.digits()?;
        }
        let mut whole = true;
        if self.take(b'.') {
            whole = false;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            whole = false;
            self.at += 1;
            if !self.take(b'-') {
                self.take(b'+');
            }
            self.digits()?;
        }
        let text = self.bytes.get(start..self.at).and_then(|bytes| std::str::from_utf8(bytes).ok());
        let text = text.ok_or(JsonFault::Malformed)?;
        if whole && let Ok(number) = text.parse() {
            return Ok(Json::Whole(number));
        }
        let number: f64 = text.parse().map_err(|_| JsonFault::Malformed)?;
        if number.is_finite() { Ok(Json::Real(number)) } else { Err(JsonFault::Malformed) }
    }

    fn digits(&mut self) -> Result<(), JsonFault> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(JsonFault::Malformed);
        }
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
