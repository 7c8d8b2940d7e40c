//! `lockgate api-key`: API keys and client credentials.

use std::path::PathBuf;

use clap::Subcommand;
use http::Method;
use serde_json::{Map, Value, json};

use super::principal::restrictions;
use super::{Order, Page, Usage, object, segment};

/// What may be done with keys.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Makes a key; its text is shown once.
    Create {
        /// Whose it is: id or name.
        #[arg(long)]
        principal: String,
        /// api-key, client-secret (for the token endpoint) or client-jwks (private_key_jwt).
        #[arg(long, default_value = "api-key")]
        kind: String,
        /// A JWKS file with the client's public keys, for client-jwks.
        #[arg(long)]
        jwks: Option<PathBuf>,
        /// What it may do at the most; all that its principal may by default. Repeat it.
        #[arg(long = "scope")]
        scopes: Vec<String>,
        /// Where it may call: "CONNECTION METHOD PATH"; repeat it.
        #[arg(long = "use")]
        uses: Vec<String>,
        /// From where it may come, such as 10.0.0.0/8; repeat it.
        #[arg(long = "address")]
        addresses: Vec<String>,
        /// How long it lasts, such as 12h or 30d; 90d by default, which is the most.
        #[arg(long, value_parser = super::seconds)]
        expires_in: Option<u64>,
    },
    /// Lists keys, never their texts.
    List {
        #[command(flatten)]
        page: Page,
    },
    /// Shows one.
    Show {
        /// Its id.
        id: String,
    },
    /// Makes it worthless on every node, at once and for good.
    Revoke {
        /// Its id.
        id: String,
    },
}

impl Verb {
    pub(super) fn order(&self) -> Result<Order, Usage> {
        Ok(match self {
            Self::Create { principal, kind, jwks, scopes, uses, addresses, expires_in } => {
                let mut body =
                    Map::from_iter([("principal".to_owned(), json!(principal)), ("kind".to_owned(), json!(kind))]);
                if let Some(path) = jwks {
                    body.insert("jwks".to_owned(), Value::Object(object("--jwks", path)?));
                }
                if !scopes.is_empty() {
                    body.insert("scopes".to_owned(), json!(scopes));
                }
                restrictions(&mut body, uses, addresses, *expires_in)?;
                Order::send(Method::POST, "/v1/api-keys", body)
            }
            Self::List { page } => page.of("/v1/api-keys"),
            Self::Show { id } => Order::read(format!("/v1/api-keys/{}", segment(id))),
            Self::Revoke { id } => Order::remove(format!("/v1/api-keys/{}", segment(id))),
        })
    }
}
