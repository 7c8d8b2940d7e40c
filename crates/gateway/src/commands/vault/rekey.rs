//! `lockgate vault rekey`: new keys for tenants, for when those so far may be known to others.

use std::path::PathBuf;

use clap::Args;
use lockgate_vault::Rekeyed;
use lockgate_vocabulary::{TenantId, Timestamp};
use serde_json::json;

use super::super::{Console, Failure};
use super::{close, keys, open, told};
use crate::assemble::Seams;
use crate::config::Config;

/// Whose keys, and in which gateway.
#[derive(Debug, Args)]
pub struct Whose {
    /// The configuration.
    #[arg(long, value_name = "FILE", env = "LOCKGATE_CONFIG", default_value = "lockgate.toml")]
    config: PathBuf,
    /// Only this tenant's, by its id.
    #[arg(long, value_name = "ID")]
    tenant: Option<TenantId>,
    /// Only of tenants whose newest key was made before this moment, such as 2026-01-31T12:00:00Z; now where it is left
    /// out. The same moment goes on with what was broken off.
    #[arg(long, value_name = "MOMENT")]
    before: Option<Timestamp>,
}

/// Makes them. What the keys so far sealed stays open.
pub(super) async fn run(args: &Whose, json: bool, console: &mut Console) -> Result<(), Failure> {
    let config = Config::load(&args.config)?;
    let seams = Seams::system();
    let now = seams.clock.now();
    let before = args.before.unwrap_or(now);
    if before > now {
        // It would make one more key each time.
        return Err(Failure::usage("--before", "the moment is still ahead", "Name one that is past, or leave it out."));
    }
    let rooms = open(&config, &seams).await?;
    let done = rooms.vault.rekey(args.tenant, before, &rooms.audit).await;
    let closed = close(rooms).await;
    let Rekeyed { made, left } = done.map_err(told)?;
    closed?;
    if made + left == 0 {
        let cure = "`lockgate tenant list` names them; leave it out for all.";
        return Err(Failure::usage("--tenant", "no tenant with this id has a key", cure));
    }
    if json {
        return console.say(&json!({ "keys": made, "left_out": left, "before": before.to_string() }).to_string());
    }
    if made == 0 {
        let all = format!("No tenant's newest key is older than {before}; {left} left out, and nothing was done.");
        return console.say(&all);
    }
    console.say(&format!(
        "{} made, {left} left out whose newest one is not older than {before}. They seal from now on; what the keys so \
         far sealed stays open by those.\nRotate the credentials that were given before: what is given from now on is \
         sealed by the new keys.",
        keys(made)
    ))
}
