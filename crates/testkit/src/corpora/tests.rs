//! Whoever names a folder of test sets means one that is there.

use super::named;

#[test]
fn a_folder_that_is_named_is_there() {
    let Some(folder) = named() else { return };
    let is_there = std::fs::read_dir(&folder).is_ok_and(|mut files| files.next().is_some());
    assert!(is_there, "LOCKGATE_CORPORA is {}, which is not there or has nothing in it", folder.display());
}
