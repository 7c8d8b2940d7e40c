//! `lockgate backend`: other vaults that may keep values of credentials.

use clap::Subcommand;

use super::Order;

/// What may be asked of back ends; which there are the configuration says.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Lists them, and whether each would answer now.
    List,
}

impl Verb {
    pub(super) fn order(&self) -> Order {
        match self {
            Self::List => Order::read("/v1/backends"),
        }
    }
}
