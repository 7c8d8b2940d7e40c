//! What a token service is asked, and what it must answer with.

use super::*;

#[test]
fn a_token_is_encoded_and_what_comes_back_is_read_strictly() {
    let form = assumed("arn:aws:iam::1:role/a b", &Secret::from("h.c+/=&Action=x".to_owned()));
    let form = String::from_utf8_lossy(&form).into_owned();
    assert!(
        form.ends_with("&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fa%20b&WebIdentityToken=h.c%2B%2F%3D%26Action%3Dx"),
        "{form}"
    );

    let answer = |id: &str, secret: &str, token: &str| {
        read(format!("<R><Credentials>{id}{secret}{token}</Credentials></R>").as_bytes())
    };
    let (id, secret, token) = (
        "<AccessKeyId>ASIA1</AccessKeyId>",
        "<SecretAccessKey>s/+x</SecretAccessKey>",
        "<SessionToken>t==</SessionToken>",
    );
    let keys = answer(id, secret, token).expect("keys");
    assert_eq!((keys.id.as_str(), keys.secret.expose()), ("ASIA1", b"s/+x".as_slice()));
    assert!(keys.token.is_some_and(|token| token.expose() == b"t=="));
    for (id, secret, token) in [
        (id, secret, ""),
        (id, "", token),
        ("", secret, token),
        (id, secret, "<SessionToken></SessionToken>"),
        (id, secret, "<SessionToken>a&amp;b</SessionToken>"),
        (id, secret, "<SessionToken>a</SessionToken><SessionToken>b</SessionToken>"),
    ] {
        assert!(answer(id, secret, token).is_none(), "{id}{secret}{token}");
    }
}

#[test]
fn keys_of_a_file_are_two_lines() {
    let of = |text: &str| of_file(&Secret::from(text.to_owned()));
    assert!(of("AKIA1\nsecret").is_ok_and(|keys| keys.token.is_none()));
    for wrong in ["", "AKIA1", "AKIA1\n\n", "AKIA1\nsecret\nmore"] {
        assert_eq!(of(wrong).err(), Some(BackendFailure::Denied), "{wrong:?}");
    }
}
