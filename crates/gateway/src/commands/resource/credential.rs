//! `lockgate credential`: what vendors accept from us. A secret goes in once and never comes out.

use std::io::Read;

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Map, Value, json};

use super::{Order, Page, Usage, put, query, secret, segment};

/// What may be done with credentials.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Takes a credential in, with which its connection becomes active. The secret is read from standard input, so that it is in no argument list.
    Create {
        /// Its name.
        #[arg(long)]
        name: String,
        /// The one connection that it is for: id or name.
        #[arg(long)]
        connection: String,
        /// Who answers for it.
        #[arg(long)]
        owner: String,
        /// low, medium, high or critical.
        #[arg(long, default_value = "high")]
        sensitivity: String,
        /// Days after which it should be rotated.
        #[arg(long)]
        cadence_days: Option<u32>,
        /// The other vault that is to keep the value, by its name in the configuration.
        #[arg(long, value_name = "NAME")]
        backend: Option<String>,
        /// How long the vendor accepts it, such as 90d.
        #[arg(long, value_parser = super::seconds)]
        expires_in: Option<u64>,
        /// Keeps its values until the end of the recovery window, whoever wants them gone; it cannot be taken off.
        #[arg(long)]
        purge_protected: bool,
        /// Says that the secret comes on standard input; one line end behind it is dropped.
        #[arg(long, required = true)]
        secret_stdin: bool,
    },
    /// Takes in a new version, has the vendor asked whether it takes it, and uses it from then on.
    Rotate {
        /// Its id or name.
        id: String,
        #[command(flatten)]
        new: New,
        /// Uses it without asking the vendor, where the provider declares no way to ask.
        #[arg(long)]
        danger_unverified: bool,
        /// Says that the secret comes on standard input; one line end behind it is dropped.
        #[arg(long, required = true)]
        secret_stdin: bool,
    },
    /// Takes in a new version without using it: the first step of a rotation.
    Stage {
        /// Its id or name.
        id: String,
        #[command(flatten)]
        new: New,
        /// Has it verified and finished by itself after so long, such as 2h.
        #[arg(long, value_parser = super::seconds)]
        finish_in: Option<u64>,
        /// Says that the secret comes on standard input; one line end behind it is dropped.
        #[arg(long, required = true)]
        secret_stdin: bool,
    },
    /// Lists credentials: metadata and fingerprints.
    List {
        #[command(flatten)]
        page: Page,
    },
    /// Shows one's metadata.
    Show {
        /// Its id or name.
        id: String,
    },
    /// Asks the vendor whether it takes a staged version: the second step.
    Verify {
        /// Its id or name.
        id: String,
        /// The version's number.
        number: u32,
    },
    /// Puts a staged version to use that passed its verification: the last step.
    Finish {
        /// Its id or name.
        id: String,
        /// The version's number.
        number: u32,
        /// Uses it without asking the vendor, where the provider declares no way to ask.
        #[arg(long)]
        danger_unverified: bool,
    },
    /// Goes back to the version that was used before.
    Rollback {
        /// Its id or name.
        id: String,
        /// Another earlier version.
        #[arg(long, value_name = "NUMBER")]
        to: Option<u32>,
        /// Says that calls may fail, where the provider cannot hold two live credentials.
        #[arg(long)]
        acknowledge_gap: bool,
    },
    /// Destroys the value of an earlier version that nothing uses any more.
    Destroy {
        /// Its id or name.
        id: String,
        /// The version's number.
        number: u32,
        /// Since when nothing has used it, such as 2026-01-31T12:00:00Z.
        #[arg(long)]
        unused_since: String,
    },
    /// Brings a revoked credential back within its recovery window.
    Recover {
        /// Its id or name.
        id: String,
    },
    /// Destroys all values of a revoked credential, also in another vault; another principal than who revoked it has to,
    /// with tenants.admin.
    Purge {
        /// Its id or name.
        id: String,
    },
    /// Revokes a credential that others know, raises the alarm, and lists the calls that used it.
    Compromised {
        /// Its id or name.
        id: String,
        /// Since when others may have known it, such as 2026-01-31T12:00:00Z.
        #[arg(long)]
        since: String,
        /// When it was reported, where that was before now: from then the hour runs.
        #[arg(long)]
        reported_at: Option<String>,
        /// What happened, for the record.
        #[arg(long)]
        reason: String,
    },
    /// Lists the calls that used it, as this node's trail has them.
    Uses {
        /// Its id or name.
        id: String,
        /// Since when, such as 2026-01-31T12:00:00Z; a day back where it is left out.
        #[arg(long)]
        since: Option<String>,
        /// Where the page before ended.
        #[arg(long)]
        cursor: Option<String>,
    },
    /// Makes it unusable; connections that use it become degraded at once.
    Revoke {
        /// Its id or name.
        id: String,
        /// Why, for the record.
        #[arg(long)]
        reason: String,
    },
}

/// What is said of a new version.
#[derive(Debug, Args)]
pub struct New {
    /// How long the vendor accepts it, such as 90d; the expiry so far stays where it is left out.
    #[arg(long, value_parser = super::seconds)]
    expires_in: Option<u64>,
    /// Says that calls may fail in between, where the provider cannot hold two live credentials.
    #[arg(long)]
    acknowledge_gap: bool,
}

impl New {
    fn order(&self, id: &str, mut body: Map<String, Value>, input: &mut dyn Read) -> Result<Order, Usage> {
        put(&mut body, "expires_in", self.expires_in);
        put(&mut body, "acknowledge_gap", self.acknowledge_gap.then_some(true));
        Order::bring(Method::POST, format!("/v1/credentials/{}/versions", segment(id)), body, &secret::stdin(input)?)
    }
}

/// An act on one credential of which there is nothing to say.
fn bare(id: &str, deed: &str) -> Order {
    Order { method: Method::POST, path: format!("/v1/credentials/{}/{deed}", segment(id)), body: None }
}

/// An act on one credential.
fn act(id: &str, deed: &str, body: Value) -> Order {
    let members = body.as_object().cloned().unwrap_or_default();
    let members = members.into_iter().filter(|(_, value)| !value.is_null()).collect();
    Order::send(Method::POST, format!("/v1/credentials/{}/{deed}", segment(id)), members)
}

impl Verb {
    pub(super) fn order(&self, input: &mut dyn Read) -> Result<Order, Usage> {
        Ok(match self {
            Self::Create {
                name,
                connection,
                owner,
                sensitivity,
                cadence_days,
                expires_in,
                purge_protected,
                backend,
                secret_stdin: _,
            } => {
                let mut body = Map::from_iter([
                    ("name".to_owned(), json!(name)),
                    ("connection".to_owned(), json!(connection)),
                    ("owner".to_owned(), json!(owner)),
                    ("sensitivity".to_owned(), json!(sensitivity)),
                ]);
                put(&mut body, "cadence_days", *cadence_days);
                put(&mut body, "backend", backend.clone());
                put(&mut body, "expires_in", *expires_in);
                put(&mut body, "purge_protected", purge_protected.then_some(true));
                Order::bring(Method::POST, "/v1/credentials", body, &secret::stdin(input)?)?
            }
            Self::Rotate { id, new, danger_unverified, secret_stdin: _ } => {
                let mut body = Map::new();
                put(&mut body, "danger_unverified", danger_unverified.then_some(true));
                new.order(id, body, input)?
            }
            Self::Stage { id, new, finish_in, secret_stdin: _ } => {
                let mut body = Map::from_iter([("stage".to_owned(), json!(true))]);
                put(&mut body, "finish_in", *finish_in);
                new.order(id, body, input)?
            }
            Self::Verify { id, number } => act(id, "versions/verify", json!({ "version": number })),
            Self::Finish { id, number, danger_unverified } => {
                let body = json!({ "version": number, "danger_unverified": danger_unverified });
                act(id, "versions/finish", body)
            }
            Self::Rollback { id, to, acknowledge_gap } => {
                act(id, "rollback", json!({ "version": to, "acknowledge_gap": acknowledge_gap }))
            }
            Self::Destroy { id, number, unused_since } => {
                act(id, "versions/destroy", json!({ "version": number, "unused_since": unused_since }))
            }
            Self::Recover { id } => bare(id, "recover"),
            Self::Purge { id } => bare(id, "purge"),
            Self::Compromised { id, since, reported_at, reason } => {
                let body = json!({ "since": since, "reported_at": reported_at, "reason": reason });
                act(id, "compromise", body)
            }
            Self::Uses { id, since, cursor } => {
                let asked = [("since", since.as_ref()), ("cursor", cursor.as_ref())].into_iter();
                let asked = asked.filter_map(|(name, value)| Some((name, value?.clone())));
                Order::read(query(&format!("/v1/credentials/{}/uses", segment(id)), asked))
            }
            Self::List { page } => page.of("/v1/credentials"),
            Self::Show { id } => Order::read(format!("/v1/credentials/{}", segment(id))),
            Self::Revoke { id, reason } => act(id, "revoke", json!({ "reason": reason })),
        })
    }
}
