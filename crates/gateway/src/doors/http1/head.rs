//! A request's head: its request line and its fields, judged line by line as they arrive.
//!
//! [`Head::read`] is called with all bytes of the head that there are so far, and goes on where it
//! stopped. It allocates nothing: what it must remember of earlier lines are numbers and places.

use std::ops::Range;

use lockgate_vocabulary::limit;
use memchr::memchr;

use super::field::{self, Known, Name};
use super::target::{self, Target};
use super::violation::Violation;

/// What stands in a request line beside the target: the longest method, two spaces, the version.
const LINE_BESIDE_TARGET: usize = 32;

/// How the end of a body is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// It has so many bytes.
    Length(u64),
    /// It comes in chunks.
    Chunked,
}

/// A head that keeps all rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Judged {
    /// Its bytes, to the empty line and with it.
    pub length: usize,
    /// The scheme and authority of an absolute-form target, which are cut out.
    pub cut: Option<Range<usize>>,
    /// How its body ends.
    pub framing: Framing,
    /// Whether nothing may follow it on this connection.
    pub last: bool,
}

/// What is known of a head that is still arriving.
#[derive(Debug, Clone, Default)]
pub(super) struct Head {
    /// Where the line begins that is judged next.
    at: usize,
    /// Up to where that line was searched for its end.
    searched: usize,
    lines: usize,
    seen: u32,
    old: bool,
    last: bool,
    chunked: bool,
    length: Option<u64>,
    host: Range<usize>,
    authority: Option<Range<usize>>,
    path: usize,
    target: usize,
}

impl Head {
    /// Whether any byte of it has arrived.
    pub(super) fn is_begun(&self) -> bool {
        self.searched > 0
    }

    /// Judges the lines that have arrived whole. `bytes` begins where the head begins.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<Option<Judged>, Violation> {
        loop {
            let fresh = bytes.get(self.searched..).unwrap_or_default();
            let Some(found) = memchr(b'\n', fresh) else {
                self.searched = bytes.len();
                return self.wait(bytes.len()).map(|()| None);
            };
            let end = self.searched + found;
            let line = bytes.get(self.at..end).unwrap_or_default();
            let line = line.strip_suffix(b"\r").ok_or(Violation::LineEnd)?;
            let from = self.at;
            (self.at, self.searched) = (end + 1, end + 1);
            self.wait(self.at)?;
            if self.lines == 0 {
                self.request_line(line)?;
            } else if line.is_empty() {
                return self.finish(bytes).map(Some);
            } else {
                self.field(line, from)?;
            }
            self.lines += 1;
        }
    }

    /// Holds what has arrived so far against the limits.
    fn wait(&self, arrived: usize) -> Result<(), Violation> {
        if self.lines == 0 && arrived > limit::TARGET_BYTES + LINE_BESIDE_TARGET {
            return Err(Violation::TargetTooLong);
        }
        if arrived > limit::HEAD_BYTES { Err(Violation::HeadTooLarge) } else { Ok(()) }
    }

    fn request_line(&mut self, line: &[u8]) -> Result<(), Violation> {
        let mut words = line.split(|byte| *byte == b' ');
        let (Some(method), Some(target), Some(version), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(Violation::RequestLine);
        };
        judge_method(method)?;
        self.old = judge_version(version)?;
        self.last = self.old;
        if target.len() > limit::TARGET_BYTES {
            return Err(Violation::TargetTooLong);
        }
        self.target = method.len() + 1;
        let Target { authority, path } = target::parse(target).ok_or(Violation::Target)?;
        self.authority = authority.map(|range| self.target + range.start..self.target + range.end);
        self.path = self.target + path;
        Ok(())
    }

    fn field(&mut self, line: &[u8], from: usize) -> Result<(), Violation> {
        // The request line is the line before the first field.
        if self.lines > limit::HEADER_COUNT {
            return Err(Violation::HeadTooLarge);
        }
        let colon = line.iter().position(|byte| !field::is_token_byte(*byte)).ok_or(Violation::Field)?;
        let (name, rest) = line.split_at_checked(colon).ok_or(Violation::Field)?;
        let raw = rest.strip_prefix(b":").filter(|_| !name.is_empty()).ok_or(Violation::Field)?;
        if !field::is_clean_value(raw) {
            return Err(Violation::Control);
        }
        let known = match field::classify(name) {
            Name::Plain => return Ok(()),
            Name::Twin => return Err(Violation::Field),
            Name::Known(known) => known,
        };
        if let Some(bit) = known.bit() {
            if self.seen & bit != 0 {
                return Err(if known == Known::Host { Violation::Host } else { Violation::Repeated });
            }
            self.seen |= bit;
        }
        let value = field::trim(raw);
        if known == Known::Host {
            let leading = raw.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
            let start = from + colon + 1 + leading;
            self.host = start..start + value.len();
        }
        self.understand(known, value)
    }

    fn understand(&mut self, known: Known, value: &[u8]) -> Result<(), Violation> {
        match known {
            Known::Once(_) => {}
            Known::Host if target::is_authority(value) => {}
            Known::Host => return Err(Violation::Host),
            Known::ContentLength => {
                let length = field::content_length(value).ok_or(Violation::Framing)?;
                if length > limit::BULK_BODY_BYTES {
                    return Err(Violation::BodyTooLarge);
                }
                self.length = Some(length);
            }
            Known::TransferEncoding if value.eq_ignore_ascii_case(b"chunked") => self.chunked = true,
            Known::TransferEncoding => return Err(Violation::Framing),
            Known::Connection => {
                self.last |= field::connection_options(value).ok_or(Violation::Connection)?.last;
            }
            // RFC 9110 section 7.8 lets a server ignore an Upgrade. Whoever sent it may go on in another
            // protocol, so nothing after this message is read as HTTP.
            Known::Upgrade => self.last = true,
            Known::Expect if value.eq_ignore_ascii_case(b"100-continue") => {}
            Known::Expect => return Err(Violation::Expectation),
        }
        Ok(())
    }

    fn finish(&self, bytes: &[u8]) -> Result<Judged, Violation> {
        // HTTP/1.0 knows neither a required Host nor chunks (RFC 9112 sections 3.2 and 6.1).
        let has_host = self.seen & Known::Host.bit().unwrap_or(0) != 0;
        if !has_host && !self.old {
            return Err(Violation::Host);
        }
        if self.chunked && (self.old || self.length.is_some()) {
            return Err(Violation::Framing);
        }
        let mut cut = None;
        if let Some(authority) = &self.authority {
            let (named, host) = (bytes.get(authority.clone()), bytes.get(self.host.clone()));
            let agree = named.zip(host).is_some_and(|(named, host)| named.eq_ignore_ascii_case(host));
            if !agree {
                return Err(Violation::Host);
            }
            cut = Some(self.target..self.path);
        }
        let framing = if self.chunked { Framing::Chunked } else { Framing::Length(self.length.unwrap_or(0)) };
        Ok(Judged { length: self.at, cut, framing, last: self.last })
    }
}

/// The methods that are served; `CONNECT` and `TRACE` are not among them.
const METHODS: [&[u8]; 7] = [b"GET", b"POST", b"PUT", b"DELETE", b"HEAD", b"PATCH", b"OPTIONS"];

fn judge_method(method: &[u8]) -> Result<(), Violation> {
    if METHODS.contains(&method) {
        return Ok(());
    }
    let plain = |byte: &u8| byte.is_ascii_uppercase() || *byte == b'-';
    let shaped = (1..=24).contains(&method.len())
        && method.first().is_some_and(u8::is_ascii_uppercase)
        && method.iter().all(plain);
    Err(if shaped { Violation::MethodUnknown } else { Violation::Method })
}

/// Whether the version is the old one, HTTP/1.0.
fn judge_version(version: &[u8]) -> Result<bool, Violation> {
    match version {
        b"HTTP/1.1" => Ok(false),
        b"HTTP/1.0" => Ok(true),
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor] if major.is_ascii_digit() && minor.is_ascii_digit() => {
            Err(Violation::Version)
        }
        _ => Err(Violation::RequestLine),
    }
}

#[cfg(test)]
mod tests;
