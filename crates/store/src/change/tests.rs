//! Changes as they are put together; that they hold is tested on the engines.

use lockgate_vocabulary::TenantId;

use super::*;

static ONE: Statement = Statement::tenant("one", "SELECT 1");

fn of(number: u128) -> Change {
    Change::of(TenantId::from_u128(number))
}

#[test]
fn steps_are_numbered_across_changes_put_together() {
    let change = of(1).step(&ONE, vec![]).expecting(1).and(of(1).step(&ONE, vec![]).step(&ONE, vec![]).expecting(2));
    assert_eq!(change.len(), 3);
    let expecting: Vec<_> = change.steps.iter().map(|step| step.expecting).collect();
    assert_eq!(expecting, [Some(1), None, Some(2)]);
    assert_eq!(change.misuse, None);
}

#[test]
fn a_change_is_of_one_tenant() {
    assert!(of(1).and(of(2)).misuse.is_some());
    assert!(of(1).and(Change::house()).and(of(2)).misuse.is_some(), "a detour by the house is none");
    let adopted = Change::house().and(of(2));
    assert_eq!((adopted.tenant, adopted.misuse), (Some(TenantId::from_u128(2)), None));
}

#[test]
fn misuse_is_kept() {
    let misused = of(1).expecting(1);
    assert!(misused.misuse.is_some());
    assert!(of(1).step(&ONE, vec![]).and(misused).misuse.is_some());
}

#[test]
fn raising_the_epoch_is_kept() {
    assert!(of(1).and(of(1).raising_epoch()).raises_epoch);
    assert!(of(1).raising_epoch().and(of(1)).raises_epoch);
    assert!(!of(1).and(of(1)).raises_epoch);
}

#[test]
fn a_change_weighs_what_it_carries() {
    assert!(of(1).step(&ONE, vec![Value::from(vec![0_u8; 5_000])]).weight() > 5_000);
}

#[test]
fn a_failure_nobody_foresaw_is_a_fault() {
    let conflict = ApplyFailure::Conflict { step: 2 };
    assert!(conflict.to_string().contains("step 2"));
    let fault = conflict.into_fault("keeping an answer");
    assert_eq!((fault.doing(), fault.is_unavailable()), ("keeping an answer", false));
    let away = ApplyFailure::Fault(Fault::unavailable("x", "y")).into_fault("z");
    assert_eq!((away.doing(), away.is_unavailable()), ("x", true));
}
