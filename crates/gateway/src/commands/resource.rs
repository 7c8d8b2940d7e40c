//! The resource verbs: `lockgate tenant|principal|api-key|provider|connection|credential|backend|signing-key|run|
//! escalation|subscription|delivery|approval …`.
//!
//! Each verb becomes one request to the admin API of a running gateway; nothing is decided here. A file
//! of `resource/` has one resource's verbs and what each sends. Not here: commands that work offline.

use std::fmt;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use clap::{Args, Subcommand};
use http::Method;
use lockgate_egress::{OperatorAnswer, OperatorClient, OperatorFailure};
use lockgate_vocabulary::{Clock, Secret, SystemClock, read_owned_file};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::{Console, Failure};

mod api_key;
mod approval;
mod backend;
mod connection;
mod credential;
mod delivery;
mod escalation;
mod principal;
mod print;
mod provider;
mod run;
mod secret;
mod signing_key;
mod subscription;
mod tenant;

/// Bytes of a file with an API key in its first line, and perhaps a note below it.
const KEY_FILE_BYTES: usize = 4_096;

/// What a person is told of a secret that was made for them.
const SHOWN_ONCE: &str = "signing_secret is shown this once and never again: give it to the endpoint now.";

/// How the resource verbs reach the gateway.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "For the resource verbs")]
pub struct Connect {
    /// The admin listener of the gateway.
    #[arg(long, global = true, env = "LOCKGATE_ADMIN", default_value = "http://127.0.0.1:8444", value_name = "URL")]
    pub admin: String,
    /// A file whose first line is the operator's API key, and which its owner alone may read.
    #[arg(long, global = true, env = "LOCKGATE_API_KEY_FILE", value_name = "FILE")]
    pub api_key_file: Option<PathBuf>,
    /// The operator's API key. Prefer the file: other processes may see the environment.
    #[arg(long, global = true, env = "LOCKGATE_API_KEY", hide = true, hide_env_values = true, value_name = "KEY")]
    pub api_key: Option<String>,
    /// A certificate (PEM) to trust instead of the system's authorities.
    #[arg(long, global = true, value_name = "FILE")]
    pub authority: Option<PathBuf>,
}

/// A resource of the admin API.
#[derive(Debug, Subcommand)]
pub enum Resource {
    /// Tenants and their first operators.
    #[command(subcommand)]
    Tenant(tenant::Verb),
    /// Services, partners, people, agents and operators.
    #[command(subcommand)]
    Principal(principal::Verb),
    /// API keys and client credentials.
    #[command(subcommand, name = "api-key")]
    ApiKey(api_key::Verb),
    /// Vendors: the catalogue's and the tenant's own.
    #[command(subcommand)]
    Provider(provider::Verb),
    /// Accounts at vendors.
    #[command(subcommand)]
    Connection(connection::Verb),
    /// What vendors accept from us.
    #[command(subcommand)]
    Credential(credential::Verb),
    /// Other vaults that may keep values of credentials.
    #[command(subcommand)]
    Backend(backend::Verb),
    /// The keys that sign our own access tokens.
    #[command(subcommand, name = "signing-key")]
    SigningKey(signing_key::Verb),
    /// Calls that were made.
    #[command(subcommand)]
    Run(run::Verb),
    /// Calls of which nobody knew the outcome, and what was found out about them.
    #[command(subcommand)]
    Escalation(escalation::Verb),
    /// Webhooks: doors in for providers' deliveries, and ways out for the tenant's events.
    #[command(subcommand)]
    Subscription(subscription::Verb),
    /// What was delivered, and what became of it.
    #[command(subcommand)]
    Delivery(delivery::Verb),
    /// What one operator asks for and another one decides.
    #[command(subcommand)]
    Approval(approval::Verb),
}

/// One request to the admin API. Its body may carry a secret: it is wiped, and printed nowhere.
struct Order {
    method: Method,
    path: String,
    body: Option<Zeroizing<Vec<u8>>>,
}

impl fmt::Debug for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Order").field("method", &self.method).field("path", &self.path).finish_non_exhaustive()
    }
}

/// Why a verb could not be turned into a request, or the gateway not be asked.
#[derive(Debug)]
pub struct Usage(pub String);

impl From<Usage> for Failure {
    fn from(usage: Usage) -> Self {
        Self::Usage(usage.0)
    }
}

/// Carries out one verb and prints what came back.
pub async fn run(resource: &Resource, connect: &Connect, json: bool, console: &mut Console) -> Result<(), Failure> {
    if let Resource::Connection(connection::Verb::Connect { id, replace }) = resource {
        return super::connecting::run((id, *replace), connect, json, console).await;
    }
    let order = order(resource, &mut console.input)?;
    let client = client(connect)?;
    let body = order.body.map(Bytes::from_owner);
    let answer = client.send(order.method, &order.path, body).await.map_err(|failure| away(connect, &failure))?;
    print(&answer, json, console)
}

/// Nobody answers at the admin listener.
pub(super) fn away(connect: &Connect, failure: &OperatorFailure) -> Usage {
    Usage(format!(
        "--admin {}: {}. Is `lockgate serve` running, and is this its admin listener? {}",
        connect.admin,
        unanswered(failure),
        scheme_cure(&connect.admin)
    ))
}

fn order(resource: &Resource, input: &mut dyn Read) -> Result<Order, Usage> {
    match resource {
        Resource::Tenant(verb) => Ok(verb.order()),
        Resource::Principal(verb) => verb.order(),
        Resource::ApiKey(verb) => verb.order(),
        Resource::Provider(verb) => verb.order(),
        Resource::Connection(verb) => verb.order(),
        Resource::Credential(verb) => verb.order(input),
        Resource::Backend(verb) => Ok(verb.order()),
        Resource::SigningKey(verb) => Ok(verb.order()),
        Resource::Run(verb) => Ok(verb.order()),
        Resource::Escalation(verb) => Ok(verb.order()),
        Resource::Subscription(verb) => verb.order(input),
        Resource::Delivery(verb) => verb.order(),
        Resource::Approval(verb) => Ok(verb.order()),
    }
}

/// The operator's API key, in nothing but what is wiped.
fn api_key(connect: &Connect) -> Result<Secret, Usage> {
    match (&connect.api_key_file, &connect.api_key) {
        (Some(path), _) => {
            let bytes = read_owned_file(path, KEY_FILE_BYTES)
                .map_err(|problem| Usage(format!("--api-key-file {}: {problem}", path.display())))?;
            let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
            Ok(Secret::new(line.trim_ascii().to_vec()))
        }
        (None, Some(key)) => Ok(Secret::from(key.clone())),
        (None, None) => {
            Err(Usage("no API key: set LOCKGATE_API_KEY_FILE, or --api-key-file, to a file that has it".into()))
        }
    }
}

pub(super) fn client(connect: &Connect) -> Result<OperatorClient, Usage> {
    let key = api_key(connect)?;
    let authority = match &connect.authority {
        Some(path) => Some(
            std::fs::read_to_string(path).map_err(|error| Usage(format!("--authority {}: {error}", path.display())))?,
        ),
        None => None,
    };
    Ok(OperatorClient::new(&connect.admin, key, authority, Arc::new(SystemClock::new())))
}

/// Why there is no answer. The way out speaks of vendors, and here the far side is our own gateway.
fn unanswered(failure: &OperatorFailure) -> String {
    failure.to_string().trim_end_matches('.').replace("the vendor's ", "its ")
}

/// A listener that speaks TLS and one that does not look alike from afar, so both ways out are named.
fn scheme_cure(admin: &str) -> &'static str {
    if admin.starts_with("https://") {
        "If its certificate comes from an authority of your own, name that one's file with --authority; if it \
         listens without a certificate, write http:// in --admin."
    } else {
        "If it listens with a certificate, write https:// in --admin, and name the authority's file with \
         --authority where it is your own."
    }
}

fn print(answer: &OperatorAnswer, json: bool, console: &mut Console) -> Result<(), Failure> {
    let value: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    if answer.status.is_success() {
        let text = if json { value.to_string() } else { print::shown(&value, SystemClock::new().now()) };
        if !answer.body.is_empty() {
            console.say(text.trim_end())?;
        }
        // A script that plays deliveries again has to see that some were not.
        let failed = value.get("failed").and_then(Value::as_array).map_or(0, Vec::len);
        if failed > 0 && value.get("played").is_some() {
            return Err(Failure::Refused(format!("{failed} of the deliveries cannot be played again; each says why.")));
        }
        // Whoever reads JSON reads the manual; a person is told before the screen is cleared.
        return if !json && value.get("signing_secret").is_some() { console.note(SHOWN_ONCE) } else { Ok(()) };
    }
    Err(refusal(answer, json))
}

/// A refusal of the gateway's as the failure of a command.
pub(super) fn refusal(answer: &OperatorAnswer, json: bool) -> Failure {
    let value: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    let text = print::refused(answer.status.as_u16(), &value);
    if json && value.is_object() { Failure::Told(value) } else { Failure::Refused(text) }
}

impl Order {
    fn read(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), body: None }
    }

    fn remove(path: impl Into<String>) -> Self {
        Self { method: Method::DELETE, path: path.into(), body: None }
    }

    fn send(method: Method, path: impl Into<String>, body: Map<String, Value>) -> Self {
        let text = Value::Object(body).to_string();
        Self { method, path: path.into(), body: Some(Zeroizing::new(text.into_bytes())) }
    }

    /// The same with a member `secret`, which is in no other buffer than the body itself.
    fn bring(method: Method, path: impl Into<String>, body: Map<String, Value>, secret: &str) -> Result<Self, Usage> {
        Self::bring_as(method, path, body, ("\"secret\":", secret, ""))
    }

    /// The same with a member that holds a secret, between what stands before and behind the secret's text.
    fn bring_as(
        method: Method,
        path: impl Into<String>,
        body: Map<String, Value>,
        (before, secret, behind): (&str, &str, &str),
    ) -> Result<Self, Usage> {
        let rest = Value::Object(body).to_string();
        // INVARIANT: it never grows, which would leave a part behind: an escape has six bytes at the most.
        let room = rest.len() + before.len() + behind.len() + 4 + secret.len() * 6;
        let mut text = Zeroizing::new(Vec::with_capacity(room));
        let members = rest.strip_suffix('}').unwrap_or(&rest);
        text.extend_from_slice(members.as_bytes());
        text.extend_from_slice(if members.len() > 1 { b"," } else { b"" });
        text.extend_from_slice(before.as_bytes());
        serde_json::to_writer(&mut *text, secret).map_err(|error| Usage(format!("the secret: {error}")))?;
        text.extend_from_slice(behind.as_bytes());
        text.push(b'}');
        Ok(Self { method, path: path.into(), body: Some(text) })
    }
}

/// A page of a list.
#[derive(Debug, Clone, Args)]
pub(in crate::commands) struct Page {
    /// Rows at the most, 1 to 1000.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: Option<u32>,
    /// Where the page before ended.
    #[arg(long)]
    cursor: Option<String>,
}

impl Page {
    fn of(&self, path: &str) -> Order {
        self.sought(path, [])
    }

    /// The page of those that are sought so.
    fn sought<const N: usize>(&self, path: &str, filters: [(&'static str, Option<&String>); N]) -> Order {
        let limit = self.limit.map(|limit| ("limit", limit.to_string()));
        let cursor = self.cursor.as_ref().map(|cursor| ("cursor", cursor.clone()));
        let filters = filters.into_iter().filter_map(|(name, value)| Some((name, value?.clone())));
        Order::read(query(path, filters.chain(limit).chain(cursor)))
    }
}

/// A path with a query; every value is percent-encoded.
pub(super) fn query(path: &str, pairs: impl Iterator<Item = (&'static str, String)>) -> String {
    let pairs: Vec<String> = pairs.map(|(name, value)| format!("{name}={}", segment(&value))).collect();
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
}

/// A value as one path segment: whatever is not unreserved (RFC 3986) is percent-encoded.
pub(super) fn segment(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// A length of time as seconds: a number with `s`, `m`, `h` or `d` behind it.
fn seconds(text: &str) -> Result<u64, String> {
    let units = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400)];
    let split = units.iter().find_map(|(unit, seconds)| Some((text.strip_suffix(*unit)?, *seconds)));
    let parsed = split.and_then(|(number, seconds): (&str, u64)| number.parse::<u64>().ok()?.checked_mul(seconds));
    parsed.ok_or_else(|| "write a number and s, m, h or d, such as 12h or 90d".to_owned())
}

/// Puts a member in where there is a value.
fn put(body: &mut Map<String, Value>, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        body.insert(name.to_owned(), value.into());
    }
}

/// A JSON or TOML file as an object.
fn object(argument: &str, path: &std::path::Path) -> Result<Map<String, Value>, Usage> {
    let text =
        std::fs::read_to_string(path).map_err(|error| Usage(format!("{argument} {}: {error}", path.display())))?;
    let parsed = if path.extension().is_some_and(|extension| extension == "toml") {
        toml::from_str(&text).map_err(|error| error.to_string())
    } else {
        serde_json::from_str(&text).map_err(|error| error.to_string())
    };
    parsed.map_err(|error| Usage(format!("{argument} {}: {error}", path.display())))
}

/// `CONNECTION METHOD PATH`, such as `stripe GET /v1/customers/{id}`.
fn declared_use(text: &str) -> Result<Value, Usage> {
    let parts: Vec<&str> = text.split_whitespace().collect();
    let [connection, method, path] = parts.as_slice() else {
        return Err(Usage(format!(
            "--use {text:?}: write CONNECTION METHOD PATH, such as \"stripe GET /v1/customers/{{id}}\""
        )));
    };
    Ok(serde_json::json!({ "connection": connection, "method": method, "path": path }))
}

#[cfg(test)]
mod tests;
