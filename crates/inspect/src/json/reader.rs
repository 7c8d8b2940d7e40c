//! The pass over the text: a stack of what is open, and nothing else.

use super::{Finding, Flaw, Limits, number, pointer};

/// What is open.
enum Frame {
    /// An array, and the place of its element that is being read.
    Array { index: usize },
    /// An object: where its member names start among all names, where their undone escapes start, and the
    /// member that is being read.
    Object { names: usize, spelled: usize, current: Option<Name> },
}

/// A member name: a part of the text, or of what its escapes stand for.
#[derive(Clone, Copy)]
struct Name {
    from: usize,
    to: usize,
    escaped: bool,
}

/// What is wanted next.
#[derive(PartialEq, Eq)]
enum Next {
    Value,
    End,
}

pub(super) struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    limits: &'a Limits,
    values: usize,
    frames: Vec<Frame>,
    names: Vec<Name>,
    spelled: Vec<u8>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a [u8], limits: &'a Limits) -> Self {
        Self { text, at: 0, limits, values: 0, frames: Vec::new(), names: Vec::new(), spelled: Vec::new() }
    }

    pub(super) fn read(mut self) -> Result<(), Finding> {
        self.run().map_err(|flaw| Finding { flaw, at: self.at, pointer: self.pointer() })
    }

    fn run(&mut self) -> Result<(), Flaw> {
        loop {
            self.skip_blank();
            if self.begin()? == Next::Value {
                continue;
            }
            if self.proceed()? == Next::End {
                return Ok(());
            }
        }
    }

    /// Reads a value that has no parts, or opens one that has. `Value` says that its first part is next;
    /// `End` that the value is over.
    fn begin(&mut self) -> Result<Next, Flaw> {
        self.values += 1;
        if self.values > self.limits.values {
            return Err(Flaw::Values);
        }
        match self.peek().ok_or(Flaw::Truncated)? {
            b'{' => {
                self.open(Frame::Object { names: self.names.len(), spelled: self.spelled.len(), current: None })?;
                if self.eat_after_blank(b'}') {
                    return self.close().map(|()| Next::End);
                }
                self.member().map(|()| Next::Value)
            }
            b'[' => {
                self.open(Frame::Array { index: 0 })?;
                if self.eat_after_blank(b']') {
                    return self.close().map(|()| Next::End);
                }
                Ok(Next::Value)
            }
            b'"' => self.string(false).map(|_| Next::End),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            b'-' | b'0'..=b'9' => {
                self.at += number::read(self.text.get(self.at..).unwrap_or_default())?;
                Ok(Next::End)
            }
            _ => Err(Flaw::Syntax),
        }
    }

    /// After a value: goes on to the next one, or closes what it ended. `End` says that the text is over.
    fn proceed(&mut self) -> Result<Next, Flaw> {
        loop {
            self.skip_blank();
            let Some(frame) = self.frames.last_mut() else {
                return if self.at == self.text.len() { Ok(Next::End) } else { Err(Flaw::TrailingData) };
            };
            let byte = self.text.get(self.at).copied().ok_or(Flaw::Truncated)?;
            match (frame, byte) {
                (Frame::Array { index }, b',') => {
                    *index += 1;
                    if *index >= self.limits.width {
                        return Err(Flaw::Width);
                    }
                    self.at += 1;
                    return Ok(Next::Value);
                }
                (Frame::Object { .. }, b',') => {
                    self.at += 1;
                    return self.member().map(|()| Next::Value);
                }
                (Frame::Array { .. }, b']') | (Frame::Object { .. }, b'}') => {
                    self.at += 1;
                    self.close()?;
                }
                _ => return Err(Flaw::Syntax),
            }
        }
    }

    fn open(&mut self, frame: Frame) -> Result<(), Flaw> {
        if self.frames.len() >= self.limits.depth {
            return Err(Flaw::Depth);
        }
        self.at += 1;
        self.frames.push(frame);
        Ok(())
    }

    /// Closes what is open innermost. Of an object the names are compared now: sorted, so that no choice
    /// of names makes it slow.
    fn close(&mut self) -> Result<(), Flaw> {
        if let Some(Frame::Object { names, spelled, current }) = self.frames.last_mut() {
            let (text, undone) = (self.text, &self.spelled);
            let spelling = |name: &Name| spelling(text, undone, *name);
            let own = self.names.get_mut(*names..).unwrap_or_default();
            own.sort_unstable_by(|one, other| spelling(one).cmp(spelling(other)));
            if own.windows(2).any(|pair| matches!(pair, [one, other] if spelling(one) == spelling(other))) {
                // The pointer then names the object: the members are in another order now.
                *current = None;
                return Err(Flaw::DuplicateName);
            }
            self.names.truncate(*names);
            self.spelled.truncate(*spelled);
        }
        self.frames.pop();
        Ok(())
    }

    /// Reads a member's name and the colon.
    fn member(&mut self) -> Result<(), Flaw> {
        let Some(Frame::Object { names, current, .. }) = self.frames.last_mut() else { return Err(Flaw::Syntax) };
        *current = None;
        if self.names.len() - *names >= self.limits.width {
            return Err(Flaw::Width);
        }
        self.skip_blank();
        match self.peek() {
            Some(b'"') => {}
            Some(_) => return Err(Flaw::Syntax),
            None => return Err(Flaw::Truncated),
        }
        let name = self.string(true)?;
        self.names.push(name);
        if let Some(Frame::Object { current, .. }) = self.frames.last_mut() {
            *current = Some(name);
        }
        if self.eat_after_blank(b':') {
            return Ok(());
        }
        Err(if self.peek().is_none() { Flaw::Truncated } else { Flaw::Syntax })
    }

    /// Reads a string. What the escapes of a name stand for is kept, to compare it.
    fn string(&mut self, is_name: bool) -> Result<Name, Flaw> {
        self.at += 1;
        let (from, spelled_from) = (self.at, self.spelled.len());
        let mut copied = from;
        let mut escaped = false;
        let mut characters = 0usize;
        loop {
            let byte = self.peek().ok_or(Flaw::Truncated)?;
            match byte {
                b'"' => break,
                0..=0x1f => return Err(Flaw::ControlCharacter),
                b'\\' => {
                    let before = self.at;
                    let character = self.escape()?;
                    if is_name {
                        self.spelled.extend_from_slice(self.text.get(copied..before).unwrap_or_default());
                        self.spelled.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                        copied = self.at;
                    }
                    escaped = true;
                    characters += 1;
                }
                _ => {
                    // The bytes that continue a character do not count.
                    characters += usize::from(byte & 0xc0 != 0x80);
                    self.at += 1;
                }
            }
            if characters > self.limits.characters {
                return Err(Flaw::StringLength);
            }
        }
        let to = self.at;
        self.at += 1;
        if !(escaped && is_name) {
            return Ok(Name { from, to, escaped: false });
        }
        self.spelled.extend_from_slice(self.text.get(copied..to).unwrap_or_default());
        Ok(Name { from: spelled_from, to: self.spelled.len(), escaped: true })
    }

    /// Reads an escape and gives what it stands for.
    fn escape(&mut self) -> Result<char, Flaw> {
        self.at += 1;
        let byte = self.peek().ok_or(Flaw::Truncated)?;
        self.at += 1;
        let plain = match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => return Err(Flaw::Escape),
        };
        Ok(plain)
    }

    fn unicode(&mut self) -> Result<char, Flaw> {
        let first = self.four_digits()?;
        let code = match first {
            0xd800..=0xdbff => {
                if !(self.eat(b'\\') && self.eat(b'u')) {
                    return Err(Flaw::Escape);
                }
                let second = self.four_digits()?;
                if !(0xdc00..=0xdfff).contains(&second) {
                    return Err(Flaw::Escape);
                }
                0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00)
            }
            other => other,
        };
        // The second half of a pair on its own is no character.
        char::from_u32(code).ok_or(Flaw::Escape)
    }

    fn four_digits(&mut self) -> Result<u32, Flaw> {
        let digits = self.text.get(self.at..).and_then(|left| left.first_chunk::<4>()).ok_or(Flaw::Truncated)?;
        let code =
            digits.iter().try_fold(0, |code, digit| char::from(*digit).to_digit(16).map(|value| (code << 4) | value));
        self.at += 4;
        code.ok_or(Flaw::Escape)
    }

    fn word(&mut self, word: &[u8]) -> Result<Next, Flaw> {
        let left = self.text.get(self.at..).unwrap_or_default();
        if left.starts_with(word) {
            self.at += word.len();
            return Ok(Next::End);
        }
        Err(if word.starts_with(left) { Flaw::Truncated } else { Flaw::Syntax })
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn eat_after_blank(&mut self, byte: u8) -> bool {
        self.skip_blank();
        self.eat(byte)
    }

    fn skip_blank(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    /// Where reading stopped.
    fn pointer(&self) -> String {
        let mut out = String::new();
        for frame in &self.frames {
            match frame {
                Frame::Array { index } => pointer::push_index(&mut out, *index),
                Frame::Object { current: Some(name), .. } => {
                    let spelled = spelling(self.text, &self.spelled, *name);
                    pointer::push_name(&mut out, &String::from_utf8_lossy(spelled));
                }
                Frame::Object { current: None, .. } => break,
            }
        }
        pointer::clip(out)
    }
}

fn spelling<'a>(text: &'a [u8], undone: &'a [u8], name: Name) -> &'a [u8] {
    let source = if name.escaped { undone } else { text };
    source.get(name.from..name.to).unwrap_or_default()
}
