//! `lockgate credential`: what vendors accept from us. A secret goes in once and never comes out.

use std::io::Read;

use clap::Subcommand;
use http::Method;
use serde_json::{Map, json};

use super::{Order, Page, Usage, put, secret, segment};

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
        /// Says that the secret comes on standard input; one line end behind it is dropped.
        #[arg(long, required = true)]
        secret_stdin: bool,
    },
    /// Takes in a new version, which is used from then on.
    Rotate {
        /// Its id or name.
        id: String,
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
    /// Makes it unusable; connections that use it become degraded at once.
    Revoke {
        /// Its id or name.
        id: String,
        /// Why, for the record.
        #[arg(long)]
        reason: String,
    },
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
                Order::bring(Method::POST, "/v1/credentials", body, &secret::stdin(input)?)?
            }
            Self::Rotate { id, secret_stdin: _ } => {
                let path = format!("/v1/credentials/{}/versions", segment(id));
                Order::bring(Method::POST, path, Map::new(), &secret::stdin(input)?)?
            }
            Self::List { page } => page.of("/v1/credentials"),
            Self::Show { id } => Order::read(format!("/v1/credentials/{}", segment(id))),
            Self::Revoke { id, reason } => {
                let body = Map::from_iter([("reason".to_owned(), json!(reason))]);
                Order::send(Method::POST, format!("/v1/credentials/{}/revoke", segment(id)), body)
            }
        })
    }
}
