//! Every way of saying no is shown by a test: each refusal's code or variant is named in one.

use crate::Breach;
use crate::source::File;

/// A refusal as its room declares it.
#[derive(Debug, PartialEq, Eq)]
pub struct Declared {
    /// The enum and variant, such as `EgressRefusal::Private`.
    pub variant: String,
    /// The stable code.
    pub code: String,
    /// Where it is declared.
    pub place: String,
}

/// The refusals that a file declares: rows of the form `Variant = 403, "code", …`.
pub fn declared(file: &File) -> Vec<Declared> {
    let mut name = "";
    let mut found = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        if let Some(rest) = line.trim().strip_prefix("pub enum ") {
            name = rest.split([' ', '{']).next().unwrap_or_default();
        }
        if let Some((variant, code)) = row(line) {
            let variant = format!("{name}::{variant}");
            found.push(Declared { variant, code: code.into(), place: format!("{}:{}", file.path, index + 1) });
        }
    }
    found
}

fn row(line: &str) -> Option<(&str, &str)> {
    let (variant, rest) = line.trim().split_once(" = ")?;
    let (status, rest) = rest.split_once(", \"")?;
    let (code, _) = rest.split_once('"')?;
    let fits = status.len() == 3 && status.bytes().all(|byte| byte.is_ascii_digit()) && code.contains('.');
    fits.then_some((variant, code))
}

/// Refusals that no test names.
pub fn breaches(files: &[File]) -> Vec<Breach> {
    let tests: Vec<&File> = files.iter().filter(|file| file.is_rust() && file.is_test()).collect();
    // A test may import the enum under a shorter name, so a variant counts behind any `::`.
    let named = |text: &str, variant: &str| {
        text.split("::").skip(1).any(|rest| {
            let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(rest.len());
            rest.get(..end) == Some(variant)
        })
    };
    let shown = |refusal: &Declared| {
        let variant = refusal.variant.rsplit("::").next().unwrap_or_default();
        tests.iter().any(|test| named(&test.text, variant) || test.text.contains(&format!("\"{}\"", refusal.code)))
    };
    files
        .iter()
        .filter(|file| file.path.ends_with("/refusal.rs"))
        .flat_map(declared)
        .filter(|refusal| !shown(refusal))
        .map(|refusal| Breach::of(&refusal.place, format!("no test shows {} ({})", refusal.variant, refusal.code)))
        .collect()
}
