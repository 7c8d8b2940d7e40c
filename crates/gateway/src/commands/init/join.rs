//! A further node: the configuration and the root key of one that is there, a name and a trail's key of its
//! own.

use std::path::{Path, PathBuf};

use lockgate_store::EngineConfig;
use lockgate_vocabulary::{Entropy, Name, read_owned_file};

use super::{demand_empty, make_folder, renamed, sign_with_own_key, write_new};
use crate::commands::Failure;
use crate::config::Config;

/// Bytes of a root key's file at the most.
const ROOT_KEY_BYTES: usize = 4_096;

/// Makes the folder of a node beside the one with this configuration. Gives the public key of its trail.
pub(super) fn furnish(dir: &Path, node: &Name, there: &Path, entropy: &dyn Entropy) -> Result<String, Failure> {
    let there = if there.is_dir() { there.join("lockgate.toml") } else { there.to_owned() };
    let theirs = Config::load(&there)?;
    let root_key = demand_shareable(&theirs, node)?;
    let text = std::fs::read_to_string(&there).map_err(|error| unreadable(&there, &error))?;
    demand_empty(dir)?;
    make_folder(dir)?;
    let path = dir.join("lockgate.toml");
    write_new(&path, renamed(&text, node).as_bytes())?;
    let ours = Config::load(&path)?;
    if ours.node != *node {
        let what = format!("its `node` stands in {} in a way that cannot be replaced", there.display());
        return Err(Failure::usage("--join", what, "Write it as a line `node = \"…\"` above the first section"));
    }
    let copy = ours.vault.root_key_file.as_ref().filter(|path| **path != root_key);
    if let Some(path) = copy {
        let key = read_owned_file(&root_key, ROOT_KEY_BYTES).map_err(|problem| unreadable(&root_key, &problem))?;
        write_new(path, &key)?;
    }
    if ours.checkpoint_key_file.exists() {
        let what = format!("{} signs another node's trail", ours.checkpoint_key_file.display());
        return Err(Failure::usage("--join", what, "Write audit.checkpoint_key_file relative to its folder"));
    }
    crate::keys::generate_checkpoint_key(&ours.checkpoint_key_file, entropy)?;
    sign_with_own_key(dir, &ours)
}

/// What two nodes cannot have in common is said before anything is written. Gives the root key's file.
fn demand_shareable(theirs: &Config, node: &Name) -> Result<PathBuf, Failure> {
    if theirs.node == *node {
        let what = format!("`{node}` is the name of the node that is joined");
        return Err(Failure::usage("--node", what, "Choose a name that no other node has"));
    }
    if matches!(theirs.store.engine, EngineConfig::Sqlite(_)) {
        let cure = "Set [store.engine] kind = \"postgres\" there first";
        return Err(Failure::usage("--join", "its store is an SQLite file, which one node alone can use", cure));
    }
    theirs.vault.root_key_file.clone().ok_or_else(|| {
        let cure = "Set vault.root_key_fd on the new node too, after `lockgate init DIR --keys-only --node NAME`";
        Failure::usage("--join", "its root key is in no file that could be copied", cure)
    })
}

fn unreadable(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::usage("--join", format!("{}: {error}", path.display()), "Name the configuration of a node that is there")
}
