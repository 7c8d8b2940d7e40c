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
