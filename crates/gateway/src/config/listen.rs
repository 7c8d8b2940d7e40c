//! A listener: where, with which certificate, and for how many.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;

use super::problem::ConfigProblem;

/// The files that a listener's TLS is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate chain, leaf first, PEM.
    pub certificate: PathBuf,
    /// The private key, PEM.
    pub key: PathBuf,
}

/// A listener, resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// Where.
    pub address: SocketAddr,
    /// With which certificate; without one in the clear, on loopback alone.
    pub tls: Option<TlsFiles>,
    /// Connections at the same time.
    pub most_connections: u32,
    /// Connections of one peer (an IPv4 address or an IPv6 /64) at the same time.
    pub most_connections_per_peer: u32,
}

/// A listener's section as the file says it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawListen {
    /// Where: an address and a port.
    listen: Option<String>,
    /// The certificate chain, leaf first, PEM.
    certificate_file: Option<PathBuf>,
    /// The private key, PEM.
    key_file: Option<PathBuf>,
    /// Connections at the same time; 10,000 by default. Those of both listeners get half of the
    /// process's file descriptors at the most.
    most_connections: Option<u32>,
    /// Connections of one peer at the same time; 1,024 by default.
    most_connections_per_peer: Option<u32>,
}

impl RawListen {
    /// Fills in the defaults. INVARIANT: without a certificate the address is a loopback one.
    pub(super) fn resolve(self, section: &str, default: SocketAddr) -> Result<Listen, ConfigProblem> {
        let key = |name: &str| format!("{section}.{name}");
        let address = match &self.listen {
            None => default,
            Some(text) => text.parse().map_err(|_| {
                let what = format!("`{text}` is not an address and a port");
                ConfigProblem::new(key("listen"), what, format!("Write it like \"{default}\""))
            })?,
        };
        let tls = match (self.certificate_file, self.key_file) {
            (Some(certificate), Some(key)) => Some(TlsFiles { certificate, key }),
            (None, None) => None,
            (Some(_), None) => {
                return Err(ConfigProblem::new(key("key_file"), "it is missing", "Name the certificate's private key"));
            }
            (None, Some(_)) => {
                let cure = "Name the certificate that the key belongs to";
                return Err(ConfigProblem::new(key("certificate_file"), "it is missing", cure));
            }
        };
        if tls.is_none() && !address.ip().is_loopback() {
            let what = format!("`{address}` is not a loopback address, and there is no certificate");
            let cure = format!("Set {section}.certificate_file and {section}.key_file, or listen on 127.0.0.1");
            return Err(ConfigProblem::new(key("listen"), what, cure));
        }
        let count = |name: &str, value: Option<u32>, default: u32| match value {
            Some(0) => Err(ConfigProblem::new(key(name), "it is 0", "Write at least 1, or leave it out")),
            value => Ok(value.unwrap_or(default)),
        };
        Ok(Listen {
            address,
            tls,
            most_connections: count("most_connections", self.most_connections, 10_000)?,
            most_connections_per_peer: count("most_connections_per_peer", self.most_connections_per_peer, 1_024)?,
        })
    }
}
