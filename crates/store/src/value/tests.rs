//! Values and rows: what is shown, what is weighed, what is read.

use lockgate_vocabulary::{ConnectionId, Name, TenantId, Timestamp};

use super::*;

#[test]
fn a_value_shows_its_kind_and_size_and_nothing_else() {
    let shown = format!("{:?}", Row::new(values!["hunter2", b"hunter2".to_vec(), 7_742_i64, None::<i64>]));
    assert!(!shown.contains("hunter2") && !shown.contains("7742"), "{shown}");
    assert_eq!(shown, "Row([Text(7 bytes), Bytes(7), Int, Null])");
}

#[test]
fn words_of_the_vocabulary_become_values() {
    let (tenant, connection) = (TenantId::from_u128(1), ConnectionId::from_u128(2));
    let name: Name = "billing".parse().unwrap();
    let made = values![tenant, connection, &name, Timestamp::from_micros(9), true, false, 3_u32, Some("x"), [1_u8, 2]];
    let wanted = [
        Value::Text(tenant.to_string()),
        Value::Text(connection.to_string()),
        Value::Text("billing".into()),
        Value::Int(9),
        Value::Int(1),
        Value::Int(0),
        Value::Int(3),
        Value::Text("x".into()),
        Value::Bytes(vec![1, 2]),
    ];
    assert_eq!(made, wanted);
}

#[test]
fn a_row_gives_back_what_was_put_in() {
    let tenant = TenantId::from_u128(77);
    let row = Row::new(values![tenant, Timestamp::from_secs(5), true, None::<String>, "ten_nonsense"]);
    assert_eq!(row.parsed::<TenantId>(0).unwrap(), tenant);
    assert_eq!(row.moment(1).unwrap(), Timestamp::from_secs(5));
    assert_eq!(row.opt_moment(1).unwrap(), Some(Timestamp::from_secs(5)));
    assert!(row.flag(2).unwrap());
    assert_eq!(row.opt_text(3).unwrap(), None);
    assert_eq!(row.opt_parsed::<TenantId>(3).unwrap(), None);
    assert_eq!(row.opt_parsed::<TenantId>(0).unwrap(), Some(tenant));
    assert!(row.opt_parsed::<TenantId>(4).is_err(), "what is stored must be an identifier");
    assert!(row.text(3).is_err(), "nothing is not a text");
    assert_eq!((row.len(), row.is_empty()), (5, false));
}

#[test]
fn a_value_weighs_what_it_holds() {
    assert!(Value::from(vec![0_u8; 1_000]).weight() >= 1_000);
    assert!(Value::from("x".repeat(1_000)).weight() >= 1_000);
    assert!(Value::Null.weight() > 0, "a million nothings are not free");
}

#[test]
fn only_a_text_with_nul_cannot_be_stored() {
    assert!(!Value::from("a\0").is_storable());
    assert!(Value::from("a\u{1}").is_storable());
    assert!(Value::from(vec![0_u8]).is_storable());
}
