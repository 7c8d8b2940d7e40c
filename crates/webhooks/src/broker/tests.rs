//! Settings that make no sense are refused before anybody is spoken to.

use super::*;

fn config(url: &str) -> NatsConfig {
    NatsConfig { url: url.to_owned(), token_file: None, ca_file: None, danger_allow_plaintext: false }
}

#[test]
fn what_goes_in_the_clear_stays_on_this_machine() {
    assert!(Broker::open(&config("nats://127.0.0.1:4222")).is_ok());
    assert!(Broker::open(&config("nats://broker.example:4222")).unwrap_err().to_string().contains("loopback"));
    let open = NatsConfig { danger_allow_plaintext: true, ..config("nats://broker.example:4222") };
    assert!(Broker::open(&open).is_ok());
    assert!(Broker::open(&config("what?")).is_err());
}

#[test]
fn a_token_that_others_may_read_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "t0ken\n").unwrap();
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let settings = NatsConfig { token_file: Some(file.clone()), ..config("nats://127.0.0.1:4222") };
    assert!(Broker::open(&settings).is_err());
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    assert!(Broker::open(&settings).is_ok());
}

#[tokio::test]
async fn a_broker_that_is_not_there_is_told_as_that() {
    let broker = Broker::open(&config("nats://127.0.0.1:1")).unwrap();
    let refused = broker.publish("lockgate.t.s".into(), "dlv_1", Bytes::new()).await.unwrap_err();
    assert_eq!(refused, WebhookRefusal::BrokerUnavailable);
}

#[test]
fn a_url_holds_no_secret() {
    for url in ["nats://me:hunter2@127.0.0.1:4222", "nats://hunter2@127.0.0.1:4222", "nats://:hunter2@127.0.0.1:4222"] {
        let settings = config(url);
        let refused = Broker::open(&settings).unwrap_err().to_string();
        assert!(refused.contains("token_file") && !refused.contains("hunter2"), "{refused}");
        assert!(!format!("{settings:?}").contains("hunter2"), "{settings:?}");
    }
    assert!(format!("{:?}", config("tls://broker.example:4222")).contains("tls://broker.example:4222"));
}

#[test]
fn what_the_server_never_takes_is_told_apart_from_a_server_that_is_away() {
    assert_eq!(unsent(PublishErrorKind::MaxPayloadExceeded), WebhookRefusal::BrokerTooLarge);
    assert_eq!(unsent(PublishErrorKind::BrokenPipe), WebhookRefusal::BrokerUnavailable);
    assert_eq!(unkept(PublishErrorKind::TimedOut), WebhookRefusal::BrokerUnavailable);
    assert_eq!(unkept(PublishErrorKind::StreamNotFound), WebhookRefusal::BrokerRefused);
}

/// A stand-in that speaks just enough of the protocol: it says what it takes, and answers a ping.
async fn small_server(max_payload: usize) -> u16 {
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let (reader, mut writer) = stream.into_split();
        let info = serde_json::json!({
            "server_id": "s", "server_name": "s", "version": "2.10.0", "go": "go", "host": "127.0.0.1",
            "port": port, "headers": true, "max_payload": max_payload, "proto": 1, "client_id": 1,
        });
        writer.write_all(format!("INFO {info}\r\n").as_bytes()).await.unwrap();
        let mut lines = BufReader::new(reader).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            if line == "PING" {
                writer.write_all(b"PONG\r\n").await.unwrap();
            }
        }
    });
    port
}

#[tokio::test]
async fn a_body_beyond_what_the_server_takes_is_refused_as_that() {
    let port = small_server(1_024).await;
    let broker = Broker::open(&config(&format!("nats://127.0.0.1:{port}"))).unwrap();
    let body = Bytes::from(vec![b'x'; 2_048]);
    let refused = broker.publish("lockgate.t.s".into(), "dlv_1", body).await.unwrap_err();
    assert_eq!(refused, WebhookRefusal::BrokerTooLarge);
}
