//! What is told of a body that has not the shape that is asked for: where, and what was expected.
//!
//! INVARIANT: nothing of what was sent is told, since a credential in the wrong place is one still, and answers end
//! up in logs. The names of members are what is ours in a body; one that is not known is told where it is written
//! as ours are, so that a slip of the pen is found and no key is taken for a name.

use serde_path_to_error::{Path, Segment};

/// Letters of a member's name at the most.
const NAME: usize = 32;

/// Where in the body it is, as a JSON Pointer. A member that is missing or unknown has no place yet, so its
/// name is put behind the object that it is missed in.
pub(super) fn pointer(path: &Path, said: &str) -> String {
    let mut out = String::new();
    let mut last = "";
    for segment in path {
        match segment {
            Segment::Map { key } | Segment::Enum { variant: key } if is_name(key) => {
                out.push('/');
                out.push_str(key);
                last = key;
            }
            Segment::Seq { index } => {
                out.push_str(&format!("/{index}"));
                last = "";
            }
            // What is in a member whose name is not ours to tell is told at the object that has it.
            Segment::Map { .. } | Segment::Enum { .. } => return out,
            Segment::Unknown => last = "",
        }
    }
    let named = said.strip_prefix("missing field `").and_then(|rest| rest.split_once('`')).map(|(name, _)| name);
    match named.or_else(|| unknown(said)).filter(|name| is_name(name) && *name != last) {
        Some(name) => format!("{out}/{name}"),
        None => out,
    }
}

/// What was found and what was expected, of serde's words.
pub(super) fn reason(said: &str) -> String {
    let said = said.rsplit_once(" at line ").map_or(said, |(said, _)| said);
    let expected = expected(said);
    let begins = |words: &str| said.starts_with(words);
    if begins("unknown field") {
        let what = unknown(said).map_or_else(|| "unknown field".to_owned(), |name| format!("unknown field `{name}`"));
        return format!("{what}; expected {expected}");
    }
    if begins("unknown variant") {
        return format!("a member has an unknown value; expected {expected}");
    }
    if begins("invalid type") || begins("invalid value") || begins("invalid length") {
        return format!("a member has the wrong type; expected {expected}");
    }
    // A member that is missing, and what our own types say of a text, which repeats nothing of it.
    said.to_owned()
}

/// What serde expected. What was sent stands before it and may hold the same words.
fn expected(said: &str) -> &str {
    if said.ends_with(", there are no fields") || said.ends_with(", there are no variants") {
        return "nothing";
    }
    said.rsplit_once(", expected ").map_or("something else", |(_, expected)| expected)
}

/// The member that is not known, where its name may be told.
fn unknown(said: &str) -> Option<&str> {
    let (name, rest) = said.strip_prefix("unknown field `")?.split_once('`')?;
    (is_name(name) && rest.starts_with(", ")).then_some(name)
}

/// Whether a text is written as the names of our members are. No key is: keys have digits or capitals, or are longer.
fn is_name(text: &str) -> bool {
    (1..=NAME).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

#[cfg(test)]
mod tests;
