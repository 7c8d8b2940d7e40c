//! `lockgate subscription`: doors in for providers' deliveries, and ways out for the tenant's events.
//!
//! The common case is made with flags, everything else with `--spec`. A provider's secret goes in once and
//! never comes out; the secret that we sign with is shown once, in the answer to its making.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use http::Method;
use serde_json::{Map, Value, json};

use super::secret::Source;
use super::{Order, Page, Usage, object, put, segment};

/// What a secret is for.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Purpose {
    /// The provider's: its deliveries are verified by it.
    Verify,
    /// Ours: what we push is signed by it.
    Sign,
}

/// What may be done with subscriptions.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Lists subscriptions.
    List {
        #[command(flatten)]
        page: Page,
    },
    /// Shows one, with what is told of its secrets.
    Show {
        /// Its id or name.
        id: String,
    },
    /// Makes a door in (--scheme), a way out (--event-type), or what --spec says.
    Create {
        /// Its name.
        #[arg(long)]
        name: String,
        #[command(flatten)]
        new: New,
        #[command(flatten)]
        secret: Source,
    },
    /// Replaces its settings. Neither its direction nor its scheme changes.
    Change {
        /// Its id or name.
        id: String,
        /// All of its settings, JSON or TOML.
        #[arg(long)]
        spec: PathBuf,
    },
    /// Hands nothing on until it is resumed; what comes in is kept.
    Pause {
        /// Its id or name.
        id: String,
        /// Why, at most 200 letters.
        #[arg(long)]
        reason: Option<String>,
    },
    /// Hands on again, what waited first.
    Resume {
        /// Its id or name.
        id: String,
    },
    /// Takes it away for good.
    Retire {
        /// Its id or name.
        id: String,
        /// Why, at most 200 letters.
        #[arg(long)]
        reason: Option<String>,
    },
    /// Asks the endpoint of one that is pending for its challenge again.
    Verify {
        /// Its id or name.
        id: String,
    },
    /// Adds a secret; the older ones end after an overlap.
    AddSecret {
        /// Its id or name.
        id: String,
        /// The secret that we sign with, made anew and shown once, in place of the provider's.
        #[arg(long, conflicts_with_all = ["secret_file", "secret_stdin"])]
        signing: bool,
        #[command(flatten)]
        secret: Source,
        /// Hours for which the older secrets go on, at most 720; 24 by default. At 0 they end at once.
        #[arg(long)]
        overlap_hours: Option<u32>,
    },
    /// Ends a secret at once.
    #[command(disable_version_flag = true)]
    WithdrawSecret {
        /// Its id or name.
        id: String,
        /// What it is for.
        #[arg(long)]
        purpose: Purpose,
        /// Its version within its purpose, as `show` tells it.
        #[arg(long)]
        version: u32,
    },
}

/// A subscription that is to be made.
#[derive(Debug, Clone, Args)]
pub struct New {
    /// All of its settings, JSON or TOML.
    #[arg(long)]
    spec: Option<PathBuf>,
    /// A door in: how the provider signs, such as stripe, github or standardwebhooks.
    #[arg(long, conflicts_with = "spec")]
    scheme: Option<String>,
    /// The URL under which the provider was told to reach it, where the scheme signs that (square, twilio).
    #[arg(long, requires = "scheme", conflicts_with_all = ["spec", "event_types"])]
    public_url: Option<String>,
    /// The provider's identifier of the webhook (paypal).
    #[arg(long, requires = "scheme", conflicts_with_all = ["spec", "event_types"])]
    webhook_id: Option<String>,
    /// A file with a public key or certificate of the provider's; repeat it.
    #[arg(long = "public-key-file", requires = "scheme", conflicts_with_all = ["spec", "event_types"], value_name = "FILE")]
    public_key_files: Vec<PathBuf>,
    /// From where deliveries may come, such as 192.0.2.0/24; repeat it. From anywhere by default.
    #[arg(long = "address", requires = "scheme", conflicts_with_all = ["spec", "event_types"])]
    addresses: Vec<String>,
    /// Deliveries may come from the networks alone that the provider publishes as its own.
    #[arg(long, requires = "scheme", conflicts_with_all = ["spec", "event_types"])]
    published_addresses: bool,
    /// A way out: a type of event that it tells, such as invoice.paid, invoice.* or *; repeat it.
    #[arg(long = "event-type", conflicts_with_all = ["spec", "scheme"], requires = "push")]
    event_types: Vec<String>,
    /// Where deliveries are pushed: an https URL, which has to answer a challenge first.
    #[arg(long, value_name = "URL", conflicts_with = "spec")]
    push: Option<String>,
    /// Deliveries are published to the gateway's NATS JetStream.
    #[arg(long, requires = "scheme", conflicts_with_all = ["push", "spec", "event_types"])]
    nats: bool,
    /// Deliveries are fetched and acknowledged, which is the default of a door in.
    #[arg(long, conflicts_with_all = ["push", "nats", "spec", "event_types"])]
    pull: bool,
}

impl New {
    fn spec(&self) -> Result<Map<String, Value>, Usage> {
        if let Some(path) = &self.spec {
            return object("--spec", path);
        }
        let endpoint = self.push.as_ref().map(|url| json!({ "url": url }));
        let mut spec = Map::new();
        let Some(scheme) = &self.scheme else {
            if self.event_types.is_empty() {
                let ways =
                    "--scheme for a provider's deliveries, --event-type and --push for your own events, or --spec";
                return Err(Usage(format!("subscription create: give {ways}")));
            }
            spec.insert("direction".to_owned(), json!("outbound"));
            spec.insert("event_types".to_owned(), json!(self.event_types));
            put(&mut spec, "endpoint", endpoint);
            return Ok(spec);
        };
        spec.insert("direction".to_owned(), json!("inbound"));
        spec.insert("scheme".to_owned(), json!(scheme));
        let mut setting = Map::new();
        put(&mut setting, "public_url", self.public_url.clone());
        put(&mut setting, "webhook_id", self.webhook_id.clone());
        if !self.public_key_files.is_empty() {
            let keys: Vec<Value> =
                self.public_key_files.iter().map(|path| public_key(path)).collect::<Result<_, _>>()?;
            setting.insert("public_keys".to_owned(), Value::Array(keys));
        }
        spec.insert("setting".to_owned(), Value::Object(setting));
        if !self.addresses.is_empty() {
            spec.insert("addresses".to_owned(), json!(self.addresses));
        }
        let handoff = endpoint.map(|endpoint| json!({ "push": endpoint })).or(self.nats.then(|| json!("nats")));
        put(&mut spec, "handoff", handoff);
        if self.published_addresses {
            spec.insert("published_addresses".to_owned(), json!(true));
        }
        Ok(spec)
    }
}

impl Verb {
    pub(super) fn order(&self, input: &mut dyn Read) -> Result<Order, Usage> {
        Ok(match self {
            Self::List { page } => page.of("/v1/subscriptions"),
            Self::Show { id } => Order::read(at(id, "")),
            Self::Create { name, new, secret } => {
                let spec = Value::Object(new.spec()?);
                let body = Map::from_iter([("name".to_owned(), json!(name)), ("spec".to_owned(), spec)]);
                match secret.read(input)? {
                    Some(secret) => {
                        Order::bring_as(Method::POST, "/v1/subscriptions", body, ("\"secrets\":[", &secret, "]"))?
                    }
                    None => Order::send(Method::POST, "/v1/subscriptions", body),
                }
            }
            Self::Change { id, spec } => {
                let body = Map::from_iter([("spec".to_owned(), Value::Object(object("--spec", spec)?))]);
                Order::send(Method::PATCH, at(id, ""), body)
            }
            Self::Pause { id, reason } => status(id, "paused", reason.as_ref()),
            Self::Resume { id } => status(id, "active", None),
            Self::Retire { id, reason } => status(id, "retired", reason.as_ref()),
            Self::Verify { id } => Order { method: Method::POST, path: at(id, "/verify"), body: None },
            Self::AddSecret { id, signing, secret, overlap_hours } => {
                let mut body = Map::new();
                put(&mut body, "overlap_hours", *overlap_hours);
                match secret.read(input)? {
                    Some(secret) => Order::bring(Method::POST, at(id, "/secrets"), body, &secret)?,
                    None if *signing => Order::send(Method::POST, at(id, "/secrets"), body),
                    None => {
                        return Err(Usage(
                            "subscription add-secret: name --secret-file or --secret-stdin for the provider's new \
                             secret, or --signing for a new one of ours"
                                .into(),
                        ));
                    }
                }
            }
            Self::WithdrawSecret { id, purpose, version } => {
                let purpose = match purpose {
                    Purpose::Verify => "verify",
                    Purpose::Sign => "sign",
                };
                let body =
                    Map::from_iter([("purpose".to_owned(), json!(purpose)), ("version".to_owned(), json!(version))]);
                Order::send(Method::POST, at(id, "/secrets/withdraw"), body)
            }
        })
    }
}

fn at(id: &str, below: &str) -> String {
    format!("/v1/subscriptions/{}{below}", segment(id))
}

fn status(id: &str, status: &str, reason: Option<&String>) -> Order {
    let mut body = Map::from_iter([("status".to_owned(), json!(status))]);
    put(&mut body, "reason", reason.cloned());
    Order::send(Method::PATCH, at(id, ""), body)
}

/// A public key as its file has it; it is no secret.
fn public_key(path: &Path) -> Result<Value, Usage> {
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|error| Usage(format!("--public-key-file {}: {error}", path.display())))?;
    Ok(json!(text.trim()))
}
