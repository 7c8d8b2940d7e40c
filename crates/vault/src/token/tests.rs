//! What is asked of a token endpoint, byte for byte, and what is taken for its answer.

use lockgate_access::spec::{AuthPlacement, ClientAuth};

use super::request::{judge, order};
use super::*;
use crate::tests::fixture::{CREDENTIAL_ID, connection};

fn answer(status: u16, body: &str) -> lockgate_vocabulary::ErrandAnswer {
    lockgate_vocabulary::ErrandAnswer { status, body: body.as_bytes().to_vec(), fresh_for: None, retry_after: None }
}

fn spec(client_auth: ClientAuth) -> TokenSpec {
    TokenSpec {
        token_url: "https://login.vendor.test/token".into(),
        client_auth,
        scope: Some("read write".into()),
        resource: None,
        parameters: [("audience".to_owned(), "https://api.test/?a&b".to_owned())].into(),
    }
}

#[test]
fn the_clients_secret_is_sent_in_the_one_way_that_is_declared() {
    let asked = "scope=read%20write&audience=https%3A%2F%2Fapi.test%2F%3Fa%26b";
    for (client_auth, form, authorization) in [
        // `a b` and `c:+/` encoded as in a form, with a colon between them, in base 64.
        (ClientAuth::Basic, format!("grant_type=client_credentials&{asked}"), Some("Basic YSUyMGI6YyUzQSUyQiUyRg==")),
        (
            ClientAuth::Post,
            format!("grant_type=client_credentials&client_id=a%20b&client_secret=c%3A%2B%2F&{asked}"),
            None,
        ),
    ] {
        let spec = spec(client_auth);
        let connection = connection(AuthPlacement::OAuth(Box::new(spec.clone())));
        let value = lockgate_vocabulary::Secret::from("a b:c:+/".to_owned());
        let order = order(&connection, &spec, Loan { credential: CREDENTIAL_ID, version: 1, value, token: None });
        let lockgate_vocabulary::ErrandAsk::Post(post) = order.ask else { panic!("it is posted") };
        assert_eq!(post.form, form.as_bytes());
        assert_eq!(post.authorization.as_ref().map(|value| value.to_str().expect("text")), authorization);
        assert!(post.authorization.is_none_or(|value| value.is_sensitive()));
        assert_eq!(order.url, "https://login.vendor.test/token");
    }
}

#[test]
fn an_answer_is_a_token_or_it_is_refused_by_name() {
    use VaultRefusal::{TokenMalformed, TokenRefused, TokenUnavailable};
    let token = |more: &str| format!("{{\"access_token\":\"at-1\",\"token_type\":\"bearer\"{more}}}");
    for (body, seconds) in [
        (token(""), 300),
        (token(",\"expires_in\":3600"), 3_600),
        (token(",\"expires_in\":\"60\""), 60),
        (token(",\"expires_in\":99999999999"), 86_400),
        (token(",\"scope\":\"x\",\"refresh_token\":\"r\",\"unknown\":{}"), 300),
    ] {
        let got = judge(answer(200, &body)).unwrap_or_else(|refusal| panic!("{body}: {refusal:?}"));
        assert_eq!((got.value.expose(), got.lives.as_secs()), (&b"at-1"[..], seconds), "{body}");
    }
    let long = format!("{{\"access_token\":\"{}\",\"token_type\":\"Bearer\"}}", "x".repeat(9_000));
    for (status, body, refusal) in [
        (200, "<html>sign in</html>", TokenMalformed),
        (200, "", TokenMalformed),
        (200, "{}", TokenMalformed),
        (200, &token(",\"expires_in\":0"), TokenMalformed),
        (200, &token(",\"expires_in\":-1"), TokenMalformed),
        (200, &token(",\"expires_in\":1.5"), TokenMalformed),
        (200, &token(",\"expires_in\":\"soon\""), TokenMalformed),
        (200, &token(",\"access_token\":\"at-2\""), TokenMalformed),
        (200, "{\"access_token\":\"at-1\"}", TokenMalformed),
        (200, "{\"access_token\":\"at-1\",\"token_type\":\"mac\"}", TokenMalformed),
        (200, "{\"access_token\":\"a b\",\"token_type\":\"Bearer\"}", TokenMalformed),
        (200, "{\"access_token\":\"a\\r\\nx: y\",\"token_type\":\"Bearer\"}", TokenMalformed),
        (200, "{\"access_token\":\"\",\"token_type\":\"Bearer\"}", TokenMalformed),
        (200, &long, TokenMalformed),
        (200, &token(",\"error\":\"invalid_client\""), TokenRefused),
        (200, "{\"error\":\"invalid_scope\"}", TokenRefused),
        (400, "{\"error\":\"invalid_grant\"}", TokenRefused),
        (401, "", TokenRefused),
        (403, &token(""), TokenRefused),
        (204, "", TokenUnavailable),
        (408, "", TokenUnavailable),
        (429, "", TokenUnavailable),
        (500, &token(""), TokenUnavailable),
        (503, "", TokenUnavailable),
    ] {
        assert_eq!(judge(answer(status, body)).err(), Some(refusal), "{status} {body}");
    }
}

#[test]
fn a_token_ages_ends_and_is_doubted_by_its_number_once_it_is_not_young() {
    let second = Duration::from_secs;
    let slot = Slot::default();
    assert_eq!(slot.standing(second(0)), Standing::Over);
    let value = || lockgate_vocabulary::Secret::from("at".to_owned());
    assert!(slot.put(value(), second(10), second(3_600), second(12)));
    for (at, standing) in [
        (12, Standing::Fresh),
        (3_544, Standing::Fresh),
        (3_545, Standing::Ageing),
        (3_604, Standing::Ageing),
        (3_605, Standing::Over),
    ] {
        assert_eq!(slot.standing(second(at)), standing, "{at}");
    }
    let first = slot.usable(second(20)).expect("a token").number;
    assert_eq!(slot.is_doubtful(first, second(41)), Some(false), "it was just had");
    assert_eq!(slot.is_doubtful(first, second(42)), Some(true));
    // A short life is halved rather than lost to the margin.
    assert!(slot.put(value(), second(50), second(4), second(50)));
    assert_eq!((slot.standing(second(51)), slot.standing(second(52))), (Standing::Ageing, Standing::Over));
    assert_eq!(slot.is_doubtful(first, second(90)), None, "there is another one by now");
    assert_eq!(slot.known().len(), 2, "the one before is still looked for in what comes back");
    assert!(!slot.put(value(), second(60), second(4), second(62)), "over when it came");
}

#[test]
fn tokens_are_of_one_version_and_gone_with_their_credential() {
    let (shelf, tenant) = (Shelf::default(), lockgate_vocabulary::TenantId::from_u128(1));
    let second = Duration::from_secs;
    let put = |version| {
        let value = lockgate_vocabulary::Secret::from("at".to_owned());
        shelf.slot(tenant, CREDENTIAL_ID, version).put(value, second(0), second(100), second(0))
    };
    assert!(put(1) && shelf.slot(tenant, CREDENTIAL_ID, 1).usable(second(1)).is_some());
    assert!(shelf.slot(tenant, CREDENTIAL_ID, 2).usable(second(1)).is_none());
    assert!(put(2));
    assert!(shelf.slot(lockgate_vocabulary::TenantId::from_u128(2), CREDENTIAL_ID, 2).usable(second(1)).is_none());
    shelf.forget(tenant, CREDENTIAL_ID);
    assert!(shelf.slot(tenant, CREDENTIAL_ID, 2).usable(second(1)).is_none());
}
