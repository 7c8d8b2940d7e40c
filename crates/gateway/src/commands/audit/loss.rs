//! `lockgate audit accept-loss`: what an operator says who has lost a part of the trail for good.
//!
//! The gateway does not start on a trail that is not what is remembered of it. Where the files cannot be
//! put back, this goes on with what is left of them: the first thing that it records is that it did, why,
//! and how much was remembered. Only then is the earlier checkpoint forgotten.

use std::path::PathBuf;

use clap::Args;
use lockgate_audit::verify::{Options, verify};
use lockgate_audit::{Audit, Deed, Elsewhere, Relay, VerifierKey, accept, remembered};
use lockgate_store::Store;
use serde_json::json;

use super::super::{Console, Failure};
use super::is_loss;
use crate::assemble::{Seams, store_problem, witness};
use crate::config::Config;
use crate::keys;

/// Bytes of a reason, as of every detail of an act.
const REASON_BYTES: usize = 256;

/// Flags of `audit accept-loss`.
#[derive(Debug, Args)]
pub struct AcceptLoss {
    /// The configuration.
    #[arg(long, value_name = "FILE", env = "LOCKGATE_CONFIG", default_value = "lockgate.toml")]
    config: PathBuf,
    /// What became of the lost part, for whoever reads the trail later. Up to 256 bytes.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Accepts it. The gateway must not be running.
pub async fn run(args: AcceptLoss, json: bool, console: &mut Console) -> Result<(), Failure> {
    if args.reason.trim().is_empty() || args.reason.len() > REASON_BYTES {
        return Err(Failure::usage("--reason", "it is empty or longer than 256 bytes", "Say what became of the trail"));
    }
    let config = Config::load(&args.config)?;
    let Seams { clock, entropy, .. } = Seams::system();
    let store = Store::open(&config.store, clock.clone()).await;
    let store = store.map_err(|fault| store_problem(&config.store, &fault))?;
    let signer = keys::checkpoint_signer(&config.checkpoint_key_file, &config.audit.origin())?;
    let key = signer.verifier().clone();
    let known = remembered(&config.audit, &store).await?;
    demand_loss(&config, &key, &known)?;
    let elsewhere = Elsewhere { witness: witness(&config)?, known: Vec::new() };
    let (audit, found) = Audit::open_with(&config.audit, signer, elsewhere, clock.clone(), entropy).await?;
    let deed = Deed::by_house(None, "trail.loss-accepted", key.name())
        .with("reason", args.reason.as_str())
        .with("entries", count(found.entries))
        .with("unfinished", count(found.unfinished.len() as u64));
    let last = known.iter().filter_map(|note| key.checkpoint(note).ok()).max_by_key(|checkpoint| checkpoint.size);
    let deed = match &last {
        Some(last) => deed.with("remembered", count(last.size)).with("remembered_root", last.root.to_string()),
        None => deed.with("remembered", "a checkpoint of another key or log"),
    };
    let entry = audit.record(deed).await?;
    // INVARIANT: what was remembered is forgotten only after the entry that says so is signed.
    let note = audit.checkpoint().await?;
    accept(&store, &key, &note, clock.now()).await?;
    let relay = Relay::new(audit.clone(), store.clone());
    audit.shutdown().await?;
    relay.remember().await?;
    store.close().await?;
    let remembered = last.map(|last| last.size);
    if json {
        return console.say(&json!({ "entry": entry, "entries": found.entries, "remembered": remembered }).to_string());
    }
    console.say(&format!("The trail goes on after {} entries; {entry} says why.", found.entries))
}

/// Demands that the log is sound by itself, and not what is remembered of it: where nothing is lost, nothing
/// is to be accepted, and what was changed is not lost.
fn demand_loss(config: &Config, key: &VerifierKey, known: &[String]) -> Result<(), Failure> {
    let dir = &config.audit.dir;
    let nothing = || Failure::Refused("nothing is lost: the trail is what is remembered of it".into());
    if !dir.exists() {
        return if known.is_empty() { Err(nothing()) } else { Ok(()) };
    }
    let bad = verify(dir, key, &Options { known: known.to_vec() }).bad.ok_or_else(nothing)?;
    let alone = verify(dir, key, &Options::default()).bad;
    if alone.is_none() && is_loss(&bad.flaw) {
        return Ok(());
    }
    let (what, cure) = (alone.unwrap_or(bad), "What was changed is not accepted: move the trail's folder away first");
    Err(Failure::Refused(format!("the trail that is left is not sound: {what}. {cure}")))
}

fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
