//! Who are you: from a presented credential to a [`Caller`](crate::Caller).
//!
//! Here: API keys, access tokens of our own and of external issuers, and what each must be. Not here:
//! how our own tokens are made (`tokens`), where issuers' keys come from (`issuer`), and what a caller
//! may do (`authz`).

pub(crate) mod claims;
mod explain;
pub(crate) mod identity;
mod judge;
mod policy;
mod presented;
pub(crate) mod seen;
pub(crate) mod standing;
pub(crate) mod text_key;

pub use claims::{Claims, TenantClaim};
pub use explain::{ACCEPTED, ExplainPolicy, LINE_MALFORMED};
pub(crate) use judge::judge_tenant;
pub use judge::judge_token;
pub use policy::{ACCESS_TYPES, LIFETIME_MOST, SKEW, TokenPolicy};
pub use presented::{Presented, challenge};
pub use text_key::{Minted, mint_api_key, mint_client_secret};
