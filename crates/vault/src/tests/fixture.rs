//! Connections and stores to test with.

use std::path::PathBuf;
use std::sync::Arc;

use http::HeaderMap;
use http::request::Parts;
use lockgate_access::directory::{Base, Connection, ConnectionStatus, Provider, Settings};
use lockgate_access::spec::{AuthPlacement, BreakerSpec, LimitSpec, RateHeaders, RedirectSpec};
use lockgate_store::{Change, Statement, Store, values};
use lockgate_testkit::ManualClock;
use lockgate_vocabulary::{
    Clock, ConnectionId, CredentialId, Fault, RunId, Secret, SystemClock, SystemEntropy, TenantId,
};
use tempfile::TempDir;

use crate::binding::Binding;
use crate::config::Config;
use crate::keyring::CREDENTIAL;
use crate::root_key::generate_root_key_file;
use crate::rows;
use crate::seal::{self, Place};
use crate::vault::Vault;

pub(crate) const TENANT: TenantId = TenantId::from_u128(0xa);
pub(crate) const OTHER: TenantId = TenantId::from_u128(0xb);
pub(crate) const CONNECTION: ConnectionId = ConnectionId::from_u128(0xc);
pub(crate) const CREDENTIAL_ID: CredentialId = CredentialId::from_u128(0xd);

pub(crate) fn bearer() -> AuthPlacement {
    AuthPlacement::Bearer
}

pub(crate) fn header(name: &str, prefix: &str) -> AuthPlacement {
    AuthPlacement::Header { name: name.into(), prefix: prefix.into() }
}

pub(crate) fn query(name: &str) -> AuthPlacement {
    AuthPlacement::Query { name: name.into() }
}

/// A connection to `https://api.example/base` with this placement.
pub(crate) fn connection(auth: AuthPlacement) -> Connection {
    let provider = Provider {
        id: None,
        name: "vendor".parse().expect("a name"),
        auth,
        rate_headers: RateHeaders::default(),
        idempotency_header: None,
        headers: HeaderMap::new(),
        verify: None,
        two_live_credentials: None,
    };
    let settings = Settings {
        limits: LimitSpec::default(),
        breaker: BreakerSpec::default(),
        retries: 5,
        redirects: RedirectSpec::default(),
        trust_pem: None,
        pins: Vec::new(),
        trust: [0; 32],
        danger_private_networks: Vec::new(),
        danger_plain_http: false,
    };
    Connection {
        id: CONNECTION,
        tenant: TENANT,
        name: "main".parse().expect("a name"),
        provider: Arc::new(provider),
        status: ConnectionStatus::Active,
        credential: Some(CREDENTIAL_ID),
        base: Base { plain: false, host: "api.example".into(), port: 443, prefix: "/base".into() },
        endpoints: Arc::new([]),
        settings: Arc::new(settings),
        changed: 1,
    }
}

pub(crate) fn request(uri: &str, headers: &[(&str, &str)]) -> Parts {
    let mut builder = http::Request::builder().uri(uri);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(()).expect("a request").into_parts().0
}

/// A store for one test: PostgreSQL where the environment names a server, SQLite elsewhere.
#[expect(clippy::disallowed_methods, reason = "tests are told by their environment where the server is")]
fn store_config(folder: &TempDir) -> lockgate_store::Config {
    match std::env::var("LOCKGATE_TEST_POSTGRES") {
        Ok(url) => {
            let unique = RunId::generate(&SystemClock::new(), &SystemEntropy).to_string().split_off(4);
            lockgate_store::Config::postgres(url, format!("t_{unique}"))
        }
        Err(_) => lockgate_store::Config::sqlite(folder.path().join("lockgate.db")),
    }
}

/// A store in a folder of its own, and what opens vaults on it.
pub(crate) struct House {
    pub(crate) folder: TempDir,
    pub(crate) store: Store,
    pub(crate) clock: ManualClock,
}

impl House {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = store_config(&folder);
        Self::on(folder, config).await
    }

    /// On the embedded database whatever the environment says, for tests that look at its files.
    pub(crate) async fn embedded() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = lockgate_store::Config::sqlite(folder.path().join("lockgate.db"));
        Self::on(folder, config).await
    }

    async fn on(folder: TempDir, config: lockgate_store::Config) -> Self {
        let clock = ManualClock::new();
        let store = Store::open(&config, Arc::new(clock.clone())).await.expect("the store opens");
        generate_root_key_file(&folder.path().join("root.key"), &SystemEntropy).expect("a root key");
        Self { folder, store, clock }
    }

    pub(crate) fn root_key(&self) -> PathBuf {
        self.folder.path().join("root.key")
    }

    pub(crate) async fn open(&self) -> Result<Vault, Fault> {
        let config = Config::with_file(self.root_key());
        Vault::open(&config, self.store.clone(), Arc::new(self.clock.clone()), Arc::new(SystemEntropy)).await
    }

    pub(crate) async fn vault(&self) -> Vault {
        self.open().await.expect("the vault opens")
    }

    /// Keeps a credential for the connection as a custodian would.
    pub(crate) async fn keep(&self, vault: &Vault, connection: &Connection, version: u32, value: &str) {
        let id = connection.credential.expect("the connection names a credential");
        let record = sealed(vault, connection, version, value).await;
        let now = self.clock.now();
        let change = Change::of(connection.tenant).raising_epoch();
        let change = match version {
            1 => change.step(
                &rows::CREDENTIAL_INSERT,
                values![id, "key", "payments team", "high", None::<i64>, None::<i64>, 1i64, now, 0i64],
            ),
            later => change.step(&rows::CREDENTIAL_PROMOTE, values![id, later - 1, later, None::<i64>]).expecting(1),
        };
        let change = change.step(&rows::VERSION_INSERT, values![id, version, record, "v1:x", "current", now]);
        self.store.apply(change).await.expect("kept");
        vault.refresh().await.expect("read");
    }

    /// Overwrites what is sealed in one version, as somebody with the database in their hands could.
    pub(crate) async fn forge(&self, vault: &Vault, connection: &Connection, version: u32, record: Vec<u8>) {
        static FORGE: Statement = Statement::tenant(
            "test.forge",
            "UPDATE credential_versions SET sealed = $4 WHERE tenant = $1 AND credential = $2 AND version = $3",
        );
        static TOUCH: Statement = Statement::tenant(
            "test.touch",
            "UPDATE credentials SET changed = (SELECT value FROM house WHERE name = 'epoch') \
             WHERE tenant = $1 AND credential = $2",
        );
        let id = connection.credential.expect("the connection names a credential");
        let change = Change::of(connection.tenant)
            .raising_epoch()
            .step(&FORGE, values![id, version, record])
            .expecting(1)
            .step(&TOUCH, values![id])
            .expecting(1);
        self.store.apply(change).await.expect("forged");
        vault.refresh().await.expect("read");
    }
}

impl House {
    /// Overwrites a tenant's wrapped key.
    pub(crate) async fn forge_key(&self, tenant: TenantId, wrapped: Vec<u8>) {
        static FORGE: Statement =
            Statement::tenant("test.forge_key", "UPDATE tenant_keys SET wrapped = $2 WHERE tenant = $1");
        let change = Change::of(tenant).step(&FORGE, values![wrapped]).expecting(1);
        self.store.apply(change).await.expect("forged");
    }
}

/// What a custodian would keep of this value.
pub(crate) async fn sealed(vault: &Vault, connection: &Connection, version: u32, value: &str) -> Vec<u8> {
    let key = vault.inner.prepare(connection.tenant).await.expect("a key");
    let binding = Binding::of(connection);
    let reference = connection.credential.expect("the connection names a credential").as_u128().to_be_bytes();
    let place = Place {
        tenant: connection.tenant,
        purpose: CREDENTIAL,
        reference: &reference,
        version,
        context: binding.context(),
    };
    let value = Secret::from(value.to_owned());
    let envelope = seal::envelope(&key, &place, value.expose(), &SystemEntropy).expect("sealed");
    binding.before(&envelope)
}
