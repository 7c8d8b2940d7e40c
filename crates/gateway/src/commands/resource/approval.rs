//! `lockgate approval`: what one operator asks for and another one decides.

use clap::Subcommand;
use http::Method;
use serde_json::{Map, json};

use super::{Order, Page, put, segment};

/// What may be done with approvals.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Lists approvals, newest first.
    List {
        /// pending, approved, denied or done.
        #[arg(long)]
        state: Option<String>,
        #[command(flatten)]
        page: Page,
    },
    /// Shows one.
    Show {
        /// Its id.
        id: String,
    },
    /// Lets it be done, at once. Whoever asked for it may not.
    Approve {
        /// Its id.
        id: String,
        /// Why, at most 200 letters.
        #[arg(long)]
        note: Option<String>,
    },
    /// Says that it is not to be done.
    Deny {
        /// Its id.
        id: String,
        /// Why, at most 200 letters.
        #[arg(long)]
        note: Option<String>,
    },
}

impl Verb {
    pub(super) fn order(&self) -> Order {
        match self {
            Self::List { state, page } => page.sought("/v1/approvals", [("state", state.as_ref())]),
            Self::Show { id } => Order::read(format!("/v1/approvals/{}", segment(id))),
            Self::Approve { id, note } => decide(id, true, note.as_ref()),
            Self::Deny { id, note } => decide(id, false, note.as_ref()),
        }
    }
}

fn decide(id: &str, approve: bool, note: Option<&String>) -> Order {
    let mut body = Map::from_iter([("approve".to_owned(), json!(approve))]);
    put(&mut body, "note", note.cloned());
    Order::send(Method::POST, format!("/v1/approvals/{}/decide", segment(id)), body)
}
