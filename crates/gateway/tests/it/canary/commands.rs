//! What is typed: the verbs with secrets on standard input and in files, questions to `explain`, the trail's own
//! commands, and what they print.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lockgate_testkit::{Canned, Vendor};
use serde_json::json;

use super::begin::Tenant;
use super::hooks::Door;
use super::watched::Watched;

/// Everything, beside a gateway that serves.
pub async fn drive(watched: &Watched, tenant: &Tenant) {
    verbs(watched, tenant);
    listening(watched, tenant).await;
    questions(watched, tenant);
    trail(watched);
    watched.look_at_process();
}

/// Runs a line that must end with this code.
pub fn typed(watched: &Watched, line: &str, more: &[&str], input: &str, code: i32) {
    let arguments: Vec<&str> = line.split(' ').chain(more.iter().copied()).collect();
    let (output, file) = watched.types(line, &arguments, input);
    let said = String::from_utf8_lossy(&[&*output.stdout, &output.stderr].concat()).into_owned();
    assert_eq!(output.status.code(), Some(code), "{}: {said}", file.display());
}

fn verbs(watched: &Watched, tenant: &Tenant) {
    let nest = &watched.nest;
    let admin = format!("http://{}", watched.admin());
    let key = watched.apart("operator.key", &tenant.operator).display().to_string();
    let at = ["--admin", admin.as_str(), "--api-key-file", key.as_str()];
    let does = |line: &str, input: &str| typed(watched, line, &at, input, 0);
    does(
        "credential rotate bearer-key --danger-unverified --secret-stdin",
        &nest.token("a credential from standard input"),
    );
    let secret = watched.apart("provider.secret", &nest.token("a provider's secret from a file")).display().to_string();
    does(&format!("subscription create --name typed --scheme github --secret-file {secret}"), "");
    does("subscription add-secret typed --secret-stdin", &nest.token("a provider's secret from standard input"));
    does("subscription withdraw-secret typed --purpose verify --version 1", "");
    for line in [
        "credential list",
        "credential show bearer-key",
        "backend list",
        "subscription list",
        "subscription show typed",
        "connection list",
        "provider list",
        "principal list",
        "api-key list",
        "run list",
        "delivery list",
        "delivery dead",
        "approval list --state pending",
        "escalation list",
        "credential list --json",
        "run list --json",
        "delivery list --json",
    ] {
        does(line, "");
    }
    let refused = |line: &str, input: &str, code: i32| typed(watched, line, &at, input, code);
    refused("signing-key list", "", 1);
    refused("credential rotate nobodys --secret-stdin", &nest.token("a credential for what is not there"), 1);
    let open = watched.apart("open.secret", &nest.token("a provider's secret in an open file"));
    std::fs::set_permissions(&open, std::os::unix::fs::PermissionsExt::from_mode(0o644)).expect("set");
    refused(&format!("subscription create --name open --scheme github --secret-file {}", open.display()), "", 2);
    let wrong = watched.apart("wrong.key", &nest.token("a key of nobody's in a file")).display().to_string();
    let wrong = ["--admin", admin.as_str(), "--api-key-file", wrong.as_str()];
    let arguments = [&["credential", "list"], wrong.as_slice()].concat();
    let (output, _) = watched.types("credential list with a wrong key", &arguments, "");
    assert!(!output.status.success());
}

/// A developer listens, and has what comes handed to a server of theirs.
async fn listening(watched: &Watched, tenant: &Tenant) {
    let door = Door::opened(watched, tenant, "listened", "github", json!({})).await;
    let admin = format!("http://{}", watched.admin());
    let key = watched.apart("operator.key", &tenant.operator).display().to_string();
    let desk = Vendor::start_plain().await;
    desk.answers("POST /in", Canned::json(200, "{}"));
    let to = format!("http://{}/in", desk.address);
    let line = ["listen", "listened", "--once", "1", "--forward", &to, "--admin", &admin, "--api-key-file", &key];
    let listening = watched.begins(&line);
    door.takes(watched, "a delivery that is listened to", 1).await;
    desk.wait_for("POST /in", 1).await;
    watched.ends("listen", listening);
}

fn questions(watched: &Watched, tenant: &Tenant) {
    let nest = &watched.nest;
    let word = nest.word("a password in a URL that is explained");
    let lines: String = ["https://me:{}@x.test/", "https://x.test/{}?key={}#{}", "http://{}/", "{}"]
        .iter()
        .map(|url| format!("{}\n", json!({ "id": 1, "url": url.replace("{}", &word) })))
        .collect();
    typed(watched, "explain url", &[], &lines, 0);
    let token = format!(
        "eyJhbGciOiJFZERTQSJ9.{}.{}",
        nest.word("claims that are explained"),
        nest.word("a signature that is explained")
    );
    let keys = watched.apart("keys.json", "{\"keys\":[]}").display().to_string();
    let lines = format!("{}\n{}\n", json!({ "id": 1, "token": token }), nest.word("a line that is none"));
    typed(
        watched,
        "explain token --issuer https://idp.test --audience https://x.test --now 0",
        &["--keys", &keys],
        &lines,
        0,
    );
    let secret = nest.token("a provider's secret that is explained");
    let person = nest.text("a person in a delivery that is explained");
    let signature = nest.word("a signature of a delivery that is explained");
    let line = json!({
        "id": 1, "provider": "github", "secrets": [secret], "body_b64": STANDARD.encode(person),
        "headers": [["X-Hub-Signature-256", format!("sha256={signature}")], ["X-GitHub-Delivery", "1"]],
    });
    typed(watched, "explain webhook --now 0", &[], &format!("{line}\n{{\"secrets\":[\"{secret}\n"), 0);
    let config = watched.config().display().to_string();
    let word = nest.word("a secret in a call that is explained");
    let ask =
        |path: &str| json!({ "id": 1, "method": "GET", "connection": "bearer", "path": path, "body": { "k": word } });
    let lines = format!("{}\n{}\n", ask(&format!("/ok?key={word}")), ask(&format!("/{word}")));
    typed(watched, &format!("explain call --as {}", tenant.principal), &["--config", &config], &lines, 0);
}

/// The trail, verified and written out.
pub fn trail(watched: &Watched) {
    let config = watched.config().display().to_string();
    for line in ["audit verify", "audit verify --json", "audit export", "vault status", "vault status --json"] {
        typed(watched, line, &["--config", &config], "", 0);
    }
}
