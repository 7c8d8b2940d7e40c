//! The bill of materials: every room, in the order in which each needs the ones before it.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use lockgate_access::{Access, AccessRefusal, FirstOperator, Foundation, SealKeys, bootstrap, is_founded};
use lockgate_admin::Admin;
use lockgate_audit::{Audit, Elsewhere, FileWitness, Recovered, Relay, RolledBack, Witness, remembered};
use lockgate_egress::destination::Destination;
use lockgate_egress::destination::resolve::{Resolver, SystemResolver};
use lockgate_egress::{Egress, Errands, PacedErrands};
use lockgate_store::{Counters, EngineConfig, Store};
use lockgate_traffic::Traffic;
use lockgate_vault::backend::BackendProblem;
use lockgate_vault::{Connector, Custodian, CustodianParts, HOUSE, RootKeyProblem, Tokens, Vault};
use lockgate_vocabulary::{Clock, Entropy, Errand, Fault, Stop, SystemClock};
use lockgate_webhooks::{Courier, Webhooks};

use crate::chance::PooledEntropy;
use crate::config::{Config, ConfigProblem};
use crate::doors::Door;
use crate::limits::Limits;
use crate::telemetry::Metrics;
use crate::telemetry::otlp::Exporter;
use crate::{keys, tls};

/// What to do about a root key that does not serve.
const ROOT_KEY_CURE: &str = "Name the root key of this store, readable by its owner alone";

/// What to do about one that cannot be changed.
const ROOT_KEY_WRITE_CURE: &str = "Nothing was changed; run the command again then";

/// What our own signing keys are sealed for.
const SIGNING_KEYS: &str = "signing-keys";

/// Where the outside world plugs in.
#[derive(Clone)]
pub struct Seams {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
    /// Names.
    pub resolver: Arc<dyn Resolver>,
}

impl Seams {
    /// The machine's own.
    pub fn system() -> Self {
        Self {
            clock: Arc::new(SystemClock::new()),
            entropy: Arc::new(PooledEntropy),
            resolver: Arc::new(SystemResolver::new()),
        }
    }
}

/// Why a gateway did not start.
#[derive(Debug)]
pub enum StartFailure {
    /// The configuration makes no sense on this machine.
    Config(ConfigProblem),
    /// A room could not be opened.
    Fault(Fault),
    /// The trail was cut back, or is gone.
    Trail(RolledBack),
}

impl From<ConfigProblem> for StartFailure {
    fn from(problem: ConfigProblem) -> Self {
        Self::Config(problem)
    }
}

impl From<Fault> for StartFailure {
    /// A root key that is missing or wrong, and a trail that was cut back, are for the operator to put
    /// right, not our fault.
    fn from(fault: Fault) -> Self {
        let source = std::error::Error::source(&fault);
        if let Some(rolled_back) = source.and_then(|source| source.downcast_ref::<RolledBack>()) {
            return Self::Trail(rolled_back.clone());
        }
        if let Some(problem) = source.and_then(|source| source.downcast_ref::<BackendProblem>()) {
            let key = format!("vault.backends.{}", problem.name);
            return Self::Config(ConfigProblem::new(key, problem, "Correct the section, as docs/operations.md says"));
        }
        match source.and_then(|source| source.downcast_ref::<RootKeyProblem>()) {
            Some(problem) => {
                let unwritable = matches!(problem, RootKeyProblem::Unwritable(_));
                let cure = if unwritable { ROOT_KEY_WRITE_CURE } else { ROOT_KEY_CURE };
                Self::Config(ConfigProblem::new("vault.root_key_file", problem, cure))
            }
            None => Self::Fault(fault),
        }
    }
}

/// Why a house was not founded.
#[derive(Debug)]
pub enum Unfounded {
    /// What it stands on could not be opened.
    Start(StartFailure),
    /// It was refused.
    Stop(Stop),
}

impl From<StartFailure> for Unfounded {
    fn from(failure: StartFailure) -> Self {
        Self::Start(failure)
    }
}

impl From<Stop> for Unfounded {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

/// What has to be there before anybody is served: the store, the trail, the vault.
pub struct Ground {
    /// The store.
    pub store: Store,
    /// The trail.
    pub audit: Audit,
    /// What the trail was found to lack.
    pub recovered: Recovered,
    /// Secrets.
    pub vault: Vault,
    /// Where calls may lead.
    pub destination: Destination,
    /// What the house itself asks for.
    pub errands: Arc<dyn Errand>,
}

/// Every room, put together.
pub struct Rooms {
    /// The store.
    pub store: Store,
    /// The trail.
    pub audit: Audit,
    /// Identity and the registry.
    pub access: Arc<Access>,
    /// Secrets.
    pub vault: Vault,
    /// Takes secrets in, and tends what falls due of them.
    pub custodian: Custodian,
    /// The way out.
    pub egress: Egress,
    /// Subscriptions and deliveries.
    pub webhooks: Arc<Webhooks>,
    /// Passes deliveries on.
    pub courier: Courier,
    /// Appends acts that were recorded inside changes of the store.
    pub relay: Arc<Relay>,
    /// The callers' door.
    pub door: Arc<Door>,
    /// The operators' side.
    pub admin: Admin,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// What sends spans to a collector, where one is named.
    pub exporter: Option<Arc<Exporter>>,
}

/// Opens what everything stands on.
pub async fn lay_ground(config: &Config, seams: &Seams) -> Result<Ground, StartFailure> {
    let store = open_store(config, seams).await?;
    demand_house(&store, config).await?;
    lay_on(store, config, seams).await
}

/// Opens the store. What cannot be opened is the operator's to put right: a path, an address, a right.
async fn open_store(config: &Config, seams: &Seams) -> Result<Store, StartFailure> {
    for folder in [&config.data_dir, &config.spool_dir()] {
        make_private(folder).map_err(|error| {
            let cure = "Name a folder that whoever runs the gateway can write, or a path where nothing is yet";
            ConfigProblem::new("data_dir", format!("{}: {error}", folder.display()), cure)
        })?;
    }
    if let Some(redis) = &config.store.redis {
        let cure = "Name a Redis that may be reached so, as docs/operations.md says";
        redis.checked().map_err(|fault| ConfigProblem::new("store.redis", fault, cure))?;
    }
    let opened = Store::open(&config.store, seams.clock.clone()).await;
    Ok(opened.map_err(|fault| store_problem(&config.store, &fault))?)
}

/// What is told where the store cannot be opened or read.
pub fn store_problem(config: &lockgate_store::Config, fault: &Fault) -> ConfigProblem {
    let (key, cure) = match &config.engine {
        EngineConfig::Sqlite(_) => (
            "store.engine.path",
            "Name this gateway's own database, in a folder and with a file that whoever runs the gateway can write",
        ),
        EngineConfig::Postgres(_) => (
            "store.engine.url",
            "Check the URL, the login and its password file, and that the server answers and lets the login in",
        ),
    };
    ConfigProblem::new(key, format!("{}: {fault}", store_named(config)), cure)
}

/// INVARIANT: a store without a house is never served from: it is empty because it was lost or mistyped, and
/// a gateway that knows nobody would look ready.
async fn demand_house(store: &Store, config: &Config) -> Result<(), StartFailure> {
    if is_founded(store).await? {
        return Ok(());
    }
    let refusal = AccessRefusal::HouseMissing.refuse();
    let what = format!("{}: {refusal}", store_named(&config.store));
    Err(ConfigProblem::new("store.engine", what, refusal.info().cure).into())
}

/// The store as an operator knows it. A URL may hold a password, so it is not repeated.
fn store_named(config: &lockgate_store::Config) -> String {
    match &config.engine {
        EngineConfig::Sqlite(sqlite) => sqlite.path.display().to_string(),
        EngineConfig::Postgres(postgres) => format!("the schema `{}` on PostgreSQL", postgres.schema),
    }
}

async fn lay_on(store: Store, config: &Config, seams: &Seams) -> Result<Ground, StartFailure> {
    let Seams { clock, entropy, resolver } = seams;
    let signer = keys::checkpoint_signer(&config.checkpoint_key_file, &config.audit.origin())?;
    let witness = witness(config)?;
    let elsewhere = Elsewhere { witness, known: remembered(&config.audit, &store).await? };
    let opened = Audit::open_with(&config.audit, signer, elsewhere, clock.clone(), entropy.clone()).await;
    let (audit, recovered) = opened.map_err(|fault| trail_problem(config, fault))?;
    let (destination, errands) = ways_out(config, resolver.clone(), clock)?;
    let ground = (store.clone(), audit.clone());
    let vault = Vault::open_with(&config.vault, ground, errands.clone(), clock.clone(), entropy.clone()).await?;
    Ok(Ground { store, audit, recovered, vault, destination, errands })
}

/// Makes the house and its first operator in the store that the configuration names. Refused where there
/// is a house already, before anything else is written.
pub async fn found_house(config: &Config, operator: &str, seams: &Seams) -> Result<FirstOperator, Unfounded> {
    let store = open_store(config, seams).await?;
    if is_founded(&store).await.map_err(StartFailure::from)? {
        return Err(Stop::from(AccessRefusal::HouseFounded).into());
    }
    let Ground { store, audit, vault, .. } = lay_on(store, config, seams).await?;
    let first = bootstrap(&store, &audit, operator, &*seams.clock, &*seams.entropy).await?;
    let relay = Relay::new(audit.clone(), store.clone());
    relay.pass().await.map_err(StartFailure::from)?;
    drop(vault);
    audit.shutdown().await.map_err(StartFailure::from)?;
    relay.remember().await.map_err(StartFailure::from)?;
    store.close().await.map_err(StartFailure::from)?;
    Ok(first)
}

/// What is told where the trail cannot be opened. That it was cut back has words of its own.
fn trail_problem(config: &Config, fault: Fault) -> StartFailure {
    let cure = "See that whoever runs the gateway can write the folder and that no other process uses it; \
                `lockgate audit verify` says what is wrong in it";
    match StartFailure::from(fault) {
        StartFailure::Fault(fault) => {
            ConfigProblem::new("audit.dir", format!("{}: {fault}", config.audit.dir.display()), cure).into()
        }
        other => other,
    }
}

/// Who is told the trail's checkpoints, where the configuration names a file.
pub fn witness(config: &Config) -> Result<Option<Arc<dyn Witness>>, ConfigProblem> {
    const CURE: &str = "Name a file of checkpoints, or one that is not there yet, in a folder that can be written";
    let Some(file) = &config.audit.witness_file else { return Ok(None) };
    let opened = FileWitness::open(file);
    let witness = opened.map_err(|fault| ConfigProblem::new("audit.witness_file", fault, CURE))?;
    Ok(Some(Arc::new(witness)))
}

/// Opens the house.
pub async fn assemble(config: &Config, seams: &Seams) -> Result<Rooms, StartFailure> {
    let Ground { store, audit, recovered, vault, destination, errands } = lay_ground(config, seams).await?;
    let Seams { clock, entropy, .. } = seams.clone();
    let access = open_access(config, (&store, &audit, &vault), &errands, seams).await?;
    let limits = config.store.redis.is_some().then(|| Limits::new(store.counters(), clock.clone()));
    let traffic = open_traffic(config, limits.clone(), &clock)?;
    let metrics = Arc::new(Metrics::default());
    let (spans, exporter) = Exporter::open(&config.telemetry.otlp, &config.node, clock.clone(), metrics.clone())?;
    let tokens = Tokens::new(vault.clone(), Arc::clone(&errands), audit.clone());
    let parts = lockgate_egress::Parts {
        access: access.clone(),
        traffic: traffic.clone(),
        audit: audit.clone(),
        vault: vault.clone(),
        tokens: tokens.clone(),
        store: store.clone(),
        destination,
        clock: clock.clone(),
        entropy: entropy.clone(),
        spool_dir: config.spool_dir(),
        spans: spans.clone(),
    };
    let egress = open_egress(config, parts.clone(), &recovered).await?;
    let webhooks = open_webhooks(config, parts, egress.clone()).await?;
    let connector = Connector::new(tokens, access.clone(), &config.access.tokens.issuer);
    let door = Arc::new(Door {
        access: access.clone(),
        egress: egress.clone(),
        webhooks: webhooks.clone(),
        connector: connector.clone(),
        audit: audit.clone(),
        vault: vault.clone(),
        traffic: traffic.clone(),
        store: store.clone(),
        // Where a node may count for itself it serves without the others' counters, and is ready.
        limits: limits.filter(|_| !config.traffic.danger_fail_open_to_local),
        clock: clock.clone(),
        entropy: entropy.clone(),
        metrics: metrics.clone(),
        spans,
        draining: AtomicBool::new(false),
    });
    let custodian = custodian(config, (&vault, &access, &audit), errands, (&traffic, &clock))?;
    let admin = Admin::new(lockgate_admin::Parts {
        access: access.clone(),
        webhooks: webhooks.clone(),
        custodian: custodian.clone(),
        connector,
        audit: audit.clone(),
        traffic,
        store: store.clone(),
        clock,
        entropy,
    });
    Ok(Rooms {
        relay: Arc::new(Relay::new(audit.clone(), store.clone())),
        courier: webhooks.courier(),
        store,
        audit,
        access,
        vault,
        custodian,
        egress,
        webhooks,
        door,
        admin,
        metrics,
        exporter,
    })
}

/// Who is who stands on the store, the trail and what seals our own signing keys.
async fn open_access(
    config: &Config,
    (store, audit, vault): (&Store, &Audit, &Vault),
    errand: &Arc<dyn Errand>,
    seams: &Seams,
) -> Result<Arc<Access>, Fault> {
    let foundation = Foundation {
        store: store.clone(),
        audit: audit.clone(),
        clock: seams.clock.clone(),
        entropy: seams.entropy.clone(),
        seal: seal_keys(vault),
        errand: Arc::clone(errand),
    };
    Ok(Arc::new(Access::open(&config.access, foundation).await?))
}

/// The way out, which has taken in what was under way when the log was left.
async fn open_egress(config: &Config, parts: lockgate_egress::Parts, recovered: &Recovered) -> Result<Egress, Fault> {
    let egress = Egress::new(&config.egress, parts);
    egress.recover(&recovered.unfinished).await?;
    Ok(egress)
}

/// How much and how fast: counted with the other nodes where there are any.
fn open_traffic(config: &Config, limits: Option<Limits>, clock: &Arc<dyn Clock>) -> Result<Traffic, Fault> {
    let shared = limits.map(|limits| Arc::new(limits) as Arc<dyn Counters>);
    Traffic::new(config.traffic.clone(), shared, clock.clone())
}

/// What takes secrets in.
fn custodian(
    config: &Config,
    (vault, access, audit): (&Vault, &Arc<Access>, &Audit),
    errands: Arc<dyn Errand>,
    (traffic, clock): (&Traffic, &Arc<dyn Clock>),
) -> Result<Custodian, ConfigProblem> {
    let recovery = config.vault.recovery();
    let recovery = recovery.map_err(|what| ConfigProblem::new("vault.recovery_days", what, "Name 7 to 90 days"))?;
    let (vault, access, audit) = (vault.clone(), Arc::clone(access), audit.clone());
    let errand = Arc::new(PacedErrands::new(errands, access.clone(), traffic.clone(), Arc::clone(clock)));
    Ok(Custodian::new(CustodianParts { vault, access, audit, errand, recovery }))
}

/// Where calls may lead, and what the house itself asks for.
fn ways_out(
    config: &Config,
    resolver: Arc<dyn Resolver>,
    clock: &Arc<dyn Clock>,
) -> Result<(Destination, Arc<dyn Errand>), ConfigProblem> {
    let destination = Destination::new(&config.egress.destination, resolver, clock.clone())
        .map_err(|fault| ConfigProblem::new("egress.destination", fault, "Correct or remove the key"))?;
    let authorities = config.egress.errand_ca_file.as_deref();
    let authorities = authorities.map(|file| tls::authorities("egress.errand_ca_file", file)).transpose()?;
    let errands = Errands::new(&config.egress, destination.clone(), clock.clone(), authorities);
    Ok((destination, Arc::new(errands)))
}

/// What comes in and what is told stands on what the way out stands on, and on that itself.
async fn open_webhooks(
    config: &Config,
    parts: lockgate_egress::Parts,
    egress: Egress,
) -> Result<Arc<Webhooks>, StartFailure> {
    let settings = config.webhooks.checked();
    let settings = settings.map_err(|fault| ConfigProblem::new("webhooks", fault, "Correct or remove the key"))?;
    let lockgate_egress::Parts { access, traffic, audit, vault, store, clock, entropy, .. } = parts;
    let parts = lockgate_webhooks::Parts { access, traffic, audit, vault, store, egress, clock, entropy };
    Ok(Arc::new(Webhooks::open(settings, parts).await?))
}

/// Our own signing keys are sealed under the house's key.
fn seal_keys(vault: &Vault) -> SealKeys {
    let (sealing, opening) = (vault.clone(), vault.clone());
    SealKeys::new(
        move |context, plain| sealing.seal(HOUSE, SIGNING_KEYS, context, plain),
        move |context, sealed| opening.unseal(HOUSE, SIGNING_KEYS, context, sealed),
    )
}

/// A folder that only its owner may look into.
fn make_private(folder: &Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}
