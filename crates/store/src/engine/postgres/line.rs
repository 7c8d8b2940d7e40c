//! How the server is reached, and what every session begins with.
//!
//! INVARIANT: what travels to another machine travels under TLS whose certificate was checked, unless
//! the configuration says `danger_allow_plaintext`.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::Connect;
use futures_util::future::BoxFuture;
use lockgate_vocabulary::Fault;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::task::JoinHandle;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Client, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::CONNECTING;
use crate::config::PostgresConfig;
use crate::secret_file;

/// A way to the server, and what a session on it begins with.
#[derive(Clone)]
pub(super) struct Line {
    server: tokio_postgres::Config,
    tls: Option<MakeRustlsConnect>,
    session: Option<Arc<Session>>,
}

/// What a session begins with.
pub(super) struct Session {
    pub(super) schema: String,
    pub(super) role: String,
    pub(super) reads: bool,
}

/// Sets up a session. `pg_temp` stands last, so that no temporary table can stand in for one of ours,
/// and a commit is answered only once it is on the disk, whatever the server's default is.
const BEGIN_SESSION: &str = "SELECT
    set_config('role', $2, false),
    set_config('search_path', quote_ident($1) || ', pg_temp', false),
    set_config('default_transaction_read_only', $3, false),
    set_config('statement_timeout', '10s', false),
    set_config('lock_timeout', '2s', false),
    set_config('idle_in_transaction_session_timeout', '10s', false),
    set_config('synchronous_commit', CASE current_setting('synchronous_commit')
        WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false)";

impl Line {
    /// The way to the server at `url`.
    pub(super) fn of(url: &str, password_file: Option<&Path>, config: &PostgresConfig) -> Result<Self, Fault> {
        let broken = |what: String| Fault::broken(CONNECTING, what);
        let mut server: tokio_postgres::Config =
            url.parse().map_err(|_| broken("`url` is not of the form postgres://login@host/database".into()))?;
        if server.get_password().is_some() {
            return Err(broken("`url` holds a password; put it into a file and name that in `password_file`".into()));
        }
        if let Some(file) = password_file {
            server.password(secret_file::read(file)?.expose());
        }
        if server.get_user().is_none() || server.get_dbname().is_none() || server.get_hosts().is_empty() {
            return Err(broken("`url` must name a login, a host and a database".into()));
        }
        server.connect_timeout(Duration::from_secs(5)).tcp_user_timeout(Duration::from_secs(10));
        server.application_name(application(&config.schema));
        let encrypted = must_encrypt(&server, config.danger_allow_plaintext)?;
        server.ssl_mode(if encrypted { SslMode::Require } else { SslMode::Disable });
        let tls = if encrypted { Some(MakeRustlsConnect::new(trust(config.ca_file.as_deref())?)) } else { None };
        Ok(Self { server, tls, session: None })
    }

    /// The same way with sessions that begin like this.
    pub(super) fn with(&self, session: Session) -> Self {
        Self { session: Some(Arc::new(session)), ..self.clone() }
    }

    pub(super) fn server(&self) -> &tokio_postgres::Config {
        &self.server
    }

    /// The login's name.
    pub(super) fn login(&self) -> &str {
        self.server.get_user().unwrap_or_default()
    }

    /// Dials, and begins the session.
    pub(super) async fn dial(&self) -> Result<(Client, JoinHandle<()>), tokio_postgres::Error> {
        let (client, task) = match &self.tls {
            Some(tls) => {
                let (client, connection) = self.server.connect(tls.clone()).await?;
                (client, tokio::spawn(drive(connection)))
            }
            None => {
                let (client, connection) = self.server.connect(NoTls).await?;
                (client, tokio::spawn(drive(connection)))
            }
        };
        if let Some(session) = &self.session {
            let reads = if session.reads { "on" } else { "off" };
            client.query_one(BEGIN_SESSION, &[&session.schema, &session.role, &reads]).await?;
        }
        Ok((client, task))
    }
}

impl Connect for Line {
    fn connect(
        &self,
        _: &tokio_postgres::Config,
    ) -> BoxFuture<'_, Result<(Client, JoinHandle<()>), tokio_postgres::Error>> {
        Box::pin(self.dial())
    }
}

/// What sessions are called on the server.
pub(super) fn application(schema: &str) -> String {
    format!("lockgate {schema}")
}

/// Carries the messages of one connection until it ends. Whoever waits on it is told there.
async fn drive<S, T>(connection: tokio_postgres::Connection<S, T>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    if let Err(error) = connection.await {
        tracing::warn!(%error, "a connection to PostgreSQL ended");
    }
}

/// Whether the way must be encrypted; a fault where it must and the URL says it is not to be.
fn must_encrypt(server: &tokio_postgres::Config, danger_allow_plaintext: bool) -> Result<bool, Fault> {
    let hosts_stay = server.get_hosts().iter().all(|host| match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback()),
    });
    let stays = hosts_stay && server.get_hostaddrs().iter().all(IpAddr::is_loopback);
    match server.get_ssl_mode() {
        SslMode::Require => Ok(true),
        SslMode::Disable if !stays && !danger_allow_plaintext => {
            Err(Fault::broken(CONNECTING, "`sslmode=disable` to another machine needs `danger_allow_plaintext`"))
        }
        SslMode::Disable => Ok(false),
        // `prefer` would fall back to plaintext whenever somebody on the way asks for it.
        _ => Ok(!stays && !danger_allow_plaintext),
    }
}

/// Whom to trust, with the provider passed explicitly: the process has no default one.
fn trust(ca_file: Option<&Path>) -> Result<ClientConfig, Fault> {
    let mut roots = RootCertStore::empty();
    if let Some(file) = ca_file {
        let certificates = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        for certificate in certificates.map_err(|error| Fault::broken("reading `ca_file`", error.to_string()))? {
            roots.add(certificate).map_err(|error| Fault::broken("reading `ca_file`", error))?;
        }
    } else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    if roots.is_empty() {
        return Err(Fault::broken(CONNECTING, "no authority's certificate was found to trust"));
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Fault::broken(CONNECTING, error))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests;
