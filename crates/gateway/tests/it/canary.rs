//! Nothing secret and nothing personal lies or is told anywhere in the clear (SEC-1, SEC-2, SEC-10).
//!
//! Each field that can carry a secret is given a canary, the binary is driven through everything that it does, and
//! then every byte that it left behind or said is searched for each canary in every form. What drives it stands in
//! one file for each group of flows; a new one is a file here, and a line in [`driven`].

mod accounts;
mod begin;
mod calls;
mod clients;
mod commands;
mod crashes;
mod forms;
mod hooks;
mod kept;
mod nest;
mod operators;
mod scan;
mod services;
mod tokens;
mod watched;

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustix::process::Signal;
use serde_json::json;

use begin::Engine;
use watched::{Watched, told};

/// The whole run.
async fn driven(engine: &Engine) -> Watched {
    let (watched, house) = begin::founded(engine).await;
    let tenant = begin::moved_in(&watched, &house).await;
    calls::drive(&watched, &tenant).await;
    clients::drive(&watched, &tenant).await;
    kept::drive(&watched, &tenant).await;
    accounts::drive(&watched, &tenant).await;
    tokens::drive(&watched, &tenant).await;
    hooks::drive(&watched, &tenant, engine).await;
    operators::drive(&watched, &tenant, &house).await;
    commands::drive(&watched, &tenant).await;
    crashes::drive(&watched, &tenant).await;
    assert_eq!(watched.ended_by(Signal::TERM).code(), Some(0));
    commands::trail(&watched);
    watched.keep_what_left();
    watched
}

/// Nothing, or every leak. What was said to be shown and is not is a failure as well.
fn verdict(watched: &Watched) -> Result<(), String> {
    let (leaks, unused) = watched.leaks();
    if leaks.is_empty() && unused.is_empty() {
        return Ok(());
    }
    Err(format!("{} leaks:\n{}not shown: {unused:#?}", leaks.len(), told(&leaks)))
}

#[tokio::test]
async fn nothing_secret_or_personal_is_left_behind_in_any_form() {
    let watched = driven(&Engine::sqlite(0x0ca1)).await;
    verdict(&watched).unwrap_or_else(|leaks| panic!("{leaks}"));
}

#[tokio::test]
async fn nothing_secret_or_personal_is_left_behind_where_the_log_is_text() {
    let watched = driven(&Engine { log: "text", ..Engine::sqlite(0x0ca5) }).await;
    verdict(&watched).unwrap_or_else(|leaks| panic!("{leaks}"));
}

#[tokio::test]
async fn nothing_secret_or_personal_is_left_behind_on_postgresql_redis_and_nats() {
    let Some(services) = services::there() else { return };
    let engine = services.engine(0x0ca2).await;
    let watched = driven(&engine).await;
    services.keep(&watched);
    verdict(&watched).unwrap_or_else(|leaks| panic!("{leaks}"));
}

/// A short run that is clean, in whose folder leaks are then planted by hand, each in its own way.
#[tokio::test]
async fn a_leak_that_is_planted_on_purpose_is_found_and_told_by_its_place() {
    let (watched, house) = begin::founded(&Engine::sqlite(0x0ca3)).await;
    begin::moved_in(&watched, &house).await;
    assert_eq!(watched.ended_by(Signal::TERM).code(), Some(0));
    let secret = watched.nest.token("the leak");
    verdict(&watched).expect("nothing is planted yet");
    let coded = URL_SAFE_NO_PAD.encode(format!("Bearer {secret}"));
    let wide: Vec<u8> = secret.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let escaped: String = secret.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let folder = watched.gate().with_file_name("");
    for (place, bytes) in [
        ("gate/data/left-over", coded.as_bytes()),
        ("gate/data/audit/00000000.log", escaped.as_bytes()),
        ("gate/data/lockgate.db", secret.as_bytes()),
        ("gate/core", &wide),
        ("tmp/spool", &secret.as_bytes()[..14]),
        ("seen/log", format!("{:?}", secret.as_bytes()).as_bytes()),
    ] {
        let file = folder.join(place);
        let length = std::fs::metadata(&file).map(|known| known.len());
        let mut leaking = OpenOptions::new().append(true).create(true).open(&file).expect("made");
        leaking.write_all(bytes).expect("written");
        let leaks = verdict(&watched).expect_err(place);
        assert!(leaks.contains(&format!("{} at ", file.display())) && leaks.contains("the leak ("), "{place}: {leaks}");
        assert!(!leaks.contains(secret.split('/').next().expect("a beginning")), "it is told and not repeated");
        match length {
            Ok(length) => leaking.set_len(length).expect("cut"),
            Err(_) => std::fs::remove_file(&file).expect("there"),
        }
        verdict(&watched).expect("it is gone again");
    }
}

/// A secret that went a way through the product on which nothing is kept secret: it is in the store and was told.
#[tokio::test]
async fn a_run_in_which_the_product_itself_leaks_fails() {
    let (watched, house) = begin::founded(&Engine::sqlite(0x0ca4)).await;
    let tenant = begin::moved_in(&watched, &house).await;
    let title = watched.nest.text("a secret for a title");
    let auth = json!({ "placement": "bearer" });
    let spec = json!({ "name": "x", "title": title, "base_url": "https://x.test", "auth": auth });
    watched.makes(&tenant.operator, "/v1/providers", spec).await;
    watched.ended_by(Signal::KILL);
    let leaks = verdict(&watched).expect_err("a title is no secret");
    let is_in = |place: &Path| leaks.contains(&place.display().to_string());
    assert!(is_in(&watched.gate().join("data/lockgate.db")), "{leaks}");
    assert!(leaks.contains("POST -v1-providers x at "), "{leaks}");
    let named = leaks.lines().filter(|line| line.contains(" at ")).all(|line| line.contains("a secret for a title"));
    assert!(named, "{leaks}");
}
