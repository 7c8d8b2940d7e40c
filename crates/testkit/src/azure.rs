//! A strict server of secrets of Azure Key Vault, and of the tokens for it, written from the published REST API
//! (version 7.4). Deleting and recovering take it a few requests, as they take the service a while.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use crate::served::Served;
use crate::vendor::{Canned, Seen};

/// The directory, the client and the proof that are known.
pub const AZURE_TENANT: &str = "11111111-2222-3333-4444-555555555555";
/// The client.
pub const AZURE_CLIENT: &str = "66666666-7777-8888-9999-000000000000";
/// What the cluster vouches with.
pub const AZURE_ASSERTION: &str = "header.claims.signature-of-a-cluster";

/// Requests for which a change is not done yet.
const WHILE: u8 = 2;
/// Versions on a page.
const PAGE: usize = 2;

#[derive(Default)]
struct State {
    base: String,
    live: BTreeMap<String, Vec<(String, String)>>,
    deleted: BTreeMap<String, Vec<(String, String)>>,
    busy: BTreeMap<String, u8>,
    given: usize,
    valid_from: usize,
    protected: bool,
}

/// The running server.
pub struct AzureServer {
    served: Served,
    state: Arc<Mutex<State>>,
}

impl AzureServer {
    /// Starts it, with a certificate for this host.
    pub async fn start(host: &str) -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let answering = Arc::clone(&state);
        let served = Served::start(host, Arc::new(move |seen| Some(answer(&mut lock(&answering), seen)))).await;
        lock(&state).base = format!("https://{host}:{}", served.address.port());
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

    /// How many requests began with this method and path.
    pub fn count(&self, line: &str) -> usize {
        self.served.seen().iter().filter(|seen| seen.line().starts_with(line)).count()
    }

    /// Takes back every token that it gave out.
    pub fn revoke_tokens(&self) {
        let mut state = lock(&self.state);
        state.valid_from = state.given + 1;
    }

    /// Whether it purges nothing from now on.
    pub fn protect(&self, protected: bool) {
        lock(&self.state).protected = protected;
    }

    /// How many secrets there are, and how many of them are deleted and can be recovered.
    pub fn secrets(&self) -> (usize, usize) {
        let state = lock(&self.state);
        (state.live.len() + state.deleted.len(), state.deleted.len())
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn error(status: u16, code: &str) -> Canned {
    Canned::json(status, &json!({ "error": { "code": code, "message": "x" } }).to_string())
}

fn answer(state: &mut State, seen: &Seen) -> Canned {
    let (path, query) = seen.target.split_once('?').unwrap_or((&seen.target, ""));
    if seen.line() == format!("POST /{AZURE_TENANT}/oauth2/v2.0/token") {
        return granted(state, seen);
    }
    let token = seen.header("authorization").and_then(|value| value.strip_prefix("Bearer given-"));
    if token.and_then(|number| number.parse().ok()).is_none_or(|number: usize| number < state.valid_from) {
        return error(401, "Unauthorized");
    }
    let mut parameters = query.split('&');
    if !parameters.any(|parameter| parameter == "api-version=7.4") {
        return error(400, "BadParameter");
    }
    let parts: Vec<_> = path.trim_start_matches('/').split('/').collect();
    match (seen.method.as_str(), parts.as_slice()) {
        ("PUT", ["secrets", name]) => put(state, name, &seen.body),
        ("GET", ["secrets", name]) => got(state, name, None),
        ("GET", ["secrets", name, "versions"]) => listed(state, name, query),
        ("GET", ["secrets", name, version]) => got(state, name, Some(version)),
        ("DELETE", ["secrets", name]) => moved(state, name, true),
        ("POST", ["deletedsecrets", name, "recover"]) => moved(state, name, false),
        ("DELETE", ["deletedsecrets", name]) => purged(state, name),
        _ => error(404, "NotFound"),
    }
}

fn granted(state: &mut State, seen: &Seen) -> Canned {
    let form = String::from_utf8_lossy(&seen.body).into_owned();
    let fields: BTreeMap<_, _> = form.split('&').filter_map(|field| field.split_once('=')).collect();
    let known = fields.get("grant_type") == Some(&"client_credentials")
        && fields.get("client_id") == Some(&AZURE_CLIENT)
        && fields.get("client_assertion") == Some(&AZURE_ASSERTION)
        && fields.get("scope") == Some(&"https%3A%2F%2Fvault.azure.net%2F.default")
        && fields.get("client_assertion_type")
            == Some(&"urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer");
    if !known {
        return Canned::json(400, &json!({ "error": "invalid_client" }).to_string());
    }
    state.given += 1;
    let token = format!("given-{}", state.given);
    Canned::json(200, &json!({ "token_type": "Bearer", "expires_in": 3_599, "access_token": token }).to_string())
}

fn bundle(state: &State, name: &str, (version, value): &(String, String)) -> Canned {
    let id = format!("{}/secrets/{name}/{version}", state.base);
    let attributes = json!({ "enabled": true, "created": 1_700_000_000, "recoveryLevel": "Recoverable+Purgeable" });
    Canned::json(200, &json!({ "value": value, "id": id, "attributes": attributes }).to_string())
}

fn put(state: &mut State, name: &str, body: &[u8]) -> Canned {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let plain = name.len() <= 127 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let (Some(value), true) = (body["value"].as_str(), plain) else { return error(400, "BadParameter") };
    if state.deleted.contains_key(name) {
        return error(409, "Conflict");
    }
    let versions = state.live.entry(name.to_owned()).or_default();
    // Versions do not sort by their names.
    let version = format!("{:032x}", u128::MAX - versions.len() as u128);
    versions.push((version, value.to_owned()));
    let newest = versions.last().cloned().expect("it was put");
    bundle(state, name, &newest)
}

fn got(state: &mut State, name: &str, version: Option<&str>) -> Canned {
    if is_busy(state, name) {
        return error(404, "SecretNotFound");
    }
    let Some(versions) = state.live.get(name) else { return error(404, "SecretNotFound") };
    let found = match version {
        Some(version) => versions.iter().find(|(known, _)| known == version),
        None => versions.last(),
    };
    found.map_or_else(|| error(404, "SecretNotFound"), |found| bundle(state, name, found))
}

fn listed(state: &State, name: &str, query: &str) -> Canned {
    let Some(versions) = state.live.get(name) else { return error(404, "SecretNotFound") };
    let from = query.split('&').find_map(|parameter| parameter.strip_prefix("$skiptoken=")?.parse().ok());
    let from: usize = from.unwrap_or(0);
    let item = |(version, _): &(String, String)| {
        let attributes = json!({ "enabled": true, "created": 1_700_000_000 });
        json!({ "id": format!("{}/secrets/{name}/{version}", state.base), "attributes": attributes })
    };
    let page: Vec<_> = versions.iter().skip(from).take(PAGE).map(item).collect();
    let more = from + PAGE < versions.len();
    let link = format!("{}/secrets/{name}/versions?api-version=7.4&$skiptoken={}", state.base, from + PAGE);
    Canned::json(200, &json!({ "value": page, "nextLink": more.then_some(link) }).to_string())
}

/// Deletes or recovers, which is not done at once.
fn moved(state: &mut State, name: &str, delete: bool) -> Canned {
    if is_busy(state, name) {
        return error(409, "Conflict");
    }
    let (from, to) = if delete { (&mut state.live, &mut state.deleted) } else { (&mut state.deleted, &mut state.live) };
    let Some(versions) = from.remove(name) else { return error(404, "SecretNotFound") };
    to.insert(name.to_owned(), versions);
    state.busy.insert(name.to_owned(), WHILE);
    Canned::json(200, &json!({ "recoveryId": format!("{}/deletedsecrets/{name}", state.base) }).to_string())
}

fn purged(state: &mut State, name: &str) -> Canned {
    if is_busy(state, name) {
        return error(409, "Conflict");
    }
    if state.protected {
        return error(403, "Forbidden");
    }
    match state.deleted.remove(name) {
        Some(_) => Canned::bytes(204, ""),
        None => error(404, "SecretNotFound"),
    }
}

fn is_busy(state: &mut State, name: &str) -> bool {
    match state.busy.get_mut(name) {
        Some(0) | None => false,
        Some(left) => {
            *left -= 1;
            true
        }
    }
}
