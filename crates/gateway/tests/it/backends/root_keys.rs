//! Root keys that are held elsewhere: what each must do, and a gateway whose root key is one.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use lockgate_testkit::Canned;
use lockgate_vault::root_key::{self, RootKey, UnwrapFailure, Wrapped};
use lockgate_vault::{Config, RootKeyNames};
use lockgate_vocabulary::Secret;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::aws;
use crate::client::Client;
use crate::world::World;

fn label(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

/// What every root key has to do: wrap, so that only it unwraps, and only for the same label.
async fn keeps_its_contract(root_key: &dyn RootKey) {
    let material = || Secret::new((0..32).collect());
    let wrapped = root_key.wrap(label("a"), material()).await.expect("wrapped");
    assert_eq!(wrapped.root_key, root_key.current());
    assert!(!wrapped.bytes.windows(8).any(|window| window == [0, 1, 2, 3, 4, 5, 6, 7]), "the key shows");
    let again = root_key.wrap(label("a"), material()).await.expect("wrapped");
    assert_ne!(again.bytes, wrapped.bytes, "equal keys are wrapped differently");
    let unwrapped = root_key.unwrap(label("a"), wrapped.clone()).await.expect("unwrapped");
    assert_eq!(unwrapped.expose(), material().expose());

    let moved = root_key.unwrap(label("b"), wrapped.clone()).await;
    assert!(matches!(moved, Err(UnwrapFailure::Wrong)), "for another label: {moved:?}");
    for at in [0, wrapped.bytes.len() / 2, wrapped.bytes.len() - 1] {
        let mut bytes = wrapped.bytes.clone();
        bytes[at] ^= 1;
        let changed = root_key.unwrap(label("a"), Wrapped { bytes, ..wrapped.clone() }).await;
        // In KMS the first bytes name a key, and of one that is not there it says that it is denied.
        let named = at == 0 && matches!(changed, Err(UnwrapFailure::Fault(_)));
        assert!(named || matches!(changed, Err(UnwrapFailure::Wrong)), "byte {at} was changed: {changed:?}");
    }
    let strange = root_key.unwrap(label("a"), Wrapped { root_key: "rk-strange".to_owned(), ..wrapped }).await;
    assert!(matches!(strange, Err(UnwrapFailure::Absent)), "by another root key: {strange:?}");
}

fn opened(settings: &str) -> std::sync::Arc<dyn RootKey> {
    let config: Config = toml::from_str(settings).expect("sound settings");
    root_key::open(&config, &super::surroundings(super::real_clock())).expect("a root key")
}

/// A new key in the emulator's KMS: its ARN.
async fn made_in_kms(url: &str) -> String {
    let address = url.trim_start_matches("http://");
    let mut client = Client::connect(address.parse().expect("an address")).await;
    let request = format!(
        "POST / HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/x-amz-json-1.1\r\n\
         X-Amz-Target: TrentService.CreateKey\r\nContent-Length: 2\r\nAuthorization: AWS4-HMAC-SHA256 \
         Credential=AKIA/20150830/eu-central-1/kms/aws4_request, SignedHeaders=host, Signature=0\r\n\r\n{{}}"
    );
    client.send(request).await;
    let made: Value = client.answer().await.expect("an answer").json();
    made["KeyMetadata"]["Arn"].as_str().expect("an ARN").to_owned()
}

fn in_kms(url: &str, folder: &TempDir, key: &str, more: &str) -> String {
    let login = aws::web_identity(folder, url);
    format!(
        "[vault.root_key]\nkind = \"aws-kms\"\nregion = \"eu-central-1\"\nurl = \"{url}\"\nkey = \"{key}\"\n{more}\n\
         login = {login}\n"
    )
}

#[tokio::test]
async fn a_key_in_kms_wraps_for_its_label_alone() {
    let Some(url) = aws::told() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let key = made_in_kms(&url).await;
    let settings = in_kms(&url, &folder, &key, "").replace("[vault.root_key]", "[root_key]");
    keeps_its_contract(&*opened(&settings)).await;
    // Another key of the same account does not unwrap what this one wrapped.
    let other = made_in_kms(&url).await;
    let wrapped = opened(&settings).wrap(label("a"), Secret::new(vec![7; 32])).await.expect("wrapped");
    let more = format!("previous = \"{key}\"");
    let both = in_kms(&url, &folder, &other, &more).replace("[vault.root_key]", "[root_key]");
    let names = RootKeyNames::read(&toml::from_str(&both).expect("sound")).expect("names");
    assert_eq!((names.current.as_str(), names.previous.as_deref()), (other.as_str(), Some(key.as_str())));
    assert!(opened(&both).unwrap(label("a"), wrapped.clone()).await.is_ok(), "by its name");
    let renamed = opened(&both).unwrap(label("a"), Wrapped { root_key: other, ..wrapped }).await;
    assert!(matches!(renamed, Err(UnwrapFailure::Wrong)), "{renamed:?}");
}

#[tokio::test]
async fn the_root_key_is_moved_from_its_file_into_kms_and_no_credential_is_entered_again() {
    let Some(url) = aws::told() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let key = made_in_kms(&url).await;
    let open = "[egress]\ndanger_allow_http_errands = true\ndanger_errand_networks = [\"127.0.0.0/8\"]\n";
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    world.connection(&acme, "crm").await;
    world.vendor.answers("GET /v1/things/1", Canned::json(200, "{}"));
    let called = async |world: &World| world.read(&acme.service, "/call/crm/v1/things/1").await.status;
    assert_eq!(called(&world).await, 200);

    let file = world.folder().join("root.key");
    let more = format!("previous_file = \"{}\"", file.display());
    let world = world.restarted(&(open.to_owned() + &in_kms(&url, &folder, &key, &more))).await;
    assert_eq!(called(&world).await, 200, "what the file wrapped is open");
    let rooms = &world.running.rooms;
    let done = rooms.vault.rewrap(&rooms.audit).await.expect("wrapped anew");
    assert_eq!((done.to.as_str(), done.unopened.len()), (key.as_str(), 0));
    assert!(done.keys() >= 2, "{done:?}");

    // The file is of no use any more.
    std::fs::rename(&file, file.with_extension("gone")).expect("moved away");
    let world = world.restarted(&(open.to_owned() + &in_kms(&url, &folder, &key, ""))).await;
    assert_eq!(called(&world).await, 200, "KMS alone opens it");
    let body = json!({ "secret": "another-secret-of-the-vendors", "danger_unverified": true });
    let rotated = world.ask(&acme.operator, "POST", "/v1/credentials/crm-key/versions", Some(body)).await;
    assert_eq!(rotated.status, 201, "{}", rotated.text());
    assert_eq!(called(&world).await, 200);
    world.end().await;
}

/// More than are ever asked for.
const MANY: usize = 100_000;

/// What stands before the emulator: it passes requests on, and holds those that decrypt until it is told to let some
/// through. The way out closes each connection after its answer, so a connection is a request.
struct Counter {
    address: SocketAddr,
    held: Arc<Held>,
}

/// Requests that decrypt: how many there are now, and how many may pass.
struct Held {
    waiting: AtomicUsize,
    passes: Semaphore,
}

impl Counter {
    async fn before(url: &str) -> Self {
        let far: SocketAddr = url.trim_start_matches("http://").parse().expect("an address");
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        let passes = Semaphore::new(0);
        let held = Arc::new(Held { waiting: AtomicUsize::new(0), passes });
        let holding = Arc::clone(&held);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(pass_on(near, far, Arc::clone(&holding)));
            }
        });
        Self { address, held }
    }

    async fn until_waiting(&self, many: usize) {
        while self.held.waiting.load(Ordering::Acquire) != many {
            tokio::task::yield_now().await;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the test is a client of the emulator")]
async fn pass_on(mut near: TcpStream, far: SocketAddr, held: Arc<Held>) {
    let mut asked = Vec::new();
    while !asked.windows(4).any(|window| window == b"\r\n\r\n") {
        if near.read_buf(&mut asked).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let decrypts = String::from_utf8_lossy(&asked).contains("TrentService.Decrypt");
    if decrypts {
        held.waiting.fetch_add(1, Ordering::AcqRel);
        held.passes.acquire().await.expect("it is never closed").forget();
    }
    let mut far = TcpStream::connect(far).await.expect("the emulator listens");
    far.write_all(&asked).await.expect("it takes a request");
    // Whoever gives up first ends it in an error, which is no matter here.
    drop(tokio::io::copy_bidirectional(&mut near, &mut far).await);
    if decrypts {
        held.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

#[tokio::test]
async fn a_start_has_tenants_keys_decrypted_some_at_once_and_no_more_than_that() {
    let Some(url) = aws::told() else { return };
    let (folder, key) = (tempfile::tempdir().expect("a folder"), made_in_kms(&url).await);
    let open = "[egress]\ndanger_allow_http_errands = true\ndanger_errand_networks = [\"127.0.0.0/8\"]\n";
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    for number in 0..38 {
        world.tenant(&format!("tenant-{number}")).await;
    }
    world.connection(&acme, "crm").await;
    world.vendor.answers("GET /v1/things/1", Canned::json(200, "{}"));
    let more = format!("previous_file = \"{}\"", world.folder().join("root.key").display());
    let world = world.restarted(&(open.to_owned() + &in_kms(&url, &folder, &key, &more))).await;
    let rooms = &world.running.rooms;
    let done = rooms.vault.rewrap(&rooms.audit).await.expect("wrapped anew");
    assert!(done.keys() >= 40 && done.unopened.is_empty(), "{done:?}");

    // The house's own key comes first, alone; the others wait together, as many as are asked for at once.
    let counter = Counter::before(&url).await;
    let section = open.to_owned() + &in_kms(&format!("http://{}", counter.address), &folder, &key, "");
    let let_through = async {
        counter.until_waiting(1).await;
        counter.held.passes.add_permits(1);
        counter.until_waiting(16).await;
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
        assert_eq!(counter.held.waiting.load(Ordering::Acquire), 16, "no more than that at once");
        counter.held.passes.add_permits(MANY);
    };
    let (world, ()) = tokio::join!(world.restarted(&section), let_through);
    assert_eq!(world.read(&acme.service, "/call/crm/v1/things/1").await.status, 200);
    world.end().await;
}

/// The root key in the token that `scripts/services` made: the label of token and key, and the PIN.
#[cfg(feature = "pkcs11")]
#[expect(clippy::disallowed_methods, reason = "tests are told by their environment where the servers are")]
#[expect(clippy::print_stdout, reason = "a test that is skipped must say so")]
fn in_module(folder: &TempDir, key: &str, more: &str) -> Option<String> {
    let Ok(module) = std::env::var("LOCKGATE_TEST_PKCS11") else {
        println!("skipped: LOCKGATE_TEST_PKCS11 is not set (scripts/services sets it)");
        return None;
    };
    let pin = folder.path().join("pin");
    super::owned(&pin, "5678\n");
    Some(format!(
        "[root_key]\nkind = \"pkcs11\"\nmodule_file = \"{module}\"\ntoken = \"lockgate\"\npin_file = \"{}\"\n\
         key = \"{key}\"\n{more}\n",
        pin.display()
    ))
}

#[cfg(feature = "pkcs11")]
#[tokio::test]
async fn a_key_in_a_module_wraps_for_its_label_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(settings) = in_module(&folder, "root-1", "") else { return };
    keeps_its_contract(&*opened(&settings)).await;
    let wrapped = opened(&settings).wrap(label("a"), Secret::new(vec![7; 32])).await.expect("wrapped");
    let both = in_module(&folder, "root-2", "previous = \"root-1\"").expect("told before");
    assert!(opened(&both).unwrap(label("a"), wrapped.clone()).await.is_ok(), "by its name");
    let renamed = opened(&both).unwrap(label("a"), Wrapped { root_key: "root-2".to_owned(), ..wrapped }).await;
    assert!(matches!(renamed, Err(UnwrapFailure::Wrong)), "{renamed:?}");
    for wrong in ["root-3", "root-twice"] {
        let config: Config = toml::from_str(&in_module(&folder, wrong, "").expect("told before")).expect("sound");
        let refused = root_key::open(&config, &super::surroundings(super::real_clock()));
        assert!(refused.is_err(), "{wrong}: there is none, or there are two");
    }
}

#[cfg(feature = "pkcs11")]
#[tokio::test]
async fn the_root_key_is_moved_from_its_file_into_a_module() {
    let folder = tempfile::tempdir().expect("a folder");
    if in_module(&folder, "root-1", "").is_none() {
        return;
    }
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    world.connection(&acme, "crm").await;
    world.vendor.answers("GET /v1/things/1", Canned::json(200, "{}"));
    let section = |more: &str| {
        let settings = in_module(&folder, "root-1", more).expect("told before");
        settings.replace("[root_key]", "[vault.root_key]")
    };
    let file = world.folder().join("root.key");
    let world = world.restarted(&section(&format!("previous_file = \"{}\"", file.display()))).await;
    let rooms = &world.running.rooms;
    rooms.vault.rewrap(&rooms.audit).await.expect("wrapped anew");
    std::fs::rename(&file, file.with_extension("gone")).expect("moved away");
    let world = world.restarted(&section("")).await;
    assert_eq!(world.read(&acme.service, "/call/crm/v1/things/1").await.status, 200, "the module alone opens it");
    world.end().await;
}

#[cfg(not(feature = "pkcs11"))]
#[tokio::test]
async fn a_build_without_modules_says_so() {
    let settings = "[root_key]\nkind = \"pkcs11\"\nmodule_file = \"/lib/x.so\"\ntoken = \"t\"\nkey = \"k\"\n\
                    pin_file = \"/pin\"\n";
    let config: Config = toml::from_str(settings).expect("sound settings");
    let refused = root_key::open(&config, &super::surroundings(super::real_clock())).err().expect("refused");
    assert!(refused.to_string().contains("the feature pkcs11"), "{refused}");
}
