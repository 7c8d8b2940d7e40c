//! The tree of heads has the root and the proofs that the log's own code expects.

use proptest::prelude::*;

use super::*;
use crate::chain::verify_inclusion;

fn tenant(number: u128) -> Option<TenantId> {
    (number > 0).then(|| TenantId::from_u128(number))
}

fn append(ledger: &mut Ledger, tenant: Option<TenantId>, mark: Mark) -> Hash {
    let next = ledger.next(tenant);
    let leaf = leaf_hash(&next.index.to_be_bytes());
    ledger.take(&next, leaf, mark, |_, _| {});
    leaf
}

#[test]
fn each_trail_counts_for_itself_and_names_its_own_previous_entry() {
    let mut ledger = Ledger::default();
    let first = append(&mut ledger, tenant(1), Mark::Plain);
    append(&mut ledger, tenant(2), Mark::Plain);
    let next = ledger.next(tenant(1));
    assert_eq!(next, Next { place: 0, index: 2, sequence: 2, previous: first });
    assert_eq!(ledger.next(None), Next { place: 2, index: 2, sequence: 1, previous: Hash::ZERO });
}

#[test]
fn a_run_is_open_until_it_is_closed() {
    let mut ledger = Ledger::default();
    let run = RunId::from_u128(9);
    append(&mut ledger, tenant(1), Mark::Opened(run));
    assert_eq!(ledger.open.get(&run), Some(&0));
    append(&mut ledger, tenant(1), Mark::Closed(run));
    assert!(ledger.open.is_empty());
}

#[test]
fn parts_that_do_not_fit_make_no_ledger() {
    let mut ledger = Ledger::default();
    append(&mut ledger, tenant(1), Mark::Plain);
    append(&mut ledger, tenant(2), Mark::Plain);
    let heads = ledger.heads().to_vec();
    assert!(Ledger::from_parts(ledger.tree().clone(), heads.clone()).is_some());
    let mut twice = heads.clone();
    twice[1].tenant = twice[0].tenant;
    assert!(Ledger::from_parts(ledger.tree().clone(), twice).is_none());
    let mut more = heads;
    more[0].sequence += 1;
    assert!(Ledger::from_parts(ledger.tree().clone(), more).is_none());
}

#[test]
fn no_trail_has_the_root_of_nothing() {
    assert_eq!(Ledger::default().heads_told(), HeadsTold { trails: 0, root: no_heads() });
}

proptest! {
    #[test]
    fn the_tree_of_heads_is_a_tree_of_rfc_6962(appends in prop::collection::vec((0u128..12, any::<bool>()), 1..120)) {
        let mut ledger = Ledger::default();
        for (number, look) in appends {
            append(&mut ledger, tenant(number), Mark::Plain);
            if !look {
                continue;
            }
            let told = ledger.heads_told();
            let mut model = Frontier::new();
            for head in ledger.heads() {
                model.push(head.leaf(), |_, _| {});
            }
            prop_assert_eq!(told, HeadsTold { trails: model.size(), root: model.root() });
            for (place, head) in ledger.heads().iter().enumerate() {
                let path = ledger.head_path(place);
                prop_assert!(verify_inclusion(head.leaf(), place as u64, told.trails, &path, told.root));
            }
            let same = Ledger::from_parts(ledger.tree().clone(), ledger.heads().to_vec());
            prop_assert_eq!(same.map(|mut same| same.heads_told()), Some(told));
        }
    }
}
