//! Each failure is told to callers by a name of its own.

use super::*;

#[test]
fn each_failure_has_its_refusal() {
    for (failure, code) in [
        (BackendFailure::Absent, "vault.backend.version_absent"),
        (BackendFailure::Conflict, "vault.backend.conflict"),
        (BackendFailure::Denied, "vault.backend.denied"),
        (BackendFailure::Malformed("x"), "vault.backend.malformed"),
        (BackendFailure::Sealed, "vault.backend.sealed"),
        (BackendFailure::Throttled(Duration::ZERO), "vault.backend.throttled"),
        (BackendFailure::Unreachable, "vault.backend.unreachable"),
    ] {
        assert_eq!(failure.refusal().info().code, code);
    }
}
