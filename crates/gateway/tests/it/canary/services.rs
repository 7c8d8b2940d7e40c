//! The same where the store is PostgreSQL, the counters are Redis's and deliveries go to NATS: each is given a
//! secret of its own, and what lies in the database and in Redis's own file is searched as well.
//!
//! What is published to NATS is the tenant's, byte for byte, and is not searched. The suite's PostgreSQL and NATS
//! demand no password, so theirs are read and held and never asked for; Redis demands the one it is given.

use std::cell::RefCell;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use lockgate_vocabulary::{Clock, RunId, SystemClock, SystemEntropy};
use tempfile::TempDir;

use super::begin::Engine;
use super::watched::Watched;

/// Looks at a server that starts.
const LOOKS: usize = 400;

/// Where everything is.
pub struct Services {
    postgres: String,
    nats: String,
    schema: String,
    dir: TempDir,
    redis: RefCell<Option<Child>>,
}

/// The suite's servers, or a visible line that says that they are not there.
#[expect(clippy::disallowed_methods, reason = "tests are told by their environment where the servers are")]
#[expect(clippy::print_stdout, reason = "a test that is skipped must say so")]
pub fn there() -> Option<Services> {
    let told = |name: &str| {
        let value = std::env::var(name).ok();
        if value.is_none() {
            println!("skipped: {name} is not set (scripts/services sets it)");
        }
        value
    };
    let (postgres, nats) = (told("LOCKGATE_TEST_POSTGRES")?, told("LOCKGATE_TEST_NATS")?);
    let schema = format!("t_{}", RunId::generate(&SystemClock::new(), &SystemEntropy));
    Some(Services { postgres, nats, schema, dir: tempfile::tempdir().expect("a folder"), redis: RefCell::default() })
}

impl Services {
    /// Starts a Redis that demands a password and writes down whatever it is told.
    async fn redis(&self, password: &str) -> String {
        let (socket, config) = (self.dir.path().join("redis.sock"), self.dir.path().join("redis.conf"));
        let data = self.dir.path().join("redis");
        std::fs::create_dir(&data).expect("made");
        let text = format!(
            "port 0\nunixsocket {}\nrequirepass {password}\nappendonly yes\nappendfsync always\naof-use-rdb-preamble no\n\
             dir {}\n",
            socket.display(),
            data.display()
        );
        std::fs::write(&config, text).expect("written");
        let mut command = Command::new("redis-server");
        let child = command.arg(&config).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it is installed");
        *self.redis.borrow_mut() = Some(child);
        let clock = SystemClock::new();
        for _ in 0..LOOKS {
            if socket.exists() {
                return format!("redis+unix://{}", socket.display());
            }
            clock.sleep(Duration::from_millis(25)).await;
        }
        panic!("Redis does not start");
    }

    /// The configuration's sections, and the secrets in them.
    pub async fn engine(&self, seed: u64) -> Engine {
        let mut engine = Engine::sqlite(seed);
        let secret = |name: &str| super::nest::Nest::new(seed ^ 0xff ^ name.len() as u64).word(name);
        let planted = ["password of PostgreSQL", "password of Redis", "token of NATS"].map(|name| (name, secret(name)));
        let file = |name: &str, text: &str| {
            let path = self.dir.path().join(name);
            std::fs::write(&path, text).expect("written");
            std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("set");
            path.display().to_string()
        };
        let [postgres, redis, nats] = &planted;
        let files = [file("postgres", &postgres.1), file("redis.password", &redis.1), file("nats", &nats.1)];
        let redis = self.redis(&redis.1).await;
        engine.sections = format!(
            "[store.engine]\nkind = \"postgres\"\nurl = \"{}\"\npassword_file = \"{}\"\nschema = \"{}\"\n\
             [store.redis]\nurl = \"{redis}\"\npassword_file = \"{}\"\n\
             [webhooks.nats]\nurl = \"{}\"\ntoken_file = \"{}\"\n",
            self.postgres, files[0], self.schema, files[1], self.nats, files[2]
        );
        engine.planted = planted.into_iter().map(|(name, secret)| (name.to_owned(), secret)).collect();
        engine.publishes = true;
        engine
    }

    /// Keeps every row of the database, and what Redis wrote down.
    pub fn keep(&self, watched: &Watched) {
        let superuser = self.postgres.replacen("//lockgate@", "//postgres@", 1);
        let mut command = Command::new(newest_dump());
        command.args(["--schema", &format!("\"{}\"", self.schema), &superuser]);
        let dumped = command.output().expect("it runs");
        assert!(dumped.status.success(), "{}", String::from_utf8_lossy(&dumped.stderr));
        let rows = String::from_utf8_lossy(&dumped.stdout).matches("COPY ").count();
        let has_rows = dumped.stdout.windows(4).any(|window| window == b"acme");
        assert!(rows > 10 && has_rows, "{rows} tables");
        watched.keep("rows of PostgreSQL", &dumped.stdout);
        let written = self.dir.path().join("redis/appendonlydir");
        for entry in std::fs::read_dir(written).expect("it writes down what it is told") {
            let bytes = std::fs::read(entry.expect("a file").path()).expect("read");
            watched.keep("what Redis was told", &bytes);
        }
    }
}

/// `pg_dump` of the server that is installed; Debian keeps it out of the path.
fn newest_dump() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = versions.map(|entry| entry.path().join("bin/pg_dump")).collect();
    found.retain(|path| path.exists());
    found.sort();
    found.pop().unwrap_or_else(|| PathBuf::from("pg_dump"))
}

impl Drop for Services {
    fn drop(&mut self) {
        if let Some(mut redis) = self.redis.borrow_mut().take() {
            drop(redis.kill());
            drop(redis.wait());
        }
    }
}
