//! `lockgate provider`: vendors, the catalogue's and the tenant's own.

use std::path::PathBuf;

use clap::Subcommand;
use http::Method;

use super::{Order, Page, Usage, object, segment};

/// What may be done with providers.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Adds a provider of the tenant's own.
    Create {
        /// Its description, TOML or JSON, in the form of the catalogue's files.
        #[arg(long)]
        file: PathBuf,
    },
    /// Lists providers.
    List {
        #[command(flatten)]
        page: Page,
    },
    /// Shows one.
    Show {
        /// Its name.
        name: String,
    },
    /// Takes one of the tenant's own away.
    Retire {
        /// Its name.
        name: String,
    },
}

impl Verb {
    pub(super) fn order(&self) -> Result<Order, Usage> {
        Ok(match self {
            Self::Create { file } => Order::send(Method::POST, "/v1/providers", object("--file", file)?),
            Self::List { page } => page.of("/v1/providers"),
            Self::Show { name } => Order::read(format!("/v1/providers/{}", segment(name))),
            Self::Retire { name } => Order::remove(format!("/v1/providers/{}", segment(name))),
        })
    }
}
