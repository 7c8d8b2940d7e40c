//! Every statement binds its tenant; that each prepares is tested on the engine that is there.

use super::STATEMENTS;

#[test]
fn no_statement_has_a_flaw() {
    for statement in STATEMENTS {
        assert_eq!(statement.flaw(), None, "{}", statement.name);
    }
}
