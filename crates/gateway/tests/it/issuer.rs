//! A certified OpenID provider as external issuer: its tokens at the running door, its keys over TLS.
//!
//! The provider is a process of its own, which `scripts/services` starts. Callers are told no more than
//! that a token is not valid; why, the operator's log says, and these tests read it there.

use std::collections::HashMap;
use std::fmt::Debug;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use lockgate_testkit::{Canned, ManualClock};
use lockgate_vocabulary::{Clock, RunId, SystemClock, SystemEntropy};
use rcgen::{KeyPair, PKCS_ED25519, PublicKeyData as _, SigningKey as _};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;
use tracing::field::{Field, Visit};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use crate::client::{Answer, Client, parse};
use crate::world::{Tenant, World};

/// The audience that the provider's tokens have unless another resource is asked for.
const AUDIENCE: &str = "https://gateway.test/api";

/// One issuer of the provider, with keys of its own.
pub struct Realm {
    address: SocketAddr,
    path: String,
    pub url: String,
    tls: TlsConnector,
}

/// Where the provider is and whom its certificate comes from, or a visible line that says that it is not there.
#[expect(clippy::disallowed_methods, reason = "tests are told by their environment where the servers are")]
#[expect(clippy::print_stdout, reason = "a test that is skipped must say so")]
pub fn told() -> Option<(String, String)> {
    let told = |name: &str| {
        let value = std::env::var(name).ok();
        if value.is_none() {
            println!("skipped: {name} is not set (scripts/services sets it)");
        }
        value
    };
    Some((told("LOCKGATE_TEST_ISSUER")?, told("LOCKGATE_TEST_ISSUER_CA")?))
}

impl Realm {
    pub fn new(origin: &str, authority: &str) -> Self {
        let port = origin.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
        let mut roots = rustls::RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(authority).expect("the authority") {
            roots.add(certificate.expect("a certificate")).expect("an authority");
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = RunId::generate(&SystemClock::new(), &SystemEntropy).to_string().replace('_', "-");
        let path = format!("/realm/{}", name.to_lowercase());
        let url = format!("{origin}{path}");
        Self { address: SocketAddr::from(([127, 0, 0, 1], port)), path, url, tls: Arc::new(config).into() }
    }

    #[expect(clippy::disallowed_methods, reason = "the test is the provider's client")]
    pub async fn ask(&self, method: &str, path: &str, more: &str, body: &str) -> Answer {
        let stream = tokio::net::TcpStream::connect(self.address).await.expect("it listens");
        let name = ServerName::try_from("localhost").expect("a name");
        let mut stream = self.tls.connect(name, stream).await.expect("its certificate is good");
        let request = format!(
            "{method} {}{path} HTTP/1.1\r\nHost: localhost:{}\r\nConnection: close\r\n{more}Content-Length: {}\r\n\r\n{body}",
            self.path,
            self.address.port(),
            body.len()
        );
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.expect("read");
        parse(&bytes).expect("an answer").0
    }

    /// A token of this client.
    async fn token(&self, client: &str) -> String {
        self.token_with(client, "", "").await
    }

    async fn token_with(&self, client: &str, form: &str, more: &str) -> String {
        let login = STANDARD.encode(format!("{client}:{client:x<43}"));
        let fields =
            format!("Authorization: Basic {login}\r\nContent-Type: application/x-www-form-urlencoded\r\n{more}");
        let form = format!("grant_type=client_credentials&scope=integration.connections.call{form}");
        let answer = self.ask("POST", "/token", &fields, &form).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["access_token"].as_str().expect("a token").to_owned()
    }

    /// A token that is bound to a key (RFC 9449).
    async fn bound_token(&self) -> String {
        let key = KeyPair::generate_for(&PKCS_ED25519).expect("a key");
        let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(key.der_bytes()) });
        let header = json!({ "typ": "dpop+jwt", "alg": "EdDSA", "jwk": jwk });
        let now = SystemClock::new().now().as_secs();
        let claims = json!({ "jti": "p1", "htm": "POST", "htu": format!("{}/token", self.url), "iat": now });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let signature = URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes()).expect("signed"));
        self.token_with("svc-dpop", "", &format!("DPoP: {signed}.{signature}\r\n")).await
    }

    /// Signs with a new key from now on; the old ones stay published, or do not.
    async fn rotate(&self, keep: bool) {
        let answer = self.ask("POST", &format!("/rotate?keep={}", u8::from(keep)), "", "").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    /// How often its keys were fetched.
    async fn asked(&self) -> u64 {
        self.ask("GET", "/asked", "", "").await.json()["keys"].as_u64().expect("a number")
    }
}

/// Why credentials were refused, by trace, as the operator's log says it.
#[derive(Clone, Default)]
struct Reasons(Arc<Mutex<HashMap<String, String>>>);

impl<S: Subscriber> Layer<S> for Reasons {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields(HashMap::new());
        event.record(&mut fields);
        if let (Some(trace), Some(code)) = (fields.0.remove("trace"), fields.0.remove("code")) {
            self.0.lock().expect("not poisoned").insert(trace, code);
        }
    }
}

struct Fields(HashMap<&'static str, String>);

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

/// A gateway whose tenant `acme`, the provider's `tenant-a`, trusts the issuer for its service `svc-a`.
struct Trusting {
    world: World,
    realm: Realm,
    acme: Tenant,
    reasons: Reasons,
    _log: DefaultGuard,
}

impl Trusting {
    async fn start() -> Option<Self> {
        let (_, authority) = told()?;
        Self::with(&format!("errand_ca_file = \"{authority}\"\n")).await
    }

    /// The same with these keys of the way out, set as an operator sets them.
    async fn with(egress: &str) -> Option<Self> {
        let (origin, authority) = told()?;
        let (realm, reasons) = (Realm::new(&origin, &authority), Reasons::default());
        let log = tracing::subscriber::set_default(tracing_subscriber::registry().with(reasons.clone()));
        // The provider has the machine's clock. Ahead of it, so that nothing is issued in the future.
        let now = SystemClock::new().now().after(Duration::from_secs(30));
        let more = format!(
            "[egress]\n{egress}\
             [access.tokens]\naudience = \"{AUDIENCE}\"\n"
        );
        let world = World::at(ManualClock::at(now), &more).await;
        let acme = world.tenant("acme").await;
        world.connection(&acme, "pay").await;
        world.vendor.answers("GET /v1/things/1", Canned::json(200, "{}"));
        world.service(&acme.operator, "svc-a", json!(["integration.connections.call"])).await;
        for service in ["svc-b", "svc-none", "svc-dpop"] {
            world.service(&acme.operator, service, json!(["integration.connections.call"])).await;
        }
        let this = Self { world, realm, acme, reasons, _log: log };
        this.alias(&this.acme, "tenant-a").await;
        let spec = json!({ "danger_private_networks": ["127.0.0.0/8"] });
        this.world.make(&this.acme.operator, "/v1/issuers", json!({ "issuer": this.realm.url, "spec": spec })).await;
        Some(this)
    }

    /// Writes down under which name the provider knows a tenant.
    async fn alias(&self, tenant: &Tenant, alias: &str) {
        let path = format!("/v1/tenants/{}", tenant.id);
        let told = self.world.ask(&self.world.house, "PATCH", &path, Some(json!({ "alias": alias }))).await;
        assert_eq!(told.status, 200, "{}", told.text());
    }

    /// Calls with this token: the status, the code and, of a refused credential, the reason in the log.
    async fn call(&self, token: &str) -> (u16, String, String) {
        let trace: String = RunId::generate(&SystemClock::new(), &SystemEntropy)
            .to_string()
            .bytes()
            .rev()
            .take(16)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let mut client = Client::connect(self.world.door).await;
        client
            .send(format!(
                "GET /call/pay/v1/things/1 HTTP/1.1\r\nHost: gate\r\nAuthorization: Bearer {token}\r\n\
                 traceparent: 00-{trace}-00f067aa0ba902b7-01\r\n\r\n"
            ))
            .await;
        let answer = client.answer().await.expect("an answer");
        let reason = self.reasons.0.lock().expect("not poisoned").get(&trace).cloned();
        let code = if answer.status == 200 { String::new() } else { answer.code() };
        (answer.status, code, reason.unwrap_or_default())
    }

    /// Demands that the token is refused, to the caller as any other, in the log for this reason.
    async fn refuses(&self, token: &str, reason: &str) {
        let told = self.call(token).await;
        assert_eq!(told, (401, "access.token.invalid".into(), reason.into()));
    }

    /// Lets seconds go by, and the gateway look whether anything was revoked in them.
    async fn pass(&self, seconds: u64) {
        self.world.clock.advance(Duration::from_secs(seconds));
        self.world.running.rooms.access.refresh().await.expect("the directory");
    }

    async fn takes(&self, token: &str) {
        assert_eq!(self.call(token).await, (200, String::new(), String::new()));
    }
}

/// The token with another `kid`, as anybody can write it.
fn with_kid(token: &str, kid: &str) -> String {
    let (_, rest) = token.split_once('.').expect("a token");
    let header = json!({ "alg": "RS256", "typ": "at+jwt", "kid": kid });
    format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string()))
}

#[tokio::test]
async fn its_token_opens_a_call_for_the_tenant_that_trusts_it() {
    let Some(house) = Trusting::start().await else { return };
    let token = house.realm.token("svc-a").await;
    house.takes(&token).await;
    house.takes(&token).await;
    assert_eq!(house.realm.asked().await, 1, "nothing is fetched again");
    let seen = house.world.vendor.seen();
    let credential = seen.last().and_then(|seen| seen.header("authorization").map(str::to_owned));
    assert!(credential.is_some_and(|credential| !credential.contains(&token)), "the vendor sees its own credential");
    let trail = house.world.trail(&house.acme).await;
    assert!(trail.iter().any(|entry| entry.to_string().contains("svc-a")), "the record names who called: {trail:?}");
    house.world.end().await;
}

#[tokio::test]
async fn what_is_not_for_this_tenant_here_and_now_is_refused() {
    let Some(house) = Trusting::start().await else { return };
    let good = house.realm.token("svc-a").await;
    house.takes(&good).await;
    house.refuses(&house.realm.token("svc-none").await, "access.token.tenant").await;
    let other = house.realm.token_with("svc-a", "&resource=https%3A%2F%2Fother.test%2Fapi", "").await;
    house.refuses(&other, "access.token.audience").await;
    house.refuses(&house.realm.bound_token().await, "access.token.bound").await;
    // A tenant that nobody has, and one that is there and does not trust the issuer.
    let foreign = house.realm.token("svc-b").await;
    house.refuses(&foreign, "access.tenant.inactive").await;
    let globex = house.world.tenant("globex").await;
    house.alias(&globex, "tenant-b").await;
    house.refuses(&foreign, "access.token.tenant.other").await;

    let (signed, signature) = good.rsplit_once('.').expect("a token");
    let (first, rest) = signature.split_at(1);
    let altered = format!("{signed}.{}{rest}", if first == "A" { "B" } else { "A" });
    house.refuses(&altered, "access.token.signature").await;
    house.pass(361).await;
    house.refuses(&good, "access.token.expired").await;
    house.world.end().await;
}

#[tokio::test]
async fn nothing_is_taken_any_more_once_trust_was_withdrawn() {
    let Some(house) = Trusting::start().await else { return };
    let (seen, unseen) = (house.realm.token("svc-a").await, house.realm.token("svc-a").await);
    house.takes(&seen).await;
    let path = format!("/v1/issuers/{}", house.realm.url.replace(':', "%3A").replace('/', "%2F"));
    for (status, taken) in [("suspended", false), ("active", true)] {
        let told = house.world.ask(&house.acme.operator, "PATCH", &path, Some(json!({ "status": status }))).await;
        assert_eq!(told.status, 200, "{}", told.text());
        for token in [&seen, &unseen] {
            if taken {
                house.takes(token).await;
            } else {
                house.refuses(token, "access.issuer.unknown").await;
            }
        }
    }
    house.world.end().await;
}

#[tokio::test]
async fn a_rotation_is_followed_and_unknown_keys_cause_no_storm() {
    let Some(house) = Trusting::start().await else { return };
    let old = house.realm.token("svc-a").await;
    house.takes(&old).await;
    house.realm.rotate(true).await;
    let new = house.realm.token("svc-a").await;
    for round in 1..=3 {
        for number in 0..8 {
            let forged = with_kid(&old, &format!("nobodys-{round}-{number}"));
            house.refuses(&forged, "access.token.key.unknown").await;
        }
        assert_eq!(house.realm.asked().await, round, "one fetch in ten seconds at the most");
        house.pass(10).await;
    }
    house.takes(&new).await;
    house.takes(&old).await;
    assert_eq!(house.realm.asked().await, 3, "the new key came with what strangers asked for");
    house.world.end().await;
}

#[tokio::test]
async fn a_key_that_the_issuer_withdrew_verifies_nothing() {
    let Some(house) = Trusting::start().await else { return };
    let old = house.realm.token("svc-a").await;
    house.takes(&old).await;
    house.realm.rotate(false).await;
    let new = house.realm.token("svc-a").await;
    house.pass(10).await;
    house.takes(&new).await;
    house.refuses(&old, "access.token.key.unknown").await;
    house.world.end().await;
}

#[tokio::test]
async fn an_issuer_whose_certificate_nobody_vouches_for_is_not_believed() {
    let Some(house) = Trusting::with("").await else { return };
    let token = house.realm.token("svc-a").await;
    let (status, code, _) = house.call(&token).await;
    assert_eq!((status, code.as_str()), (503, "access.issuer.unavailable"));
    assert_eq!(house.realm.asked().await, 0, "nothing was asked of it");
    house.world.end().await;
}
