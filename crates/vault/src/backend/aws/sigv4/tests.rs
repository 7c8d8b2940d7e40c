//! The examples that AWS publishes, and one that its own library for Python signed.

use super::*;

fn keys(token: Option<&str>) -> Keys {
    let secret = Secret::from("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned());
    Keys { id: "AKIDEXAMPLE".to_owned(), secret, token: token.map(|token| Secret::from(token.to_owned())) }
}

fn scope(service: &'static str) -> Scope {
    Scope { region: "us-east-1".to_owned(), service }
}

const MOMENT: &str = "20150830T123600Z";

fn signature(service: &'static str, request: &Request<'_>) -> String {
    let whole = authorization(&keys(None), &scope(service), request, MOMENT);
    whole.rsplit('=').next().expect("a signature").to_owned()
}

#[test]
fn a_moment_is_without_separators() {
    assert_eq!(moment(Timestamp::from_micros(1_440_938_160_999_999)), MOMENT);
}

#[test]
fn the_signing_key_is_the_published_one() {
    let key = signing_key(&keys(None).secret, "20150830", &scope("iam"));
    assert_eq!(hexed(&key), "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9");
}

#[test]
fn requests_of_the_published_suite_have_its_signatures() {
    let vanilla = [("host", "example.amazonaws.com"), ("x-amz-date", MOMENT)];
    let form = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("host", "example.amazonaws.com"),
        ("x-amz-date", MOMENT),
    ];
    for (method, query, headers, body, wanted) in [
        ("GET", "", &vanilla[..], "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("POST", "", &vanilla[..], "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        (
            "GET",
            "Param1=value1&Param2=value2",
            &vanilla[..],
            "",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        ("POST", "", &form[..], "Param1=value1", "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"),
    ] {
        let request = Request { method, path: "/", query, headers, body: body.as_bytes() };
        assert_eq!(signature("service", &request), wanted, "{method} {query} {body}");
    }
}

#[test]
fn the_request_of_the_published_description_has_its_signature() {
    let headers = [
        ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
        ("host", "iam.amazonaws.com"),
        ("x-amz-date", MOMENT),
    ];
    let query = "Action=ListUsers&Version=2010-05-08";
    let request = Request { method: "GET", path: "/", query, headers: &headers, body: b"" };
    assert_eq!(
        authorization(&keys(None), &scope("iam"), &request, MOMENT),
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, \
         SignedHeaders=content-type;host;x-amz-date, \
         Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
    );
}
