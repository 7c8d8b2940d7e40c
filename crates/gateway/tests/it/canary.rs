//! Nothing secret and nothing personal lies or is told anywhere in the clear (SEC-1, SEC-2, SEC-10).
//!
//! Each field that can carry a secret is given a canary, the binary is driven through everything that it does, and
//! then every byte that it left behind or said is searched for each canary in every form. What drives it stands in
//! one file for each group of flows; a new one is a file here, and a line in [`driven`].

mod begin;
mod calls;
mod commands;
mod crashes;
mod forms;
mod hooks;
mod nest;
mod operators;
mod scan;
mod tokens;
mod watched;

use rustix::process::Signal;

use begin::Engine;
use watched::{Watched, told};

/// The whole run.
async fn driven(engine: &Engine) -> Watched {
    let (watched, house) = begin::founded(engine).await;
    let tenant = begin::moved_in(&watched, &house).await;
    calls::drive(&watched, &tenant).await;
    tokens::drive(&watched, &tenant).await;
    hooks::drive(&watched, &tenant).await;
    operators::drive(&watched, &tenant, &house).await;
    commands::drive(&watched, &tenant);
    crashes::drive(&watched, &tenant).await;
    watched.ended_by(Signal::TERM);
    watched.keep_what_left();
    watched
}

fn demand_clean(watched: &Watched) {
    let (leaks, unused) = watched.leaks();
    assert!(leaks.is_empty(), "{} leaks:\n{}", leaks.len(), told(&leaks));
    assert!(unused.is_empty(), "what should be shown is not:\n{}", unused.join("\n"));
}

#[tokio::test]
async fn nothing_secret_or_personal_is_left_behind_in_any_form() {
    let watched = driven(&Engine { sections: String::new(), seed: 0xca_4a_17 }).await;
    demand_clean(&watched);
}
