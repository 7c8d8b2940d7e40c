//! From the text of the file to what the house uses.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use lockgate_vocabulary::Name;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::listen::RawListen;
use super::{Config, ConfigProblem, Role, Telemetry, origin};

const SYNTAX_CURE: &str = "Correct the line; `lockgate init` writes a file with every usual key";

/// The file. Sections that are tables here belong to rooms, which know their keys.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Raw {
    /// Where the gateway keeps what it writes; `data` beside the file by default.
    data_dir: Option<PathBuf>,
    /// This node's name; `node-1` by default. Nodes that share a store need names of their own.
    node: Option<String>,
    /// What this process does: `door`, `worker`, `admin`; all by default.
    roles: Option<Vec<Role>>,
    /// Seconds that calls under way may take when the process is told to stop; 35 by default.
    drain_seconds: Option<u32>,
    door: RawListen,
    admin: RawListen,
    telemetry: Telemetry,
    store: Table,
    audit: Table,
    access: Table,
    vault: Table,
    traffic: Table,
    egress: Table,
    webhooks: Table,
}

/// Reads, fills in, checks.
pub(super) fn resolve(text: &str, folder: &Path) -> Result<Config, ConfigProblem> {
    let mut whole: Table = toml::from_str(text).map_err(|error| ConfigProblem::new("syntax", error, SYNTAX_CURE))?;
    anchor(&mut whole, folder);
    let mut dangers = Vec::new();
    collect_dangers(&whole, "", &mut dangers);
    let raw: Raw = section("configuration", whole)?;

    let data_dir = raw.data_dir.unwrap_or_else(|| folder.join("data"));
    let node = node(raw.node.as_deref())?;
    let door = raw.door.resolve("door", SocketAddr::from((Ipv4Addr::LOCALHOST, 8443)))?;
    let admin = raw.admin.resolve("admin", SocketAddr::from((Ipv4Addr::LOCALHOST, 8444)))?;

    let mut store = raw.store;
    store.entry("engine").or_insert_with(|| {
        let path = data_dir.join("lockgate.db");
        Value::Table(Table::from_iter([("kind".to_owned(), "sqlite".into()), ("path".to_owned(), text_of(&path))]))
    });
    let mut audit = raw.audit;
    let checkpoint_key_file = match audit.remove("checkpoint_key_file") {
        None => folder.join("checkpoint.key"),
        Some(Value::String(path)) => path.into(),
        Some(_) => return Err(ConfigProblem::new("audit.checkpoint_key_file", "it is not text", "Name a file")),
    };
    audit.entry("dir").or_insert_with(|| text_of(&data_dir.join("audit")));
    audit.entry("node").or_insert_with(|| node.as_str().into());
    let mut access = raw.access;
    if let Value::Table(tokens) = access.entry("tokens").or_insert_with(|| Value::Table(Table::new())) {
        if door.address.ip().is_unspecified() && !tokens.contains_key("issuer") {
            // Tokens would be issued, and names of endpoints told, under an address that nobody can reach.
            let what = format!("it is missing, and door.listen ({}) is no address that callers reach", door.address);
            let cure = "Set it to the URL by which callers reach the door, such as \"https://gateway.example\"";
            return Err(ConfigProblem::new("access.tokens.issuer", what, cure));
        }
        tokens.entry("issuer").or_insert_with(|| origin(&door).into());
    }
    let mut vault = raw.vault;
    if !vault.contains_key("root_key_fd") && !vault.contains_key("root_key") {
        vault.entry("root_key_file").or_insert_with(|| text_of(&folder.join("root.key")));
    }
    let access: lockgate_access::Config = section("access", access)?;
    access.checked().map_err(|misset| {
        ConfigProblem::new(format!("access.{}", misset.key), misset.what, "Correct or remove the key")
    })?;
    Ok(Config {
        node,
        roles: roles(raw.roles)?,
        door,
        admin,
        drain: Duration::from_secs(raw.drain_seconds.unwrap_or(35).into()),
        telemetry: raw.telemetry,
        checkpoint_key_file,
        store: section("store", store)?,
        audit: section("audit", audit)?,
        access,
        vault: section("vault", vault)?,
        traffic: traffic(raw.traffic)?,
        egress: section("egress", raw.egress)?,
        webhooks: section("webhooks", raw.webhooks)?,
        data_dir,
        dangers,
    })
}

/// A rate of nought would refuse every call.
fn traffic(table: Table) -> Result<lockgate_traffic::Config, ConfigProblem> {
    let traffic: lockgate_traffic::Config = section("traffic", table)?;
    for (key, value) in [
        ("traffic.caller_per_minute", traffic.caller_per_minute),
        ("traffic.caller_burst", traffic.caller_burst),
        ("traffic.tenant_per_minute", traffic.tenant_per_minute),
        ("traffic.tenant_burst", traffic.tenant_burst),
    ] {
        if value == 0 {
            return Err(ConfigProblem::new(key, "it is 0", "Write at least 1, or leave it out"));
        }
    }
    Ok(traffic)
}

fn node(name: Option<&str>) -> Result<Name, ConfigProblem> {
    let name = name.unwrap_or("node-1");
    name.parse().map_err(|error| ConfigProblem::new("node", error, "Write a name like \"node-1\""))
}

fn roles(roles: Option<Vec<Role>>) -> Result<Vec<Role>, ConfigProblem> {
    match roles {
        Some(roles) if roles.is_empty() => {
            Err(ConfigProblem::new("roles", "there is none", "Write some of \"door\", \"worker\", \"admin\""))
        }
        Some(roles) => Ok(roles),
        None => Ok(vec![Role::Door, Role::Worker, Role::Admin]),
    }
}

fn text_of(path: &Path) -> Value {
    Value::String(path.to_string_lossy().into_owned())
}

/// Reads one section by the rules of its room.
fn section<T: DeserializeOwned>(name: &str, table: Table) -> Result<T, ConfigProblem> {
    Value::Table(table).try_into().map_err(|error: toml::de::Error| {
        // The first line says what is wrong; the ones below say again where, in the parser's own terms.
        let said = error.to_string();
        let mut lines = said.lines();
        let what = lines.next().unwrap_or_default().to_owned();
        let inner = lines.find_map(|line| line.strip_prefix("in `")?.strip_suffix('`'));
        let key = match (name, inner) {
            ("configuration", None) => "configuration".to_owned(),
            ("configuration", Some(inner)) => inner.to_owned(),
            (name, None) => name.to_owned(),
            (name, Some(inner)) => format!("{name}.{inner}"),
        };
        ConfigProblem::new(key, what, "Correct or remove the key")
    })
}

/// Reads relative paths from the folder that the file is in, wherever a key names a file or a folder.
fn anchor(table: &mut Table, folder: &Path) {
    for (key, value) in table.iter_mut() {
        let names_a_path = matches!(key.as_str(), "path" | "dir") || key.ends_with("_file") || key.ends_with("_dir");
        match value {
            Value::Table(inner) => anchor(inner, folder),
            Value::String(text) if names_a_path => *text = folder.join(&*text).to_string_lossy().into_owned(),
            _ => {}
        }
    }
}

/// The keys that are set and weaken something.
fn collect_dangers(table: &Table, prefix: &str, found: &mut Vec<String>) {
    for (key, value) in table {
        let whole = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match value {
            Value::Boolean(false) => {}
            Value::Array(rows) if rows.is_empty() => {}
            Value::Table(inner) if inner.is_empty() => {}
            // The name comes before the kind of the value: a table may be what weakens.
            _ if key.starts_with("danger_") => found.push(whole),
            Value::Table(inner) => collect_dangers(inner, &whole, found),
            _ => {}
        }
    }
}
