//! JSON Pointers (RFC 6901) that may be shown: short, and without anything that a terminal or a log
//! would act on.

/// Characters of one member name that are shown.
const NAME: usize = 64;
/// Characters of a whole pointer that are shown.
const WHOLE: usize = 512;

/// Appends a member name.
pub(crate) fn push_name(pointer: &mut String, name: &str) {
    pointer.push('/');
    let mut characters = name.chars();
    for character in characters.by_ref().take(NAME) {
        match character {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            hidden if is_hidden(hidden) => pointer.push('\u{fffd}'),
            shown => pointer.push(shown),
        }
    }
    if characters.next().is_some() {
        pointer.push('…');
    }
}

/// Appends the place of an element.
pub(crate) fn push_index(pointer: &mut String, index: usize) {
    pointer.push_str(&format!("/{index}"));
}

/// Cuts the pointer at the length that is shown.
pub(crate) fn clip(mut pointer: String) -> String {
    if let Some((end, _)) = pointer.char_indices().nth(WHOLE) {
        pointer.truncate(end);
        pointer.push('…');
    }
    pointer
}

/// Control characters, and marks that change the direction of the text around them.
pub(crate) fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}
