//! `lockgate run`: calls that were made, with all their attempts.

use clap::Subcommand;

use super::{Order, Page, query, segment};

/// What may be done with runs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Lists runs, newest first.
    List {
        /// succeeded, failed, refused or unknown.
        #[arg(long)]
        outcome: Option<String>,
        /// Only of this connection: id or name.
        #[arg(long)]
        connection: Option<String>,
        #[command(flatten)]
        page: Page,
    },
    /// Shows one.
    Show {
        /// Its id, as the X-Lockgate-Run header gave it.
        id: String,
    },
}

impl Verb {
    pub(super) fn order(&self) -> Order {
        match self {
            Self::List { outcome, connection, page } => {
                let pairs = [
                    ("outcome", outcome.clone()),
                    ("connection", connection.clone()),
                    ("limit", page.limit.map(|limit| limit.to_string())),
                    ("cursor", page.cursor.clone()),
                ];
                let pairs = pairs.into_iter().filter_map(|(name, value)| Some((name, value?)));
                Order::read(query("/v1/runs", pairs))
            }
            Self::Show { id } => Order::read(format!("/v1/runs/{}", segment(id))),
        }
    }
}
