//! What is an answer to an authorization request, and what is none.

use super::*;

fn read(query: &str) -> Result<(String, Option<String>, String), VaultRefusal> {
    let answer = Answer::read(query)?;
    let said = match answer.said {
        Said::Code(code) => format!("code {}", String::from_utf8_lossy(code.expose())),
        Said::Error(error) => format!("error {error}"),
    };
    Ok((answer.state, answer.issuer, said))
}

#[test]
fn an_answer_has_one_reading() {
    let ok = |state: &str, issuer: Option<&str>, said: &str| Ok((state.into(), issuer.map(Into::into), said.into()));
    for (query, wanted) in [
        ("code=c%2F1&state=s", ok("s", None, "code c/1")),
        ("&&state=s&code=a+b&", ok("s", None, "code a b")),
        ("code=c&state=s&iss=https%3A%2F%2Fv.test&scope=x&scope=y", ok("s", Some("https://v.test"), "code c")),
        ("error=access_denied&error_description=%00&state=s", ok("s", None, "error access_denied")),
        ("error=%3Cscript%3E&state=s", ok("s", None, "error other")),
        ("%63ode=c&state=s", ok("s", None, "code c")),
    ] {
        assert_eq!(read(query), wanted, "{query}");
    }
    let long = format!("code={}&state=s", "c".repeat(4_097));
    let huge = format!("state=s&code=c&x={}", "x".repeat(8_192));
    for query in [
        "",
        "state=s",
        "code=c",
        "code=&state=s",
        "code&state=s",
        "code=c&error=e&state=s",
        "code=c&state=s&state=s",
        "code=c&%63ode=c&state=s",
        "code=c&state=s&iss=a&iss=a",
        "code=c%0a&state=s",
        "code=%C3%A9&state=s",
        "code=%ff&state=s",
        "code=%0&state=s",
        "code=%&state=s",
        "code=c&state=%00",
        "c%zzode=c&code=c&state=s",
        &long,
        &huge,
    ] {
        assert_eq!(read(query), Err(VaultRefusal::ConnectAnswer), "{query}");
    }
}
