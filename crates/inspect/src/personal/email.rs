//! E-mail addresses: anything around an `@` that could be one, percent-encoded `@` included.

use super::{Finding, Kind};

/// Characters before the sign that can belong to an address (RFC 5321 has 64).
const LOCAL: usize = 128;
/// Characters behind it (RFC 1035 has 253).
const DOMAIN: usize = 255;

/// Finds them.
pub(super) fn find(text: &str, found: &mut Vec<Finding>) {
    for (at, width) in signs(text) {
        let Some((before, rest)) = text.split_at_checked(at) else { continue };
        let after = rest.get(width..).unwrap_or_default();
        let local = before.chars().rev().take(LOCAL).take_while(|character| is_local(*character));
        let local = local.map(char::len_utf8).sum::<usize>();
        let domain = after.chars().take(DOMAIN).take_while(|character| is_domain(*character)).collect::<String>();
        // What ends a sentence is no part of a name.
        let domain = domain.trim_end_matches(['.', '-']);
        if local > 0 && domain.chars().any(char::is_alphanumeric) {
            found.push(Finding { kind: Kind::Email, range: at - local..at + width + domain.len() });
        }
    }
}

/// Where an `@` stands, and in how many bytes.
fn signs(text: &str) -> impl Iterator<Item = (usize, usize)> {
    let plain = text.match_indices('@').map(|(at, sign)| (at, sign.len()));
    let encoded = text.match_indices("%40").map(|(at, sign)| (at, sign.len()));
    plain.chain(encoded)
}

fn is_local(character: char) -> bool {
    character.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(character)
}

fn is_domain(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '.' | '-')
}
