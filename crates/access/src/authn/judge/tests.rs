//! Tokens against the hostile vectors, and every claim broken on its own.

use lockgate_vocabulary::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::judge_token;
use crate::AccessRefusal;
use crate::authn::{Claims, TenantClaim, TokenPolicy};
use crate::jose::tests::mint::Mint;
use crate::keyset::KeySet;

const NOW: i64 = 1_795_320_000;
const ISSUER: &str = "https://issuer.test";
const AUDIENCE: &str = "https://gateway.test/api";

fn mint() -> Mint {
    Mint::new("k", 1)
}

pub(crate) fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "svc-a", "client_id": "svc-a", "tenantId": "tenant-a",
        "scope": "a.b c:d", "jti": "1", "iat": NOW - 10, "nbf": NOW - 10, "exp": NOW + 300,
    })
}

fn judge_with(policy: &TokenPolicy, claims: &Value) -> Result<Claims, AccessRefusal> {
    let mint = mint();
    judge_token(&mint.token(claims), &mint.keys(), policy, Timestamp::from_secs(NOW))
}

fn judge(claims: &Value) -> Result<Claims, AccessRefusal> {
    judge_with(&TokenPolicy::strict(ISSUER, AUDIENCE), claims)
}

fn with(member: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[member] = value;
    claims
}

fn without(member: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().expect("an object").remove(member);
    claims
}

#[test]
fn hostile_vectors_get_the_verdict_they_deserve() {
    let file: Value =
        serde_json::from_str(include_str!("../../../testdata/gateway-access-token-attacks.json")).expect("JSON");
    let verifier = &file["verifier"];
    let text = |member: &str| verifier[member].as_str().expect("a text");
    let mut policy = TokenPolicy::strict(text("iss"), text("aud"));
    policy.demanded_scope = Some(text("required_scope").into());
    let now = Timestamp::from_secs(verifier["now"].as_i64().expect("a number"));
    let (mut right, mut either, mut wrong) = (0, 0, Vec::new());
    for vector in file["vectors"].as_array().expect("a list") {
        let jwks = vector.get("jwks").unwrap_or(&file["jwks"]).to_string();
        let token = vector["token"].as_str().expect("a text");
        let verdict = KeySet::parse(jwks.as_bytes()).and_then(|keys| judge_token(token, &keys, &policy, now));
        match vector["expect"].as_str() {
            Some("accept") if verdict.is_ok() => right += 1,
            Some("reject") if verdict.is_err() => right += 1,
            Some("acceptable") => either += 1,
            _ => wrong.push(format!("{} {verdict:?}", vector["id"])),
        }
    }
    println!("hostile access tokens: {right} right, {either} either way");
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!((right, either), (96, 2));
}

#[test]
fn a_sound_token_is_read() {
    let accepted = judge(&claims()).expect("accepted");
    assert_eq!(
        (&*accepted.subject, &*accepted.client, &*accepted.id, &*accepted.scope),
        ("svc-a", "svc-a", "1", "a.b c:d")
    );
    assert_eq!(accepted.tenant, TenantClaim::Alias("tenant-a".parse().expect("a name")));
    assert_eq!((accepted.issued_at, accepted.not_before, accepted.expires_at), (NOW - 10, Some(NOW - 10), NOW + 300));
    assert_eq!(accepted.key, None);
    assert!(judge(&without("nbf")).is_ok());
    assert!(judge(&with("aud", json!([AUDIENCE]))).is_ok());
    assert!(judge(&with("exp", json!(NOW as f64 + 300.5))).is_ok());
    assert!(judge(&with("more", json!({"deep": [1, 2]}))).is_ok());
}

#[test]
fn every_claim_is_typed_and_demanded() {
    use AccessRefusal as R;
    let nested = (0..9).fold(json!(1), |inner, _| json!([inner]));
    let demanded = [
        ("iss", R::TokenIssuer),
        ("aud", R::TokenAudience),
        ("sub", R::TokenSubject),
        ("client_id", R::TokenClient),
        ("jti", R::TokenId),
        ("tenantId", R::TokenTenant),
        ("scope", R::TokenScope),
        ("exp", R::TokenTime),
        ("iat", R::TokenIssued),
    ];
    for (member, refusal) in demanded {
        assert_eq!(judge(&without(member)), Err(refusal), "{member} is missing");
        for value in [json!(null), json!(true), json!({}), json!([]), json!(""), json!([[AUDIENCE]]), json!("a\u{0}b")]
        {
            assert_eq!(judge(&with(member, value.clone())), Err(refusal), "{member} is {value}");
        }
    }
    assert_eq!(judge(&with("x", nested)), Err(R::TokenPayload));
    for value in
        [json!("https://ISSUER.test"), json!("https://issuer.test/"), json!([ISSUER]), json!("https://evil.test")]
    {
        assert_eq!(judge(&with("iss", value)), Err(R::TokenIssuer));
    }
    for value in [
        json!("https://gateway.test"),
        json!([AUDIENCE, "x"]),
        json!([AUDIENCE, AUDIENCE]),
        json!(format!("{AUDIENCE}/")),
    ] {
        assert_eq!(judge(&with("aud", value)), Err(R::TokenAudience));
    }
    assert_eq!(judge(&with("client_id", json!("svc-b"))), Err(R::TokenClient));
    for value in [json!(" a"), json!("a\n"), json!("x".repeat(257))] {
        assert_eq!(judge(&with("jti", value)), Err(R::TokenId));
    }
}

#[test]
fn time_is_judged_with_skew_and_without_mercy() {
    use AccessRefusal as R;
    let cases = [
        ("exp", json!(NOW - 59), None),
        ("exp", json!(NOW - 60), Some(R::TokenExpired)),
        ("exp", json!(NOW as f64 - 59.5), Some(R::TokenExpired)),
        ("exp", json!(NOW - 10), Some(R::TokenTime)),
        ("exp", json!(NOW - 10 + 3600), None),
        ("exp", json!(NOW - 10 + 3601), Some(R::TokenLifetime)),
        ("exp", json!(NOW + 86_400 * 365), Some(R::TokenLifetime)),
        ("exp", json!(u64::MAX), Some(R::TokenTime)),
        ("exp", json!(-1), Some(R::TokenTime)),
        ("exp", json!("1795320300"), Some(R::TokenTime)),
        ("nbf", json!(NOW + 60), None),
        ("nbf", json!(NOW + 61), Some(R::TokenEarly)),
        ("nbf", json!(NOW as f64 + 60.1), Some(R::TokenEarly)),
        ("nbf", json!("soon"), Some(R::TokenTime)),
        ("nbf", json!(NOW + 300), Some(R::TokenTime)),
        ("iat", json!(NOW + 60), None),
        ("iat", json!(NOW + 61), Some(R::TokenIssued)),
        ("iat", json!(NOW + 300), Some(R::TokenTime)),
        ("iat", json!(0), Some(R::TokenLifetime)),
    ];
    for (member, value, expected) in cases {
        let mut claims = with(member, value.clone());
        if member == "exp" && expected != Some(R::TokenTime) && value.as_f64().is_some_and(|exp| exp < NOW as f64) {
            claims["iat"] = json!(NOW - 600);
            claims["nbf"] = json!(NOW - 600);
        }
        assert_eq!(judge(&claims).err(), expected, "{member} {value}");
    }
}

#[test]
fn a_bound_token_is_no_bearer_token() {
    for cnf in [json!({"jkt": "x"}), json!({"x5t#S256": "x"}), json!(null), json!({})] {
        assert_eq!(judge(&with("cnf", cnf)), Err(AccessRefusal::TokenBound));
    }
}

#[test]
fn a_token_of_another_kind_is_refused() {
    for (member, value) in [
        ("nonce", json!("n")),
        ("at_hash", json!("h")),
        ("events", json!({})),
        ("htm", json!("POST")),
        ("typ", json!("Refresh")),
        ("typ", json!(1)),
        ("token_use", json!("id")),
        ("token_type", json!("refresh_token")),
    ] {
        assert_eq!(judge(&with(member, value)), Err(AccessRefusal::TokenForeign), "{member}");
    }
    assert!(judge(&with("token_use", json!("access"))).is_ok());
    assert!(judge(&with("typ", json!("Bearer"))).is_ok());
}

#[test]
fn the_tenant_is_an_id_or_an_alias_and_unambiguous() {
    let id = "ten_01j00000000000000000000000";
    let accepted = judge(&with("tenantId", json!(id))).expect("an id");
    assert_eq!(accepted.tenant.to_string(), id);
    for value in [
        "Tenant-A",
        " tenant-a",
        "tenant-a ",
        "tenant_a",
        "../tenant-b",
        "*",
        "tenant-a,tenant-b",
        "-a",
        "ten_01j0000000000000000000000u",
        "TEN_01j00000000000000000000000",
        "tenant-а",
        "ten_x",
    ] {
        assert_eq!(judge(&with("tenantId", json!(value))), Err(AccessRefusal::TokenTenant), "{value}");
    }
    assert_eq!(judge(&with("tenantId", json!("a".repeat(64)))), Err(AccessRefusal::TokenTenant));
    assert!(judge(&with("tenantId", json!("a".repeat(63)))).is_ok());
    for rival in ["tenant_id", "TenantId", "tenantid", "tenant-id", "tenant", "Tenant"] {
        assert_eq!(judge(&with(rival, json!("tenant-a"))), Err(AccessRefusal::TokenTenant), "{rival}");
    }
}

#[test]
fn a_demanded_tenant_and_scope_are_demanded() {
    let mut policy = TokenPolicy::strict(ISSUER, AUDIENCE);
    policy.demanded_tenant = Some("tenant-b".into());
    assert_eq!(judge_with(&policy, &claims()), Err(AccessRefusal::TokenTenantOther));
    policy.demanded_tenant = Some("tenant-a".into());
    assert!(judge_with(&policy, &claims()).is_ok());
    policy.demanded_scope = Some("c".into());
    assert_eq!(judge_with(&policy, &claims()), Err(AccessRefusal::TokenScopeLacking));
    policy.demanded_scope = Some("c:d".into());
    assert!(judge_with(&policy, &claims()).is_ok());
}

#[test]
fn an_issuer_may_name_its_tenants_and_scopes_otherwise() {
    let mut policy = TokenPolicy::strict(ISSUER, AUDIENCE);
    policy.tenant_claim = "tid".into();
    policy.scope_claim = "permissions".into();
    policy.scope_is_list = true;
    policy.client_is_subject = false;
    let ours = TenantClaim::Alias("tenant-a".parse().expect("a name"));
    policy.tenants.insert("Org 7".into(), ours.clone());
    let mut claims = without("tenantId");
    claims["tid"] = json!("Org 7");
    claims["permissions"] = json!(["read", "write"]);
    claims["sub"] = json!("somebody else");
    let accepted = judge_with(&policy, &claims).expect("accepted");
    assert_eq!((accepted.tenant, &*accepted.scope), (ours, "read write"));
    claims["tid"] = json!("tenant-a");
    assert_eq!(judge_with(&policy, &claims), Err(AccessRefusal::TokenTenant), "the mapping is the whole list");
    claims["tid"] = json!("Org 7");
    claims["permissions"] = json!(["read write"]);
    assert_eq!(judge_with(&policy, &claims), Err(AccessRefusal::TokenScope));
    claims["permissions"] = json!("read");
    assert_eq!(judge_with(&policy, &claims), Err(AccessRefusal::TokenScope));
    claims["permissions"] = json!(["read"]);
    claims["tenantId"] = json!("tenant-b");
    assert_eq!(judge_with(&policy, &claims), Err(AccessRefusal::TokenTenant), "two tenant claims");
}

#[test]
fn scopes_have_no_wildcards_and_no_odd_blanks() {
    for scope in ["*", "a:*", "a,b", "a  b", " a", "a ", "a\tb", "a\u{a0}b", "a\nb", "a\"", "a\\b", "a a", "é", "a%20b"]
    {
        assert_eq!(judge(&with("scope", json!(scope))), Err(AccessRefusal::TokenScope), "{scope:?}");
    }
    assert_eq!(judge(&with("scope", json!(["a.b"]))), Err(AccessRefusal::TokenScope));
    for scope in ["a", "User.Read https://graph.test/Mail.Read", "integration.connections.call:conn_1:read"] {
        assert!(judge(&with("scope", json!(scope))).is_ok(), "{scope}");
    }
}

#[test]
fn signatures_are_of_the_named_key_over_these_bytes() {
    let policy = TokenPolicy::strict(ISSUER, AUDIENCE);
    let now = Timestamp::from_secs(NOW);
    let (ours, theirs) = (Mint::new("k", 1), Mint::new("k", 2));
    let token = theirs.token(&claims());
    assert_eq!(judge_token(&token, &ours.keys(), &policy, now), Err(AccessRefusal::TokenSignature));
    let other = Mint::new("other", 1).token(&claims());
    assert_eq!(judge_token(&other, &ours.keys(), &policy, now), Err(AccessRefusal::TokenKeyUnknown));
    let twice = claims().to_string().replacen('{', r#"{"tenantId":"tenant-b","#, 1);
    let token = ours.sign(&ours.header().to_string(), &twice);
    assert_eq!(judge_token(&token, &ours.keys(), &policy, now), Err(AccessRefusal::TokenPayload));
}

#[test]
fn size_and_depth_cost_nothing() {
    let policy = TokenPolicy::strict(ISSUER, AUDIENCE);
    let (mint, now) = (mint(), Timestamp::from_secs(NOW));
    let large = mint.token(&with("pad", json!("x".repeat(1 << 20))));
    assert_eq!(judge_token(&large, &mint.keys(), &policy, now), Err(AccessRefusal::TokenSize));
    let deep = format!("{}{}", "[".repeat(4000), "]".repeat(4000));
    assert_eq!(judge_token(&mint.sign(&deep, "{}"), &mint.keys(), &policy, now), Err(AccessRefusal::TokenSize));
    let deep = format!("{}{}", "[".repeat(2500), "]".repeat(2500));
    let token = mint.sign(&mint.header().to_string(), &deep);
    assert_eq!(judge_token(&token, &mint.keys(), &policy, now), Err(AccessRefusal::TokenPayload));
}

proptest! {
    #[test]
    fn a_changed_byte_is_always_noticed(at in 0usize..400, to in "[A-Za-z0-9_.-]") {
        let mint = mint();
        let token = mint.token(&claims());
        let mut bytes = token.clone().into_bytes();
        let at = at % bytes.len();
        bytes[at] = to.as_bytes()[0];
        let changed = String::from_utf8(bytes).expect("ASCII");
        let verdict = judge_token(&changed, &mint.keys(), &TokenPolicy::strict(ISSUER, AUDIENCE), Timestamp::from_secs(NOW));
        prop_assert_eq!(verdict.is_ok(), changed == token);
    }

    #[test]
    fn no_claims_break_it(payload in any::<String>()) {
        let mint = mint();
        let token = mint.sign(&mint.header().to_string(), &payload);
        let verdict = judge_token(&token, &mint.keys(), &TokenPolicy::strict(ISSUER, AUDIENCE), Timestamp::from_secs(NOW));
        prop_assert!(verdict.is_err());
    }

    #[test]
    fn no_moment_breaks_it(exp in any::<i64>(), iat in any::<i64>(), nbf in any::<f64>()) {
        let mut claims = claims();
        claims["exp"] = json!(exp);
        claims["iat"] = json!(iat);
        claims["nbf"] = json!(nbf);
        if let Ok(accepted) = judge(&claims) {
            prop_assert!(accepted.expires_at > NOW - 60 && accepted.expires_at - accepted.issued_at <= 3600);
        }
    }
}
