//! Credentials that another vault keeps: one contract for every back end, and calls whose credential lies in one.

mod aws;
mod azure;
mod contract;
mod held;
mod kv2;
mod purged;
mod root_keys;
mod rustyvault;
mod standing;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use lockgate_egress::destination::Destination;
use lockgate_egress::destination::resolve::{Resolver, SystemResolver};
use lockgate_egress::{Config, Errands};
use lockgate_testkit::ManualClock;
use lockgate_vault::BackendConfig;
use lockgate_vault::backend::{SecretBackend, Surroundings};
use lockgate_vocabulary::{Clock, SystemClock, SystemEntropy};

use crate::world::Names;

/// A back end of these settings, reached through the real way out. Every name leads to this machine.
fn opened(settings: &str, clock: Arc<dyn Clock>) -> Arc<dyn SecretBackend> {
    with_names(settings, clock, Arc::new(Names::default()))
}

/// The real way out, through which every name leads to this machine.
fn surroundings(clock: Arc<dyn Clock>) -> Surroundings {
    around(clock, Arc::new(Names::default()))
}

fn with_names(settings: &str, clock: Arc<dyn Clock>, names: Arc<dyn Resolver>) -> Arc<dyn SecretBackend> {
    let settings: BackendConfig = toml::from_str(settings).expect("sound settings");
    settings.open(&around(clock, names)).expect("a back end")
}

fn around(clock: Arc<dyn Clock>, names: Arc<dyn Resolver>) -> Surroundings {
    let networks = ["0.0.0.0/0", "::/0"].map(|network| network.parse().expect("a network"));
    let config =
        Config { danger_errand_networks: networks.to_vec(), danger_allow_http_errands: true, ..Config::default() };
    let destination = Destination::new(&config.destination, names, Arc::clone(&clock)).expect("a guard");
    let errand = Arc::new(Errands::new(&config, destination, Arc::clone(&clock), None));
    Surroundings { errand, clock, entropy: Arc::new(SystemEntropy) }
}

fn real_clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::new())
}

/// Lets time go by until the task is over.
async fn outlast<T>(clock: &ManualClock, task: tokio::task::JoinHandle<T>) -> T {
    while !task.is_finished() {
        clock.advance(Duration::from_millis(100));
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }
    task.await.expect("no panic")
}

/// A file that its owner alone may read.
fn owned(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, text).expect("written");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("closed");
}

#[tokio::test]
async fn a_back_end_of_ones_own_keeps_the_contract() {
    let Some(file) = std::env::var_os("LOCKGATE_TEST_BACKENDS") else {
        eprintln!("LOCKGATE_TEST_BACKENDS names no file, so no back end of one's own is tried");
        return;
    };
    let text = std::fs::read_to_string(file).expect("a file of sections");
    let sections: BTreeMap<String, toml::Table> = toml::from_str(&text).expect("a section for each back end");
    for (name, settings) in sections {
        let weak = settings.get("kind").and_then(toml::Value::as_str) == Some("azure-key-vault");
        let settings = toml::to_string(&settings).expect("written");
        let backend = with_names(&settings, real_clock(), Arc::new(SystemResolver::new()));
        eprintln!("{name} is tried");
        contract::is_kept(&*backend, contract::Strength::of(!weak)).await;
    }
}
