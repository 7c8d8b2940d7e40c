//! Signing keys: sound, named by their thumbprint, and the same after they were brought back.

use lockgate_testkit::SeededEntropy;
use serde_json::json;

use super::{SigningAlgorithm, SigningKey};
use crate::jose::base64url;
use crate::keyset::KeySet;

#[test]
fn a_key_signs_what_its_public_half_verifies() {
    for algorithm in [SigningAlgorithm::EdDsa, SigningAlgorithm::Es256] {
        let (key, private) = SigningKey::generate(algorithm, &SeededEntropy::new(1)).expect("a key");
        let set = KeySet::parse(json!({ "keys": [key.public()] }).to_string().as_bytes()).expect("a set");
        let token = key.sign(&json!({"a": 1})).expect("signs");
        let (signed, signature) = token.rsplit_once('.').expect("three parts");
        let signature = base64url::decode(signature.as_bytes()).expect("base64url");
        assert!(set.find(key.kid()).expect("the key").verifies(signed.as_bytes(), &signature));
        let again = SigningKey::restore(algorithm, private.expose()).expect("the same key");
        assert_eq!((again.kid(), again.public()), (key.kid(), key.public()));
        assert_eq!(SigningAlgorithm::parse(algorithm.as_str()), Some(algorithm));
        assert!(!format!("{key:?}").contains(&base64url::encode(private.expose())));
    }
    assert_eq!(SigningAlgorithm::parse("RS256"), None);
}

#[test]
fn what_is_no_private_half_is_refused() {
    for private in [&[][..], &[1; 31], &[1; 33]] {
        assert!(SigningKey::restore(SigningAlgorithm::EdDsa, private).is_err());
        assert!(SigningKey::restore(SigningAlgorithm::Es256, private).is_err());
    }
    assert!(SigningKey::restore(SigningAlgorithm::Es256, &[0xff; 32]).is_err(), "beyond the order");
    assert!(SigningKey::restore(SigningAlgorithm::Es256, &[0; 32]).is_err());
}
