//! A store that goes away: a wall stands between the gateway and PostgreSQL, and is closed. Calls are
//! refused within the time in which a revocation must hold, and go on once it is open again.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use lockgate_testkit::Canned;
use lockgate_vocabulary::{RunId, SystemClock, SystemEntropy};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::world::World;

/// Where a server is, or a visible line that says that it is not there.
#[expect(clippy::disallowed_methods, reason = "tests are told by their environment where the servers are")]
#[expect(clippy::print_stdout, reason = "a test that is skipped must say so")]
fn server(name: &str) -> Option<String> {
    let told = std::env::var(name).ok();
    if told.is_none() {
        println!("skipped: {name} is not set (scripts/services sets it)");
    }
    told
}

pub fn postgres() -> Option<String> {
    server("LOCKGATE_TEST_POSTGRES")
}

/// Passes bytes on while it is open, and cuts every connection while it is not.
pub struct Wall {
    address: SocketAddr,
    open: Arc<watch::Sender<bool>>,
}

impl Wall {
    async fn before(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let open = Arc::new(watch::Sender::new(true));
        let told = open.clone();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let mut open = told.subscribe();
                if *open.borrow() {
                    let server = server.clone();
                    tokio::spawn(async move {
                        tokio::select! {
                            () = pass(near, &server) => {}
                            _ = open.wait_for(|open| !open) => {}
                        }
                    });
                }
            }
        });
        Self { address, open }
    }

    /// Opens it, or closes it.
    pub fn stand(&self, open: bool) {
        self.open.send_replace(open);
    }
}

/// A wall before PostgreSQL, and the settings of a gateway with a schema of its own behind it.
pub async fn behind_wall() -> Option<(Wall, String)> {
    let url = postgres()?;
    let server = authority(&url);
    let wall = Wall::before(server.clone()).await;
    let schema = RunId::generate(&SystemClock::new(), &SystemEntropy).to_string();
    let url = url.replacen(&server, &wall.address.to_string(), 1);
    let store = format!("[store.engine]\nkind = \"postgres\"\nurl = \"{url}\"\nschema = \"t_{schema}\"");
    Some((wall, store))
}

#[expect(clippy::disallowed_methods, reason = "the wall stands for the way to the server")]
async fn pass(mut near: TcpStream, server: &str) {
    if let Ok(mut far) = TcpStream::connect(server).await {
        drop(tokio::io::copy_bidirectional(&mut near, &mut far).await);
    }
}

/// The host and port in a URL.
fn authority(url: &str) -> String {
    let (_, rest) = url.split_once("://").expect("a URL");
    let authority = rest.split(['/', '?']).next().expect("an authority");
    authority.rsplit('@').next().expect("a host").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_goes_away_refuses_calls_and_comes_back() {
    let Some((wall, store)) = behind_wall().await else { return };
    let world = World::with(&store).await;
    let acme = world.tenant("acme").await;
    world.connection(&acme, "pay").await;
    world.vendor.answers("GET /v1/things/1", Canned::json(200, "{}"));
    world.vendor.answers("POST /v1/things", Canned::json(201, "{}"));
    let read = async || world.read(&acme.service, "/call/pay/v1/things/1").await;
    let keyed = async || world.call(&acme.service, "POST", "/call/pay/v1/things", "Idempotency-Key: a\r\n", "").await;
    assert_eq!(read().await.status, 200);

    wall.stand(false);
    world.clock.advance(Duration::from_secs(3));
    let sent = world.vendor.seen().len();
    for answer in [read().await, keyed().await] {
        assert_eq!(answer.status, 503, "{}", answer.text());
        let text = answer.text().to_lowercase();
        for inner in ["postgres", "sql", "127.0.0.1", "connection refused"] {
            assert!(!text.contains(inner), "{inner} is told: {text}");
        }
    }
    assert_eq!(world.vendor.seen().len(), sent, "nothing is sent while nobody knows what was revoked");
    let unready = world.read(&acme.service, "/readyz").await;
    assert_eq!((unready.status, &unready.json()["checks"]["store"]), (503, &json!(false)));
    assert_eq!(world.read(&acme.service, "/healthz").await.status, 200);

    wall.stand(true);
    world.pass(Duration::from_secs(1)).await;
    assert_eq!(read().await.status, 200);
    let first = keyed().await;
    assert_eq!(first.status, 201, "{}", first.text());
    assert_eq!(keyed().await.header("idempotent-replayed"), Some("true"));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_shared_counters_are_away_is_not_ready() {
    let Some(url) = server("LOCKGATE_TEST_REDIS") else { return };
    let redis = authority(&url);
    let wall = Wall::before(redis.clone()).await;
    let prefix = RunId::generate(&SystemClock::new(), &SystemEntropy).to_string();
    let url = url.replacen(&redis, &wall.address.to_string(), 1);
    let world = World::with(&format!("[store.redis]\nurl = \"{url}\"\nprefix = \"t_{prefix}\"")).await;
    let acme = world.tenant("acme").await;
    world.connection(&acme, "pay").await;
    world.vendor.answers("GET /v1/things/1", Canned::json(200, "{}"));
    assert_eq!(world.read(&acme.service, "/call/pay/v1/things/1").await.status, 200);
    let ready = async || world.read(&acme.service, "/readyz").await;
    assert_eq!((ready().await.status, &ready().await.json()["checks"]["limits"]), (200, &json!(true)));

    wall.stand(false);
    assert_eq!(world.read(&acme.service, "/call/pay/v1/things/1").await.status, 503);
    let unready = ready().await;
    assert_eq!((unready.status, &unready.json()["checks"]["limits"]), (503, &json!(false)), "{}", unready.text());
    // A node that nobody calls finds out by itself, since an outcome is believed for a second.
    wall.stand(true);
    world.pass(Duration::from_secs(1)).await;
    wall.stand(false);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(ready().await.json()["checks"]["limits"], json!(false));
    wall.stand(true);
    world.pass(Duration::from_secs(1)).await;
    assert_eq!(world.read(&acme.service, "/call/pay/v1/things/1").await.status, 200);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_may_count_for_itself_is_ready_without_shared_counters() {
    let Some(url) = server("LOCKGATE_TEST_REDIS") else { return };
    let redis = authority(&url);
    let wall = Wall::before(redis.clone()).await;
    wall.stand(false);
    let url = url.replacen(&redis, &wall.address.to_string(), 1);
    let fails_open = "[traffic]\ndanger_fail_open_to_local = true";
    let world = World::with(&format!("[store.redis]\nurl = \"{url}\"\n{fails_open}")).await;
    let acme = world.tenant("acme").await;
    world.connection(&acme, "pay").await;
    world.vendor.answers("GET /v1/things/1", Canned::json(200, "{}"));
    assert_eq!(world.read(&acme.service, "/call/pay/v1/things/1").await.status, 200);
    assert_eq!(world.read(&acme.service, "/readyz").await.status, 200);
    world.end().await;
}
