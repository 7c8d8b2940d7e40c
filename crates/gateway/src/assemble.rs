//! The bill of materials: every room, in the order in which each needs the ones before it.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use lockgate_access::{Access, Foundation, SealKeys};
use lockgate_admin::Admin;
use lockgate_audit::{Audit, Elsewhere, FileWitness, Recovered, Relay, RolledBack, Witness, remembered};
use lockgate_egress::destination::Destination;
use lockgate_egress::destination::resolve::{Resolver, SystemResolver};
use lockgate_egress::{Egress, Errands};
use lockgate_store::Store;
use lockgate_traffic::Traffic;
use lockgate_vault::{Custodian, HOUSE, RootKeyProblem, Vault};
use lockgate_vocabulary::{Clock, Entropy, Fault, SystemClock};

use crate::chance::PooledEntropy;
use crate::config::{Config, ConfigProblem};
use crate::doors::Door;
use crate::telemetry::Metrics;
use crate::telemetry::otlp::Exporter;
use crate::{keys, tls};

/// What to do about a root key that does not serve.
const ROOT_KEY_CURE: &str = "Name the root key of this store, readable by its owner alone";

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
        match source.and_then(|source| source.downcast_ref::<RootKeyProblem>()) {
            Some(problem) => Self::Config(ConfigProblem::new("vault.root_key_file", problem, ROOT_KEY_CURE)),
            None => Self::Fault(fault),
        }
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
    /// The way out.
    pub egress: Egress,
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
    let Seams { clock, entropy, .. } = seams;
    for folder in [&config.data_dir, &config.spool_dir()] {
        make_private(folder)?;
    }
    let store = Store::open(&config.store, clock.clone()).await?;
    let signer = keys::checkpoint_signer(&config.checkpoint_key_file, &config.audit.origin())?;
    let witness = witness(config)?;
    let elsewhere = Elsewhere { witness, known: remembered(&config.audit, &store).await? };
    let opened = Audit::open_with(&config.audit, signer, elsewhere, clock.clone(), entropy.clone()).await;
    let (audit, recovered) = opened?;
    let vault = Vault::open(&config.vault, store.clone(), clock.clone(), entropy.clone()).await?;
    Ok(Ground { store, audit, recovered, vault })
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
    let Ground { store, audit, recovered, vault } = lay_ground(config, seams).await?;
    let Seams { clock, entropy, resolver } = seams.clone();

    let destination = Destination::new(&config.egress.destination, resolver, clock.clone())?;
    let authorities = config.egress.errand_ca_file.as_deref();
    let authorities = authorities.map(|file| tls::authorities("egress.errand_ca_file", file)).transpose()?;
    let errands = Errands::new(&config.egress, destination.clone(), clock.clone(), authorities);
    let foundation = Foundation {
        store: store.clone(),
        audit: audit.clone(),
        clock: clock.clone(),
        entropy: entropy.clone(),
        seal: seal_keys(&vault),
        errand: Arc::new(errands),
    };
    let access = Arc::new(Access::open(&config.access, foundation).await?);
    let shared = config.store.redis.is_some().then(|| store.counters());
    let traffic = Traffic::new(config.traffic.clone(), shared, clock.clone())?;
    let metrics = Arc::new(Metrics::default());
    let (spans, exporter) = Exporter::open(&config.telemetry.otlp, &config.node, clock.clone(), metrics.clone())?;
    let parts = lockgate_egress::Parts {
        access: access.clone(),
        traffic: traffic.clone(),
        audit: audit.clone(),
        vault: vault.clone(),
        store: store.clone(),
        destination,
        clock: clock.clone(),
        entropy: entropy.clone(),
        spool_dir: config.spool_dir(),
        spans: spans.clone(),
    };
    let egress = Egress::new(&config.egress, parts);
    egress.recover(&recovered.unfinished).await?;

    let door = Door {
        access: access.clone(),
        egress: egress.clone(),
        audit: audit.clone(),
        vault: vault.clone(),
        traffic: traffic.clone(),
        store: store.clone(),
        clock: clock.clone(),
        entropy: entropy.clone(),
        metrics: metrics.clone(),
        spans,
        draining: AtomicBool::new(false),
    };
    let admin = Admin::new(lockgate_admin::Parts {
        access: access.clone(),
        custodian: Custodian::new(vault.clone(), access.clone(), audit.clone()),
        audit: audit.clone(),
        traffic,
        store: store.clone(),
        clock,
        entropy,
    });
    let relay = Arc::new(Relay::new(audit.clone(), store.clone()));
    Ok(Rooms { store, audit, access, vault, egress, relay, door: Arc::new(door), admin, metrics, exporter })
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
fn make_private(folder: &Path) -> Result<(), Fault> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| Fault::broken("make the data folder", error))
}
