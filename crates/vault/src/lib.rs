//! Secrets at rest, and the moment they are lent out.
//!
//! In reading order: [`Config`] says where the root key is; [`root_key`] reads it and wraps tenants'
//! keys; `seal` is the envelope, pure; `keyring` is what the hot path has in memory; [`Vault`] seals,
//! opens, digests and lends; `equip` is where a credential enters a request, and [`Spellings`] finds it in
//! what comes back; `custody` holds what another vault ([`backend`]) keeps; [`Tokens`] has vendors' access tokens, and
//! [`Connector`] lets persons connect the accounts that they are of; [`Custodian`] takes credentials in, rotates and
//! revokes them; [`webhook`] checks and makes webhooks' signatures.
//!
//! Not here: any way to read a credential. What uses one can neither read nor change it, and what
//! changes one can neither read nor use it; no function of this room returns one in the clear.

pub mod backend;
mod binding;
mod client;
mod config;
mod connect;
mod custody;
mod dpop;
mod equip;
mod fingerprint;
mod keyring;
mod refusal;
pub mod root_key;
mod rows;
mod scrub;
mod seal;
mod secret;
mod spelling;
mod token;
mod vault;
pub mod webhook;

pub use client::Identity;
pub use config::{BackendConfig, Config, HeldConfig, Pkcs11Config, RootKeyConfig};
pub use connect::{
    Begun, Connector, Disconnected, Finish, GrantView, NewSession, OpenedSession, Returned, RevokedToken, SessionView,
    Upstream,
};
pub use custody::BackendView;
pub use dpop::{DPOP, ProofVerdict, dpop_nonce};
pub use equip::Equipped;
pub use refusal::VaultRefusal;
pub use root_key::{Replacement, RootKeyFile, RootKeyNames, RootKeyProblem, generate_root_key_file};
pub use rows::STATEMENTS;
pub use seal::{StreamOpener, StreamSealer, Unopened};
pub use secret::{
    Act, BackendOf, Compromise, CompromiseView, Compromised, CredentialView, Custodian, CustodianParts, Listed,
    NewCredential, Recovered, Revoked, Rotation, RotationState, RotationView, Sensitivity, Uses, VersionView,
};
pub use spelling::{Search, Spellings};
pub use token::Tokens;
pub use vault::{HOUSE, Rekeyed, Rewrapped, Vault, wrappings};

#[cfg(test)]
mod tests;
