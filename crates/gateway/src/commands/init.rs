//! `lockgate init`: configuration, root key, the trail's signing key, the first operator's key (shown once).

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use clap::Args;
use lockgate_access::FirstOperator;
use lockgate_vault::generate_root_key_file;
use lockgate_vocabulary::{Entropy, Name};
use serde_json::json;

use super::{Console, Failure};
use crate::assemble::{self, Seams};
use crate::config::Config;
use crate::keys;

mod join;

/// The configuration that a new gateway starts from.
const CONFIGURATION: &str = include_str!("init/lockgate.toml");

/// Files that `init` makes. None of them is ever replaced.
const FILES: [&str; 4] = ["lockgate.toml", "root.key", "checkpoint.key", "checkpoint.vkey"];

/// What is to be done after keys alone were made.
const KEYS_ONLY: &str = "Keep a copy of root.key offline: without it every sealed secret is lost.\n\
     Name the store in CONFIG, then make the first operator with:\n  lockgate bootstrap --config CONFIG";

/// What is to be done after a further node was made.
const JOINED: &str = "Put the files that CONFIG names beside it (passwords, certificates), give the node its own \
     addresses,\nand start it with:\n  lockgate serve --config CONFIG";

/// Flags of `init`.
#[derive(Debug, Args)]
pub struct Init {
    /// The folder.
    #[arg(value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// The first operator's name.
    #[arg(long, default_value = "operator")]
    operator: String,
    /// Make configuration and keys alone. Name the store in the configuration, then run `lockgate bootstrap`.
    #[arg(long, conflicts_with = "operator")]
    keys_only: bool,
    /// The node's name, under which its trail is kept; it stays the same for as long as the trail is used.
    #[arg(long, value_name = "NAME")]
    node: Option<Name>,
    /// Make a further node of the gateway whose configuration this is: its root key is copied, the trail's
    /// key is a new one. The store is shared, so the operators are those that there are.
    #[arg(long, value_name = "FILE", requires = "node", conflicts_with_all = ["keys_only", "operator"])]
    join: Option<PathBuf>,
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
    let node = args.node.as_ref();
    if let (Some(there), Some(node)) = (&args.join, node) {
        let verifier = join::furnish(&dir, node, there, &*seams.entropy)?;
        return show_keys(json, &dir, &verifier, JOINED, console);
    }
    if args.keys_only {
        let (_, verifier) = furnish(&dir, node, &*seams.entropy)?;
        return show_keys(json, &dir, &verifier, KEYS_ONLY, console);
    }
    let made = make(&dir, node, &args.operator, seams).await?;
    show(json, &dir, &made, console)
}

/// Makes a gateway's folder and its first operator.
pub(super) async fn make(dir: &Path, node: Option<&Name>, operator: &str, seams: &Seams) -> Result<Made, Failure> {
    let (config, verifier) = furnish(dir, node, &*seams.entropy)?;
    let first = assemble::found_house(&config, operator, seams).await?;
    Ok(Made { first, verifier })
}

/// Makes the folder with configuration and keys. Gives the trail's public key with it.
fn furnish(dir: &Path, node: Option<&Name>, entropy: &dyn Entropy) -> Result<(Config, String), Failure> {
    demand_empty(dir)?;
    make_folder(dir)?;
    let path = dir.join("lockgate.toml");
    let text = node.map_or_else(|| CONFIGURATION.to_owned(), |node| renamed(CONFIGURATION, node));
    write_new(&path, text.as_bytes())?;
    generate_root_key_file(&dir.join("root.key"), entropy)?;
    keys::generate_checkpoint_key(&dir.join("checkpoint.key"), entropy)?;
    let config = Config::load(&path)?;
    let verifier = sign_with_own_key(dir, &config)?;
    Ok((config, verifier))
}

/// Writes down the public key that the node's trail is verified with, and gives it.
fn sign_with_own_key(dir: &Path, config: &Config) -> Result<String, Failure> {
    let signer = keys::checkpoint_signer(&config.checkpoint_key_file, &config.audit.origin())?;
    let verifier = signer.verifier().to_string();
    write_new(&dir.join("checkpoint.vkey"), format!("{verifier}\n").as_bytes())?;
    Ok(verifier)
}

/// The text of a configuration with this node's name, which stands above the first section.
fn renamed(text: &str, node: &Name) -> String {
    let (mut out, mut named, mut inside) = (String::new(), false, false);
    let mut name = |out: &mut String| {
        if !std::mem::replace(&mut named, true) {
            out.push_str(&format!("node = \"{node}\"\n"));
        }
    };
    for line in text.lines() {
        if !inside && line.split_once('=').is_some_and(|(key, _)| key.trim() == "node") {
            name(&mut out);
            continue;
        }
        if line.trim_start().starts_with('[') {
            inside = true;
            name(&mut out);
        }
        out.push_str(line);
        out.push('\n');
    }
    name(&mut out);
    out
}

fn make_folder(dir: &Path) -> Result<(), Failure> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|error| unusable(dir, &error))
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

fn write_new(path: &Path, text: &[u8]) -> Result<(), Failure> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    made.and_then(|mut file| file.write_all(text)).map_err(|error| unusable(path, &error))
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

fn show_keys(json: bool, dir: &Path, verifier: &str, next: &str, console: &mut Console) -> Result<(), Failure> {
    let config = dir.join("lockgate.toml");
    if json {
        return console.say(&json!({ "config": config, "checkpoint_verifier": verifier }).to_string());
    }
    console.say(&format!("The gateway's folder is {}.", dir.display()))?;
    console.say(&format!("The trail is verified with:\n  {verifier}"))?;
    console.say(&next.replace("CONFIG", &config.display().to_string()))
}
