//! Secrets that check and sign, against values of the providers' own documentation and libraries.

use super::*;

fn secret(text: &str) -> Secret {
    Secret::from(text.to_owned())
}

fn tag(secret: &Secret, hash: Hash, form: KeyForm, message: &[&[u8]]) -> Vec<u8> {
    mac(secret, hash, form, message).expect("a key").as_ref().to_vec()
}

#[test]
fn every_hash_gives_rfc_values() {
    // RFC 2202 and RFC 4231, test case 2.
    let message: [&[u8]; 2] = [b"what do ya want ", b"for nothing?"];
    let shown = |hash| hex(&tag(&secret("Jefe"), hash, KeyForm::Text, &message));
    assert_eq!(shown(Hash::Sha1), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    assert_eq!(shown(Hash::Sha256), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    assert!(shown(Hash::Sha512).starts_with("164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"));
    for hash in [Hash::Sha1, Hash::Sha256, Hash::Sha512] {
        assert_eq!(shown(hash).len(), hash.bytes() * 2);
    }
}

#[test]
fn the_matching_version_is_told_and_no_other() {
    let secrets = WebhookSecrets::new([(1, secret("old")), (3, secret("new"))]);
    let by = |text: &str| tag(&secret(text), Hash::Sha256, KeyForm::Text, &[b"body"]);
    let found = |candidates: &[Vec<u8>]| secrets.matching(Hash::Sha256, KeyForm::Text, &[b"bo", b"dy"], candidates);
    assert_eq!(found(&[by("old")]), Some(1));
    assert_eq!(found(&[by("foreign"), by("new")]), Some(3));
    assert_eq!(found(&[by("foreign")]), None);
    assert_eq!(found(&[]), None);
    assert_eq!(found(&[by("new")[..31].to_vec(), Vec::new()]), None);
    assert_eq!(secrets.matching(Hash::Sha512, KeyForm::Text, &[b"body"], &[by("new")]), None);
}

#[test]
fn a_key_is_read_in_its_form() {
    let cases = [
        (KeyForm::Text, "whsec_AAEC", Some(b"whsec_AAEC".to_vec())),
        (KeyForm::Whsec, "whsec_AAEC", Some(vec![0, 1, 2])),
        (KeyForm::Whsec, "AAECAw==", Some(vec![0, 1, 2, 3])),
        (KeyForm::Whsec, "AAECAw", Some(vec![0, 1, 2, 3])),
        (KeyForm::Whsec, "whsec_", None),
        (KeyForm::Whsec, "whsec_a b", None),
        (KeyForm::Hex, "00fFAb", Some(vec![0, 255, 171])),
        (KeyForm::Hex, "00f", None),
        (KeyForm::Hex, "0g", None),
        (KeyForm::Text, "", None),
    ];
    for (form, text, wanted) in cases {
        assert_eq!(form.key(&secret(text)).map(|key| key.to_vec()), wanted, "{form:?} {text}");
        assert_eq!(form.fits(&secret(text)), wanted.is_some());
    }
    let secrets = WebhookSecrets::new([(1, secret("whsec_AAEC")), (2, secret("zz"))]);
    assert!(secrets.fit(KeyForm::Text) && !secrets.fit(KeyForm::Hex));
    assert!(!secrets.is_empty() && WebhookSecrets::default().is_empty());
}

#[test]
fn standard_webhooks_own_example_is_signed_as_theirs() {
    // From the specification's reference implementation.
    let secrets = WebhookSecrets::new([(1, secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))]);
    let signed = secrets.sign_standard("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, b"{\"test\": 2432232314}");
    assert_eq!(signed.as_deref(), Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
}

#[test]
fn each_live_secret_signs_newest_first() {
    let one = WebhookSecrets::new([(1, secret("whsec_AAEC"))]);
    let two = WebhookSecrets::new([(2, secret("whsec_AwQF"))]);
    let both = WebhookSecrets::new([(1, secret("whsec_AAEC")), (2, secret("whsec_AwQF"))]);
    let signed = |secrets: &WebhookSecrets| secrets.sign_standard("id", 1, b"{}").expect("signed");
    assert_eq!(signed(&both), format!("{} {}", signed(&two), signed(&one)));
    assert_eq!(WebhookSecrets::new([(1, secret("whsec_?"))]).sign_standard("id", 1, b"{}"), None);
}

#[test]
fn a_challenge_that_could_be_an_event_is_not_answered() {
    let secrets = WebhookSecrets::new([(7, secret("key"))]);
    let wanted = hex(&tag(&secret("key"), Hash::Sha256, KeyForm::Text, &[b"qgg8vlvZRS6UYooatFL8Aw"]));
    assert_eq!(secrets.answer_challenge(7, "qgg8vlvZRS6UYooatFL8Aw"), Some(wanted));
    assert_eq!(secrets.answer_challenge(8, "qgg8vlvZRS6UYooatFL8Aw"), None);
    let long = "a".repeat(129);
    for token in ["", "v0:1790000000:{}", "a b", "a.b", "é", "a\n", &long] {
        assert_eq!(secrets.answer_challenge(7, token), None, "{token}");
    }
}

#[test]
fn nothing_is_printed() {
    assert_eq!(format!("{:?}", WebhookSecrets::new([(1, secret("key"))])), "WebhookSecrets");
}
