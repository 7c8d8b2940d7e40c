//! `lockgate connection`: accounts at vendors.

use std::path::PathBuf;

use clap::Subcommand;
use http::Method;
use serde_json::{Map, Value, json};

use super::{Order, Page, Usage, object, put, segment};

/// What may be done with connections.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Makes a connection; it is pending until it has a credential.
    Create {
        /// Its name, which callers put behind /call/.
        #[arg(long)]
        name: String,
        /// The provider's name.
        #[arg(long)]
        provider: String,
        /// Where the API lives, where it is not the provider's base URL.
        #[arg(long)]
        base_url: Option<String>,
        /// The rest of its settings, TOML or JSON.
        #[arg(long)]
        spec: Option<PathBuf>,
    },
    /// Replaces its settings. One that points elsewhere loses its credential.
    Update {
        /// Its id or name.
        id: String,
        /// All of its settings, TOML or JSON.
        #[arg(long)]
        spec: PathBuf,
    },
    /// Lists connections.
    List {
        #[command(flatten)]
        page: Page,
    },
    /// Shows one.
    Show {
        /// Its id or name.
        id: String,
    },
    /// Connects the account that it is for: opens a link for your browser, waits for it, and ends the session.
    Connect {
        /// Its id or name.
        id: String,
        /// Take the place of another subject's account, whose tokens are revoked then.
        #[arg(long)]
        replace: bool,
    },
    /// Shows what the person who connected the account granted, and how it stands.
    Grant {
        /// Its id or name.
        id: String,
    },
    /// Revokes the account's tokens at the vendor and takes them away here. What was not revoked is said.
    Disconnect {
        /// Its id or name.
        id: String,
    },
    /// Takes it away for good.
    Retire {
        /// Its id or name.
        id: String,
    },
}

impl Verb {
    pub(super) fn order(&self) -> Result<Order, Usage> {
        Ok(match self {
            Self::Create { name, provider, base_url, spec } => {
                let mut settings = match spec {
                    Some(path) => object("--spec", path)?,
                    None => Map::new(),
                };
                put(&mut settings, "base_url", base_url.clone());
                let mut body =
                    Map::from_iter([("name".to_owned(), json!(name)), ("provider".to_owned(), json!(provider))]);
                body.insert("spec".to_owned(), Value::Object(settings));
                Order::send(Method::POST, "/v1/connections", body)
            }
            Self::Update { id, spec } => {
                let body = Map::from_iter([("spec".to_owned(), Value::Object(object("--spec", spec)?))]);
                Order::send(Method::PATCH, format!("/v1/connections/{}", segment(id)), body)
            }
            Self::List { page } => page.of("/v1/connections"),
            Self::Show { id } => Order::read(format!("/v1/connections/{}", segment(id))),
            Self::Connect { .. } => return Err(Usage("connecting takes more than one request".into())),
            Self::Grant { id } => Order::read(format!("/v1/connections/{}/grant", segment(id))),
            Self::Disconnect { id } => {
                Order { method: Method::POST, path: format!("/v1/connections/{}/disconnect", segment(id)), body: None }
            }
            Self::Retire { id } => {
                let body = Map::from_iter([("status".to_owned(), json!("retired"))]);
                Order::send(Method::PATCH, format!("/v1/connections/{}", segment(id)), body)
            }
        })
    }
}
