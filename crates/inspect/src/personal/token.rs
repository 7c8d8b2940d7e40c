//! Tokens, keys and passwords: what is named as one, and what looks like one.

use super::{Finding, Kind};

/// Characters in a row from where on a mixture of letters and digits looks like a token.
const LENGTH: usize = 16;

/// Beginnings that issuers give their tokens.
const PREFIXES: &[&str] = &[
    "AIza",
    "AKIA",
    "ASIA",
    "SG.",
    "dckr_",
    "eyJ",
    "ghp_",
    "gho_",
    "ghs_",
    "ghu_",
    "github_pat_",
    "glpat-",
    "hvs.",
    "lgk_",
    "npm_",
    "pk_",
    "pypi-",
    "rk_",
    "shpat_",
    "sk-",
    "sk_",
    "sl.",
    "whsec_",
    "xapp-",
    "xox",
    "ya29.",
];

/// Words after which a secret follows.
const NAMES: &[&str] = &[
    "api key",
    "api-key",
    "api_key",
    "apikey",
    "authorization",
    "client_secret",
    "credential",
    "passwd",
    "password",
    "private_key",
    "pwd",
    "secret",
    "session",
    "signature",
    "token",
];

/// Words of a header after which a credential follows.
const SCHEMES: &[&str] = &["basic", "bearer", "token"];

/// Finds what stands behind a name such as `password=`, and behind `Bearer`.
pub(super) fn assigned(text: &str, found: &mut Vec<Finding>) {
    let lower = text.to_ascii_lowercase();
    named(text, &lower, found);
    schemed(text, &lower, found);
}

fn named(text: &str, lower: &str, found: &mut Vec<Finding>) {
    for name in NAMES {
        let mut covered = 0;
        for (at, _) in lower.match_indices(name) {
            if at < covered {
                continue;
            }
            if let Some(range) = value_after(text, at + name.len()) {
                covered = range.end;
                found.push(Finding { kind: Kind::Token, range });
            }
        }
    }
}

fn schemed(text: &str, lower: &str, found: &mut Vec<Finding>) {
    for scheme in SCHEMES {
        for (at, _) in lower.match_indices(scheme) {
            let from = at + scheme.len();
            let Some(word) = text.get(from..).and_then(|rest| rest.strip_prefix(' ')).and_then(first_word) else {
                continue;
            };
            let odd =
                word.chars().skip(1).any(|character| character.is_ascii_uppercase() || character.is_ascii_digit());
            if word.len() >= 6 && (odd || word.contains('=')) {
                found.push(Finding { kind: Kind::Token, range: from + 1..from + 1 + word.len() });
            }
        }
    }
}

/// The value that is assigned here: behind `=` or `:`, quotes and blanks left out.
fn value_after(text: &str, from: usize) -> Option<std::ops::Range<usize>> {
    let rest = text.get(from..)?;
    let gap = rest.find(|character: char| !matches!(character, ' ' | '"' | '\'' | '\\' | '=' | ':' | '>'))?;
    let between = rest.get(..gap)?;
    if !between.contains(['=', ':']) || gap > 8 {
        return None;
    }
    let word = first_word(rest.get(gap..)?)?;
    // `Authorization: Bearer x` hides the credential, which is the second word.
    let is_scheme = SCHEMES.iter().any(|scheme| word.eq_ignore_ascii_case(scheme));
    let mut end = from + gap + word.len();
    if is_scheme {
        let after = text.get(end..)?.strip_prefix(' ')?;
        end += 1 + first_word(after)?.len();
    }
    Some(from + gap..end)
}

fn first_word(text: &str) -> Option<&str> {
    let end = text.find(|character: char| {
        character.is_whitespace() || matches!(character, '"' | '\'' | ',' | ';' | '&' | '<' | '>' | ')' | '}' | ']')
    });
    text.get(..end.unwrap_or(text.len())).filter(|word| !word.is_empty())
}

/// Finds what looks like a token.
pub(super) fn find(text: &str, found: &mut Vec<Finding>) {
    let mut from = 0;
    while let Some(start) = text.get(from..).and_then(|rest| rest.find(is_inside)).map(|at| from + at) {
        let rest = text.get(start..).unwrap_or_default();
        let length = rest.find(|character| !is_inside(character)).unwrap_or(rest.len());
        let run = rest.get(..length).unwrap_or_default().trim_end_matches(['.', '-']);
        if is_token(run) {
            found.push(Finding { kind: Kind::Token, range: start..start + run.len() });
        }
        from = start + length.max(1);
    }
}

/// Whether the whole text looks like a token rather than a word: a known beginning, or a long part of
/// it that mixes letters and digits in a way that words, versions and paths do not.
pub(super) fn is_token(text: &str) -> bool {
    let known = PREFIXES.iter().any(|prefix| text.strip_prefix(prefix).is_some_and(|rest| rest.len() >= 8));
    known || is_base64(text) || text.split('/').any(|part| part.len() >= LENGTH && is_mixed(part))
}

/// Base64 with slashes in it looks like a path, except that it mixes everything and does not begin so.
fn is_base64(text: &str) -> bool {
    let count = |wanted: fn(&u8) -> bool| text.bytes().filter(wanted).count();
    let mixed =
        count(u8::is_ascii_uppercase) >= 3 && count(u8::is_ascii_lowercase) >= 3 && count(u8::is_ascii_digit) >= 1;
    text.len() >= 2 * LENGTH && text.contains('/') && !text.starts_with('/') && !text.contains('.') && mixed
}

fn is_mixed(part: &str) -> bool {
    let digits = part.bytes().filter(u8::is_ascii_digit).count();
    let letters = part.bytes().filter(u8::is_ascii_alphabetic).count();
    let upper = part.bytes().skip(1).filter(u8::is_ascii_uppercase).count();
    let lower = part.bytes().filter(u8::is_ascii_lowercase).count();
    let wordlike = part.split(['_', '-', '.', ':', '=', '+', '~']).all(is_wordlike);
    letters > 0 && (digits > 0 || (upper > 2 && lower > 2)) && !wordlike
}

/// A word, a short number, or a version such as `v2` or `sha256`.
fn is_wordlike(word: &str) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let tail = word.trim_start_matches(|character: char| character.is_ascii_alphabetic());
    let all_digits_behind = tail.len() == digits;
    let humps = word
        .as_bytes()
        .windows(2)
        .filter(|pair| matches!(pair, [a, b] if a.is_ascii_lowercase() && b.is_ascii_uppercase()));
    // In words that are joined by capitals a capital stands at every few letters.
    let joined = humps.count() * 3 <= word.len();
    all_digits_behind && digits <= 4 && word.len() <= 40 && joined
}

fn is_inside(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '.' | '/' | '+' | '=' | '~')
}
