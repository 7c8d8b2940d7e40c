//! `lockgate explain call`: what the gate would decide about calls of a principal, by its configuration and
//! its store as they are.
//!
//! The judgement is the door's, `access`'s and `egress`'s own. Nothing is changed in the store, nothing is
//! recorded, no credential is touched and nobody is asked. What depends on the running gate's moment (rates,
//! breakers, what a vendor has left) is not looked at.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use http::Method;
use lockgate_access::{Ask, CallJudge};
use lockgate_egress::explain::{CallExplainer, Ended, Judged, Question};
use lockgate_store::{EngineConfig, Store};
use lockgate_vocabulary::limit::TARGET_BYTES;
use lockgate_vocabulary::{PrincipalId, Refusal, Stop, SystemClock, TenantId};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Failure;
use crate::config::Config;
use crate::doors::{http1, naming, spell};
use crate::refusal::GatewayRefusal;
use crate::routes::{self, Found, Nowhere};

/// The code of a line that is not one of input.
const LINE_MALFORMED: &str = "gateway.explain.line";

/// Flags of `explain call`.
#[derive(Debug, Args)]
pub struct CallArgs {
    /// The configuration.
    #[arg(long, value_name = "FILE", env = "LOCKGATE_CONFIG", default_value = "lockgate.toml")]
    config: PathBuf,
    /// Who would call: a principal's id, or its name where one tenant alone has it.
    #[arg(long = "as", value_name = "PRINCIPAL")]
    principal: String,
}

/// Judges the calls of one principal.
pub struct Calls {
    explainer: CallExplainer,
    principal: (TenantId, PrincipalId),
}

#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    id: Value,
    method: String,
    connection: String,
    path: String,
    #[serde(default)]
    body: Value,
}

/// What is judged of a line: its path, its query, its method.
type Read = (Box<str>, Option<Box<str>>, Method);

/// The id of a line of which nothing else can be read.
#[derive(Default, Deserialize)]
struct Id {
    #[serde(default)]
    id: Value,
}

impl Calls {
    /// Reads the configuration and the directory.
    pub async fn open(args: &CallArgs) -> Result<Self, Failure> {
        let mut config = Config::load(&args.config)?;
        if let EngineConfig::Sqlite(sqlite) = &config.store.engine
            && !sqlite.path.exists()
        {
            let what = format!("{} is not there", sqlite.path.display());
            return Err(Failure::usage("--config", what, "Name the configuration of a gateway that was started once"));
        }
        // Counters and signals are not looked at.
        config.store.redis = None;
        let clock = Arc::new(SystemClock::new());
        let store = Store::open_as_it_is(&config.store, clock.clone()).await?;
        let judge = CallJudge::open(&config.access, store, clock.clone()).await?;
        let explainer = CallExplainer::new(&config.egress, judge, clock)?;
        let known = explainer.principals(&args.principal);
        let unclear = |what: &str, cure: &str| Err(Failure::usage("--as", format!("{} {what}", args.principal), cure));
        match known.as_slice() {
            [principal] => Ok(Self { principal: *principal, explainer }),
            [] => unclear("is no principal", "Write the id or the name of one; `lockgate principal list` shows them"),
            _ => unclear("is a name in several tenants", "Write the principal's id"),
        }
    }

    /// Judges one line, and gives the line of output.
    pub async fn explain_line(&self, line: &str) -> String {
        let (id, ended, fallback) = match serde_json::from_str::<Line>(line) {
            Ok(line) => {
                let Judged { ended, fallback } = self.judge(&line).await;
                (line.id, ended.map_err(|Ended { stage, stop }| (stage, code(&stop))), fallback)
            }
            Err(_) => (serde_json::from_str::<Id>(line).unwrap_or_default().id, Err(("read", LINE_MALFORMED)), None),
        };
        let verdict = if ended.is_ok() { "allow" } else { "block" };
        let (stage, code) = ended.err().unzip();
        // There are no approvals yet, and so no tiers.
        let mut told =
            json!({ "id": id, "verdict": verdict, "code": code, "stage": stage, "tier": null, "approval": null });
        if let (Some(stands_in), Value::Object(told)) = (fallback, &mut told) {
            told.insert("fallback".to_owned(), stands_in.into());
        }
        told.to_string()
    }

    /// In the order of the door: the target is read, the caller identified, the path spelled, the call judged.
    async fn judge(&self, line: &Line) -> Judged {
        let (path, query, method) = match self.read(line) {
            Ok(read) => read,
            Err(ended) => return Judged { ended: Err(ended), fallback: None },
        };
        let question = Question {
            principal: self.principal,
            ask: &Ask { connection: line.connection.as_str().into(), method, path },
            query: query.as_deref(),
            body_bytes: length(&line.body),
        };
        self.explainer.judge(&question).await
    }

    /// The path and the query as they are spelled, and the method.
    fn read(&self, line: &Line) -> Result<Read, Ended> {
        let unread = |refusal: Refusal| Ended { stage: "read", stop: refusal.into() };
        let whole = format!("/call/{}{}", line.connection, line.path);
        let method = route(&line.method, &whole).map_err(|refusal| unread(refusal.refuse()))?;
        self.explainer.identify(self.principal)?;
        let (path, query) = line.path.split_once('?').map_or((&*line.path, None), |(path, query)| (path, Some(query)));
        let (path, query) = spell(path, query).map_err(unread)?;
        Ok((path, query, method))
    }
}

/// What the strict reader and the table of routes say, where they let the call through.
fn route(method: &str, target: &str) -> Result<Method, GatewayRefusal> {
    if target.len() > TARGET_BYTES {
        return Err(GatewayRefusal::TargetTooLong);
    }
    if !http1::takes_target(target) {
        return Err(GatewayRefusal::HeadMalformed);
    }
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| GatewayRefusal::HeadMalformed)?;
    let path = target.split('?').next().unwrap_or_default();
    match routes::find(&method, path) {
        Ok(Found::Call { .. }) => Ok(method),
        Ok(_) | Err(Nowhere::Path) => Err(GatewayRefusal::PathUnknown),
        Err(Nowhere::Method(_)) => Err(GatewayRefusal::MethodNotAllowed),
    }
}

/// Bytes of the body: of a text its own, of anything else those of its JSON.
fn length(body: &Value) -> u64 {
    let bytes = match body {
        Value::Null => 0,
        Value::String(text) => text.len(),
        other => other.to_string().len(),
    };
    bytes as u64
}

fn code(stop: &Stop) -> &'static str {
    match stop {
        Stop::Refused(refusal) => refusal.code(),
        Stop::Fault(fault) => naming(fault).0,
    }
}
