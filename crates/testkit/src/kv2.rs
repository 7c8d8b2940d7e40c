//! A strict server of the KV engine, version 2, written from the published HTTP API of HashiCorp Vault and OpenBao.
//!
//! It keeps versions, compares and sets, deletes so that one can undelete, destroys, is sealed, throttles and falls
//! silent, lets nobody in without a token that it gave out, and refuses what the API does not know. It is no copy of
//! either product: what it was not written to know, it does not know.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use crate::served::Served;
use crate::vendor::{Canned, Seen};

/// The role that may log in, and the proof that it has for it.
pub const KV2_ROLE: &str = "lockgate";
/// The proof of the Kubernetes method.
pub const KV2_JWT: &str = "header.claims.signature-of-a-service-account";
/// The id and the secret of the method of roles.
pub const KV2_APPROLE: (&str, &str) = ("role-id-1", "secret-id-1");
/// A token that lasts.
pub const KV2_TOKEN: &str = "hvs.root";
/// The namespace that everything is in.
pub const KV2_NAMESPACE: &str = "team-a";

/// Seconds that a token lives.
const LEASE: u64 = 1_200;

#[derive(Default)]
struct State {
    paths: BTreeMap<String, Kept>,
    tokens: Vec<String>,
    given: usize,
    trouble: Trouble,
}

#[derive(Default)]
struct Kept {
    versions: BTreeMap<u64, OneVersion>,
    current: u64,
}

struct OneVersion {
    data: Value,
    deleted: bool,
    destroyed: bool,
}

/// What is wrong with the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Trouble {
    /// Nothing.
    #[default]
    None,
    /// It is sealed.
    Sealed,
    /// It is asked too often, and says so with these seconds.
    Throttled(u32),
    /// It is busy: 503 without being sealed.
    Busy,
    /// It answers nobody.
    Silent,
    /// It is an engine of version 1, which keeps no versions.
    Unversioned,
    /// Its policy lets nobody destroy anything.
    Undestroyable,
    /// The engine is not mounted any more.
    Unmounted,
}

/// The running server.
pub struct Kv2Server {
    served: Served,
    state: Arc<Mutex<State>>,
}

impl Kv2Server {
    /// Starts it, with a certificate for this host.
    pub async fn start(host: &str) -> Self {
        let state = Arc::new(Mutex::new(State { tokens: vec![KV2_TOKEN.to_owned()], ..State::default() }));
        let answering = Arc::clone(&state);
        let served = Served::start(host, Arc::new(move |seen| answer(&mut lock(&answering), seen))).await;
        Self { served, state }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.served.address
    }

    /// Its authority's certificate, PEM.
    pub fn authority_pem(&self) -> &str {
        &self.served.authority_pem
    }

    /// Every request so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.served.seen()
    }

    /// How many requests began with this method and path.
    pub fn count(&self, line: &str) -> usize {
        self.seen().iter().filter(|seen| seen.line().starts_with(line)).count()
    }

    /// Says what is wrong from now on.
    pub fn trouble(&self, trouble: Trouble) {
        lock(&self.state).trouble = trouble;
    }

    /// Takes back every token that it gave out.
    pub fn revoke_tokens(&self) {
        lock(&self.state).tokens.retain(|token| token == KV2_TOKEN);
    }

    /// Loses the newest version of every path, as a server does that was put back from a backup.
    pub fn lose_newest(&self) {
        for kept in lock(&self.state).paths.values_mut() {
            kept.versions.pop_last();
            kept.current = kept.versions.keys().next_back().copied().unwrap_or(0);
        }
    }

    /// Writes another value into every version, as somebody with the server's storage could.
    pub fn overwrite(&self, value: &str) {
        for kept in lock(&self.state).paths.values_mut() {
            kept.versions.values_mut().for_each(|version| version.data = json!({ "value": value }));
        }
    }

    /// Removes every path with all of its versions, as an administrator of the server can.
    pub fn remove_paths(&self) {
        lock(&self.state).paths.clear();
    }

    /// Whether any version of any path still has this value, deleted or not.
    pub fn has(&self, value: &str) -> bool {
        let state = lock(&self.state);
        let mut versions = state.paths.values().flat_map(|kept| kept.versions.values());
        versions.any(|version| version.data["value"] == value)
    }

    /// The paths that there are, with the number of the newest version of each.
    pub fn paths(&self) -> Vec<(String, u64)> {
        lock(&self.state).paths.iter().map(|(path, kept)| (path.clone(), kept.current)).collect()
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn errors(status: u16, what: &[&str]) -> Canned {
    Canned::json(status, &json!({ "errors": what }).to_string())
}

fn answer(state: &mut State, seen: &Seen) -> Option<Canned> {
    let (path, query) = seen.target.split_once('?').unwrap_or((&seen.target, ""));
    let sealed = state.trouble == Trouble::Sealed;
    let is_status = (seen.method.as_str(), path) == ("GET", "/v1/sys/seal-status");
    match state.trouble {
        Trouble::Silent => return None,
        Trouble::Throttled(seconds) => {
            let refused = errors(429, &["request path is rate limited"]);
            return Some(refused.header("retry-after", &seconds.to_string()));
        }
        Trouble::Busy if !is_status => return Some(errors(503, &["too busy"])),
        Trouble::Sealed if !is_status => return Some(errors(503, &["Vault is sealed"])),
        _ => {}
    }
    if is_status {
        return Some(Canned::json(200, &json!({ "initialized": true, "sealed": sealed }).to_string()));
    }
    if seen.header("x-vault-namespace") != Some(KV2_NAMESPACE) {
        return Some(errors(404, &["no handler for route. route entry not found."]));
    }
    Some(within(state, seen, path, query))
}

fn within(state: &mut State, seen: &Seen, path: &str, query: &str) -> Canned {
    let body = if seen.body.is_empty() { Value::Null } else { serde_json::from_slice(&seen.body).unwrap_or_default() };
    match (seen.method.as_str(), path) {
        ("POST", "/v1/auth/kubernetes/login") => {
            let known = body["role"] == KV2_ROLE && body["jwt"] == KV2_JWT;
            return if known { logged_in(state) } else { errors(403, &["permission denied"]) };
        }
        ("POST", "/v1/auth/approle/login") => {
            let known = body["role_id"] == KV2_APPROLE.0 && body["secret_id"] == KV2_APPROLE.1;
            return if known { logged_in(state) } else { errors(400, &["invalid role or secret ID"]) };
        }
        _ => {}
    }
    if !seen.header("x-vault-token").is_some_and(|token| state.tokens.iter().any(|known| known == token)) {
        return errors(403, &["permission denied"]);
    }
    match (seen.method.as_str(), path) {
        ("GET", "/v1/auth/token/lookup-self") => {
            return Canned::json(200, &json!({ "data": { "ttl": LEASE, "renewable": true } }).to_string());
        }
        ("POST", "/v1/auth/token/renew-self") => {
            return auth(seen.header("x-vault-token").unwrap_or_default());
        }
        _ => {}
    }
    let Some((what, name)) = path.strip_prefix("/v1/secret/").and_then(|rest| rest.split_once('/')) else {
        return errors(404, &["no handler for route"]);
    };
    if state.trouble == Trouble::Unmounted {
        return errors(404, &["no handler for route. route entry not found."]);
    }
    if state.trouble == Trouble::Unversioned {
        return if seen.method == "GET" { errors(404, &[]) } else { Canned::bytes(204, "") };
    }
    if state.trouble == Trouble::Undestroyable && what == "destroy" {
        return errors(403, &["permission denied"]);
    }
    let versions = || body["versions"].as_array().map(|all| all.iter().filter_map(Value::as_u64).collect::<Vec<_>>());
    match (seen.method.as_str(), what) {
        ("POST", "data") => write(state, name, &body),
        ("GET", "data") => read(state, name, query),
        ("GET", "metadata") => metadata(state, name),
        ("POST", "delete") => changed(state, name, versions(), |version| version.deleted = true),
        ("POST", "undelete") => changed(state, name, versions(), |version| version.deleted = false),
        ("POST", "destroy") => changed(state, name, versions(), |version| {
            version.destroyed = true;
            version.data = Value::Null;
        }),
        _ => errors(405, &["unsupported operation"]),
    }
}

fn logged_in(state: &mut State) -> Canned {
    state.given += 1;
    let token = format!("hvs.given-{}", state.given);
    state.tokens.push(token.clone());
    auth(&token)
}

fn auth(token: &str) -> Canned {
    let auth = json!({ "client_token": token, "lease_duration": LEASE, "renewable": true });
    Canned::json(200, &json!({ "auth": auth }).to_string())
}

fn write(state: &mut State, name: &str, body: &Value) -> Canned {
    let Some(data) = body["data"].as_object() else { return errors(400, &["no data provided"]) };
    let current = state.paths.get(name).map_or(0, |kept| kept.current);
    match body["options"]["cas"].as_u64() {
        None => return errors(400, &["check-and-set parameter required for this call"]),
        Some(cas) if cas != current => {
            return errors(400, &["check-and-set parameter did not match the current version"]);
        }
        Some(_) => {}
    }
    let kept = state.paths.entry(name.to_owned()).or_default();
    kept.current += 1;
    kept.versions
        .insert(kept.current, OneVersion { data: Value::Object(data.clone()), deleted: false, destroyed: false });
    Canned::json(200, &json!({ "data": of_version(kept.current, false, false) }).to_string())
}

fn of_version(version: u64, deleted: bool, destroyed: bool) -> Value {
    let deletion_time = if deleted { "2018-03-22T02:36:43.986212308Z" } else { "" };
    json!({
        "version": version, "created_time": "2018-03-22T02:24:06.945319214Z", "custom_metadata": null,
        "deletion_time": deletion_time, "destroyed": destroyed,
    })
}

fn read(state: &State, name: &str, query: &str) -> Canned {
    let Some(kept) = state.paths.get(name) else { return errors(404, &[]) };
    let asked = query.strip_prefix("version=").and_then(|text| text.parse().ok()).filter(|version| *version > 0);
    let number = asked.unwrap_or(kept.current);
    let Some(version) = kept.versions.get(&number) else { return errors(404, &[]) };
    let gone = version.deleted || version.destroyed;
    let data = if gone { Value::Null } else { version.data.clone() };
    let metadata = of_version(number, version.deleted, version.destroyed);
    Canned::json(if gone { 404 } else { 200 }, &json!({ "data": { "data": data, "metadata": metadata } }).to_string())
}

fn metadata(state: &State, name: &str) -> Canned {
    let Some(kept) = state.paths.get(name) else { return errors(404, &[]) };
    let versions: serde_json::Map<String, Value> = kept
        .versions
        .iter()
        .map(|(number, version)| (number.to_string(), of_version(*number, version.deleted, version.destroyed)))
        .collect();
    let oldest = kept.versions.keys().next().copied().unwrap_or(0);
    let data =
        json!({ "current_version": kept.current, "oldest_version": oldest, "max_versions": 0, "versions": versions });
    Canned::json(200, &json!({ "data": data }).to_string())
}

fn changed(state: &mut State, name: &str, versions: Option<Vec<u64>>, change: impl Fn(&mut OneVersion)) -> Canned {
    let Some(versions) = versions.filter(|versions| !versions.is_empty()) else {
        return errors(400, &["no version number provided"]);
    };
    let Some(kept) = state.paths.get_mut(name) else { return errors(404, &[]) };
    for number in versions {
        if let Some(version) = kept.versions.get_mut(&number) {
            change(version);
        }
    }
    Canned::bytes(204, "")
}
