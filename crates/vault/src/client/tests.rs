//! What a client proves itself with: what is taken for it, and what an assertion says.

use lockgate_access::jose::base64url;
use lockgate_access::keyset::KeySet;
use lockgate_testkit::SeededEntropy;
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PublicKeyData as _};
use serde_json::{Value, json};

use super::*;

fn secret(text: &str) -> Secret {
    Secret::from(text.to_owned())
}

fn certified(key: &KeyPair) -> String {
    CertificateParams::new(vec!["client.test".into()]).expect("names").self_signed(key).expect("a certificate").pem()
}

#[test]
fn a_credential_is_what_its_way_of_proving_needs() {
    let (key, other) = (KeyPair::generate().expect("a key"), KeyPair::generate().expect("a key"));
    let (pem, certificate) = (key.serialize_pem(), certified(&key));
    let fit = |auth, text: &str| fits(auth, &secret(text));
    let key_jwt = |text: &str| fit(ClientAuth::PrivateKeyJwt, text);
    assert!(key_jwt(&format!("id:{pem}")));
    assert!(key_jwt(&format!("id:\n{pem}\n\n")), "with lines around it");
    assert!(key_jwt(&format!("id:{certificate}{pem}")) && key_jwt(&format!("id:{pem}{certificate}")));
    for (text, why) in [
        (pem.clone(), "no id"),
        (format!(":{pem}"), "an empty id"),
        (format!("i\nd:{pem}"), "an id of two lines"),
        ("id:".to_owned(), "no key"),
        ("id:a secret".to_owned(), "a secret"),
        (format!("id:{certificate}"), "a certificate alone"),
        (format!("id:{pem}{pem}"), "two keys"),
        (format!("id:{}", key.public_key_pem()), "a public key"),
        (format!("id:{}", pem.replace("PRIVATE", "ENCRYPTED PRIVATE")), "an encrypted key"),
        (format!("id:{}", pem.replacen('M', "N", 1)), "a broken one"),
        (format!("id:{}{}", certificate.repeat(20), pem), "more than a credential may have"),
        ("id:{\"kty\":\"oct\",\"k\":\"AAAA\"}".to_owned(), "a shared key"),
    ] {
        assert!(!key_jwt(&text), "{why}");
    }
    assert!(!key_jwt(&format!("id:{}{pem}", certified(&other))), "another key's certificate");
    assert!(!key_jwt(&format!("id:{}{pem}", certificate.replacen('M', "N", 1))), "a broken certificate");
    let mtls = |text: &str| fit(ClientAuth::Mtls, text);
    assert!(mtls(&format!("id:{certificate}{pem}")) && mtls(&format!("id:{pem}{certificate}")));
    assert!(mtls(&format!("id:{certificate}{}{pem}", certified(&other))), "with one that vouches for it");
    assert!(!mtls(&format!("id:{pem}")), "no certificate");
    assert!(!mtls(&format!("id:{}{pem}", certified(&other))), "another key's");
    assert!(!mtls(&format!("id:{}{certificate}{pem}", certified(&other))), "its own is not the first");
    assert!(!mtls("id:secret"));
    for auth in [ClientAuth::Basic, ClientAuth::Post] {
        assert!(fit(auth, "id:secret") && fit(auth, "id:a b") && fit(auth, "i d:s"));
        assert!(!fit(auth, &format!("id:{pem}")), "a key is no secret that is sent");
        let jwk = r#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}"#;
        assert!(fit(ClientAuth::PrivateKeyJwt, &format!("id:{jwk}")) && !fit(auth, &format!("id:{jwk}")));
        assert!(fit(auth, "id:a{secret}:with more"));
        for text in ["", "id", "id:", ":secret", " id:s", "id:s ", "id:s\n", "id:ä"] {
            assert!(!fit(auth, text), "{text:?}");
        }
    }
}

#[test]
fn an_id_before_a_key_may_be_a_url() {
    let key = KeyPair::generate().expect("a key");
    let (url, pem) = ("https://app.example:8443/client.json", key.serialize_pem());
    for (auth, text, id) in [
        (ClientAuth::PrivateKeyJwt, format!("{url}:{pem}"), url),
        (ClientAuth::PrivateKeyJwt, format!("{url}:\n{{\"kty\":\"EC\"}}"), url),
        (ClientAuth::Mtls, format!("{url}:{}{pem}", certified(&key)), url),
        (ClientAuth::Basic, "id:a:b".to_owned(), "id"),
        (ClientAuth::Post, "id:{a:b}".to_owned(), "id"),
    ] {
        let client = secret(&text);
        let (found, proof) = client_of(auth, &client);
        assert_eq!(std::str::from_utf8(found), Ok(id), "{text}");
        assert_eq!(proof.len(), text.len() - id.len() - 1);
    }
    assert!(fits(ClientAuth::PrivateKeyJwt, &secret(&format!("{url}:{pem}"))));
}

/// Header and claims, once the signature was verified.
fn verified(assertion: &str, spki: &[u8], kid: &str) -> (Value, Value) {
    let x = base64url::encode(&spki[spki.len() - 32..]);
    let key = json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid, "use": "sig"});
    let set = KeySet::parse(json!({ "keys": [key] }).to_string().as_bytes()).expect("a set");
    let (signed, signature) = assertion.rsplit_once('.').expect("three parts");
    let signature = base64url::decode(signature.as_bytes()).expect("base64url");
    assert!(set.find(kid).expect("the key").verifies(signed.as_bytes(), &signature));
    let (header, claims) = signed.split_once('.').expect("two parts");
    let read =
        |part: &str| serde_json::from_slice(&base64url::decode(part.as_bytes()).expect("base64url")).expect("JSON");
    (read(header), read(claims))
}

#[test]
fn an_assertion_is_for_one_audience_and_for_a_minute() {
    let key = KeyPair::generate_for(&PKCS_ED25519).expect("a key");
    let (pem, spki) = (key.serialize_pem(), key.subject_public_key_info());
    let (now, entropy) = (Timestamp::from_secs(1_800_000_000), SeededEntropy::new(1));
    let client = secret(&format!("client-7:{pem}"));
    let said = assertion(&client, "https://login.vendor.test", now, &entropy).expect("signed");
    let (header, claims) = verified(&said, &spki, "k");
    assert_eq!((&header["alg"], &header["typ"]), (&json!("EdDSA"), &json!("JWT")));
    assert_eq!(header["kid"].as_str().map(str::len), Some(43), "its thumbprint");
    let jti = claims["jti"].as_str().expect("an id").to_owned();
    assert_eq!(jti.len(), 22);
    let wanted = json!({
        "iss": "client-7", "sub": "client-7", "aud": "https://login.vendor.test", "jti": jti,
        "iat": 1_800_000_000, "exp": 1_800_000_060,
    });
    assert_eq!(claims, wanted);
    let again = assertion(&client, "https://login.vendor.test", now, &entropy).expect("signed");
    assert_ne!(verified(&again, &spki, "k").1["jti"], jti, "each is shown once");
    // A key that names itself keeps its name, and one with a certificate is known by that.
    let (seed, x) = ("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A", "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "d": seed, "x": x, "kid": "of-the-vendor"});
    let said = assertion(&secret(&format!("id:{jwk}")), "a", now, &entropy).expect("signed");
    let spki = base64url::decode(x.as_bytes()).expect("bytes");
    assert_eq!(verified(&said, &spki, "of-the-vendor").0["kid"], json!("of-the-vendor"));
    let certificate = certified(&key);
    let said = assertion(&secret(&format!("id:{certificate}{pem}")), "a", now, &entropy).expect("signed");
    let (header, _) = verified(&said, &key.subject_public_key_info(), "k");
    assert_eq!((header["x5t#S256"].as_str().map(str::len), header.get("kid")), (Some(43), None));
    let unfit = assertion(&secret("id:secret"), "a", now, &entropy).err();
    assert_eq!(unfit, Some(VaultRefusal::ClientKeyUnfit));
}

#[test]
fn the_key_of_a_certificate_signs_with_pss_where_it_is_of_rsa() {
    let p256 = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key");
    let text = format!("id:{}{}", certified(&p256), p256.serialize_pem());
    assert_eq!(
        Key::read(client_of(ClientAuth::PrivateKeyJwt, &secret(&text)).1).expect("a key").signer.algorithm().as_str(),
        "ES256"
    );
    let rsa = KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).expect("a key");
    let algorithm = |text: &str| Key::read(text.as_bytes()).expect("a key").signer.algorithm().as_str();
    assert_eq!(algorithm(&rsa.serialize_pem()), "RS256");
    assert_eq!(algorithm(&format!("{}{}", rsa.serialize_pem(), certified(&rsa))), "PS256");
    assert!(fits(ClientAuth::Mtls, &secret(&format!("id:{}{}", rsa.serialize_pem(), certified(&rsa)))));
}
