//! `lockgate explain`: what the gate would decide, and why; no side effect.
//!
//! JSON lines in, JSON lines out, in order. The judgement is the rooms' own, the same code as the running
//! gate; here are only its flags.

mod call;
mod webhook;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand};
use lockgate_access::authn::{ExplainPolicy, TokenPolicy};
use lockgate_access::keyset::KeySet;
use lockgate_egress::destination::explain::{Names, Options, run_line};
use lockgate_egress::destination::resolve::SystemResolver;
use lockgate_vocabulary::{SystemClock, Timestamp};

use super::{Console, Failure};

/// Bytes of a line at the most.
const LINE_BYTES: usize = 1024 * 1024;

/// Bytes of a line with a delivery: a whole body in base64, and its headers.
const WEBHOOK_LINE_BYTES: usize = 16 * 1024 * 1024;

/// What is to be explained.
#[derive(Debug, Subcommand)]
pub enum Explain {
    /// Would this URL be called? Reads lines `{"id","url","allow"?,"dns"?}`.
    Url(UrlArgs),
    /// Would this call be made? Reads lines `{"id","method","connection","path","body"?}`.
    Call(call::CallArgs),
    /// Would this access token be accepted? Reads lines `{"id","token","jwks"?}`.
    Token(TokenArgs),
    /// Would this delivery be taken in? Reads lines
    /// `{"id","provider","url"?,"webhook_id"?,"secrets"?,"public_key"?,"headers","body_b64"}`.
    Webhook(webhook::WebhookArgs),
}

/// Flags of `explain url`.
#[derive(Debug, Args)]
pub struct UrlArgs {
    /// A host that is allowed; every public host without it.
    #[arg(long = "allow", value_name = "HOST")]
    allow: Vec<String>,
    /// Judge `http:` on its address instead of refusing it.
    #[arg(long)]
    danger_allow_http: bool,
    /// A JSON map from name to addresses that is used instead of asking; `*` for every other name.
    #[arg(long, value_name = "FILE")]
    dns: Option<PathBuf>,
}

/// Flags of `explain token`.
#[derive(Debug, Args)]
pub struct TokenArgs {
    /// The issuer's key set (JWKS).
    #[arg(long, value_name = "FILE")]
    keys: PathBuf,
    /// The issuer.
    #[arg(long)]
    issuer: String,
    /// The audience.
    #[arg(long)]
    audience: String,
    /// The moment, in Unix seconds.
    #[arg(long, value_name = "UNIX", allow_negative_numbers = true)]
    now: i64,
    /// Seconds that clocks may be apart.
    #[arg(long, value_name = "SECONDS")]
    skew: Option<u64>,
    /// Seconds that a token may live at the most.
    #[arg(long, value_name = "SECONDS")]
    max_lifetime: Option<u64>,
    /// The tenant that the token must be of.
    #[arg(long)]
    tenant: Option<Box<str>>,
    /// The scope that the token must have.
    #[arg(long)]
    scope: Option<Box<str>>,
}

/// Runs it.
pub async fn run(explain: Explain, console: &mut Console) -> Result<(), Failure> {
    match explain {
        Explain::Url(args) => {
            let options = url_options(args)?;
            while let Some(line) = console.read_line(LINE_BYTES)? {
                let verdict = run_line(&options, &line).await;
                console.say(&verdict)?;
            }
        }
        Explain::Call(args) => {
            let calls = call::Calls::open(&args).await?;
            while let Some(line) = console.read_line(LINE_BYTES)? {
                console.say(&calls.explain_line(&line).await)?;
            }
        }
        Explain::Token(args) => {
            let policy = token_policy(args)?;
            while let Some(line) = console.read_line(LINE_BYTES)? {
                console.say(&policy.explain_line(&line))?;
            }
        }
        Explain::Webhook(args) => {
            let explainer = webhook::explainer(args);
            while let Some(line) = console.read_line(WEBHOOK_LINE_BYTES)? {
                console.say(&explainer.explain_line(&line))?;
            }
        }
    }
    Ok(())
}

fn url_options(args: UrlArgs) -> Result<Options, Failure> {
    let dns = args.dns.as_deref().map(names).transpose()?;
    Ok(Options {
        allow: args.allow,
        danger_allow_http: args.danger_allow_http,
        dns,
        resolver: Arc::new(SystemResolver::new()),
        clock: Arc::new(SystemClock::new()),
    })
}

fn names(path: &Path) -> Result<Names, Failure> {
    let wrong = |what: &dyn std::fmt::Display| {
        Failure::usage("--dns", format!("{}: {what}", path.display()), "Name a JSON file {\"name\": [\"address\"]}")
    };
    let text = std::fs::read_to_string(path).map_err(|error| wrong(&error))?;
    serde_json::from_str(&text).map_err(|error| wrong(&error))
}

fn token_policy(args: TokenArgs) -> Result<ExplainPolicy, Failure> {
    let path = args.keys.display().to_string();
    let bytes = std::fs::read(&args.keys).map_err(|error| {
        Failure::usage("--keys", format!("{path}: {error}"), "Name the file with the issuer's JWKS")
    })?;
    let mut policy = TokenPolicy::strict(&args.issuer, &args.audience);
    if let Some(skew) = args.skew {
        policy.skew = Duration::from_secs(skew);
    }
    if let Some(most) = args.max_lifetime {
        policy.most_lifetime = Duration::from_secs(most);
    }
    policy.demanded_tenant = args.tenant;
    policy.demanded_scope = args.scope;
    Ok(ExplainPolicy { keys: KeySet::parse(&bytes), policy, now: Timestamp::from_secs(args.now) })
}
