//! Every statement binds its tenant; that each prepares on both engines is tested where engines are.

use super::STATEMENTS;

#[test]
fn no_statement_has_a_flaw() {
    for statement in STATEMENTS {
        assert_eq!(statement.flaw(), None, "{}", statement.name);
    }
}

#[test]
fn names_are_told_apart() {
    let mut names: Vec<&str> = STATEMENTS.iter().map(|statement| statement.name).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}
