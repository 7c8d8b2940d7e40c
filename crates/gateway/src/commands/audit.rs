//! `lockgate audit`: the trail, verified, exported and proven offline, with the public key alone.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use lockgate_audit::verify::{Flaw, Options, OutboxReport, verify, verify_outbox};
use lockgate_audit::{RolledBack, VerifierKey, Way, export, last_note, prove, remembered, witnessed};
use lockgate_store::Store;
use lockgate_vocabulary::{AuditId, Clock, Fault, SystemClock, TenantId};
use serde_json::json;

use super::{Console, Failure};
use crate::config::Config;
use crate::keys;

mod loss;

/// What to do about a trail that is not what is remembered of it.
const LOSS_CURE: &str = "Put the files of the trail back from a backup that is as new as the store. If \
     they are lost for good, move what is left of them away and accept the loss, which is recorded, with `lockgate \
     audit accept-loss --reason TEXT`";

/// What to do first where what is remembered is no checkpoint of this key and node.
const FOREIGN_CURE: &str = "Name the key and the node that the trail was kept with in audit.checkpoint_key_file and \
     `node`. Only where they are right is something lost: ";

/// What to do about a trail in this way.
pub(super) fn loss_cure(rolled_back: &RolledBack) -> String {
    let first = if matches!(rolled_back.way, Way::Foreign(_)) { FOREIGN_CURE } else { "" };
    format!("{first}{LOSS_CURE}")
}

/// What is to be done with the trail.
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Begin a trail anew, or go on with an earlier one, because the rest of it is lost for good.
    AcceptLoss(loss::AcceptLoss),
    /// Check the whole log, an export or a proof. Exit code 1 if anything is wrong.
    Verify(Verify),
    /// Write a tenant's whole trail with the proof that it is whole.
    Export(Export),
    /// Write a proof of one record that is checked offline.
    Prove(Prove),
}

/// Where the log is and what it is checked with.
#[derive(Debug, Args)]
pub struct Log {
    /// The configuration, for the log's directory and key.
    #[arg(long, value_name = "FILE", env = "LOCKGATE_CONFIG", default_value = "lockgate.toml")]
    config: PathBuf,
    /// The log's directory; with --key the configuration is not needed.
    #[arg(long, value_name = "DIR", requires = "key")]
    dir: Option<PathBuf>,
    /// The log's public key (name+hash+key), or a file that holds it.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
}

/// Flags of `audit verify`.
#[derive(Debug, Args)]
pub struct Verify {
    #[command(flatten)]
    log: Log,
    /// A file with a checkpoint of this log that was kept elsewhere, such as a witness's file: the log must
    /// have at least its entries. The last one in the file counts.
    #[arg(long, value_name = "FILE", visible_alias = "known")]
    at_least: Vec<PathBuf>,
    /// Check this export instead of the log.
    #[arg(long, value_name = "FILE", conflicts_with = "proof")]
    export: Option<PathBuf>,
    /// Check this proof instead of the log.
    #[arg(long, value_name = "FILE")]
    proof: Option<PathBuf>,
}

/// Flags of `audit export`.
#[derive(Debug, Args)]
pub struct Export {
    #[command(flatten)]
    log: Log,
    /// Whose trail; the house's own without it.
    #[arg(long, value_name = "TENANT")]
    tenant: Option<TenantId>,
    /// Where to write it; stdout without it.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Flags of `audit prove`.
#[derive(Debug, Args)]
pub struct Prove {
    #[command(flatten)]
    log: Log,
    /// The record, by its identifier.
    #[arg(long, value_name = "RECORD", required_unless_present = "index", conflicts_with = "index")]
    record: Option<AuditId>,
    /// The record, by its place in the log.
    #[arg(long, value_name = "PLACE")]
    index: Option<u64>,
    /// Where to write it; stdout without it.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// The log, found.
struct Found {
    dir: PathBuf,
    key: VerifierKey,
    config: Option<Config>,
}

impl Log {
    fn find(&self) -> Result<Found, Failure> {
        let given = self.key.as_deref().map(verifier).transpose()?;
        if let (Some(dir), Some(key)) = (&self.dir, &given) {
            return Ok(Found { dir: dir.clone(), key: key.clone(), config: None });
        }
        let config = Config::load(&self.config)?;
        let key = match given {
            Some(key) => key,
            None => keys::checkpoint_signer(&config.checkpoint_key_file, &config.audit.origin())?.verifier().clone(),
        };
        Ok(Found { dir: config.audit.dir.clone(), key, config: Some(config) })
    }

    /// The key alone, for what needs no log.
    fn key(&self) -> Result<VerifierKey, Failure> {
        match &self.key {
            Some(key) => verifier(key),
            None => self.find().map(|found| found.key),
        }
    }
}

/// A public key as it stands on the command line, or in a file of that name.
fn verifier(told: &str) -> Result<VerifierKey, Failure> {
    if let Ok(key) = told.parse() {
        return Ok(key);
    }
    let text = std::fs::read_to_string(told).unwrap_or_default();
    text.parse().map_err(|_| {
        let cure = "Give the key that `lockgate init` wrote to checkpoint.vkey, or the name of that file";
        Failure::usage("--key", format!("`{told}` is neither a public key nor a file with one"), cure)
    })
}

/// Runs it.
pub async fn run(audit: Audit, json: bool, console: &mut Console) -> Result<(), Failure> {
    match audit {
        Audit::AcceptLoss(args) => loss::run(args, json, console).await,
        Audit::Verify(args) => match (&args.export, &args.proof) {
            (Some(file), _) => verify_export(&args, file, json, console),
            (_, Some(file)) => verify_proof(&args, file, json, console),
            _ => verify_log(&args, json, console).await,
        },
        Audit::Export(args) => {
            let found = args.log.find()?;
            let options = Options { known: outside(&found, console).await?.known };
            let mut out = output(args.out.as_deref(), console)?;
            let done = export::export(&found.dir, &found.key, args.tenant, &options, &mut out).map_err(refused)?;
            drop(out);
            console.note(&format!("{} entries, complete up to entry {}", done.entries, done.checkpoint.size))
        }
        Audit::Prove(args) => {
            let found = args.log.find()?;
            let wanted = match (args.record, args.index) {
                (Some(id), _) => prove::Wanted::Id(id),
                (None, index) => prove::Wanted::Index(index.unwrap_or_default()),
            };
            let proof = prove::prove(&found.dir, &found.key, wanted).map_err(refused)?;
            let mut out = output(args.out.as_deref(), console)?;
            writeln!(out, "{proof}").map_err(|error| Failure::output(&error))
        }
    }
}

async fn verify_log(args: &Verify, json: bool, console: &mut Console) -> Result<(), Failure> {
    let found = args.log.find()?;
    let Outside { mut known, outbox } = outside(&found, console).await?;
    for file in &args.at_least {
        known.push(kept(file)?);
    }
    let sizes = known.iter().filter_map(|note| found.key.checkpoint(note).ok().map(|checkpoint| checkpoint.size));
    let remembered = sizes.max();
    let report = verify(&found.dir, &found.key, &Options { known });
    let sound = report.is_sound() && outbox.is_none_or(|outbox| outbox.is_sound());
    if json {
        let told = json!({ "sound": sound, "log": report, "outbox": outbox, "remembered": remembered });
        console.say(&told.to_string())?;
    } else {
        console.say(&report.to_string())?;
        console.say(&match remembered {
            Some(size) => format!("it was held to the checkpoint over {size} entries that is remembered outside of it"),
            None => "no checkpoint of it is remembered outside of it, so it may have been cut back".to_owned(),
        })?;
        if report.bad.as_ref().is_some_and(|bad| is_loss(&bad.flaw)) {
            console.say(LOSS_CURE)?;
        }
        if let Some(outbox) = outbox.filter(|outbox| outbox.aside > 0) {
            let what = "rows of the store's outbox are not the gateway's own: they were set aside, and are in no log";
            console.say(&format!("{} {what}", outbox.aside))?;
        }
        if let Some(outbox) = outbox.filter(|outbox| !outbox.is_sound()) {
            console.say(&format!("{} acts wait for their place in the log for too long", outbox.overdue))?;
        }
    }
    if sound { Ok(()) } else { Err(Failure::Refused("the trail is not sound".into())) }
}

/// What is known of a log outside its directory.
#[derive(Default)]
struct Outside {
    known: Vec<String>,
    outbox: Option<OutboxReport>,
}

/// What the configuration leads to beside the log: the store, where it can be read, and the witness's file.
async fn outside(found: &Found, console: &mut Console) -> Result<Outside, Failure> {
    let Some(config) = &found.config else { return Ok(Outside::default()) };
    match ask_store(config).await {
        Ok(outside) => Ok(outside),
        Err(fault) => {
            console.note(&format!("the store cannot be read, so only files were looked at: {fault}"))?;
            Ok(Outside { known: witnessed(&config.audit)?.into_iter().collect(), outbox: None })
        }
    }
}

async fn ask_store(config: &Config) -> Result<Outside, Fault> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let store = Store::open(&config.store, clock.clone()).await?;
    let outbox = Some(verify_outbox(&store, clock.now()).await?);
    let known = remembered(&config.audit, &store).await?;
    store.close().await?;
    Ok(Outside { known, outbox })
}

/// Whether a log has this flaw because it is not what is remembered of it.
fn is_loss(flaw: &Flaw) -> bool {
    matches!(flaw, Flaw::Truncated { .. } | Flaw::Root { number: None, .. } | Flaw::Known(_))
}

/// The last checkpoint in a file.
fn kept(file: &Path) -> Result<String, Failure> {
    let note = last_note(file).map_err(|error| unreadable("--at-least", file, &error))?;
    note.ok_or_else(|| {
        let cure = "Name a file with a checkpoint of this log";
        Failure::usage("--at-least", format!("{} is not there or has nothing in it", file.display()), cure)
    })
}

fn verify_export(args: &Verify, file: &Path, json: bool, console: &mut Console) -> Result<(), Failure> {
    let key = args.log.key()?;
    let open = File::open(file).map_err(|error| unreadable("--export", file, &error))?;
    let done = export::check(BufReader::new(open), &key, |_| {}).map_err(refused)?;
    let whose = done.tenant.map_or_else(|| "the house".to_owned(), |tenant| tenant.to_string());
    if json {
        let told =
            json!({ "sound": true, "tenant": done.tenant, "entries": done.entries, "size": done.checkpoint.size });
        return console.say(&told.to_string());
    }
    console.say(&format!("{whose}: {} entries, complete up to entry {}; sound", done.entries, done.checkpoint.size))
}

fn verify_proof(args: &Verify, file: &Path, json: bool, console: &mut Console) -> Result<(), Failure> {
    let proven = prove::check(&read(file, "--proof")?, &args.log.key()?).map_err(refused)?;
    if json {
        let entry: serde_json::Value = serde_json::from_str(&proven.line).unwrap_or_default();
        return console.say(&json!({ "sound": true, "entry": entry, "size": proven.checkpoint.size }).to_string());
    }
    console.say(&proven.line)
}

fn refused(failure: prove::Failure) -> Failure {
    Failure::Refused(failure.to_string())
}

fn read(file: &Path, flag: &str) -> Result<String, Failure> {
    std::fs::read_to_string(file).map_err(|error| unreadable(flag, file, &error))
}

fn unreadable(flag: &str, file: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(flag, format!("{}: {error}", file.display()), "Name a file that can be read")
}

fn output<'a>(file: Option<&Path>, console: &'a mut Console) -> Result<Box<dyn Write + 'a>, Failure> {
    let Some(file) = file else { return Ok(Box::new(&mut console.out)) };
    let made = File::create(file).map_err(|error| {
        Failure::usage("--out", format!("{}: {error}", file.display()), "Name a file that can be written")
    })?;
    Ok(Box::new(BufWriter::new(made)))
}
