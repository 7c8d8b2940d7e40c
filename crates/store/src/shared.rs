//! What nodes share beside the database: on Redis where there is one, else in the process.

use std::net::IpAddr;
use std::sync::Arc;

use lockgate_vocabulary::{Clock, Fault};
use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo};

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
    let client = redis::Client::open(server(config)?).map_err(|error| Fault::broken(CONNECTING, error))?;
    let counters = RedisCounters::new(&client, &config.prefix)?;
    let signals = RedisSignals::new(&client, &config.prefix, Arc::clone(clock))?;
    Ok((Arc::new(counters), Arc::new(signals)))
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
                    "a Redis on another machine needs `danger_allow_plaintext`, or a tunnel that encrypts",
                ));
            }
        }
        ConnectionAddr::Unix(_) => {}
        _ => return Err(broken("this kind of address is not supported; use redis:// or redis+unix://")),
    }
    let Some(file) = &config.password_file else { return Ok(info) };
    let password = secret_file::read(file)?;
    let password = std::str::from_utf8(password.expose()).map_err(|error| Fault::broken(CONNECTING, error))?;
    let settings = info.redis_settings().clone().set_password(password);
    Ok(info.set_redis_settings(settings))
}
