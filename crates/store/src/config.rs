//! The store's knobs. Passwords are never in here: a file is named that holds one.

use std::path::{Path, PathBuf};

use lockgate_vocabulary::Fault;
use serde::Deserialize;

/// Where the store is, and what nodes share beside it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The database.
    pub engine: EngineConfig,
    /// What nodes share counters and signals through; without it they stay in the process, which is
    /// right for one node.
    #[serde(default)]
    pub redis: Option<RedisConfig>,
    /// Changes that may wait for the writer; one more is refused. 4,096 by default.
    #[serde(default = "default_queue")]
    pub queue: usize,
}

/// Which database, told apart by `kind`.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum EngineConfig {
    /// A file beside the gateway; nothing else needs to be installed.
    Sqlite(SqliteConfig),
    /// A PostgreSQL server that several nodes share.
    Postgres(PostgresConfig),
}

/// The embedded database.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SqliteConfig {
    /// The file. It is made with rights for its owner alone; the folder must be there.
    pub path: PathBuf,
    /// Connections that read, 1 to 32; 4 by default.
    #[serde(default = "default_sqlite_readers")]
    pub readers: usize,
    /// MiB to which the file may grow; a change that needs more is refused as with a full disk.
    /// Without it the disk alone is the limit.
    #[serde(default)]
    pub most_megabytes: Option<u32>,
}

/// A PostgreSQL server.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostgresConfig {
    /// `postgres://login@host/database`. With a host that is not this machine TLS is demanded. A pooler
    /// between the two must give each connection a session of its own.
    pub url: String,
    /// A file that holds the login's password.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// A login that migrates, where the one of `url` may not.
    #[serde(default)]
    pub owner_url: Option<String>,
    /// A file that holds the owner login's password.
    #[serde(default)]
    pub owner_password_file: Option<PathBuf>,
    /// Certificates (PEM) of the authorities that the server's certificate must come from; the
    /// system's by default.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// The schema that holds the tables; `lockgate` by default.
    #[serde(default = "default_schema")]
    pub schema: String,
    /// The roles that tables belong to and that statements run under.
    #[serde(default)]
    pub roles: RolesConfig,
    /// Connections that read one tenant, and as many that read across tenants, 1 to 64; 4 by default.
    #[serde(default = "default_postgres_readers")]
    pub readers: usize,
    /// Lets rows and the login's password travel unencrypted to another machine.
    #[serde(default)]
    pub danger_allow_plaintext: bool,
}

/// The three database roles. They are made by the first migration where the login may make roles.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RolesConfig {
    /// Owns the tables; used for migrations alone.
    pub owner: String,
    /// Runs the statements that reach one tenant; row security binds it.
    pub runtime: String,
    /// Runs the closed list of statements that reach further.
    pub house: String,
}

impl Default for RolesConfig {
    fn default() -> Self {
        Self { owner: "lockgate_owner".into(), runtime: "lockgate_runtime".into(), house: "lockgate_house".into() }
    }
}

/// A Redis server.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedisConfig {
    /// `redis://host:port/0`, `rediss://host:port/0` (over TLS) or `redis+unix:///path`. With a host that is
    /// not this machine TLS is demanded.
    pub url: String,
    /// A file that holds the password.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// Certificates (PEM) of the authorities that the server's certificate must come from; the
    /// system's by default.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// What stands before every key and topic, so that two installations can share a server;
    /// `lockgate` by default.
    #[serde(default = "default_schema")]
    pub prefix: String,
    /// Lets counters and signals travel unencrypted to another machine.
    #[serde(default)]
    pub danger_allow_plaintext: bool,
}

impl RedisConfig {
    /// Whether the server may be reached as this says; it is not dialled.
    pub fn checked(&self) -> Result<(), Fault> {
        crate::shared::client(self).map(drop)
    }
}

impl Config {
    /// The embedded database in this file, with everything else as it is by default.
    pub fn sqlite(path: impl AsRef<Path>) -> Self {
        Self {
            engine: EngineConfig::Sqlite(SqliteConfig {
                path: path.as_ref().to_owned(),
                readers: default_sqlite_readers(),
                most_megabytes: None,
            }),
            redis: None,
            queue: default_queue(),
        }
    }

    /// This PostgreSQL server and schema, with everything else as it is by default.
    pub fn postgres(url: impl Into<String>, schema: impl Into<String>) -> Self {
        Self {
            engine: EngineConfig::Postgres(PostgresConfig {
                url: url.into(),
                password_file: None,
                owner_url: None,
                owner_password_file: None,
                ca_file: None,
                schema: schema.into(),
                roles: RolesConfig::default(),
                readers: default_postgres_readers(),
                danger_allow_plaintext: false,
            }),
            redis: None,
            queue: default_queue(),
        }
    }

    /// The same with counters and signals on this Redis server.
    #[must_use]
    pub fn with_redis(mut self, url: impl Into<String>, prefix: impl Into<String>) -> Self {
        self.redis = Some(RedisConfig {
            url: url.into(),
            password_file: None,
            ca_file: None,
            prefix: prefix.into(),
            danger_allow_plaintext: false,
        });
        self
    }
}

fn default_queue() -> usize {
    4_096
}

fn default_sqlite_readers() -> usize {
    4
}

fn default_postgres_readers() -> usize {
    4
}

fn default_schema() -> String {
    "lockgate".into()
}

#[cfg(test)]
mod tests;
