//! Where the third-party test sets are, if they are there.
//!
//! Their licences differ, so none of their lines is part of this repository.

use std::path::PathBuf;

/// One file of the test sets, such as `api/http1_raw.jsonl`: below `LOCKGATE_CORPORA`, or below
/// `../shared/corpora` beside the checkout. Says so visibly where it is not there.
#[expect(clippy::print_stderr, reason = "a test that is skipped must say so")]
pub fn corpus(name: &str) -> Option<String> {
    let checkout = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora");
    let folder = named().unwrap_or(checkout);
    match std::fs::read_to_string(folder.join(name)) {
        Ok(text) => Some(text),
        Err(_) => {
            eprintln!("skipped: {name} is not there (set LOCKGATE_CORPORA)");
            None
        }
    }
}

/// The folder that the environment names.
#[expect(clippy::disallowed_methods, reason = "tests are told by the environment where the sets are")]
fn named() -> Option<PathBuf> {
    std::env::var("LOCKGATE_CORPORA").ok().map(PathBuf::from)
}

#[cfg(test)]
mod tests;
