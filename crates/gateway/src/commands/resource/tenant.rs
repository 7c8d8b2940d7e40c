//! `lockgate tenant`: tenants and their first operators.

use clap::Subcommand;
use http::Method;
use serde_json::{Map, json};

use super::{Order, Page, put, segment};

/// What may be done with tenants; the house's operator alone may.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Makes a tenant with its first operator, whose API key is shown once.
    Create {
        /// Its name: 1 to 63 of a-z, 0-9 and '-'.
        #[arg(long)]
        name: String,
        /// The name by which an external issuer knows it.
        #[arg(long)]
        alias: Option<String>,
    },
    /// Lists tenants.
    List {
        #[command(flatten)]
        page: Page,
    },
    /// Shows one.
    Show {
        /// Its id.
        id: String,
    },
    /// Refuses everything that it asks for, from now on.
    Suspend {
        /// Its id.
        id: String,
    },
    /// Serves it again.
    Resume {
        /// Its id.
        id: String,
    },
}

impl Verb {
    pub(super) fn order(&self) -> Order {
        match self {
            Self::Create { name, alias } => {
                let mut body = Map::from_iter([("name".to_owned(), json!(name))]);
                put(&mut body, "alias", alias.clone());
                Order::send(Method::POST, "/v1/tenants", body)
            }
            Self::List { page } => page.of("/v1/tenants"),
            Self::Show { id } => Order::read(format!("/v1/tenants/{}", segment(id))),
            Self::Suspend { id } => status(id, "suspended"),
            Self::Resume { id } => status(id, "active"),
        }
    }
}

fn status(id: &str, status: &str) -> Order {
    let body = Map::from_iter([("status".to_owned(), json!(status))]);
    Order::send(Method::PATCH, format!("/v1/tenants/{}", segment(id)), body)
}
