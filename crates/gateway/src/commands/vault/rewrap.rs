//! `lockgate vault rewrap`: every tenant's key under the current root key.

use serde_json::json;

use super::super::{Console, Failure};
use super::change::demand_opened;
use super::{Where, close, keys, open, told};
use crate::assemble::Seams;
use crate::config::Config;

/// Wraps anew what an earlier root key wrapped. However often it is broken off, the next time goes on.
pub(super) async fn run(args: &Where, json: bool, console: &mut Console) -> Result<(), Failure> {
    let config = Config::load(&args.config)?;
    let rooms = open(&config, &Seams::system()).await?;
    let done = rooms.vault.rewrap(&rooms.audit).await;
    let closed = close(rooms).await;
    let done = done.map_err(told)?;
    closed?;
    if json {
        let told = json!({ "root_key": done.to, "keys": done.keys(), "from": done.from, "unopened": done.unopened });
        console.say(&told.to_string())?;
        return demand_opened(&done.unopened);
    }
    for (from, count) in &done.from {
        console.say(&format!("{} wraps {} now that {from} had wrapped.", done.to, keys(*count)))?;
    }
    demand_opened(&done.unopened)?;
    if done.keys() == 0 {
        console.say(&format!("Every key is wrapped by {} already; nothing was done.", done.to))?;
    }
    let config = args.config.display();
    console.say(&format!(
        "Where there is a previous root key, take it away with:\n  lockgate vault drop-previous --config {config}"
    ))
}
