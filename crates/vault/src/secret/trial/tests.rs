//! What is asked of a vendor, and what its answer means.

use std::collections::BTreeMap;

use lockgate_vocabulary::{CredentialId, Secret};
use serde_json::json;

use super::*;
use crate::tests::fixture::{CREDENTIAL_ID, bearer, connection, header, query};

fn spec(expect: &[(&str, serde_json::Value)]) -> VerifySpec {
    let expect = expect.iter().map(|(pointer, value)| ((*pointer).to_owned(), value.clone()));
    VerifySpec { path: "/v1/me".into(), expect: expect.collect::<BTreeMap<_, _>>() }
}

fn loan() -> Loan {
    let credential: CredentialId = CREDENTIAL_ID;
    Loan { credential, version: 2, series: 0, value: Secret::from("sk_staged".to_owned()) }
}

fn answer(status: u16, body: &str) -> ErrandAnswer {
    ErrandAnswer { status, body: body.as_bytes().to_vec(), fresh_for: None, retry_after: None, dpop_nonce: None }
}

#[tokio::test]
async fn the_version_stands_where_the_provider_wants_it_and_in_no_url_that_is_told() {
    let vault = crate::tests::fixture::House::new().await.vault().await;
    for (auth, target, field) in [
        (bearer(), "/base/v1/me", Some(("authorization", "Bearer sk_staged"))),
        (header("x-api-key", "Key "), "/base/v1/me", Some(("x-api-key", "Key sk_staged"))),
        (query("key"), "/base/v1/me?key=sk%5Fstaged", None),
    ] {
        let order =
            order(&vault.inner, &connection(auth), &spec(&[]), &Presented::Itself(loan()), None).expect("an order");
        assert_eq!(order.url, "https://api.example/base/v1/me");
        assert!(!format!("{order:?}").contains("staged"), "{order:?}");
        let lockgate_vocabulary::ErrandAsk::Trial(trial) = order.ask else { panic!("a trial") };
        assert_eq!(trial.target.as_str().replace("%5F", "_"), target.replace("%5F", "_"));
        if let Some((name, value)) = field {
            assert_eq!(trial.headers.get(name).map(|value| value.as_bytes()), Some(value.as_bytes()));
            assert!(trial.headers[name].is_sensitive());
        }
    }
}

#[test]
fn an_answer_says_yes_or_no_or_nothing() {
    for (status, said) in [
        (200, Said::Took(Some(200))),
        (204, Said::Took(Some(204))),
        (304, Said::Refused(Some(304))),
        (400, Said::Refused(Some(400))),
        (401, Said::Refused(Some(401))),
        (403, Said::Refused(Some(403))),
        (408, Said::Nothing(Some(408))),
        (429, Said::Nothing(Some(429))),
        (503, Said::Nothing(Some(503))),
    ] {
        assert_eq!(judge(&spec(&[]), answer(status, "no JSON")), said, "{status}");
    }
    let slack = spec(&[("/ok", json!(true)), ("/team/kind", json!("own"))]);
    for (body, takes) in [
        (r#"{"ok":true,"team":{"kind":"own"}}"#, true),
        (r#"{"ok":false,"error":"invalid_auth"}"#, false),
        (r#"{"ok":true}"#, false),
        ("<html>", false),
    ] {
        let said = if takes { Said::Took(Some(200)) } else { Said::Refused(Some(200)) };
        assert_eq!(judge(&slack, answer(200, body)), said, "{body}");
    }
}
