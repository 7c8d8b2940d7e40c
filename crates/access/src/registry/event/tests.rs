//! Events have the shape of CloudEvents 1.0 and the names of the contract.

use lockgate_store::Value;
use lockgate_testkit::{ManualClock, SeededEntropy};
use lockgate_vocabulary::{Actor, ConnectionId, PrincipalId, PrincipalKind, TenantId, Timestamp};

use super::{Event, EventKind};
use crate::access::tests::world::trace;

#[test]
fn an_event_is_a_cloudevent() {
    let actor = Actor {
        tenant: TenantId::from_u128(1),
        principal: PrincipalId::from_u128(2),
        kind: PrincipalKind::Operator,
        name: "root".into(),
    };
    let clock = ManualClock::at(Timestamp::from_secs(1_800_000_000));
    let subject = ConnectionId::from_u128(3);
    let event = Event::new(EventKind::IntegrationConnectionRetired, actor.tenant, subject)
        .by(&actor, trace())
        .with("name", "crm");
    let (_, values) = event.step(&clock, &SeededEntropy::new(1));
    let [Value::Text(id), Value::Text(kind), Value::Text(body), Value::Int(at)] = values.as_slice() else {
        panic!("{values:?}")
    };
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(kind, "IntegrationConnectionRetired");
    assert_eq!(*at, 1_800_000_000_000_000);
    let expected = serde_json::json!({
        "specversion": "1.0",
        "id": id,
        "source": format!("/tenants/{}", actor.tenant),
        "type": kind,
        "subject": subject.to_string(),
        "time": "2027-01-15T08:00:00.000000Z",
        "datacontenttype": "application/json",
        "data": {
            "tenant": actor.tenant.to_string(),
            "operator": actor.principal.to_string(),
            "operator_name": "root",
            "trace_id": trace().to_string(),
            "name": "crm",
        },
    });
    assert_eq!(body, expected);
}

#[test]
fn the_words_are_those_of_the_contract() {
    let words: Vec<_> = EventKind::ALL.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(words.len(), 15);
    assert!(words.contains(&"CredentialRotated") && words.contains(&"SecurityAlertRaised"));
    assert!(words.is_sorted());
}
