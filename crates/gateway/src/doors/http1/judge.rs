//! The judge: a state machine over the bytes of one connection. It does no I/O and allocates nothing.
//!
//! [`Judge::step`] is shown the bytes that have not been handed on and says how many of them may be, or
//! which rule they break. A head is handed on only when all of it keeps the rules; of a body, what has
//! kept them so far.
//! INVARIANT: after a violation no byte is handed on, ever; after the last message none is either.

use lockgate_vocabulary::limit;

use super::chunk;
use super::head::{Framing, Head, Judged};
use super::violation::Violation;

/// Where in a message the judge stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stand {
    /// Before or in a head.
    Head,
    /// In a body with so many bytes to come.
    Body(u64),
    /// Before a chunk's size.
    ChunkSize,
    /// In a chunk with so many bytes to come.
    Chunk(u64),
    /// Before the CRLF after a chunk.
    ChunkEnd,
    /// Before the CRLF that ends the last chunk.
    LastEnd,
    /// After the last message of the connection.
    Over,
}

/// What may be done with the bytes that were shown: the first `drop` are thrown away, the next `pass`
/// are handed on. Both are zero if more bytes are needed before anything can be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Step {
    /// Bytes that nobody behind the reader needs to see.
    pub drop: usize,
    /// Bytes that kept the rules.
    pub pass: usize,
}

impl Step {
    const WAIT: Self = Self { drop: 0, pass: 0 };

    const fn pass(pass: usize) -> Self {
        Self { drop: 0, pass }
    }
}

/// Judges the messages of one connection, one after the other.
#[derive(Debug)]
pub struct Judge {
    stand: Stand,
    head: Head,
    last: bool,
    heads: u64,
    /// Bytes of the present body so far, where it comes in chunks.
    chunked: u64,
    /// Whether an empty line before the next head was let go.
    skipped: bool,
}

impl Default for Judge {
    fn default() -> Self {
        Self { stand: Stand::Head, head: Head::default(), last: false, heads: 0, chunked: 0, skipped: false }
    }
}

impl Judge {
    /// How many heads have kept the rules.
    pub fn heads(&self) -> u64 {
        self.heads
    }

    /// Whether the judge waits for a message of which no byte has arrived.
    pub fn is_idle(&self) -> bool {
        self.stand == Stand::Head && !self.head.is_begun()
    }

    /// Whether the bytes to come belong to a body whose head was handed on.
    pub fn is_in_body(&self) -> bool {
        !matches!(self.stand, Stand::Head | Stand::Over)
    }

    /// Whether nothing more is read from this connection.
    pub fn is_over(&self) -> bool {
        self.stand == Stand::Over
    }

    /// Judges what `bytes` begin with. They may be moved within themselves to close a gap.
    pub fn step(&mut self, bytes: &mut [u8]) -> Result<Step, Violation> {
        if bytes.is_empty() {
            return Ok(Step::WAIT);
        }
        match self.stand {
            Stand::Head => self.head(bytes),
            Stand::Body(left) => {
                let pass = within(bytes.len(), left);
                self.stand = Stand::Body(left - pass as u64);
                if left == pass as u64 {
                    self.end();
                }
                Ok(Step::pass(pass))
            }
            Stand::ChunkSize => self.chunk_size(bytes),
            Stand::Chunk(left) => {
                let pass = within(bytes.len(), left);
                self.stand = if left == pass as u64 { Stand::ChunkEnd } else { Stand::Chunk(left - pass as u64) };
                Ok(Step::pass(pass))
            }
            Stand::ChunkEnd => Ok(crlf(bytes, Violation::ChunkEnd)?.map_or(Step::WAIT, |pass| {
                self.stand = Stand::ChunkSize;
                Step::pass(pass)
            })),
            Stand::LastEnd => Ok(crlf(bytes, Violation::Trailer)?.map_or(Step::WAIT, |pass| {
                self.end();
                Step::pass(pass)
            })),
            Stand::Over => Ok(Step { drop: bytes.len(), pass: 0 }),
        }
    }

    fn head(&mut self, bytes: &mut [u8]) -> Result<Step, Violation> {
        // RFC 9112 section 2.2: one empty line before a request line is let go, and one alone.
        if !self.skipped && bytes.first() == Some(&b'\r') {
            self.skipped = crlf(bytes, Violation::LineEnd)?.is_some();
            return Ok(if self.skipped { Step { drop: 2, pass: 0 } } else { Step::WAIT });
        }
        let Some(Judged { length, cut, framing, last }) = self.head.read(bytes)? else { return Ok(Step::WAIT) };
        (self.head, self.skipped, self.last, self.chunked) = (Head::default(), false, last, 0);
        self.heads += 1;
        match framing {
            Framing::Chunked => self.stand = Stand::ChunkSize,
            Framing::Length(0) => self.end(),
            Framing::Length(left) => self.stand = Stand::Body(left),
        }
        let Some(cut) = cut else { return Ok(Step::pass(length)) };
        // An absolute-form target without a path asks for the root (RFC 9112 section 3.2.1).
        let rootless = bytes.get(cut.end) == Some(&b' ');
        let end = if rootless { cut.end - 1 } else { cut.end };
        if let Some(slash) = bytes.get_mut(end).filter(|_| rootless) {
            *slash = b'/';
        }
        let drop = end - cut.start;
        bytes.copy_within(..cut.start, drop);
        Ok(Step { drop, pass: length - drop })
    }

    fn chunk_size(&mut self, bytes: &mut [u8]) -> Result<Step, Violation> {
        let Some(line) = chunk::line(bytes)? else { return Ok(Step::WAIT) };
        self.chunked = self.chunked.saturating_add(line.size);
        if self.chunked > limit::BULK_BODY_BYTES {
            return Err(Violation::BodyTooLarge);
        }
        self.stand = if line.size == 0 { Stand::LastEnd } else { Stand::Chunk(line.size) };
        let drop = line.length - line.digits;
        bytes.copy_within(..line.digits, drop);
        Ok(Step { drop, pass: line.digits + 2 })
    }

    fn end(&mut self) {
        self.stand = if self.last { Stand::Over } else { Stand::Head };
    }
}

/// As many of `there` bytes as `left` allows.
fn within(there: usize, left: u64) -> usize {
    usize::try_from(left).map_or(there, |left| there.min(left))
}

/// Two bytes if there is a CRLF, nothing if it may still come.
fn crlf(bytes: &[u8], otherwise: Violation) -> Result<Option<usize>, Violation> {
    match bytes {
        [b'\r', b'\n', ..] => Ok(Some(2)),
        [b'\r'] => Ok(None),
        _ => Err(otherwise),
    }
}

#[cfg(test)]
mod tests;
