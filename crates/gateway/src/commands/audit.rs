//! `lockgate audit`: the trail, verified, exported and proven offline, with the public key alone.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use lockgate_audit::verify::{Options, verify, verify_outbox};
use lockgate_audit::{VerifierKey, export, prove};
use lockgate_store::Store;
use lockgate_vocabulary::{AuditId, Clock, SystemClock, TenantId};
use serde_json::json;

use super::{Console, Failure};
use crate::config::Config;
use crate::keys;

/// What is to be done with the trail.
#[derive(Debug, Subcommand)]
pub enum Audit {
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
    /// A checkpoint of this log that was kept elsewhere.
    #[arg(long, value_name = "FILE")]
    known: Vec<PathBuf>,
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
        Audit::Verify(args) => match (&args.export, &args.proof) {
            (Some(file), _) => verify_export(&args, file, json, console),
            (_, Some(file)) => verify_proof(&args, file, json, console),
            _ => verify_log(&args, json, console).await,
        },
        Audit::Export(args) => {
            let found = args.log.find()?;
            let mut out = output(args.out.as_deref(), console)?;
            let done = export::export(&found.dir, &found.key, args.tenant, &mut out).map_err(refused)?;
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
    let mut known = Vec::new();
    for file in &args.known {
        known.push(read(file, "--known")?);
    }
    let report = verify(&found.dir, &found.key, &Options { known });
    let outbox = match &found.config {
        Some(config) => {
            let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
            let store = Store::open(&config.store, clock.clone()).await?;
            let outbox = verify_outbox(&store, clock.now()).await?;
            store.close().await?;
            Some(outbox)
        }
        None => None,
    };
    let sound = report.is_sound() && outbox.is_none_or(|outbox| outbox.is_sound());
    if json {
        console.say(&json!({ "sound": sound, "log": report, "outbox": outbox }).to_string())?;
    } else {
        console.say(&report.to_string())?;
        if let Some(outbox) = outbox.filter(|outbox| !outbox.is_sound()) {
            console.say(&format!("{} acts wait for their place in the log for too long", outbox.overdue))?;
        }
    }
    if sound { Ok(()) } else { Err(Failure::Refused("the trail is not sound".into())) }
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
