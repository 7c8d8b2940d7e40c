//! What is asked of a token endpoint, byte for byte, and what is taken for its answer.

use lockgate_access::spec::{AuthPlacement, ClientAuth};

use super::request::{Client, Proof};
use super::shelf::Fresh;
use super::*;
use crate::tests::fixture::{CREDENTIAL_ID, connection};
use lockgate_testkit::{ManualClock, SeededEntropy};
use lockgate_vocabulary::{ErrandAsk, ErrandOrder, ErrandPost};

fn answer(status: u16, body: &str) -> lockgate_vocabulary::ErrandAnswer {
    lockgate_vocabulary::ErrandAnswer {
        status,
        body: body.as_bytes().to_vec(),
        fresh_for: None,
        retry_after: None,
        dpop_nonce: None,
    }
}

fn judge(answer: lockgate_vocabulary::ErrandAnswer, proof: &Proof<'_>) -> Result<Got, VaultRefusal> {
    super::judge(answer, proof, None)
}

/// What is asked with this client's credential.
fn by_client<T>(spec: &TokenSpec, secret: &Secret, ask: impl FnOnce(Client<'_>) -> T) -> T {
    let connection = connection(AuthPlacement::OAuth(Box::new(spec.clone())));
    let (clock, entropy) = (ManualClock::default(), SeededEntropy::new(1));
    ask(Client { connection: &connection, spec, secret, clock: &clock, entropy: &entropy })
}

fn order(spec: &TokenSpec, secret: &Secret, proof: &Proof<'_>) -> ErrandOrder {
    by_client(spec, secret, |client| client.order(proof, None).expect("an order"))
}

fn spec(client_auth: ClientAuth) -> TokenSpec {
    TokenSpec {
        token_url: "https://login.vendor.test/token".into(),
        client_auth,
        scope: Some("read write".into()),
        resource: None,
        parameters: [("audience".to_owned(), "https://api.test/?a&b".to_owned())].into(),
        authorization: None,
        revocation_url: Some("https://login.vendor.test/revoke".into()),
        assertion_audience: None,
        dpop: false,
        certificate_bound: false,
    }
}

fn posted(ask: ErrandAsk) -> ErrandPost {
    match ask {
        ErrandAsk::Post(post) => post,
        other => panic!("it is posted: {other:?}"),
    }
}

fn text(text: &str) -> lockgate_vocabulary::Secret {
    lockgate_vocabulary::Secret::from(text.to_owned())
}

fn lent(version: u32, series: u32) -> Loan {
    Loan { credential: CREDENTIAL_ID, version, series, value: text("id:secret") }
}

fn fresh(number: u64, age: u64, lives: u64) -> Fresh {
    let second = Duration::from_secs;
    Fresh { number, value: text("at"), key: None, age: second(age), lives: second(lives) }
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
        let value = lockgate_vocabulary::Secret::from("a b:c:+/".to_owned());
        let revoked = by_client(&spec, &value, |client| client.revocation(("refresh_token", &text("r/1"))));
        let revoked = revoked.expect("an endpoint").expect("an order");
        let order = order(&spec, &value, &Proof::Client);
        let post = posted(order.ask);
        assert_eq!(post.form, form.as_bytes());
        assert_eq!(post.authorization.as_ref().map(|value| value.to_str().expect("text")), authorization);
        assert!(post.authorization.is_none_or(|value| value.is_sensitive()));
        assert_eq!(order.url, "https://login.vendor.test/token");
        let (post, begin) = (posted(revoked.ask), "token=r%2F1&token_type_hint=refresh_token");
        assert!(post.form.starts_with(begin.as_bytes()) && revoked.url == "https://login.vendor.test/revoke");
        assert_eq!(post.authorization.is_some(), authorization.is_some(), "the client proves itself there alike");
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
        (token(",\"expires_in\":3600.0"), 3_600),
        (token(",\"expires_in\":1.9"), 1),
        (token(",\"expires_in\":99999999999"), 86_400),
        (token(",\"scope\":\"x\",\"refresh_token\":\"r\",\"unknown\":{}"), 300),
    ] {
        let got = judge(answer(200, &body), &Proof::Client).unwrap_or_else(|refusal| panic!("{body}: {refusal:?}"));
        assert_eq!((got.access.expose(), got.lives.as_secs()), (&b"at-1"[..], seconds), "{body}");
    }
    let long = format!("{{\"access_token\":\"{}\",\"token_type\":\"Bearer\"}}", "x".repeat(9_000));
    for (status, body, refusal) in [
        (200, "<html>sign in</html>", TokenMalformed),
        (200, "", TokenMalformed),
        (200, "{}", TokenMalformed),
        (200, &token(",\"expires_in\":0"), TokenMalformed),
        (200, &token(",\"expires_in\":-1"), TokenMalformed),
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
        assert_eq!(judge(answer(status, body), &Proof::Client).err(), Some(refusal), "{status} {body}");
    }
}

#[test]
fn a_token_ages_ends_and_is_doubted_by_its_number_once_it_is_not_young() {
    let second = Duration::from_secs;
    let slot = Slot::default();
    assert_eq!(slot.standing(second(0)), Standing::Over);
    assert!(slot.put(fresh(7, 2, 3_600), second(12)));
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
    assert_eq!((first, slot.number()), (7, 7));
    assert_eq!(slot.is_doubtful(first, second(39)), Some(false), "it was just had");
    assert_eq!(slot.is_doubtful(first, second(40)), Some(true));
    // A short life is halved rather than lost to the margin.
    assert!(slot.put(fresh(8, 0, 4), second(50)));
    assert_eq!((slot.standing(second(51)), slot.standing(second(52))), (Standing::Ageing, Standing::Over));
    assert_eq!(slot.is_doubtful(first, second(90)), None, "there is another one by now");
    assert_eq!(slot.known().len(), 2, "the one before is still looked for in what comes back");
    assert!(!slot.put(fresh(9, 2, 4), second(62)), "over when it came");
    assert!(!slot.put(fresh(10, 90, 4), second(62)), "and long before");
}

#[test]
fn tokens_are_of_one_version_and_one_connecting_and_gone_with_their_credential() {
    let (shelf, tenant) = (Shelf::default(), lockgate_vocabulary::TenantId::from_u128(1));
    let second = Duration::from_secs;
    let put = |loan: &Loan| shelf.slot(tenant, loan.of()).put(fresh(1, 0, 100), second(0));
    let held = |loan: &Loan| shelf.slot(tenant, loan.of()).usable(second(1)).is_some();
    assert!(put(&lent(1, 0)) && held(&lent(1, 0)));
    assert!(!held(&lent(2, 0)));
    assert!(put(&lent(2, 0)) && held(&lent(2, 0)));
    assert!(!held(&lent(2, 1)), "of an account that was connected anew");
    assert!(put(&lent(2, 1)));
    assert!(shelf.slot(lockgate_vocabulary::TenantId::from_u128(2), lent(2, 1).of()).usable(second(1)).is_none());
    shelf.forget(tenant, CREDENTIAL_ID);
    assert!(!held(&lent(2, 1)));
    // What ended a while ago is not kept in memory, unless somebody waits at it.
    let count = |loan: &Loan| shelf.slot(tenant, loan.of()).known().len();
    assert!(put(&lent(2, 1)));
    shelf.sweep(second(600));
    assert_eq!(count(&lent(2, 1)), 1, "a call may still have it");
    let waiting = shelf.slot(tenant, lent(2, 1).of());
    shelf.sweep(second(800));
    assert_eq!(count(&lent(2, 1)), 1);
    drop(waiting);
    shelf.sweep(second(800));
    assert_eq!(count(&lent(2, 1)), 0);
}

/// Prints what a cached access token costs a call in this build: to see that it is ready, and to put it in. Run it by
/// name with `--ignored --nocapture`.
#[tokio::test]
#[ignore = "it measures and proves nothing"]
async fn costs_of_a_cached_token() {
    const ROUNDS: u32 = 20_000;
    let house = crate::tests::fixture::House::new().await;
    let vault = house.vault().await;
    let own = connection(AuthPlacement::OAuth(Box::new(spec(ClientAuth::Basic))));
    house.keep(&vault, &own, 1, "client:a secret of the client's").await;
    let inner = &vault.inner;
    let loan = inner.lend(&own).expect("lent");
    let value = text(&"t".repeat(900));
    let (number, age, lives) = (1, Duration::ZERO, Duration::from_secs(3_600));
    assert!(
        inner
            .tokens
            .slot(own.tenant, loan.of())
            .put(Fresh { number, value, key: None, age, lives }, inner.clock.elapsed())
    );
    let clock = lockgate_vocabulary::SystemClock::new();
    let timed = |what: &str, work: &mut dyn FnMut()| {
        work();
        let from = lockgate_vocabulary::Clock::elapsed(&clock);
        (0..ROUNDS).for_each(|_| work());
        let took = (lockgate_vocabulary::Clock::elapsed(&clock) - from).as_nanos() / u128::from(ROUNDS);
        println!("{what}: {took} ns");
    };
    timed("see that a token is ready", &mut || {
        let slot = inner.tokens.slot(own.tenant, inner.would_lend(&own).expect("lent"));
        assert_eq!(slot.standing(inner.clock.elapsed()), Standing::Fresh);
    });
    let template = crate::tests::fixture::request("https://api.example/base/v1/x", &[("accept", "*/*")]);
    timed("copy the request's head (part of the next)", &mut || drop(template.clone()));
    timed("put the token in", &mut || {
        let mut parts = template.clone();
        drop(inner.equip(&own, &mut parts).expect("equips"));
    });
    let key = DpopKey::generate(inner.entropy.as_ref()).expect("a key");
    timed("prove that we have the key of a bound token (part of putting one in)", &mut || {
        drop(inner.proof(&key, &[b't'; 900], None, &template).expect("a proof"));
    });
}

#[test]
fn a_token_is_bound_to_the_key_that_was_shown_or_it_is_none() {
    let body = |kind: &str| format!("{{\"access_token\":\"a\",\"token_type\":\"{kind}\"}}");
    let key = || Some(Arc::new(DpopKey::generate(&SeededEntropy::new(1)).expect("a key")));
    for (key, kind, taken) in [
        (key(), "DPoP", true),
        (key(), "dpop", true),
        // A vendor that took no notice of the key gives a token that anybody can use.
        (key(), "Bearer", false),
        (None, "DPoP", false),
        (None, "bearer", true),
    ] {
        let bound = key.is_some();
        let judged = super::judge(answer(200, &body(kind)), &Proof::Client, key);
        match judged {
            Ok(got) => assert!(taken && got.key.is_some() == bound, "{kind}"),
            Err(why) => assert_eq!((taken, why), (false, VaultRefusal::TokenMalformed), "{kind}"),
        }
    }
}

#[tokio::test]
async fn tokens_and_their_key_come_back_as_they_were_sealed() {
    let house = crate::tests::fixture::House::new().await;
    let vault = house.vault().await;
    let own = connection(AuthPlacement::OAuth(Box::new(spec(ClientAuth::Basic))));
    house.keep(&vault, &own, 1, "client:a secret of the client's").await;
    let key = DpopKey::generate(&SeededEntropy::new(1)).expect("a key");
    let (access, refresh) = (text("an access token"), text("a refresh token"));
    for (refresh, key) in [(None, None), (Some(&refresh), None), (None, Some(&key)), (Some(&refresh), Some(&key))] {
        let tokens = TokensToSeal { access: &access, refresh, key };
        let kept = vault.seal_pair(&own, CREDENTIAL_ID, (3, 4), tokens).expect("sealed");
        let open = |place| vault.open_pair(&own, CREDENTIAL_ID, &Kept::sealed(place, kept.clone()));
        let pair = open((3, 4)).expect("opens");
        assert_eq!(pair.access.expose(), access.expose());
        assert_eq!(pair.refresh.as_ref().map(Secret::expose), refresh.map(Secret::expose));
        let private = |key: &DpopKey| key.private().expose().to_vec();
        assert_eq!(pair.key.as_deref().map(private), key.map(private));
        assert!(open((3, 5)).is_err() && open((4, 4)).is_err(), "at another place");
    }
}

#[test]
fn a_code_and_a_refresh_token_are_sent_as_their_grants_want_it() {
    let spec = spec(ClientAuth::Post);
    let form = |proof: &Proof<'_>| {
        let post = posted(order(&spec, &text("id:secret"), proof).ask);
        String::from_utf8(post.form.to_vec()).expect("ASCII")
    };
    let rest = "client_id=id&client_secret=secret&audience=https%3A%2F%2Fapi.test%2F%3Fa%26b";
    let code = Proof::Code { code: b"c/1", verifier: b"v-1", redirect_uri: "https://gate.test/oauth/callback/conn_1" };
    let asked = "grant_type=authorization_code&code=c%2F1\
                 &redirect_uri=https%3A%2F%2Fgate.test%2Foauth%2Fcallback%2Fconn_1&code_verifier=v-1";
    assert_eq!(form(&code), format!("{asked}&{rest}"), "the scope stood in the authorization request");
    assert_eq!(form(&Proof::Refresh(b"r+1")), format!("grant_type=refresh_token&refresh_token=r%2B1&{rest}"));
}

#[test]
fn a_grant_is_over_when_the_vendor_says_so_and_for_nothing_else() {
    use VaultRefusal::{GrantEnded, TokenMalformed, TokenRefused, TokenUnavailable};
    let code = Proof::Code { code: b"c", verifier: b"v", redirect_uri: "https://gate.test/" };
    let refresh = Proof::Refresh(b"r");
    for (proof, status, body, refusal) in [
        (&refresh, 400, "{\"error\":\"invalid_grant\"}", GrantEnded),
        (&refresh, 401, "{\"error\":\"invalid_grant\",\"error_description\":\"gone\"}", GrantEnded),
        (&refresh, 200, "{\"error\":\"invalid_grant\"}", GrantEnded),
        (&refresh, 400, "{\"error\":\"invalid_client\"}", TokenRefused),
        (&refresh, 400, "{\"error\":{\"code\":\"invalid_grant\"}}", TokenRefused),
        (&refresh, 400, "<html>invalid_grant</html>", TokenRefused),
        (&refresh, 429, "{\"error\":\"invalid_grant\"}", TokenUnavailable),
        (&refresh, 503, "{\"error\":\"invalid_grant\"}", TokenUnavailable),
        (&refresh, 200, "{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"refresh_token\":\"r 2\"}", TokenMalformed),
        (&code, 400, "{\"error\":\"invalid_grant\"}", TokenRefused),
    ] {
        assert_eq!(judge(answer(status, body), proof).err(), Some(refusal), "{status} {body}");
    }
    let both = "{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"refresh_token\":\"r2\",\"scope\":\"x\\ny z\"}";
    let got = judge(answer(200, both), &code).expect("tokens");
    assert_eq!((got.refresh.expect("one").expose(), got.lives.as_secs()), (&b"r2"[..], 300));
    assert_eq!(got.scope.as_deref(), Some("xy z"));
    // What nothing renews and has no end is good until the vendor says otherwise.
    let alone = "{\"access_token\":\"a\",\"token_type\":\"Bearer\"}";
    let year = 365 * 86_400;
    assert!(judge(answer(200, alone), &code).expect("a token").lives.as_secs() > year);
    assert_eq!(judge(answer(200, alone), &refresh).expect("a token").lives.as_secs(), 300);
    assert!(judge(answer(200, both), &Proof::Client).expect("a token").refresh.is_none());
    // A refresh token is not lost for what came beside it: the one before is used up.
    for beside in
        ["\"access_token\":\"a b\",\"token_type\":\"Bearer\"", "\"access_token\":\"a\"", "\"token_type\":\"mac\""]
    {
        let body = format!("{{{beside},\"refresh_token\":\"r2\"}}");
        let got = judge(answer(200, &body), &refresh).expect("a refresh token");
        assert_eq!((got.refresh.expect("one").expose(), got.flaw), (&b"r2"[..], Some(TokenMalformed)), "{body}");
        assert!(got.access.is_empty() && got.lives.is_zero());
        assert_eq!(judge(answer(200, &body), &code).err(), Some(TokenMalformed));
    }
    let odd = "{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"refresh_token\":\"r2\",\"expires_in\":\"soon\"}";
    assert_eq!(judge(answer(200, odd), &refresh).expect("tokens").lives.as_secs(), 300);
}
