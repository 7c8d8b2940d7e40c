//! `lockgate demo`: the main job, shown on real HTTP and TLS, and checked while it is shown.
//!
//! It makes a gateway of its own in a fresh folder, and a vendor of its own on loopback; `stage` sets
//! them up, `steps` shows what happens (`hooks` the webhooks among it), `script` prints it and stops at the first step that does not do
//! what it says. Nothing in it is simulated: every step goes over the sockets that a user's would.

mod hooks;
mod script;
mod stage;
mod steps;
mod vendor;

use clap::Args;

use super::{Console, Failure};
use crate::shutdown;
use script::Script;
use stage::Stage;

/// Flags of `demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// End after the transcript, with 0 only if every step did what it says.
    #[arg(long)]
    exit: bool,
}

/// Shows the main job.
pub async fn run(args: Demo, console: &mut Console) -> Result<(), Failure> {
    let mut script = Script::new(console);
    let stage = Stage::set(&mut script).await?;
    let shown = steps::show(&stage, &mut script).await;
    if shown.is_ok() && !args.exit {
        stage.invite(&mut script)?;
        shutdown::signalled().await.map_err(|error| Failure::Internal(format!("listening for signals: {error}")))?;
    }
    let struck = stage.strike().await;
    shown?;
    struck
}
