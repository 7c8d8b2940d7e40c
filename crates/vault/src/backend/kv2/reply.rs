//! What a KV engine of version 2 answers with. Pure.

use std::collections::BTreeMap;

use lockgate_vocabulary::{Secret, Timestamp};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::super::{BackendFailure, Version, VersionInfo, VersionState};

/// Every answer has what was asked for in its member `data`.
#[derive(Deserialize)]
struct Reply<T> {
    data: T,
}

#[derive(Deserialize)]
struct Written {
    version: u64,
}

#[derive(Deserialize)]
struct Read {
    data: Option<Value>,
    metadata: OfVersion,
}

/// What this gateway wrote, and nothing else.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Value {
    value: Secret,
}

#[derive(Deserialize)]
struct OfVersion {
    version: u64,
    destroyed: bool,
}

#[derive(Deserialize)]
struct OfPath {
    current_version: u64,
    versions: BTreeMap<String, State>,
}

#[derive(Deserialize)]
struct State {
    deletion_time: String,
    destroyed: bool,
}

/// What an engine answers with 404 where nothing is at a path. Where there is no such engine, since it was unmounted or
/// moved, or is in another namespace, the same status has a reason in it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {
    errors: Vec<IgnoredAny>,
}

/// That nothing is at the path that was asked for.
pub(super) fn nothing(body: &[u8]) -> Result<(), BackendFailure> {
    match serde_json::from_slice::<Nothing>(body) {
        Ok(nothing) if nothing.errors.is_empty() => Ok(()),
        _ => Err(BackendFailure::Malformed("it says not found, and not that the engine has nothing at the path")),
    }
}

/// Why a version was not found: a deleted one is told with what is known of it.
pub(super) fn gone(body: &[u8], wanted: u64) -> BackendFailure {
    match (nothing(body), read(body, wanted)) {
        (Ok(()), _) | (_, Err(BackendFailure::Absent)) => BackendFailure::Absent,
        (Err(failure), _) => failure,
    }
}

/// The version that was written behind this one.
pub(super) fn written(body: &[u8], before: u64) -> Result<Version, BackendFailure> {
    const WRONG: BackendFailure = BackendFailure::Malformed("it does not say which version it wrote");
    let written: Reply<Written> = serde_json::from_slice(body).map_err(|_| WRONG)?;
    let version = written.data.version;
    if version != before.saturating_add(1) {
        return Err(BackendFailure::Malformed("it wrote another version than the next one"));
    }
    version.to_string().parse().map_err(|()| WRONG)
}

/// The value of this version.
pub(super) fn read(body: &[u8], wanted: u64) -> Result<Secret, BackendFailure> {
    const WRONG: BackendFailure = BackendFailure::Malformed("it did not answer with a version that was written here");
    let read: Reply<Read> = serde_json::from_slice(body).map_err(|_| WRONG)?;
    let Read { data, metadata } = read.data;
    if metadata.version != wanted {
        return Err(BackendFailure::Malformed("it answered with another version"));
    }
    match data {
        Some(value) if !metadata.destroyed => Ok(value.value),
        _ => Err(BackendFailure::Absent),
    }
}

/// The versions of a path, oldest first.
pub(super) fn versions(body: &[u8], now: Timestamp) -> Result<Vec<VersionInfo>, BackendFailure> {
    const WRONG: BackendFailure = BackendFailure::Malformed("it did not answer with the versions of a path");
    let reply: Reply<OfPath> = serde_json::from_slice(body).map_err(|_| WRONG)?;
    let now = now.to_string();
    let mut known = Vec::with_capacity(reply.data.versions.len());
    for (number, state) in reply.data.versions {
        let number: u64 = number.parse().map_err(|_| WRONG)?;
        known.push((number, state_of(&state, &now)));
    }
    known.sort_by_key(|(number, _)| *number);
    let info = |(number, state): (u64, VersionState)| {
        let version = number.to_string().parse().map_err(|()| WRONG)?;
        Ok(VersionInfo { version, state, newest: number == reply.data.current_version })
    };
    known.into_iter().map(info).collect()
}

/// A version may be there with a time at which it will be deleted. Both times are RFC 3339 in UTC, so up to the second
/// they sort as texts.
fn state_of(state: &State, now: &str) -> VersionState {
    let second = |text: &str| text.get(..19).unwrap_or_default().to_owned();
    if state.destroyed {
        VersionState::Destroyed
    } else if !state.deletion_time.is_empty() && second(&state.deletion_time) <= second(now) {
        VersionState::Deleted
    } else {
        VersionState::Live
    }
}

#[cfg(test)]
mod tests;
