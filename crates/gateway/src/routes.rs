//! The whole surface of the door, on one page. The operators' side has a page of its own in `admin`.
//!
//! Nothing is decoded before it is matched: a path has one spelling, and any other is not served.

use http::Method;

/// One row of the surface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The path; `{name}` is one segment, `{name...}` all that are left.
    pub path: &'static str,
    /// The methods, as `Allow` names them.
    pub methods: &'static str,
    /// What is served there.
    pub serves: Serves,
    /// Whether a credential is demanded.
    pub guarded: bool,
}

/// What a row serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Serves {
    /// An outbound call.
    Call,
    /// The token endpoint (RFC 6749).
    Token,
    /// Revocation (RFC 7009).
    Revoke,
    /// Introspection (RFC 7662).
    Introspect,
    /// The issuer's metadata (RFC 8414).
    Metadata,
    /// The issuer's keys (RFC 7517).
    Keys,
    /// A person's browser on its way to a vendor.
    Connect,
    /// And back.
    Callback,
    /// Work that is polled.
    Operation,
    /// A provider's delivery.
    Hook,
    /// Deliveries that wait to be fetched.
    Deliveries,
    /// The acknowledgement of one.
    Acknowledge,
    /// A tenant's event.
    Event,
    /// Whether the process lives.
    Health,
    /// Whether it can serve.
    Ready,
}

const ANY: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
const GET: &str = "GET, HEAD";
const POST: &str = "POST";

/// Everything that is served. The order is that of [`Serves`].
pub const ROUTES: [Row; 15] = [
    Row { path: "/call/{connection}/{path...}", methods: ANY, serves: Serves::Call, guarded: true },
    Row { path: "/oauth/token", methods: POST, serves: Serves::Token, guarded: true },
    Row { path: "/oauth/revoke", methods: POST, serves: Serves::Revoke, guarded: true },
    Row { path: "/oauth/introspect", methods: POST, serves: Serves::Introspect, guarded: true },
    Row { path: "/.well-known/oauth-authorization-server", methods: GET, serves: Serves::Metadata, guarded: false },
    Row { path: "/.well-known/jwks.json", methods: GET, serves: Serves::Keys, guarded: false },
    // What counts there is the link, and in which browser it began.
    Row { path: "/connect/{session}", methods: "GET", serves: Serves::Connect, guarded: false },
    Row { path: "/oauth/callback/{connection}", methods: "GET", serves: Serves::Callback, guarded: false },
    Row { path: "/operations/{operation}", methods: GET, serves: Serves::Operation, guarded: true },
    // What counts there is the signature of the provider, who has no credential of ours.
    Row { path: "/hooks/{subscription}", methods: POST, serves: Serves::Hook, guarded: false },
    Row { path: "/deliveries", methods: GET, serves: Serves::Deliveries, guarded: true },
    Row { path: "/deliveries/{delivery}/ack", methods: POST, serves: Serves::Acknowledge, guarded: true },
    Row { path: "/events", methods: POST, serves: Serves::Event, guarded: true },
    Row { path: "/healthz", methods: GET, serves: Serves::Health, guarded: false },
    Row { path: "/readyz", methods: GET, serves: Serves::Ready, guarded: false },
];

/// Where a request leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found<'a> {
    /// To a connection, by name or id, and to a path below its base.
    Call {
        /// The connection.
        connection: &'a str,
        /// The path, with its slash.
        path: &'a str,
    },
    /// To the beginning of a connect session.
    Connect(&'a str),
    /// To where a vendor sends browsers back to, for a connection.
    Callback(&'a str),
    /// To an operation.
    Operation(&'a str),
    /// To a subscription.
    Hook(&'a str),
    /// To the acknowledgement of a delivery.
    Acknowledge(&'a str),
    /// To what has no part in its path that varies.
    Fixed(Serves),
}

impl Found<'_> {
    /// What is served there.
    pub const fn serves(self) -> Serves {
        match self {
            Self::Call { .. } => Serves::Call,
            Self::Connect(_) => Serves::Connect,
            Self::Callback(_) => Serves::Callback,
            Self::Operation(_) => Serves::Operation,
            Self::Hook(_) => Serves::Hook,
            Self::Acknowledge(_) => Serves::Acknowledge,
            Self::Fixed(serves) => serves,
        }
    }
}

/// Why a request leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nowhere {
    /// Nothing is served at this path.
    Path,
    /// The path is served with these methods alone.
    Method(&'static str),
}

/// Finds what is served at this path with this method.
pub fn find<'a>(method: &Method, path: &'a str) -> Result<Found<'a>, Nowhere> {
    let found = locate(path).ok_or(Nowhere::Path)?;
    let allowed = methods(found.serves());
    let fits = allowed.split(", ").any(|known| known == method.as_str());
    if fits { Ok(found) } else { Err(Nowhere::Method(allowed)) }
}

fn locate(path: &str) -> Option<Found<'_>> {
    if let Some(rest) = path.strip_prefix("/call/") {
        let (connection, path) = rest.split_at_checked(rest.find('/')?)?;
        return (!connection.is_empty()).then_some(Found::Call { connection, path });
    }
    if let Some(session) = path.strip_prefix("/connect/") {
        return is_segment(session).then_some(Found::Connect(session));
    }
    if let Some(connection) = path.strip_prefix("/oauth/callback/") {
        return is_segment(connection).then_some(Found::Callback(connection));
    }
    if let Some(operation) = path.strip_prefix("/operations/") {
        return is_segment(operation).then_some(Found::Operation(operation));
    }
    if let Some(subscription) = path.strip_prefix("/hooks/") {
        return is_segment(subscription).then_some(Found::Hook(subscription));
    }
    if let Some(rest) = path.strip_prefix("/deliveries/") {
        let delivery = rest.strip_suffix("/ack").filter(|delivery| is_segment(delivery));
        return delivery.map(Found::Acknowledge);
    }
    ROUTES.iter().find(|row| row.path == path).map(|row| Found::Fixed(row.serves))
}

fn is_segment(text: &str) -> bool {
    !text.is_empty() && !text.contains('/')
}

/// The methods with which this is served.
pub fn methods(serves: Serves) -> &'static str {
    ROUTES.iter().find(|row| row.serves == serves).map_or("", |row| row.methods)
}

#[cfg(test)]
mod tests;
