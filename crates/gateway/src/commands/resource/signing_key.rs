//! `lockgate signing-key`: the keys that sign our own access tokens.

use clap::Subcommand;
use http::Method;

use super::{Order, segment};

/// What may be done with signing keys; the house's operator alone may. They rotate by themselves.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Lists the keys that verify.
    List,
    /// Takes one away for good: every token that it signed is refused at once, on every node.
    Withdraw {
        /// Its kid, as `list` and the tokens' headers have it.
        kid: String,
    },
}

impl Verb {
    pub(super) fn order(&self) -> Order {
        match self {
            Self::List => Order::read("/v1/signing-keys"),
            Self::Withdraw { kid } => {
                let path = format!("/v1/signing-keys/{}/withdraw", segment(kid));
                Order { method: Method::POST, path, body: None }
            }
        }
    }
}
