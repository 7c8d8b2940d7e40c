//! A real server with a barrier and unseal keys, RustyVault: sealed, opened, and sealed again. It has no KV engine of
//! version 2, and says that it has one: nothing may be taken for kept there.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use lockgate_vault::backend::{BackendFailure, SecretBackend};
use lockgate_vocabulary::Secret;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::contract::fresh_path;
use super::{opened, owned, real_clock};
use crate::client::{Answer, parse};

/// The server, which ends with the test.
struct Server {
    process: Child,
    port: u16,
    folder: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _gone = self.process.wait();
    }
}

impl Server {
    /// Starts it sealed; nothing where it is not installed.
    #[expect(clippy::disallowed_methods, reason = "tests are told by their environment where the servers are")]
    #[expect(clippy::print_stdout, reason = "a test that is skipped must say so")]
    async fn start() -> Option<Self> {
        let Some(program) = std::env::var_os("LOCKGATE_TEST_RUSTYVAULT") else {
            println!("skipped: LOCKGATE_TEST_RUSTYVAULT is not set (scripts/services sets it)");
            return None;
        };
        let folder = tempfile::tempdir().expect("a folder");
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("it is bound").port();
        drop(free);
        let at = folder.path().display();
        let config = format!(
            "storage \"file\" {{\n  path = \"{at}/data\"\n}}\nlistener \"tcp\" {{\n  address = \"127.0.0.1:{port}\"\n  \
             tls_disable = \"true\"\n}}\napi_addr = \"http://127.0.0.1:{port}\"\nlog_level = \"error\"\n\
             log_format = \"{{date}}\"\ndaemon = false\nwork_dir = \"{at}\"\npid_file = \"{at}/pid\"\n"
        );
        let file = folder.path().join("config.hcl");
        std::fs::write(&file, config).expect("written");
        let process = Command::new(program)
            .args([Path::new("server"), Path::new("--config"), &file])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let server = Self { process, port, folder };
        for _ in 0..600 {
            if TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                return Some(server);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("it does not listen");
    }

    #[expect(clippy::disallowed_methods, reason = "the test is the server's operator")]
    async fn ask(&self, method: &str, path: &str, token: &str, body: &Value) -> Answer {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.expect("it listens");
        let body = body.to_string();
        let request = format!(
            "{method} /v1/{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Vault-Token: {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.expect("read");
        parse(&bytes).expect("an answer").0
    }

    /// The gateway's side of it, with this token.
    fn backend(&self, token: &str) -> Arc<dyn SecretBackend> {
        let file = self.folder.path().join("token");
        owned(&file, token);
        let settings = format!(
            "kind = \"kv2\"\nurl = \"http://127.0.0.1:{}\"\nmount = \"kv\"\n\
             login = {{ kind = \"token\", danger_token_file = \"{}\" }}\n",
            self.port,
            file.display()
        );
        opened(&settings, real_clock())
    }
}

#[tokio::test]
async fn a_server_that_is_sealed_gives_nothing_out_and_says_so() {
    let Some(server) = Server::start().await else { return };
    let made = server.ask("PUT", "sys/init", "", &json!({ "secret_shares": 1, "secret_threshold": 1 })).await.json();
    let (key, token) = (made["keys"][0].clone(), made["root_token"].as_str().expect("a token").to_owned());
    let (backend, path) = (server.backend(&token), fresh_path());
    let put = || backend.put(path.clone(), None, Secret::from("one".to_owned()));
    let sealed = async || {
        assert_eq!(backend.health().await, Err(BackendFailure::Sealed));
        assert_eq!(put().await, Err(BackendFailure::Sealed));
        assert_eq!(backend.versions(path.clone()).await, Err(BackendFailure::Sealed));
    };
    sealed().await;

    let opened = server.ask("PUT", "sys/unseal", "", &json!({ "key": key })).await.json();
    assert_eq!(opened["sealed"], false, "{opened}");
    // It is open, and says of a token neither how long it lives nor, with a status alone, whether anything is at a path.
    let health = backend.health().await;
    assert!(matches!(health, Err(BackendFailure::Malformed(_))), "{health:?}");
    let version_two = json!({ "type": "kv", "options": { "version": "2" } });
    assert_eq!(server.ask("POST", "sys/mounts/kv", &token, &version_two).await.status, 204);
    // What it calls version 2 keeps no versions. A value that would be lost with the next one is none that is kept.
    let kept = put().await;
    assert!(matches!(kept, Err(BackendFailure::Malformed(_))), "{kept:?}");
    assert_eq!(server.backend("094017f5-none").versions(path.clone()).await, Err(BackendFailure::Denied));

    assert_eq!(server.ask("PUT", "sys/seal", &token, &json!({})).await.status, 204);
    sealed().await;
}
