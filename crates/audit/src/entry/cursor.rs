//! The smallest parts of an entry, read: each is accepted in its one spelling alone.

use std::borrow::Cow;
use std::net::IpAddr;
use std::str::FromStr;

use super::BadEntry;
use super::scalar::unescape;
use crate::chain::{HASH_TEXT, Hash};

/// A place in a line.
pub(super) struct Cursor<'a> {
    pub(super) line: &'a [u8],
    pub(super) at: usize,
}

pub(super) type Parsed<T> = Result<T, BadEntry>;

impl<'a> Cursor<'a> {
    pub(super) const fn bad(&self, wanted: &'static str) -> BadEntry {
        BadEntry { wanted, at: self.at }
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.line.get(self.at..).unwrap_or_default()
    }

    pub(super) fn is_at(&mut self, text: &'static str) -> bool {
        let is = self.rest().starts_with(text.as_bytes());
        if is {
            self.at += text.len();
        }
        is
    }

    pub(super) fn literal(&mut self, text: &'static str) -> Parsed<()> {
        if self.is_at(text) { Ok(()) } else { Err(self.bad(text)) }
    }

    pub(super) fn unsigned(&mut self) -> Parsed<u64> {
        let digits = self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
        let text = self.rest().get(..digits).unwrap_or_default();
        let zero_first = digits > 1 && text.first() == Some(&b'0');
        let value = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).filter(|_| !zero_first);
        let value = value.ok_or_else(|| self.bad("a number"))?;
        self.at += digits;
        Ok(value)
    }

    pub(super) fn signed(&mut self) -> Parsed<i64> {
        let negative = self.is_at("-");
        let magnitude = self.unsigned()?;
        let value = if negative { 0i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() };
        // There is no minus zero.
        value.filter(|value| !negative || *value != 0).ok_or_else(|| self.bad("a number that fits"))
    }

    pub(super) fn small<T: TryFrom<u64>>(&mut self) -> Parsed<T> {
        let value = self.unsigned()?;
        T::try_from(value).map_err(|_| self.bad("a smaller number"))
    }

    pub(super) fn status(&mut self) -> Parsed<Option<u16>> {
        if self.is_at(",\"status\":") { self.small().map(Some) } else { Ok(None) }
    }

    pub(super) fn flag(&mut self) -> Parsed<bool> {
        if self.is_at("true") {
            return Ok(true);
        }
        self.literal("false").map(|()| false)
    }

    /// What stands between quotes, as it stands there.
    pub(super) fn raw(&mut self) -> Parsed<&'a [u8]> {
        self.literal("\"")?;
        let rest = self.rest();
        let mut escaped = false;
        let end = rest.iter().position(|byte| match (*byte, escaped) {
            (b'"', false) => true,
            (byte, before) => {
                escaped = byte == b'\\' && !before;
                false
            }
        });
        let end = end.ok_or_else(|| self.bad("a closing quote"))?;
        self.at += end + 1;
        Ok(rest.get(..end).unwrap_or_default())
    }

    pub(super) fn string(&mut self, most: usize) -> Parsed<Cow<'a, str>> {
        let start = self.bad("a text in its one spelling");
        unescape(self.raw()?).filter(|text| text.len() <= most).ok_or(start)
    }

    pub(super) fn text(&mut self, most: usize) -> Parsed<Box<str>> {
        self.string(most).map(|text| text.into_owned().into_boxed_str())
    }

    pub(super) fn optional_text(&mut self, name: &'static str, most: usize) -> Parsed<Option<Box<str>>> {
        if self.is_at(name) { self.text(most).map(Some) } else { Ok(None) }
    }

    pub(super) fn parsed<T: FromStr>(&mut self, wanted: &'static str) -> Parsed<T> {
        let start = self.bad(wanted);
        std::str::from_utf8(self.raw()?).ok().and_then(|text| text.parse().ok()).ok_or(start)
    }

    pub(super) fn optional<T: FromStr>(&mut self, name: &'static str, wanted: &'static str) -> Parsed<Option<T>> {
        if self.is_at(name) { self.parsed(wanted).map(Some) } else { Ok(None) }
    }

    pub(super) fn address(&mut self) -> Parsed<IpAddr> {
        let start = self.bad("an address in its one spelling");
        let raw = self.raw()?;
        let address: IpAddr = std::str::from_utf8(raw).ok().and_then(|text| text.parse().ok()).ok_or(start)?;
        if address.to_string().as_bytes() == raw { Ok(address) } else { Err(start) }
    }

    pub(super) fn hash(&mut self) -> Parsed<Hash> {
        let start = self.bad("a hash");
        let raw = self.raw()?;
        Hash::from_base64(raw).filter(|_| raw.len() == HASH_TEXT).ok_or(start)
    }

    /// So many lower-case hexadecimal digits in quotes.
    pub(super) fn digits(&mut self, count: usize) -> Parsed<Box<str>> {
        let start = self.bad("hexadecimal digits");
        let raw = self.raw()?;
        let fits = raw.len() == count && raw.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        std::str::from_utf8(raw).ok().filter(|_| fits).map(Into::into).ok_or(start)
    }
}
