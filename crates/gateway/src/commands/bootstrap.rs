//! `lockgate bootstrap`: the house and its first operator, in whatever store the configuration names.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{Console, Failure};
use crate::assemble::{self, Seams};
use crate::config::Config;

/// Flags of `bootstrap`.
#[derive(Debug, Args)]
pub struct Bootstrap {
    /// The configuration.
    #[arg(long, value_name = "FILE", env = "LOCKGATE_CONFIG", default_value = "lockgate.toml")]
    config: PathBuf,
    /// The first operator's name.
    #[arg(long, default_value = "operator")]
    operator: String,
}

/// Makes the first operator and shows the key this once.
pub async fn run(args: Bootstrap, json: bool, seams: &Seams, console: &mut Console) -> Result<(), Failure> {
    let config = Config::load(&args.config)?;
    let first = assemble::found_house(&config, &args.operator, seams).await?;
    let key = String::from_utf8_lossy(first.secret.expose());
    if json {
        let told = json!({
            "config": args.config, "tenant": first.tenant, "operator": first.principal, "key": first.key,
            "api_key": key,
        });
        return console.say(&told.to_string());
    }
    console.say(&format!("The first operator's API key, shown this once:\n  {key}"))?;
    console.say(&format!("Start the gateway with:\n  lockgate serve --config {}", args.config.display()))
}
