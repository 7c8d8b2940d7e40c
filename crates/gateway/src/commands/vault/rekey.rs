//! `lockgate vault rekey`: new keys for tenants, for when those so far may be known to others.

use std::path::PathBuf;

use clap::Args;
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
    let before = args.before.unwrap_or_else(|| seams.clock.now());
    let rooms = open(&config, &seams).await?;
    let made = rooms.vault.rekey(args.tenant, before, &rooms.audit).await;
    let closed = close(rooms).await;
    let made = made.map_err(told)?;
    closed?;
    if json {
        return console.say(&json!({ "keys": made, "before": before.to_string() }).to_string());
    }
    if made == 0 {
        return console.say(&format!("No tenant's newest key is older than {before}; nothing was done."));
    }
    console.say(&format!(
        "{} made. They seal from now on; what the keys so far sealed stays open by those.\nRotate the credentials that \
         were given before: what is given from now on is sealed by the new keys.",
        keys(made)
    ))
}
