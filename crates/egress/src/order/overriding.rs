//! Methods that a request names beside its own: frameworks take them from a field of the query or of a form,
//! so that what was allowed as one operation would be done as another.
//!
//! The header fields of these names are on no list of what goes on. Pure: forms are read as they come.

use http::HeaderMap;
use http::header::CONTENT_TYPE;

/// The names, in lower case.
const NAMES: &[&str] = &["_httpmethod", "_method", "x-http-method", "x-http-method-override", "x-method-override"];

/// Bytes of a field's name, each three bytes long where it is percent-encoded, and of a part's header line:
/// what is longer is no field of these, or is not meant well.
const NAME_BYTES: usize = 128;
const LINE_BYTES: usize = 8 * 1024;

/// The parameter of a query that names another method, if one does.
pub(crate) fn method_override(query: &str) -> Option<&'static str> {
    query.split(['&', ';']).find_map(|part| encoded(part.split('=').next().unwrap_or(part).as_bytes()))
}

fn encoded(spelled: &[u8]) -> Option<&'static str> {
    let (name, _) = url::form_urlencoded::parse(spelled).next()?;
    known(&name)
}

fn known(name: &str) -> Option<&'static str> {
    let bare = name.split('[').next().unwrap_or(name).trim();
    NAMES.iter().copied().find(|known| known.eq_ignore_ascii_case(bare))
}

/// Looks for such a field in a form while its bytes go by.
pub(crate) enum FormScan {
    /// `application/x-www-form-urlencoded`: the name that is being read; none while a value is.
    UrlEncoded(Option<Vec<u8>>),
    /// `multipart/form-data`: the line that is being read.
    Multipart(Vec<u8>),
}

impl FormScan {
    /// What looks through a body of this kind; nothing where no framework takes it for a form.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let is = |kind: &str| {
            let mut told = headers.get_all(CONTENT_TYPE).iter();
            told.any(|value| {
                let essence = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
                essence.trim_ascii().eq_ignore_ascii_case(kind.as_bytes())
            })
        };
        if is("application/x-www-form-urlencoded") {
            return Some(Self::UrlEncoded(Some(Vec::new())));
        }
        is("multipart/form-data").then(|| Self::Multipart(Vec::new()))
    }

    /// Takes in the next bytes; the field that names another method, if one does.
    pub(crate) fn feed(&mut self, piece: &[u8]) -> Option<&'static str> {
        piece.iter().find_map(|byte| match self {
            Self::UrlEncoded(name) => of_form(name, *byte),
            Self::Multipart(line) => of_parts(line, *byte),
        })
    }

    /// The same where the body ends.
    pub(crate) fn end(&mut self) -> Option<&'static str> {
        match self {
            Self::UrlEncoded(name) => of_form(name, b'&'),
            Self::Multipart(line) => of_parts(line, b'\n'),
        }
    }
}

fn of_form(name: &mut Option<Vec<u8>>, byte: u8) -> Option<&'static str> {
    match (byte, name.as_mut()) {
        (b'&' | b';', read) => {
            let found = read.and_then(|read| encoded(read));
            *name = Some(Vec::new());
            found
        }
        (b'=', Some(read)) => {
            let found = encoded(read);
            *name = None;
            found
        }
        (_, Some(read)) if read.len() < NAME_BYTES => {
            read.push(byte);
            None
        }
        _ => None,
    }
}

fn of_parts(line: &mut Vec<u8>, byte: u8) -> Option<&'static str> {
    if byte != b'\n' && byte != b'\r' {
        if line.len() < LINE_BYTES {
            line.push(byte);
        }
        return None;
    }
    let found = part_name(line);
    line.clear();
    found
}

/// The name in a line of a part's header, where it is one of these. A line that begins with a blank goes on
/// with the one before it, which may be that of the name.
fn part_name(line: &[u8]) -> Option<&'static str> {
    let label = b"content-disposition";
    let begins = line.get(..label.len()).is_some_and(|begun| begun.eq_ignore_ascii_case(label));
    if !begins && !matches!(line.first(), Some(b' ' | b'\t')) {
        return None;
    }
    let text = std::str::from_utf8(line).ok()?;
    text.split(';').find_map(|parameter| {
        let (attribute, value) = parameter.split_once('=')?;
        let attribute = attribute.trim().trim_end_matches('*');
        let value = value.trim().trim_matches(['"', '\'']);
        // An extended value (RFC 8187) begins with its charset and language.
        let value = value.rsplit('\'').next().unwrap_or(value);
        attribute.eq_ignore_ascii_case("name").then(|| encoded(value.as_bytes()))?
    })
}

#[cfg(test)]
mod tests;
