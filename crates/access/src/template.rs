//! Paths: the one canonical spelling of a path, and templates that are matched against it.
//!
//! A vendor's server, a proxy before it and we may each read an odd path differently; whoever judges
//! one reading and sends another has judged nothing. So a path has one spelling here, or it is refused,
//! and the spelling that was judged is the spelling that is sent.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

mod canonical;

pub use canonical::{PathParse, canonical_path};

/// Segments of one template.
pub const SEGMENTS_MOST: usize = 64;

/// Bytes of one template.
pub const TEMPLATE_BYTES: usize = 1024;

/// A path template: literal segments, `{name}` for one whole segment, and at the end `{name...}` for
/// all that are left, at least one.
#[derive(Clone)]
pub struct PathTemplate {
    text: Arc<str>,
    segments: Box<[Segment]>,
    /// Bytes before the first parameter: most paths are told from most templates by these alone.
    fixed: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Literal(Box<str>),
    One,
    Rest,
}

/// Why a text is no path template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TemplateParse {
    /// It does not start with a slash, or is too long.
    Shape,
    /// A literal segment is not in its canonical spelling.
    Literal,
    /// A parameter is not `{name}` or, at the end, `{name...}`, with a name of letters, digits and `_`.
    Parameter,
    /// A parameter's name stands twice.
    Repeated,
}

impl fmt::Display for TemplateParse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Shape => "a path template starts with '/' and has at most 64 segments and 1024 bytes",
            Self::Literal => "a segment is not in its canonical spelling",
            Self::Parameter => "a parameter is a whole segment, {name}, or at the end {name...}",
            Self::Repeated => "a parameter's name stands twice",
        })
    }
}

impl std::error::Error for TemplateParse {}

impl PathTemplate {
    /// The template as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the path, in its canonical spelling, fits. It allocates nothing.
    pub fn matches(&self, path: &str) -> bool {
        if self.text.as_bytes().get(..self.fixed) != path.as_bytes().get(..self.fixed) {
            return false;
        }
        let Some(path) = path.strip_prefix('/') else { return false };
        let mut left = path.split('/');
        for segment in &*self.segments {
            match (segment, left.next()) {
                (Segment::Rest, given) => return given.is_some_and(|given| !given.is_empty()),
                (Segment::One, Some(given)) if !given.is_empty() => {}
                (Segment::Literal(wanted), Some(given)) if given == &**wanted => {}
                _ => return false,
            }
        }
        left.next().is_none()
    }

    /// Whether the path fits as a careless server may read it: letters regardless of case, without path
    /// parameters (`;a=1`), and without regard to a slash at the end. It allocates nothing.
    pub fn matches_carelessly(&self, path: &str) -> bool {
        self.matches_by(path, |given, wanted| {
            without_parameters(given).eq_ignore_ascii_case(without_parameters(wanted))
        })
    }

    /// The same for frameworks that also cut a format (`.json`), dots, blanks and what an encoded `?`, `#` or
    /// `%` begins off the end of a segment.
    pub fn matches_loosely(&self, path: &str) -> bool {
        self.matches_by(path, |given, wanted| bare(given).eq_ignore_ascii_case(bare(wanted)))
    }

    fn matches_by(&self, path: &str, same: impl Fn(&str, &str) -> bool) -> bool {
        let path = path.strip_prefix('/').unwrap_or(path);
        let mut left = path.strip_suffix('/').unwrap_or(path).split('/');
        for segment in self.segments.iter().filter(|segment| !segment.is_final_slash()) {
            match (segment, left.next()) {
                (Segment::Rest, given) => return given.is_some_and(|given| !given.is_empty()),
                (Segment::One, Some(given)) if !given.is_empty() => {}
                (Segment::Literal(wanted), Some(given)) if same(given, wanted) => {}
                _ => return false,
            }
        }
        // The root has one segment, which is empty and was passed over.
        left.all(str::is_empty)
    }

    /// Whether it has a parameter, so that paths fit that nobody wrote down.
    pub fn has_parameters(&self) -> bool {
        self.fixed < self.text.len()
    }

    /// Whether a path that fits has path parameters (`;a=1`) where a parameter of the template stands: some
    /// servers route by what is left without them.
    pub fn takes_path_parameters(&self, path: &str) -> bool {
        let mut kinds = self.segments.iter();
        let mut kind = kinds.next();
        path.strip_prefix('/').unwrap_or(path).split('/').any(|given| {
            let found = kind.is_some_and(|kind| kind.kind() != 0) && without_parameters(given).len() < given.len();
            // All that is left belongs to the rest.
            if !matches!(kind, Some(Segment::Rest)) {
                kind = kinds.next();
            }
            found
        })
    }

    /// Which of two templates is tried first: the one that is more exact at the first segment where
    /// they differ in kind. Templates that are equally exact are told apart by their text.
    pub fn by_exactness(&self, other: &Self) -> Ordering {
        let kinds = |template: &Self| template.segments.iter().map(Segment::kind).collect::<Vec<_>>();
        kinds(self).cmp(&kinds(other)).then_with(|| self.text.cmp(&other.text))
    }

    /// Whether both match exactly the same paths: they differ in the names of parameters at the most.
    pub fn same_shape(&self, other: &Self) -> bool {
        self.segments == other.segments
    }
}

impl Segment {
    const fn kind(&self) -> u8 {
        match self {
            Self::Literal(_) => 0,
            Self::One => 1,
            Self::Rest => 2,
        }
    }

    fn is_final_slash(&self) -> bool {
        matches!(self, Self::Literal(text) if text.is_empty())
    }

    fn parse<'a>(text: &'a str, last: bool, names: &mut Vec<&'a str>) -> Result<Self, TemplateParse> {
        let Some(open) = text.strip_prefix('{') else {
            // The last segment may be empty: a path that ends in a slash is another path.
            let canonical = |text: &str| canonical::is_canonical_segment(text);
            let fits = (text.is_empty() && last) || canonical(text);
            return if fits { Ok(Self::Literal(text.into())) } else { Err(TemplateParse::Literal) };
        };
        let inner = open.strip_suffix('}').ok_or(TemplateParse::Parameter)?;
        let (name, kind) = match inner.strip_suffix("...") {
            Some(name) if last => (name, Self::Rest),
            Some(_) => return Err(TemplateParse::Parameter),
            None => (inner, Self::One),
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
            return Err(TemplateParse::Parameter);
        }
        if names.contains(&name) {
            return Err(TemplateParse::Repeated);
        }
        names.push(name);
        Ok(kind)
    }
}

/// A segment without what servers are known to cut off its end.
fn bare(segment: &str) -> &str {
    let mut bare = without_parameters(segment);
    for code in ["%00", "%23", "%25", "%3F", "%3f"] {
        bare = bare.split(code).next().unwrap_or(bare);
    }
    loop {
        let cut = bare.strip_suffix("%20").or(bare.strip_suffix("%09")).or(bare.strip_suffix('.'));
        match cut {
            Some(cut) => bare = cut,
            None => break,
        }
    }
    match bare.rsplit_once('.') {
        Some((name, format)) if !name.is_empty() && format.len() <= 8 && is_word(format) => name,
        _ => bare,
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// A segment up to its first `;`, however that is spelled.
fn without_parameters(segment: &str) -> &str {
    let plain = segment.split(';').next().unwrap_or(segment);
    plain.split("%3B").next().unwrap_or(plain)
}

impl FromStr for PathTemplate {
    type Err = TemplateParse;

    fn from_str(text: &str) -> Result<Self, TemplateParse> {
        let path = text.strip_prefix('/').ok_or(TemplateParse::Shape)?;
        let count = path.split('/').count();
        if text.len() > TEMPLATE_BYTES || count > SEGMENTS_MOST {
            return Err(TemplateParse::Shape);
        }
        let mut names = Vec::new();
        let each = path.split('/').enumerate();
        let segments: Result<_, _> =
            each.map(|(index, segment)| Segment::parse(segment, index + 1 == count, &mut names)).collect();
        let fixed = text.find('{').unwrap_or(text.len());
        Ok(Self { text: text.into(), segments: segments?, fixed })
    }
}

impl PartialEq for PathTemplate {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for PathTemplate {}

impl fmt::Display for PathTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for PathTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for PathTemplate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for PathTemplate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
