//! The keys that sign our own access tokens; the house's operators alone see to them.

use lockgate_access::tokens::SigningKeyRecord;
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) mod list;
pub(crate) mod withdraw;

/// Every key that verifies.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SigningKeyList {
    /// The keys.
    items: Vec<SigningKeyRecord>,
}
