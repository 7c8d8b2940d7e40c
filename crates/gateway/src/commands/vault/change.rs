//! `lockgate vault new-root-key` and `drop-previous`: the root key file, written anew and recorded.
//!
//! The file is made beside the one that is there, the act is recorded, and then the one takes the other's
//! place. So no change of the root key is without its record; one that was recorded and then broken off is
//! recorded again when it is done.

use lockgate_audit::Deed;
use lockgate_vault::{Replacement, RootKeyFile, VaultRefusal, wrappings};
use lockgate_vocabulary::{Stop, TenantId};
use serde_json::json;

use super::super::{Console, Failure};
use super::{Where, close, keys, open, refused, told};
use crate::assemble::{Rooms, Seams};
use crate::config::Config;

/// Tenants that are named where a key of theirs stands in the way.
const NAMED: usize = 10;

/// Makes a new root key.
pub(super) async fn new_root_key(args: &Where, json: bool, console: &mut Console) -> Result<(), Failure> {
    let config = Config::load(&args.config)?;
    // What is refused whether a gateway serves or not is told first.
    read(&config)?.demand_settled().map_err(|refusal| told(refusal.into()))?;
    let seams = Seams::system();
    let rooms = open(&config, &seams).await?;
    let made = make_new(&config, &rooms, &seams).await;
    let closed = close(rooms).await;
    let (file, replaced) = made?;
    closed?;
    let (path, names) = (file.path().display(), replaced);
    if json {
        let previous = &file.names().current;
        return console.say(&json!({ "file": file.path(), "current": names, "previous": previous }).to_string());
    }
    console.say(&format!(
        "{path} holds a new root key, {names}; the one so far, {}, is previous.",
        file.names().current
    ))?;
    console.say("Keep a copy of the file offline: without it every sealed secret is lost.")?;
    console.say("Where there are further nodes, bring the file to each and start each with it before you go on.")?;
    console.say(&format!("Then, with this node stopped:\n  lockgate vault rewrap --config {}", args.config.display()))
}

/// Takes the previous root key out of the file.
pub(super) async fn drop_previous(args: &Where, json: bool, console: &mut Console) -> Result<(), Failure> {
    let config = Config::load(&args.config)?;
    let file = read(&config)?;
    let Some(previous) = file.names().previous.clone() else {
        if json {
            let told = json!({ "file": file.path(), "current": file.names().current, "dropped": null });
            return console.say(&told.to_string());
        }
        return console.say(&format!("{} has no previous root key; nothing is to be dropped.", file.path().display()));
    };
    let rooms = open(&config, &Seams::system()).await?;
    let dropped = drop_unneeded(&config, &rooms).await;
    let closed = close(rooms).await;
    let current = dropped?;
    closed?;
    if json {
        let told = json!({ "file": file.path(), "current": current, "dropped": previous });
        return console.say(&told.to_string());
    }
    console.say(&format!("{} holds {current} alone; {previous} was dropped.", file.path().display()))?;
    console.say("Bring the file to every further node and start each with it. Make a new backup of the store now:")?;
    console.say(&format!("earlier ones open with {previous} alone. Keep its file as long as them, or destroy both."))
}

fn read(config: &Config) -> Result<RootKeyFile, Failure> {
    RootKeyFile::read(&config.vault).map_err(told)
}

/// The file so far, and what the new root key is called.
async fn make_new(config: &Config, rooms: &Rooms, seams: &Seams) -> Result<(RootKeyFile, String), Failure> {
    // Read once more: now nobody else changes it from this node.
    let file = read(config)?;
    let replacement = file.with_new_key(&*seams.entropy).map_err(told)?;
    let current = replacement.names().current.clone();
    let deed = Deed::by_house(None, "vault.root-key.made", &current).with("previous", file.names().current.as_str());
    settle(rooms, replacement, deed).await?;
    Ok((file, current))
}

/// The name of the root key that stays.
async fn drop_unneeded(config: &Config, rooms: &Rooms) -> Result<String, Failure> {
    let file = read(config)?;
    let current = &file.names().current;
    let wraps = wrappings(&rooms.store).await?;
    let others = wraps.iter().filter(|(name, _)| *name != current);
    let needed: Vec<String> = others.map(|(name, count)| format!("{name} wraps {}.", keys(*count))).collect();
    if !needed.is_empty() {
        return Err(refused(VaultRefusal::RootKeyNeeded, &needed.join(" ")));
    }
    // INVARIANT: a name in a row is no proof. The earlier key goes only where the current one opens everything.
    demand_opened(&rooms.vault.unopened().await?)?;
    let replacement = file.without_previous().map_err(|fault| told(fault.into()))?;
    let previous = file.names().previous.as_deref().unwrap_or_default();
    let deed = Deed::by_house(None, "vault.root-key.dropped", previous).with("current", current.as_str());
    settle(rooms, replacement, deed).await?;
    Ok(current.clone())
}

/// Refused where tenants have keys that do not open.
pub(super) fn demand_opened(unopened: &[TenantId]) -> Result<(), Failure> {
    if unopened.is_empty() {
        return Ok(());
    }
    let named: Vec<String> = unopened.iter().take(NAMED).map(TenantId::to_string).collect();
    let more = unopened.len().saturating_sub(NAMED);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    Err(refused(VaultRefusal::RootKeyUnopened, &format!("Those of {}{more}.", named.join(", "))))
}

/// INVARIANT: the record is durable before the file takes its place, and all that may fail came before both.
async fn settle(rooms: &Rooms, replacement: Replacement, deed: Deed) -> Result<(), Failure> {
    rooms.audit.record(deed).await?;
    replacement.put_in_place().map_err(|fault| told(Stop::Fault(fault)))
}
