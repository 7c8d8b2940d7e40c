//! `lockgate principal`: who may act for the tenant.

use clap::Subcommand;
use http::Method;
use serde_json::{Map, Value, json};

use super::{Order, Page, Usage, declared_use, put, segment};

/// What may be done with principals.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Makes a principal.
    Create {
        /// Its name; an agent's starts with AI-AGENT-.
        #[arg(long)]
        name: String,
        /// service, partner, person, agent or operator.
        #[arg(long)]
        kind: String,
        /// What it may do at the most, such as integration.connections.call:stripe:read; repeat it.
        #[arg(long = "scope", required = true)]
        scopes: Vec<String>,
        /// Where it may call: "CONNECTION METHOD PATH"; repeat it. Anywhere within its scopes by default.
        #[arg(long = "use")]
        uses: Vec<String>,
        /// From where it may come, such as 10.0.0.0/8; repeat it. From anywhere by default.
        #[arg(long = "address")]
        addresses: Vec<String>,
        /// How long it lasts, such as 12h or 90d.
        #[arg(long, value_parser = super::seconds)]
        expires_in: Option<u64>,
    },
    /// Lists principals.
    List {
        #[command(flatten)]
        page: Page,
    },
    /// Shows one.
    Show {
        /// Its id or name.
        id: String,
    },
    /// Refuses everything that it asks for, until it is resumed.
    Suspend {
        /// Its id or name.
        id: String,
    },
    /// Serves it again.
    Resume {
        /// Its id or name.
        id: String,
    },
    /// Ends it for good.
    Retire {
        /// Its id or name.
        id: String,
    },
}

impl Verb {
    pub(super) fn order(&self) -> Result<Order, Usage> {
        Ok(match self {
            Self::Create { name, kind, scopes, uses, addresses, expires_in } => {
                let mut body = Map::from_iter([
                    ("name".to_owned(), json!(name)),
                    ("kind".to_owned(), json!(kind)),
                    ("scopes".to_owned(), json!(scopes)),
                ]);
                restrictions(&mut body, uses, addresses, *expires_in)?;
                Order::send(Method::POST, "/v1/principals", body)
            }
            Self::List { page } => page.of("/v1/principals"),
            Self::Show { id } => Order::read(format!("/v1/principals/{}", segment(id))),
            Self::Suspend { id } => status(id, "suspended"),
            Self::Resume { id } => status(id, "active"),
            Self::Retire { id } => status(id, "retired"),
        })
    }
}

fn status(id: &str, status: &str) -> Order {
    let body = Map::from_iter([("status".to_owned(), json!(status))]);
    Order::send(Method::PATCH, format!("/v1/principals/{}", segment(id)), body)
}

/// What narrows a principal or a key: declared uses, addresses, an end.
pub(super) fn restrictions(
    body: &mut Map<String, Value>,
    uses: &[String],
    addresses: &[String],
    expires_in: Option<u64>,
) -> Result<(), Usage> {
    if !uses.is_empty() {
        let uses: Vec<Value> = uses.iter().map(|text| declared_use(text)).collect::<Result<_, _>>()?;
        body.insert("endpoints".to_owned(), Value::Array(uses));
    }
    if !addresses.is_empty() {
        body.insert("addresses".to_owned(), json!(addresses));
    }
    put(body, "expires_in", expires_in);
    Ok(())
}
