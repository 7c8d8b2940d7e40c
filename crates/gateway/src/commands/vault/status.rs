//! `lockgate vault status`: which root keys there are, what each wraps, and what is to be done next.

use std::collections::BTreeMap;
use std::sync::Arc;

use lockgate_store::{EngineConfig, Store};
use lockgate_vault::{RootKeyNames, wrappings};
use lockgate_vocabulary::{Fault, SystemClock};
use serde_json::json;

use super::super::{Console, Failure};
use super::{Where, keys};
use crate::assemble::{StartFailure, store_problem};
use crate::config::Config;

/// How a change of the root key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Keys are wrapped by a root key that is not in the file.
    Foreign,
    /// One root key wraps everything.
    Settled,
    /// The earlier root key still wraps keys.
    Changing,
    /// The earlier root key wraps nothing any more.
    Rewrapped,
}

impl State {
    fn of(names: &RootKeyNames, wraps: &BTreeMap<String, u64>) -> Self {
        let previous = names.previous.as_deref();
        if wraps.keys().any(|name| *name != names.current && Some(name.as_str()) != previous) {
            return Self::Foreign;
        }
        match previous {
            None => Self::Settled,
            Some(previous) if wraps.contains_key(previous) => Self::Changing,
            Some(_) => Self::Rewrapped,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Foreign => "foreign",
            Self::Settled => "settled",
            Self::Changing => "changing",
            Self::Rewrapped => "rewrapped",
        }
    }

    const fn next(self) -> &'static str {
        match self {
            Self::Foreign => {
                "A root key wraps keys here and is not in the file: put back the root key file that has it, as \
                 current or as previous. Nothing is served without it."
            }
            Self::Settled => "Nothing is to be done. `lockgate vault new-root-key` begins a change.",
            Self::Changing => {
                "See that every node has this root key file and was started with it, then stop this node's gateway \
                 and run `lockgate vault rewrap`."
            }
            Self::Rewrapped => {
                "The previous root key wraps nothing any more: stop this node's gateway and run `lockgate vault \
                 drop-previous`."
            }
        }
    }
}

/// Says how it stands. A gateway may serve meanwhile: nothing is written.
pub(super) async fn run(args: &Where, json: bool, console: &mut Console) -> Result<(), Failure> {
    let mut config = Config::load(&args.config)?;
    let names = RootKeyNames::read(&config.vault).map_err(|problem| StartFailure::from(Fault::from(problem)))?;
    let wraps = counted(&mut config).await?;
    let state = State::of(&names, &wraps);
    let file = config.vault.root_key_file.as_deref();
    if json {
        let told = json!({
            "file": file, "current": names.current, "previous": names.previous, "wraps": wraps,
            "state": state.as_str(), "next": state.next(),
        });
        return console.say(&told.to_string());
    }
    console.say(&match file {
        Some(file) => format!("The root key file is {}.", file.display()),
        None => "The root key comes from a descriptor.".to_owned(),
    })?;
    let count = |name: &str| keys(wraps.get(name).copied().unwrap_or_default());
    console.say(&format!("  current   {}  wraps {}", names.current, count(&names.current)))?;
    if let Some(previous) = &names.previous {
        console.say(&format!("  previous  {previous}  wraps {}", count(previous)))?;
    }
    let known = |name: &String| *name == names.current || Some(name) == names.previous.as_ref();
    for (name, count) in wraps.iter().filter(|(name, _)| !known(name)) {
        console.say(&format!("  not here  {name}  wraps {}", keys(*count)))?;
    }
    console.say("Each tenant has such a key, and the house has one.")?;
    console.say(state.next())
}

/// What the store says, as it is.
async fn counted(config: &mut Config) -> Result<BTreeMap<String, u64>, Failure> {
    if let EngineConfig::Sqlite(sqlite) = &config.store.engine
        && !sqlite.path.exists()
    {
        let what = format!("{} is not there", sqlite.path.display());
        return Err(Failure::usage("--config", what, "Name the configuration of a gateway that was started once"));
    }
    // Counters and signals are not looked at.
    config.store.redis = None;
    let opened = Store::open_as_it_is(&config.store, Arc::new(SystemClock::new())).await;
    let store = opened.map_err(|fault| store_problem(&config.store, &fault))?;
    let wraps = wrappings(&store).await?;
    store.close().await?;
    Ok(wraps)
}

#[cfg(test)]
mod tests;
