//! The steps: what a call through the door does, and what it refuses.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use lockgate_audit::VerifierKey;
use lockgate_audit::verify::{Options, verify};
use lockgate_egress::{OperatorAnswer, OperatorClient};
use serde_json::Value;

use super::hooks;
use super::script::{Script, line};
use super::stage::{CREDENTIAL, Stage, json_of};
use crate::commands::Failure;

/// Shows all of them.
pub(super) async fn show(stage: &Stage, script: &mut Script<'_>) -> Result<(), Failure> {
    allowed(stage, script).await?;
    refused(stage, script).await?;
    inside(stage, script).await?;
    redirected(stage, script).await?;
    waited(stage, script).await?;
    garbled(stage, script).await?;
    unknown(stage, script).await?;
    broken(stage, script).await?;
    dry(stage, script).await?;
    hooks::received(stage, script).await?;
    verified(stage, script).await?;
    script.say("\nEvery step did what it says.")
}

/// One request through the door, printed with its answer.
async fn call(
    client: &OperatorClient,
    script: &mut Script<'_>,
    method: Method,
    path: &str,
    fields: &[(&'static str, &str)],
) -> Result<(OperatorAnswer, Value), Failure> {
    let extra: String = fields.iter().map(|(name, value)| format!("  {name}: {value}")).collect();
    script.sent(&format!("{method} /call{path}{extra}"))?;
    let body = (method == Method::POST).then(|| Bytes::from_static(br#"{"amount":100}"#));
    let answer = client.send_with(method, &format!("/call{path}"), fields, body).await;
    let answer = answer.map_err(|failure| Failure::Internal(failure.to_string()))?;
    let json = json_of(&answer);
    script.got(&line(answer.status.as_u16(), &json))?;
    Ok((answer, json))
}

fn code(body: &Value) -> &str {
    body.get("code").and_then(Value::as_str).unwrap_or_default()
}

async fn allowed(stage: &Stage, script: &mut Script<'_>) -> Result<(), Failure> {
    script.step("An allowed call, and the credential that the caller never sees")?;
    let (answer, body) = call(&stage.caller, script, Method::GET, "/vendor/v1/customers/cus_1", &[]).await?;
    script.check(answer.status == 200 && body.get("id").is_some(), "the vendor's answer came through")?;
    let seen = stage.vendor.seen();
    let bearer = format!("Bearer {CREDENTIAL}");
    let first = seen.first();
    script.check(
        first.is_some_and(|seen| seen.authorization.as_deref() == Some(&bearer)),
        "the vendor saw its credential",
    )?;
    let own = first.is_some_and(|seen| seen.headers.iter().any(|name| name.starts_with("x-")));
    script.check(!own, "the vendor saw neither the caller's key nor any field of the gateway's")?;
    let back = format!("{:?} {}", answer.headers, String::from_utf8_lossy(&answer.body));
    script.check(!back.contains(CREDENTIAL), "the caller saw nothing of the credential")?;
    let run = answer.headers.contains_key("x-lockgate-run") && answer.headers.contains_key("x-ratelimit-remaining");
    script.check(run, "the answer names its run and the caller's limit")
}

async fn refused(stage: &Stage, script: &mut Script<'_>) -> Result<(), Failure> {
    script.step("Another tenant, and an endpoint that nobody declared")?;
    let before = stage.vendor.seen().len();
    let (foreign, body) = call(&stage.stranger, script, Method::GET, "/vendor/v1/customers/cus_1", &[]).await?;
    let (missing, none) = call(&stage.stranger, script, Method::GET, "/nowhere/v1/customers/cus_1", &[]).await?;
    script.check(foreign.status == 403, "another tenant is refused")?;
    let same = foreign.status == missing.status && code(&body) == code(&none) && body.get("title") == none.get("title");
    script.check(same, "and cannot tell another's connection from one that does not exist")?;
    let (undeclared, body) = call(&stage.caller, script, Method::DELETE, "/vendor/v1/customers/cus_1", &[]).await?;
    script.check(
        undeclared.status == 403 && code(&body) == "access.endpoint.undeclared",
        "an undeclared endpoint is refused",
    )?;
    script.check(stage.vendor.seen().len() == before, "nothing of it reached the vendor")
}

async fn inside(stage: &Stage, script: &mut Script<'_>) -> Result<(), Failure> {
    script.step("A name that leads into a private network (server-side request forgery)")?;
    let (answer, body) = call(&stage.caller, script, Method::GET, "/inside/v1/health", &[]).await?;
    script.check(answer.status == 403 && code(&body) == "egress.address.private", "it is refused on its address")
}

async fn redirected(stage: &Stage, script: &mut Script<'_>) -> Result<(), Failure> {
    script.step("The vendor redirects, once to a metadata service and once into a private range")?;
    for path in ["/vendor/v1/moved", "/vendor/v1/moved-private"] {
        let (answer, body) = call(&stage.caller, script, Method::GET, path, &[]).await?;
        let refused = !answer.status.is_success() && code(&body).starts_with("egress.");
        script.check(refused, "the redirect is not followed")?;
    }
    Ok(())
}

async fn waited(stage: &Stage, script: &mut Script<'_>) -> Result<(), Failure> {
    script.step("The vendor says 429 with Retry-After: 1, and it is waited out")?;
    let (answer, _) = call(&stage.caller, script, Method::GET, "/vendor/v1/limited", &[]).await?;
    script.check(answer.status == 200, "the second attempt is answered")?;
    script.check(stage.vendor.count("GET /v1/limited") == 2, "the vendor got exactly two requests")
}

async fn garbled(stage: &Stage, script: &mut Script<'_>) -> Result<(), Failure> {
    script.step("The vendor answers garbage where the endpoint declares a schema")?;
    let (answer, body) = call(&stage.caller, script, Method::GET, "/vendor/v1/garbage", &[]).await?;
    script.check(
        answer.status == 502 && code(&body) == "egress.answer.schema",
        "it is rejected before its first byte goes on",
    )
}

async fn unknown(stage: &Stage, script: &mut Script<'_>) -> Result<(), Failure> {
    script.step("A write that times out: the vendor has it, and never says what became of it")?;
    let (answer, body) = call(&stage.caller, script, Method::POST, "/vendor/v1/payments", &[]).await?;
    script.check(answer.status == 504 && code(&body) == "egress.outcome.unknown", "the outcome is told as unknown")?;
    script.check(stage.vendor.count("POST /v1/payments") == 1, "the write was not repeated")?;
    let runs = stage.operator.send(Method::GET, "/v1/runs?outcome=unknown", None).await;
    let runs = runs.map_err(|failure| Failure::Internal(failure.to_string()))?;
    let listed = json_of(&runs).pointer("/items/0/id").cloned();
    let told = answer.headers.get("x-lockgate-run").and_then(|id| id.to_str().ok()).map(Value::from);
    script.check(told.is_some() && listed == told, "and an operator finds the run among the unknown ones")
}

async fn broken(stage: &Stage, script: &mut Script<'_>) -> Result<(), Failure> {
    script.step("The vendor is down: the breaker opens, and closes again")?;
    // What came before belongs to another window of the breaker's.
    stage.clock.sleep(Duration::from_secs(3)).await;
    stage.vendor.set_down(true);
    let mut last = String::new();
    for _ in 0..12 {
        let (_, body) = call(&stage.caller, script, Method::GET, "/vendor/v1/health", &[]).await?;
        let leaked = body.to_string().contains("db-7");
        script.check(!leaked, "the vendor's internals do not reach the caller")?;
        last = code(&body).to_owned();
        if last == "traffic.breaker.open" {
            break;
        }
    }
    script.check(last == "traffic.breaker.open", "the breaker is open: calls are refused without asking the vendor")?;
    let asked = stage.vendor.count("GET /v1/health");
    call(&stage.caller, script, Method::GET, "/vendor/v1/health", &[]).await?;
    script.check(stage.vendor.count("GET /v1/health") == asked, "the vendor is left alone")?;
    stage.vendor.set_down(false);
    stage.clock.sleep(Duration::from_secs(3)).await;
    let (answer, _) = call(&stage.caller, script, Method::GET, "/vendor/v1/health", &[]).await?;
    script.check(answer.status == 200, "one call may try, succeeds, and the breaker is closed")
}

async fn dry(stage: &Stage, script: &mut Script<'_>) -> Result<(), Failure> {
    script.step("A dry run: every check, and nothing sent")?;
    let before = stage.vendor.seen().len();
    let (answer, body) =
        call(&stage.caller, script, Method::POST, "/vendor/v1/payments", &[("x-dryrun", "true")]).await?;
    script.check(answer.status.is_success(), "it tells what would be sent")?;
    script.check(!body.to_string().contains(CREDENTIAL), "without the credential")?;
    script.check(stage.vendor.seen().len() == before, "the vendor got nothing")
}

async fn verified(stage: &Stage, script: &mut Script<'_>) -> Result<(), Failure> {
    script.step("The trail is verified with one public key; then, on a copy, one byte of it is changed")?;
    stage.settle().await?;
    let (trail, copy) = (stage.folder.join("data/audit"), stage.folder.join("copy"));
    let key: VerifierKey =
        stage.verifier().parse().map_err(|_| Failure::Internal("the trail's own key is well-formed".into()))?;
    let whole = verify(&trail, &key, &Options::default());
    script.sent("lockgate audit verify")?;
    script.got(&format!(
        "{} entries of {} trails, {} signed checkpoints",
        whole.entries, whole.trails, whole.checkpoints
    ))?;
    script.check(whole.is_sound(), "the trail is whole")?;
    copy_folder(&trail, &copy)?;
    let changed = change_one_byte(&copy)?;
    script.sent(&format!("one byte changed in {changed}, then lockgate audit verify"))?;
    let flawed = verify(&copy, &key, &Options::default());
    let bad = flawed.bad.as_ref();
    script.got(&bad.map(ToString::to_string).unwrap_or_default())?;
    script.check(bad.is_some_and(|bad| bad.line.is_some()), "verification fails, and names the record")
}

fn copy_folder(from: &Path, to: &Path) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::Internal(format!("copying the trail: {error}"));
    std::fs::create_dir(to).map_err(failed)?;
    for entry in std::fs::read_dir(from).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_type().map_err(failed)?.is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name())).map_err(failed)?;
        }
    }
    Ok(())
}

/// Changes one letter of the first refused call's record; the file's name.
fn change_one_byte(copy: &Path) -> Result<String, Failure> {
    let failed = |error: std::io::Error| Failure::Internal(format!("changing the copy: {error}"));
    for entry in std::fs::read_dir(copy).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let mut bytes = std::fs::read(&path).map_err(failed)?;
        let word = b"access.endpoint.undeclared";
        let at = bytes.windows(word.len()).position(|window| window == word);
        if let Some(byte) = at.and_then(|at| bytes.get_mut(at)) {
            *byte = b'A';
            std::fs::write(&path, bytes).map_err(failed)?;
            return Ok(path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default());
        }
    }
    Err(Failure::Internal("the trail has the refused call".into()))
}
