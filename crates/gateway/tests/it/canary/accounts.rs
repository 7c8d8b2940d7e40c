//! Accounts that persons connect: declined, strayed on the way, refused by the vendor, connected, renewed while the
//! vendor rotates its tokens, with an answer that is lost, disconnected, and ended by the vendor.
//!
//! What a browser is given is rightly in the one answer that gives it: the link to who opens the session, `state` and
//! cookie to who comes with the link, the confirmation to who comes back. What the vendor gives and gets is rightly at
//! the vendor.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};
use std::time::Duration;

use lockgate_testkit::{Behaviour, Canned};
use lockgate_vocabulary::{Clock as _, SystemClock};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::begin::Tenant;
use super::calls::connected;
use super::watched::{Kept, Watched, request, told};
use crate::browser::{location, query};
use crate::connect::ISSUER;
use crate::world::VENDOR_HOST;

/// The connection, and the first part of its vendor's paths.
const NAME: &str = "account";

/// The first part of the paths of the vendor's authorization server.
const LOGIN: &str = "login-account";

const TOKEN: &str = "POST /login-account/token";
const REVOKE: &str = "POST /login-account/revoke";

/// Looks at something that takes its time, for 20 seconds at the least.
const LOOKS: usize = 400;

/// Everything; the gateway serves again afterwards.
pub async fn drive(watched: &Watched, tenant: &Tenant) {
    let client = watched.nest.token("client secret of account");
    watched.may_hold(&watched.at_vendor(LOGIN), "client secret of account");
    let at = |path: &str| format!("https://{VENDOR_HOST}:{}/{LOGIN}/{path}", watched.vendor.address.port());
    let auth = json!({
        "placement": "oauth", "token_url": at("token"), "revocation_url": at("revoke"), "scope": "things.read",
        "authorization": { "url": at("auth"), "issuer": ISSUER },
    });
    connected(watched, tenant, NAME, auth, &format!("client:{client}")).await;
    declined(watched, tenant).await;
    strayed(watched, tenant).await;
    refused_by_the_vendor(watched, tenant).await;
    used(watched, tenant).await;
    renewed(watched, tenant).await;
    killed(watched, tenant).await;
    disconnected(watched, tenant).await;
    ended_by_the_vendor(watched, tenant).await;
    at_a_desk(watched, tenant).await;
    shown(watched, tenant).await;
}

/// Whose account it is, in every session but that of a desk.
fn subject(watched: &Watched) -> String {
    let name = "the subject of an account";
    let made = watched.nest.each().into_iter().find(|(known, _)| known == name);
    made.map_or_else(|| watched.nest.text(name), |(_, text)| String::from_utf8(text).expect("text"))
}

/// A session that a browser has begun.
struct Begun {
    what: String,
    id: String,
    link: String,
    callback: String,
    state: String,
    cookie: String,
    subject: String,
}

impl Begun {
    /// Opens a session, and goes to its link.
    async fn new(watched: &Watched, tenant: &Tenant, what: &str) -> Self {
        let subject = subject(watched);
        let body = json!({ "subject": subject, "return_to": "https://product.example/connected?tab=2" });
        let made = watched.makes(&tenant.operator, &format!("/v1/connections/{NAME}/connect"), body).await;
        let url = watched.shown_once(&made, &format!("link of {what}"), &made.json()["url"]);
        Self::at(watched, what, &url, subject).await
    }

    /// Goes to a link.
    async fn at(watched: &Watched, what: &str, url: &str, subject: String) -> Self {
        let path = |url: &str, part: &str| [part, url.split_once(part).expect("a path").1].concat();
        let link = path(url, "/connect/");
        let answer = watched.calls(&format!("the link of {what}"), &format!("GET {link}"), "", "").await;
        let asked = query(&location(&answer.answer));
        watched.shown_once(&answer, &format!("state of {what}"), &json!(asked["state"]));
        let cookie =
            answer.answer.header("set-cookie").expect("a cookie").split(';').next().expect("a pair").to_owned();
        let value = cookie.split_once('=').expect("a pair").1;
        watched.shown_once(&answer, &format!("cookie of {what}"), &json!(value));
        let (callback, state) = (path(&asked["redirect_uri"], "/oauth/"), asked["state"].clone());
        let id = link.trim_start_matches("/connect/").split('.').next().expect("an id").to_owned();
        Self { what: what.to_owned(), id, link, callback, state, cookie, subject }
    }

    /// Comes back with this in the query beside `state` and `iss`.
    async fn comes_back(&self, watched: &Watched, what: &str, with: &str, cookie: &str) -> Kept {
        let line = format!("GET {}?state={}&iss={ISSUER}&{with}", self.callback, self.state);
        watched.calls(&format!("{what} of {}", self.what), &line, cookie, "").await
    }

    fn cookie(&self) -> String {
        format!("Cookie: {}\r\n", self.cookie)
    }

    /// Comes back with a code; where it leads, and the confirmation.
    async fn led(&self, watched: &Watched) -> (String, String) {
        let code = watched.nest.word(&format!("code of {}", self.what));
        let answer = self.comes_back(watched, "the way back", &format!("code={code}"), &self.cookie()).await;
        let led = location(&answer.answer);
        let confirm = json!(query(&led)["confirm"]);
        let confirm = watched.shown_once(&answer, &format!("confirmation of {}", self.what), &confirm);
        (led, confirm)
    }

    /// Ends the session for this subject.
    async fn finished(&self, watched: &Watched, tenant: &Tenant, subject: &str, confirm: &str) -> Kept {
        let body = json!({ "session": self.id, "subject": subject, "confirm": confirm });
        let line = format!("POST /v1/connections/{NAME}/connect/finish");
        watched.asks(&format!("the end of {}", self.what), &tenant.operator, &line, Some(body)).await
    }

    /// Connects the account, for which the vendor is given the code and the verifier.
    async fn to_its_end(&self, watched: &Watched, tenant: &Tenant, status: u16) -> Kept {
        let (_, confirm) = self.led(watched).await;
        let done = self.finished(watched, tenant, &self.subject, &confirm).await.demand(status);
        self.redeemed(watched);
        done
    }

    /// Notes what the vendor was given, which may be there.
    fn redeemed(&self, watched: &Watched) {
        let redeemed = forms(watched, TOKEN).pop().expect("a form");
        let name = format!("verifier of {}", self.what);
        watched.nest.raw(&name, redeemed["code_verifier"].clone().into_bytes());
        for name in [name, format!("code of {}", self.what)] {
            watched.may_hold(&watched.at_vendor(LOGIN), &name);
        }
    }
}

/// The forms that were posted there, in their order.
fn forms(watched: &Watched, line: &str) -> Vec<BTreeMap<String, String>> {
    let seen = watched.vendor.seen().into_iter().filter(|seen| seen.line() == line);
    seen.map(|seen| query(&format!("?{}", String::from_utf8_lossy(&seen.body)))).collect()
}

/// Tokens of this number, and the body in which the vendor gives them.
fn tokens(watched: &Watched, number: u32, seconds: u64) -> (String, String) {
    let access = watched.nest.token(&access(number));
    let refresh = watched.nest.token(&refresh(number));
    let body = json!({
        "access_token": access, "refresh_token": refresh, "token_type": "Bearer", "expires_in": seconds,
        "scope": "things.read", "id_token": watched.nest.word(&format!("id token {number} of account")),
    });
    (access, body.to_string())
}

fn access(number: u32) -> String {
    format!("access token {number} of account")
}

fn refresh(number: u32) -> String {
    format!("refresh token {number} of account")
}

/// What the vendor answers from now on.
fn scripted(watched: &Watched, line: &str, behaviours: impl IntoIterator<Item = Behaviour>) {
    watched.vendor.forget(line);
    for behaviour in behaviours {
        watched.vendor.on(line, behaviour);
    }
}

fn json_of(status: u16, body: &str) -> Behaviour {
    Behaviour::Answer(Canned::json(status, body))
}

async fn call(watched: &Watched, tenant: &Tenant, what: &str, path: &str) -> Kept {
    let fields = format!("X-Api-Key: {}\r\n", tenant.service);
    watched.calls(what, &format!("GET /call/{NAME}/{path}"), &fields, "").await
}

/// Calls until it is answered so.
async fn calls_until(watched: &Watched, tenant: &Tenant, what: &str, is_so: impl Fn(&Kept) -> bool) {
    let clock = SystemClock::new();
    for _ in 0..LOOKS {
        let answer = call(watched, tenant, what, "ok").await;
        if is_so(&answer) {
            return;
        }
        clock.sleep(Duration::from_millis(50)).await;
    }
    panic!("{what}: it never is so");
}

/// Whether a call was in time for a token that ends at once is the machine's affair.
fn holds_if_sent(watched: &Watched, number: u32, token: &str) {
    let sent = format!("Bearer {token}");
    if watched.vendor.seen().iter().any(|seen| seen.all("authorization").contains(&sent.as_str())) {
        watched.may_hold(&watched.at_vendor(NAME), &access(number));
    }
}

async fn grant(watched: &Watched, tenant: &Tenant) -> Value {
    let line = format!("GET /v1/connections/{NAME}/grant");
    watched.asks("how the account stands", &tenant.operator, &line, None).await.demand(200).json()
}

/// The person says no, in words of the vendor's.
async fn declined(watched: &Watched, tenant: &Tenant) {
    let begun = Begun::new(watched, tenant, "a declined session").await;
    let words = watched.nest.word("words with which it is declined");
    let with = format!("error=access_denied&error_description={words}&error_uri=https://x.test/{words}");
    let answer = begun.comes_back(watched, "the way back", &with, &begun.cookie()).await;
    assert!(location(&answer.answer).contains("error="), "{:?}", answer.answer);
    // An error's name is one that there is, or it is not kept.
    let begun = Begun::new(watched, tenant, "a session that is declined by a strange word").await;
    let with = format!("error={}", watched.nest.word("a word in the place of an error's name"));
    begun.comes_back(watched, "the way back", &with, &begun.cookie()).await.demand(303);
}

/// Other browsers, other texts, and whoever else says that it was them; nothing of it reaches the vendor.
async fn strayed(watched: &Watched, tenant: &Tenant) {
    let begun = Begun::new(watched, tenant, "a strayed session").await;
    let word = |what: &str| watched.nest.word(&format!("{what} of a strayed session"));
    let name = begun.cookie.split_once('=').expect("a pair").0;
    let other = format!("Cookie: {name}={}\r\n", word("a cookie of another browser"));
    let linked = format!("GET {}", begun.link);
    watched.calls("the link in another browser", &linked, &other, "").await.demand(403);
    let forged = format!("GET /connect/{}.{}", begun.id, word("a forged link"));
    watched.calls("a forged link", &forged, "", "").await.demand(403);
    let line = format!("GET {}?state={}.{}&code=x", begun.callback, begun.id, word("a forged state"));
    watched.calls("a forged state", &line, &begun.cookie(), "").await.demand(403);
    for (what, with, cookie) in [
        ("a code of another browser", format!("code={}", word("a code of another browser")), other),
        ("a code without a cookie", format!("code={}", word("a code without a cookie")), String::new()),
        ("two codes", format!("code={}&code=x", word("two codes")), begun.cookie()),
        ("a code and an error", format!("code={}&error=x", word("a code and an error")), begun.cookie()),
    ] {
        let answer = begun.comes_back(watched, what, &with, &cookie).await.answer;
        assert!((400..500).contains(&answer.status), "{what}: {}", answer.text());
    }
    let early = word("a confirmation that is none");
    begun.finished(watched, tenant, &begun.subject, &early).await.demand(403);
    let (_, confirm) = begun.led(watched).await;
    let somebody = watched.nest.text("somebody else at the end of a strayed session");
    begun.finished(watched, tenant, &somebody, &confirm).await.demand(403);
    begun.finished(watched, tenant, &begun.subject, &confirm).await.demand(409);
    assert_eq!(watched.vendor.count(TOKEN), 0, "no code was redeemed");
}

/// The vendor takes no code, and sends back all that it got.
async fn refused_by_the_vendor(watched: &Watched, tenant: &Tenant) {
    scripted(watched, TOKEN, [Behaviour::Echo]);
    Begun::new(watched, tenant, "a session of an echo").await.to_its_end(watched, tenant, 502).await;
    let begun = Begun::new(watched, tenant, "a refused session").await;
    let words = watched.nest.text("words with which a code is refused");
    let body = json!({ "error": "invalid_grant", "error_description": words }).to_string();
    scripted(watched, TOKEN, [json_of(400, &body)]);
    begun.to_its_end(watched, tenant, 502).await;
    let begun = Begun::new(watched, tenant, "a session refused with a secret").await;
    let word = watched.nest.word("a secret for the name of an error");
    scripted(watched, TOKEN, [json_of(400, &json!({ "error": word }).to_string())]);
    begun.to_its_end(watched, tenant, 502).await;
}

/// An account that is connected and called, whose vendor sends back the token.
async fn used(watched: &Watched, tenant: &Tenant) {
    let (token, body) = tokens(watched, 1, 3_600);
    scripted(watched, TOKEN, [json_of(200, &body)]);
    Begun::new(watched, tenant, "a session").await.to_its_end(watched, tenant, 200).await;
    watched.may_hold(&watched.at_vendor(NAME), &access(1));
    let echo = json!({ "you_sent": token }).to_string();
    watched.vendor.on("GET /account/ok", json_of(200, &echo));
    watched.vendor.on("GET /account/echo", json_of(401, &echo));
    call(watched, tenant, "a call on an account", "ok").await.demand(200);
    call(watched, tenant, "a call on an account that is refused", "echo").await.demand(401);
    scripted(watched, "GET /account/ok", [json_of(200, "{}")]);
}

/// Connected anew: tokens that end at once are renewed, and then an answer breaks off with tokens in it.
async fn renewed(watched: &Watched, tenant: &Tenant) {
    let begun = Begun::new(watched, tenant, "a session for tokens that end").await;
    let ([second, third], [lost, last]) =
        ([2, 3].map(|number| tokens(watched, number, 1)), [tokens(watched, 4, 3_600), tokens(watched, 5, 3_600)]);
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", lost.1.len());
    let cut = [head.as_bytes(), &lost.1.as_bytes()[..lost.1.len() - 1]].concat();
    let given = [json_of(200, &second.1), json_of(200, &third.1), Behaviour::Stall(cut)];
    scripted(watched, TOKEN, given);
    let before = watched.vendor.count(TOKEN);
    begun.to_its_end(watched, tenant, 200).await;
    calls_until(watched, tenant, "a call whose refresh is lost", |answer| answer.answer.status == 503).await;
    let forms = forms(watched, TOKEN).split_off(before);
    assert_eq!(
        forms.len(),
        3,
        "a code and two refreshes: {:?}",
        forms.iter().map(|form| form.keys()).collect::<Vec<_>>()
    );
    assert_eq!(grant(watched, tenant).await["state"], "unknown");
    scripted(watched, TOKEN, [json_of(200, &last.1)]);
    calls_until(watched, tenant, "a call after a lost refresh", |answer| answer.answer.status == 200).await;
    assert_eq!(grant(watched, tenant).await["state"], "held");
    for number in [2, 3] {
        watched.may_hold(&watched.at_vendor(LOGIN), &refresh(number));
    }
    watched.may_hold(&watched.at_vendor(NAME), &access(5));
    for (number, (token, _)) in [(2, second), (3, third)] {
        holds_if_sent(watched, number, &token);
    }
}

/// The process dies with the tokens in its store, and what comes after it has them.
async fn killed(watched: &Watched, tenant: &Tenant) {
    watched.look_at_process();
    watched.ended_by(Signal::KILL);
    let leaks = watched.leaks_at_rest();
    assert!(leaks.is_empty(), "with an account: {} leaks:\n{}", leaks.len(), told(&leaks));
    watched.serve();
    call(watched, tenant, "a call on an account after a kill", "ok").await.demand(200);
}

/// Revoked at the vendor, which refuses one of them and sends back what it got.
async fn disconnected(watched: &Watched, tenant: &Tenant) {
    scripted(watched, REVOKE, [Behaviour::Echo, json_of(400, r#"{"error":"unsupported_token_type"}"#)]);
    let line = format!("POST /v1/connections/{NAME}/disconnect");
    watched.asks("disconnected", &tenant.operator, &line, None).await.demand(200);
    assert_eq!(forms(watched, REVOKE).len(), 2);
    for name in [access(5), refresh(5)] {
        watched.may_hold(&watched.at_vendor(LOGIN), &name);
    }
    call(watched, tenant, "a call on an account that is disconnected", "ok").await.demand(409);
}

/// The vendor knows the refresh token no more, and says so with it.
async fn ended_by_the_vendor(watched: &Watched, tenant: &Tenant) {
    let begun = Begun::new(watched, tenant, "a session that the vendor ends").await;
    let (token, body) = tokens(watched, 6, 1);
    let given: Value = serde_json::from_str(&body).expect("JSON");
    let words = format!("{} is not known", given["refresh_token"].as_str().expect("a token"));
    let refused = json!({ "error": "invalid_grant", "error_description": words }).to_string();
    scripted(watched, TOKEN, [json_of(200, &body), json_of(400, &refused)]);
    begun.to_its_end(watched, tenant, 200).await;
    calls_until(watched, tenant, "a call on an account that is ended", |answer| answer.answer.status == 409).await;
    watched.may_hold(&watched.at_vendor(LOGIN), &refresh(6));
    holds_if_sent(watched, 6, &token);
    assert_eq!(grant(watched, tenant).await["state"], "ended");
    let line = format!("GET /v1/connections/{NAME}/connect?session={}", begun.id);
    watched.asks("how a session stands", &tenant.operator, &line, None).await.demand(200);
}

/// A person at a desk connects the account by the command, which is given the link and what comes back.
async fn at_a_desk(watched: &Watched, tenant: &Tenant) {
    let (_, body) = tokens(watched, 7, 3_600);
    scripted(watched, TOKEN, [json_of(200, &body)]);
    let admin = format!("http://{}", watched.admin());
    let key = watched.apart("operator.key", &tenant.operator).display().to_string();
    let at = ["--admin", &admin, "--api-key-file", &key];
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockgate"));
    command.args(["connection", "connect", NAME]).args(at).env("RUST_LOG", "trace");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let mut lines = BufReader::new(child.stderr.take().expect("piped"));
    let mut said = String::new();
    let link = loop {
        assert!(lines.read_line(&mut said).expect("text") > 0, "it prints a link: {said}");
        if let Some(link) = said.lines().last().filter(|line| line.contains("/connect/")) {
            break link.to_owned();
        }
    };
    let begun = Begun::at(watched, "a session of a desk", &link, String::new()).await;
    let (led, _) = begun.led(watched).await;
    let (origin, path) = led.strip_prefix("http://").and_then(|rest| rest.split_once('/')).expect("a URL");
    let asked = request(&format!("GET /{path}"), "", "");
    watched
        .sends("what a desk tells the browser", origin.parse().expect("an address"), asked)
        .await
        .expect("an answer");
    // The vendor answers on this thread, while the command waits for the gateway.
    let ending = tokio::task::spawn_blocking(move || {
        lines.read_to_string(&mut said).expect("text");
        (child.wait_with_output().expect("it ends"), said)
    });
    let (output, said) = ending.await.expect("no panic");
    assert!(output.status.success(), "{said}");
    begun.redeemed(watched);
    let file = watched.keep("lockgate connection connect", &[&*output.stdout, said.as_bytes()].concat());
    watched.nest.made("link of a session of a desk", &link);
    watched.may_hold(&file, "link of a session of a desk");
    super::commands::typed(watched, "connection grant account", &at, "", 0);
    let line = format!("POST /v1/connections/{NAME}/disconnect");
    watched.asks("disconnected after a desk", &tenant.operator, &line, None).await.demand(200);
    for name in [access(7), refresh(7)] {
        watched.may_hold(&watched.at_vendor(LOGIN), &name);
    }
}

/// What operators see of it.
async fn shown(watched: &Watched, tenant: &Tenant) {
    for path in [&*format!("connections/{NAME}"), "audit?limit=1000", "events?limit=1000", "runs?limit=1000"] {
        let line = format!("GET /v1/{path}");
        watched.asks(&format!("of accounts: {path}"), &tenant.operator, &line, None).await.demand(200);
    }
}
