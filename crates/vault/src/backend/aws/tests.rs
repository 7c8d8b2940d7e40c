//! What a failure of a service's means, by the name that it has.

use super::*;

fn answer(status: u16, body: &str) -> ErrandAnswer {
    ErrandAnswer { status, body: body.as_bytes().to_vec(), fresh_for: None, retry_after: None, dpop_nonce: None }
}

#[test]
fn a_failure_is_judged_by_its_name_and_without_one_by_its_status() {
    let judge = |status, body: &str| match judged(answer(status, body)) {
        Ok(Answered::Done(_)) => panic!("it is no success"),
        Ok(Answered::Failed(name)) => Ok(name),
        Err(failure) => Err(failure),
    };
    let named = |name: &str| format!(r#"{{"__type":"{name}","message":"x"}}"#);
    for (status, name, wanted) in [
        (400, "AccessDeniedException", BackendFailure::Denied),
        (400, "com.amazon.coral.service#ExpiredTokenException", BackendFailure::Denied),
        (400, "UnrecognizedClientException:http://x", BackendFailure::Denied),
        (400, "ThrottlingException", BackendFailure::Throttled(far::patience(None))),
        (500, "InternalServiceError", BackendFailure::Unreachable),
    ] {
        assert_eq!(judge(status, &named(name)), Err(wanted), "{name}");
    }
    assert_eq!(judge(400, &named("ResourceNotFoundException")), Ok("ResourceNotFoundException".to_owned()));
    assert_eq!(judge(503, "<html>"), Err(BackendFailure::Unreachable));
    assert!(matches!(judge(400, "<html>"), Err(BackendFailure::Malformed(_))));
    assert_eq!(judge(403, ""), Err(BackendFailure::Denied));
}
