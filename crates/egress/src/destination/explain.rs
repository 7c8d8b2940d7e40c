//! `lockgate explain url`: one JSON line in, one verdict out, by the same code as the running gate.
//!
//! With a map of names no network is touched; without one, a name is really looked up, and only after
//! everything that its text tells has passed.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use futures_util::future::{Either, select};
use lockgate_vocabulary::Clock;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::host::HostList;
use super::judge::{Policy, Verdict, judge, judge_answers};
use super::lookup::LOOKUP_TIME;
use super::resolve::{ResolveFailure, Resolver, StaticResolver};
use super::url::StrictUrl;
use crate::refusal::EgressRefusal;

/// A map from names to what a name server would answer; `*` stands for every other name.
pub type Names = BTreeMap<String, Answers>;

/// One address or several.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Answers {
    /// One.
    One(IpAddr),
    /// Several, or none.
    Several(Vec<IpAddr>),
}

/// What the command line says.
pub struct Options {
    /// The hosts that are allowed (`--allow`); every public host where empty.
    pub allow: Vec<String>,
    /// Whether `http:` is judged on its address (`--danger-allow-http`).
    pub danger_allow_http: bool,
    /// The map that is used instead of asking (`--dns`).
    pub dns: Option<Names>,
    /// Who is asked where no map is given.
    pub resolver: Arc<dyn Resolver>,
    /// How long an answer may take is measured on it.
    pub clock: Arc<dyn Clock>,
}

#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    id: Value,
    url: String,
    #[serde(default)]
    allow: Option<Vec<String>>,
    #[serde(default)]
    dns: Option<Names>,
}

#[derive(Serialize)]
struct Output {
    id: Value,
    verdict: &'static str,
    code: Option<&'static str>,
    host: Option<String>,
    addresses: Vec<IpAddr>,
}

/// Judges one line.
pub async fn run_line(options: &Options, line: &str) -> String {
    let output = match serde_json::from_str::<Line>(line) {
        Ok(line) => explain(options, line).await,
        Err(_) => {
            // What else is in the line may be no text at all, such as half a surrogate pair.
            let id = id_alone(line);
            Output::blocked(id, EgressRefusal::LineMalformed, None, Vec::new())
        }
    };
    serde_json::to_string(&output).unwrap_or_default()
}

async fn explain(options: &Options, line: Line) -> Output {
    let policy = match policy(options, line.allow.as_deref()) {
        Ok(policy) => policy,
        Err(refusal) => return Output::blocked(line.id, refusal, None, Vec::new()),
    };
    let url = match judge(&line.url, &policy) {
        Verdict::Blocked(refusal, url) => return Output::blocked(line.id, refusal, url.as_ref(), Vec::new()),
        Verdict::Allowed(url, address) => return Output::allowed(line.id, &url, vec![address]),
        Verdict::Resolve(url) => url,
    };
    let answers = match answers(options, line.dns.as_ref(), &url).await {
        Ok(answers) => answers,
        Err(refusal) => return Output::blocked(line.id, refusal, Some(&url), Vec::new()),
    };
    match judge_answers(&answers, url.port(), &policy.danger_private_networks) {
        Ok(kept) => Output::allowed(line.id, &url, kept.iter().map(std::net::SocketAddr::ip).collect()),
        Err(refusal) => Output::blocked(line.id, refusal, Some(&url), answers),
    }
}

fn policy(options: &Options, own: Option<&[String]>) -> Result<Policy, EgressRefusal> {
    let flags = (!options.allow.is_empty()).then_some(options.allow.as_slice());
    let allow = own.or(flags).map(|hosts| HostList::parse(hosts.iter().map(String::as_str))).transpose()?;
    Ok(Policy { allow, danger_allow_http: options.danger_allow_http, danger_private_networks: Vec::new() })
}

/// What the line's map says, then the flag's; only where neither is given is anybody asked.
async fn answers(options: &Options, own: Option<&Names>, url: &StrictUrl) -> Result<Vec<IpAddr>, EgressRefusal> {
    let name: Arc<str> = url.host().name().unwrap_or_default().into();
    let mut resolver: Option<Arc<dyn Resolver>> = None;
    for map in [options.dns.as_ref(), own].into_iter().flatten() {
        let map = fixed(map);
        resolver = Some(Arc::new(match resolver {
            Some(then) => map.or(then),
            None => map,
        }));
    }
    let resolver = resolver.unwrap_or_else(|| Arc::clone(&options.resolver));
    match select(resolver.resolve(name), options.clock.sleep(LOOKUP_TIME)).await {
        Either::Left((Ok(answers), _)) => Ok(answers),
        Either::Left((Err(ResolveFailure::NotFound), _)) => Err(EgressRefusal::NameUnresolved),
        Either::Left((Err(ResolveFailure::Busy), _)) => Err(EgressRefusal::NameBusy),
        Either::Right(_) => Err(EgressRefusal::NameTimeout),
    }
}

/// The map as a resolver. A name that no URL can have is never asked for, so it is left out.
fn fixed(names: &Names) -> StaticResolver {
    let mut resolver = StaticResolver::default();
    for (name, answers) in names {
        let addresses = match answers {
            Answers::One(address) => vec![*address],
            Answers::Several(addresses) => addresses.clone(),
        };
        resolver.add(name, addresses).unwrap_or_default();
    }
    resolver
}

impl Output {
    fn allowed(id: Value, url: &StrictUrl, addresses: Vec<IpAddr>) -> Self {
        Self { id, verdict: "allow", code: None, host: Some(url.host().to_string()), addresses }
    }

    fn blocked(id: Value, refusal: EgressRefusal, url: Option<&StrictUrl>, addresses: Vec<IpAddr>) -> Self {
        let host = url.map(|url| url.host().to_string());
        Self { id, verdict: "block", code: Some(refusal.info().code), host, addresses }
    }
}

/// The id of a line of which nothing else can be read.
fn id_alone(line: &str) -> Value {
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(line).unwrap_or_default();
    members.get("id").and_then(|id| serde_json::from_str(id.get()).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
