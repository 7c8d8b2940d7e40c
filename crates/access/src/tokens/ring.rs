//! The signing keys of this gateway, shared by its nodes through the store.
//!
//! A key is *next* (published, so that whoever caches our keys knows it before it signs), then
//! *current* (signs), then *retiring* (verifies until the last token that it signed has expired), then
//! *retired*, when its private half is gone. Not here: when to rotate (`tokens::rotate`).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use lockgate_store::Row;
use lockgate_vocabulary::{Fault, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};

use super::seal::SealKeys;
use super::signing_key::{SigningAlgorithm, SigningKey};
use crate::keyset::KeySet;
use crate::registry::{rfc3339, rfc3339_opt};

/// How a signing key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyStatus {
    Next,
    Current,
    Retiring,
}

impl KeyStatus {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Current => "current",
            Self::Retiring => "retiring",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Next, Self::Current, Self::Retiring].into_iter().find(|status| status.as_str() == word)
    }
}

/// What is told of a signing key. Its public half is in `/.well-known/jwks.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct SigningKeyRecord {
    /// Its name: the thumbprint that tokens name it by (`kid`).
    pub kid: String,
    /// `EdDSA` or `ES256`.
    pub algorithm: String,
    /// `current` signs, `next` will, `retiring` verifies only.
    pub status: String,
    /// When it was made.
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String)]
    pub created_at: Timestamp,
    /// Until when it signs, or verifies where it is retiring.
    #[serde(serialize_with = "rfc3339_opt")]
    #[schema(value_type = Option<String>)]
    pub until: Option<Timestamp>,
}

/// The keys as they stand.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    keys: Vec<Entry>,
    /// Keys that cannot be read: they sign nothing and verify nothing, and stand in the way of no other.
    unread: Vec<(String, KeyStatus)>,
    set: KeySet,
    jwks: Arc<str>,
    /// Rises whenever the set changes, so that signatures are verified anew.
    generation: u64,
}

#[derive(Debug, Clone)]
struct Entry {
    key: Arc<SigningKey>,
    status: KeyStatus,
    /// When a retiring key is to be forgotten, and when the current one is to retire.
    ends_at: Option<Timestamp>,
    created_at: Timestamp,
}

impl Ring {
    /// Reads the rows of `rows::SIGNING_KEYS`. Keys that the old ring has are not unsealed again. One that cannot be
    /// read is left out, so that what it signed is refused and everything else is judged as ever.
    pub(crate) fn read(rows: &[Row], old: &Self, seal: &SealKeys, now: Timestamp) -> Result<Self, Fault> {
        let known: HashMap<&str, &Arc<SigningKey>> =
            old.keys.iter().map(|entry| (entry.key.kid(), &entry.key)).collect();
        let mut keys = Vec::with_capacity(rows.len());
        let mut unread = Vec::new();
        for row in rows {
            let kid = row.text(0)?;
            let status = KeyStatus::parse(row.text(3)?).ok_or_else(|| Fault::violated("a signing key has a status"))?;
            let ends_at = row.opt_moment(4)?;
            if status == KeyStatus::Retiring && ends_at.is_some_and(|end| end <= now) {
                continue;
            }
            let key = match known.get(kid) {
                Some(key) => Arc::clone(key),
                None => match unseal(row, kid, seal) {
                    Ok(key) => Arc::new(key),
                    Err(fault) => {
                        if !old.unread.iter().any(|(known, _)| known == kid) {
                            tracing::error!(%fault, kid, "a signing key cannot be read and is left out");
                        }
                        unread.push((kid.to_owned(), status));
                        continue;
                    }
                },
            };
            keys.push(Entry { key, status, ends_at, created_at: row.moment(5)? });
        }
        let published: Vec<&Value> = keys.iter().map(|entry| entry.key.public()).collect();
        let jwks = json!({ "keys": published }).to_string();
        let set = KeySet::parse(jwks.as_bytes()).map_err(|_| Fault::violated("our own key set is sound"))?;
        let generation = old.generation + u64::from(!set.is_same(&old.set));
        Ok(Self { keys, unread, set, jwks: jwks.into(), generation })
    }

    /// The key that signs.
    pub(crate) fn signer(&self) -> Option<&SigningKey> {
        self.of(KeyStatus::Current).map(|entry| &*entry.key)
    }

    /// Until when the key that signs is to sign. Only the very first key has no such moment in its row.
    pub(crate) fn signs_until(&self, rotation: Duration) -> Option<Timestamp> {
        self.of(KeyStatus::Current).map(|entry| entry.ends_at.unwrap_or_else(|| entry.created_at.after(rotation)))
    }

    /// The key that signs next.
    pub(crate) fn next(&self) -> Option<&SigningKey> {
        self.of(KeyStatus::Next).map(|entry| &*entry.key)
    }

    /// What is told of each.
    pub(crate) fn records(&self, rotation: Duration) -> Vec<SigningKeyRecord> {
        let signs_until = self.signs_until(rotation);
        let told = |entry: &Entry| SigningKeyRecord {
            kid: entry.key.kid().to_owned(),
            algorithm: entry.key.algorithm().as_str().to_owned(),
            status: entry.status.as_str().to_owned(),
            created_at: entry.created_at,
            until: if entry.status == KeyStatus::Current { signs_until } else { entry.ends_at },
        };
        self.keys.iter().map(told).collect()
    }

    /// How the key of this name stands, whether it can be read or not.
    pub(crate) fn status_of(&self, kid: &str) -> Option<KeyStatus> {
        self.standing().find(|(known, _)| *known == kid).map(|(_, status)| status)
    }

    /// The name of the key that stands so, whether it can be read or not.
    pub(crate) fn kid_of(&self, status: KeyStatus) -> Option<&str> {
        self.standing().find(|(_, known)| *known == status).map(|(kid, _)| kid)
    }

    fn standing(&self) -> impl Iterator<Item = (&str, KeyStatus)> {
        let read = self.keys.iter().map(|entry| (entry.key.kid(), entry.status));
        read.chain(self.unread.iter().map(|(kid, status)| (kid.as_str(), *status)))
    }

    fn of(&self, status: KeyStatus) -> Option<&Entry> {
        self.keys.iter().find(|entry| entry.status == status)
    }

    /// Every key that verifies.
    pub(crate) const fn keys(&self) -> &KeySet {
        &self.set
    }

    /// The published document.
    pub(crate) fn jwks(&self) -> Arc<str> {
        Arc::clone(&self.jwks)
    }

    pub(crate) const fn generation(&self) -> u64 {
        self.generation
    }

    /// When the next of the retiring keys has to be forgotten.
    pub(crate) fn retires_next(&self) -> Option<Timestamp> {
        let retiring = self.keys.iter().filter(|entry| entry.status == KeyStatus::Retiring);
        retiring.filter_map(|entry| entry.ends_at).min()
    }
}

fn unseal(row: &Row, kid: &str, seal: &SealKeys) -> Result<SigningKey, Fault> {
    let algorithm = SigningAlgorithm::parse(row.text(1)?);
    let algorithm = algorithm.ok_or_else(|| Fault::violated("a signing key has a known algorithm"))?;
    let private = seal.unseal(kid.as_bytes(), row.bytes(2)?)?;
    let key = SigningKey::restore(algorithm, private.expose())?;
    // INVARIANT: what was stored under this name is this key, since the name is its thumbprint.
    if key.kid() == kid { Ok(key) } else { Err(Fault::violated("a signing key has its own thumbprint")) }
}
