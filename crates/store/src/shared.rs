//! What nodes share beside the database: on Redis where there is one, else in the process.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use lockgate_vocabulary::{Clock, Fault};
use redis::{Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, TlsCertificates};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::config::RedisConfig;
use crate::counters::{Counters, LocalCounters, RedisCounters};
use crate::secret_file;
use crate::signals::{LocalSignals, RedisSignals, Signals};

const CONNECTING: &str = "connecting to Redis";

/// The counters and signals of a node.
pub(crate) type Shared = (Arc<dyn Counters>, Arc<dyn Signals>);

/// Sets up counters and signals. A Redis that is away is no reason not to start: it is dialled when
/// it is needed.
pub(crate) fn open(config: Option<&RedisConfig>, clock: &Arc<dyn Clock>) -> Result<Shared, Fault> {
    let Some(config) = config else {
        return Ok((Arc::new(LocalCounters::new(Arc::clone(clock))), Arc::new(LocalSignals::new())));
    };
    let client = client(config)?;
    let counters = RedisCounters::new(&client, &config.prefix)?;
    let signals = RedisSignals::new(&client, &config.prefix, Arc::clone(clock))?;
    Ok((Arc::new(counters), Arc::new(signals)))
}

/// A client that dials when it is asked to, under TLS where the address says so.
pub(crate) fn client(config: &RedisConfig) -> Result<Client, Fault> {
    let info = server(config)?;
    let opened = if let ConnectionAddr::TcpTls { .. } = info.addr() {
        // The client takes the process's provider, so there is one, and it is that of everything else. Where
        // one was set before, it is the same: no other is in the tree.
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        let root_cert = config.ca_file.as_deref().map(authorities).transpose()?;
        Client::build_with_tls(info, TlsCertificates { client_tls: None, root_cert })
    } else if config.ca_file.is_some() {
        return Err(Fault::broken(CONNECTING, "`ca_file` is of use with a rediss:// address alone"));
    } else {
        Client::open(info)
    };
    opened.map_err(|error| Fault::broken(CONNECTING, error))
}

/// The text of the file, in which every certificate can be read: with one that is skipped, no server would
/// be believed and nobody would know why.
fn authorities(file: &Path) -> Result<Vec<u8>, Fault> {
    let broken = |error: &dyn std::fmt::Display| Fault::broken("reading `ca_file`", error.to_string());
    let text = std::fs::read(file).map_err(|error| broken(&error))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|error| broken(&error))?;
        roots.add(certificate).map_err(|error| broken(&error))?;
    }
    if roots.is_empty() {
        return Err(broken(&"there is no certificate in the file"));
    }
    Ok(text)
}

/// The server that the configuration names, where it may be reached that way.
fn server(config: &RedisConfig) -> Result<ConnectionInfo, Fault> {
    let broken = |what: &'static str| Fault::broken(CONNECTING, what);
    let info = config.url.as_str().into_connection_info();
    let info = info.map_err(|_| broken("`url` is not of the form redis://host:port/0"))?;
    if info.redis_settings().password().is_some() {
        return Err(broken("`url` holds a password; put it into a file and name that in `password_file`"));
    }
    match info.addr() {
        ConnectionAddr::Tcp(host, _) => {
            let stays = host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
            if !stays && !config.danger_allow_plaintext {
                return Err(broken(
                    "a Redis on another machine is reached by rediss://, or else needs `danger_allow_plaintext`",
                ));
            }
        }
        ConnectionAddr::TcpTls { insecure: true, .. } => {
            return Err(broken("`url` says not to check the server's certificate; name its authority in `ca_file`"));
        }
        ConnectionAddr::TcpTls { .. } | ConnectionAddr::Unix(_) => {}
        _ => return Err(broken("this kind of address is not supported; use redis://, rediss:// or redis+unix://")),
    }
    let Some(file) = &config.password_file else { return Ok(info) };
    let password = secret_file::read(file)?;
    let password = std::str::from_utf8(password.expose()).map_err(|error| Fault::broken(CONNECTING, error))?;
    let settings = info.redis_settings().clone().set_password(password);
    Ok(info.set_redis_settings(settings))
}
