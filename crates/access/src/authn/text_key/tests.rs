//! The texts of API keys and client secrets.

use lockgate_testkit::SeededEntropy;
use lockgate_vocabulary::KeyId;
use proptest::prelude::*;

use super::{api_key_id, fingerprint, mint_api_key, mint_client_secret, proves};

const ID: KeyId = KeyId::from_u128(77);

#[test]
fn a_key_is_minted_and_recognised() {
    let minted = mint_api_key(ID, &SeededEntropy::new(1));
    let text = minted.text.expose();
    assert_eq!(text.len(), 74);
    assert_eq!(api_key_id(text), Some(ID));
    assert!(proves(text, &minted.verifier));
    assert_eq!(minted.verifier, fingerprint(text));
    let other = mint_api_key(ID, &SeededEntropy::new(2));
    assert!(!proves(other.text.expose(), &minted.verifier));
    assert_eq!(format!("{:?}", other.text), "Secret");
}

#[test]
fn a_secret_is_minted() {
    let minted = mint_client_secret(&SeededEntropy::new(1));
    let text = minted.text.expose();
    assert!(text.starts_with(b"lgs_") && text.len() == 47);
    assert!(proves(text, &minted.verifier) && !proves(b"lgs_", &minted.verifier));
    assert_eq!(api_key_id(text), None);
}

#[test]
fn a_key_has_one_spelling() {
    let minted = mint_api_key(ID, &SeededEntropy::new(1));
    let text = std::str::from_utf8(minted.text.expose()).expect("ASCII");
    let mut odd = text.to_owned();
    // The last character has two bits that no byte has a place for.
    let last = odd.pop().expect("a character");
    let neighbour = char::from(u8::try_from(last).expect("ASCII") + 1);
    odd.push(neighbour);
    for text in [
        text.strip_prefix('l').expect("a letter"),
        text.strip_suffix(last).expect("a character"),
        &format!("{text}A"),
        &format!(" {text}"),
        &text.replace("lgk_", "LGK_"),
        &text.replacen('_', "-", 1),
        &odd,
        "",
        "lgk_",
        "lgk__",
    ] {
        assert_eq!(api_key_id(text.as_bytes()), None, "{text}");
    }
    assert_eq!(api_key_id(b"\xff"), None);
}

proptest! {
    #[test]
    fn no_text_breaks_it(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        prop_assert_eq!(api_key_id(&bytes), None);
    }

    #[test]
    fn every_id_comes_back(id in any::<u128>()) {
        let id = KeyId::from_u128(id);
        prop_assert_eq!(api_key_id(mint_api_key(id, &SeededEntropy::new(3)).text.expose()), Some(id));
    }
}
