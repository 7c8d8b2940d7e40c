//! What both engines share: arguments by number, and answers put together.

use super::*;
use crate::values;

static OF_TENANT: Statement = Statement::tenant("test", "SELECT 1");
static OF_HOUSE: Statement = Statement::house("test", "SELECT 1");

#[test]
fn the_tenant_is_the_first_argument_where_the_statement_reaches_one() {
    let (tenant, given) = (Value::from("ten"), values!["a", "b"]);
    let arguments = Arguments::of(&OF_TENANT, Some(&tenant), &given).unwrap();
    assert_eq!(arguments.count(), 3);
    assert_eq!(arguments.numbered(1), Some(&tenant));
    assert_eq!(arguments.numbered(3), Some(&given[1]));
    assert_eq!(arguments.numbered(0), None);
    assert_eq!(arguments.numbered(4), None);
    let all: Vec<&Value> = arguments.all().collect();
    assert_eq!(all, [&tenant, &given[0], &given[1]]);
}

#[test]
fn a_statement_of_the_house_takes_what_it_is_given() {
    let (tenant, given) = (Value::from("ten"), values!["a"]);
    let arguments = Arguments::of(&OF_HOUSE, Some(&tenant), &given).unwrap();
    assert_eq!((arguments.count(), arguments.numbered(1)), (1, Some(&given[0])));
    assert!(Arguments::of(&OF_TENANT, None, &given).is_err());
    assert!(Arguments::of(&OF_HOUSE, None, &[Value::from("a\0")]).is_err());
}

#[test]
fn expectations_are_told_by_the_steps_number() {
    let answer = |touched| Answer { rows: Vec::new(), touched };
    let mut gathering = Gathering::new(2);
    gathering.step(Some(1), answer(1)).unwrap();
    gathering.step(None, answer(9)).unwrap();
    assert!(matches!(gathering.step(Some(0), answer(1)), Err(ApplyFailure::Unmet { step: 2 })));
    let applied = gathering.finish();
    assert_eq!((applied.touched, applied.epoch), (vec![1, 9], None));
}

#[test]
fn an_epoch_is_a_number_that_is_there() {
    let mut gathering = Gathering::new(0);
    assert!(gathering.epoch(&Answer { rows: Vec::new(), touched: 0 }).is_err());
    assert!(gathering.epoch(&Answer { rows: vec![Row::new(values![-1_i64])], touched: 1 }).is_err());
    gathering.epoch(&Answer { rows: vec![Row::new(values![7_i64])], touched: 1 }).unwrap();
    assert_eq!(gathering.finish().epoch, Some(7));
}

#[test]
fn a_fault_told_again_is_of_the_same_kind() {
    let away = told_again(&Fault::unavailable("writing", "away"));
    assert!(away.is_unavailable() && away.to_string().contains("away"));
    assert!(!told_again(&Fault::broken("writing", "broken")).is_unavailable());
}
