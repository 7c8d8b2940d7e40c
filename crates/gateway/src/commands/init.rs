//! `lockgate init`: configuration, root key, the trail's signing key, the first operator's key (shown once).

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use clap::Args;
use lockgate_access::{FirstOperator, bootstrap};
use lockgate_vault::generate_root_key_file;
use lockgate_vocabulary::Entropy;
use serde_json::json;

use super::{Console, Failure};
use crate::assemble::{self, Ground, Seams};
use crate::config::Config;
use crate::keys;

/// The configuration that a new gateway starts from.
const CONFIGURATION: &str = include_str!("init/lockgate.toml");

/// Files that `init` makes. None of them is ever replaced.
const FILES: [&str; 4] = ["lockgate.toml", "root.key", "checkpoint.key", "checkpoint.vkey"];

/// Flags of `init`.
#[derive(Debug, Args)]
pub struct Init {
    /// The folder.
    #[arg(value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// The first operator's name.
    #[arg(long, default_value = "operator")]
    operator: String,
}

/// A gateway's folder that was made.
pub(super) struct Made {
    /// The first operator.
    pub(super) first: FirstOperator,
    /// The trail's public key.
    pub(super) verifier: String,
}

/// Makes a gateway's folder and says what to keep.
pub async fn run(args: Init, json: bool, seams: &Seams, console: &mut Console) -> Result<(), Failure> {
    let dir = std::path::absolute(&args.dir).map_err(|error| unusable(&args.dir, &error))?;
    let made = make(&dir, &args.operator, seams).await?;
    show(json, &dir, &made, console)
}

/// Makes a gateway's folder.
pub(super) async fn make(dir: &Path, operator: &str, seams: &Seams) -> Result<Made, Failure> {
    demand_empty(dir)?;
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|error| unusable(dir, &error))?;
    let config = write_files(dir, &*seams.entropy)?;
    let Ground { store, audit, vault, .. } = assemble::lay_ground(&config, seams).await?;
    write_new(&dir.join("checkpoint.vkey"), &format!("{}\n", audit.verifier()))?;
    let first = bootstrap(&store, &audit, operator, &*seams.clock, &*seams.entropy).await?;
    let relay = lockgate_audit::Relay::new(audit.clone(), store.clone());
    relay.pass().await?;
    let verifier = audit.verifier().to_string();
    drop(vault);
    audit.shutdown().await?;
    relay.remember().await?;
    Ok(Made { first, verifier })
}

/// INVARIANT: nothing that is there is replaced; whoever runs `init` twice loses nothing.
fn demand_empty(dir: &Path) -> Result<(), Failure> {
    let there = FILES.iter().chain(&["data"]).find(|name| dir.join(name).exists());
    match there {
        None => Ok(()),
        Some(name) => {
            let what = format!("{} is there already", dir.join(name).display());
            Err(Failure::usage("DIR", what, "Choose another folder; an existing gateway is never overwritten"))
        }
    }
}

fn write_files(dir: &Path, entropy: &dyn Entropy) -> Result<Config, Failure> {
    let path = dir.join("lockgate.toml");
    write_new(&path, CONFIGURATION)?;
    generate_root_key_file(&dir.join("root.key"), entropy)?;
    keys::generate_checkpoint_key(&dir.join("checkpoint.key"), entropy)?;
    Ok(Config::load(&path)?)
}

fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    made.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| unusable(path, &error))
}

fn unusable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::usage("DIR", format!("{}: {error}", path.display()), "Name a folder that can be written")
}

fn show(json: bool, dir: &Path, made: &Made, console: &mut Console) -> Result<(), Failure> {
    let Made { first, verifier } = made;
    let config = dir.join("lockgate.toml");
    let key = String::from_utf8_lossy(first.secret.expose());
    if json {
        let told = json!({
            "config": config, "tenant": first.tenant, "operator": first.principal, "key": first.key,
            "api_key": key, "checkpoint_verifier": verifier,
        });
        return console.say(&told.to_string());
    }
    console.say(&format!("The gateway's folder is {}.", dir.display()))?;
    console.say("")?;
    console.say(&format!("The first operator's API key, shown this once:\n  {key}"))?;
    console.say("")?;
    console.say(&format!("The trail is verified with:\n  {verifier}"))?;
    console.say("")?;
    console.say("Keep a copy of root.key offline: without it every sealed secret is lost.")?;
    console.say(&format!("Start it with:\n  lockgate serve --config {}", config.display()))
}
