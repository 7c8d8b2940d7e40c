//! `lockgate vault`: the root key, looked at and changed, without any credential being entered again.
//!
//! In order: `new-root-key` puts a new key above the one so far, `rewrap` wraps the tenants' keys anew,
//! `drop-previous` takes the earlier one away; `status` says how far it is. `rekey` makes new keys for tenants. What
//! changes something opens everything as a start does, so what a start refuses is refused here, a gateway that serves is
//! noticed, and runs that had no end are seen to.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use lockgate_vault::VaultRefusal;
use lockgate_vocabulary::{Refusal, Stop};

use super::serve::forbid_dumps;
use super::{Console, Failure};
use crate::assemble::{self, Rooms, Seams, StartFailure};
use crate::config::Config;

mod change;
mod rekey;
mod rewrap;
mod status;

/// What to do where the trail cannot be opened, before anything else.
const STOP_FIRST: &str = "Where this node's gateway serves, stop it first: it holds the trail";

/// What is to be done with the root key.
#[derive(Debug, Subcommand)]
pub enum Vault {
    /// Say which root keys there are, by name, and how many tenants' keys each wraps.
    Status(Where),
    /// Make a new root key. The one so far stays in the file as the previous one.
    NewRootKey(Where),
    /// Wrap every tenant's key that an earlier root key wrapped under the current one.
    Rewrap(Where),
    /// Make new keys for tenants, where those so far may be known to others.
    Rekey(rekey::Whose),
    /// Take the previous root key out of the file, once it wraps nothing any more.
    DropPrevious(Where),
}

/// Which gateway's.
#[derive(Debug, Args)]
pub struct Where {
    /// The configuration.
    #[arg(long, value_name = "FILE", env = "LOCKGATE_CONFIG", default_value = "lockgate.toml")]
    config: PathBuf,
}

/// Runs it. For all but `status` the node's gateway must not be running.
pub async fn run(vault: Vault, json: bool, console: &mut Console) -> Result<(), Failure> {
    if let Err(error) = forbid_dumps() {
        console.note(&format!("core dumps could not be switched off; a dump would hold the root key: {error}"))?;
    }
    match vault {
        Vault::Status(args) => status::run(&args, json, console).await,
        Vault::NewRootKey(args) => change::new_root_key(&args, json, console).await,
        Vault::Rewrap(args) => rewrap::run(&args, json, console).await,
        Vault::Rekey(args) => rekey::run(&args, json, console).await,
        Vault::DropPrevious(args) => change::drop_previous(&args, json, console).await,
    }
}

/// Opens every room, as a start does.
async fn open(config: &Config, seams: &Seams) -> Result<Rooms, Failure> {
    assemble::assemble(config, seams).await.map_err(|failure| match failure {
        StartFailure::Config(problem) if problem.key == "audit.dir" => {
            Failure::Usage(format!("{problem}. {STOP_FIRST}"))
        }
        other => other.into(),
    })
}

/// Relays what was recorded inside changes of the store, and ends the trail in order.
async fn close(rooms: Rooms) -> Result<(), Failure> {
    let Rooms { store, audit, relay, .. } = rooms;
    let relayed = relay.drain().await;
    // Where the store is away those acts wait for the next start; the trail is closed all the same.
    let closed = audit.shutdown().await;
    relayed.and(closed)?;
    relay.remember().await?;
    store.close().await?;
    Ok(())
}

/// A root key that is missing or does not serve is told as at a start: it is the operator's to put right.
fn told(stop: Stop) -> Failure {
    match stop {
        Stop::Fault(fault) => StartFailure::from(fault).into(),
        refused => refused.into(),
    }
}

/// A refusal, and what exactly stands in the way.
fn refused(refusal: VaultRefusal, detail: &str) -> Failure {
    let refusal = Refusal::from(refusal);
    Failure::Refused(format!("{refusal} {detail} {}", refusal.info().cure))
}

/// A number of keys in words.
fn keys(count: u64) -> String {
    if count == 1 { "1 key".to_owned() } else { format!("{count} keys") }
}
