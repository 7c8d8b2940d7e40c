//! Every statement of the room. What was heard goes in and comes out sealed.

use lockgate_store::Statement;

pub(crate) mod approvals;
pub(crate) mod deliveries;
pub(crate) mod governance;
pub(crate) mod subscriptions;

/// All of them, for the test that prepares each on both engines.
pub const STATEMENTS: &[&Statement] = &[
    &approvals::DECIDE,
    &approvals::DONE,
    &approvals::FORGET,
    &approvals::INSERT,
    &approvals::ONE,
    &approvals::PAGE,
    &deliveries::ACKNOWLEDGE,
    &deliveries::ATTEMPTS,
    &deliveries::ATTEMPTS_FORGET,
    &deliveries::CLAIM,
    &deliveries::CLAIMED,
    &deliveries::CLAIMS_FORGET,
    &deliveries::ENVELOPE,
    &deliveries::FORGET,
    &deliveries::HEARD,
    &deliveries::INSERT,
    &deliveries::OF_A_TIME,
    &deliveries::ONE,
    &deliveries::PAGE,
    &deliveries::PAGE_DEAD,
    &deliveries::PAGE_OF,
    &deliveries::PULLED,
    &deliveries::REPLAYED,
    &deliveries::SPOILED,
    &deliveries::WAITING_BYTES,
    &governance::CURSOR,
    &governance::CURSOR_BEGIN,
    &governance::CURSOR_MOVE,
    &governance::EVENTS,
    &governance::NEWEST,
    &subscriptions::CHALLENGED,
    &subscriptions::COUNT,
    &subscriptions::INSERT,
    &subscriptions::NAMED,
    &subscriptions::NOW_FETCHED,
    &subscriptions::NOW_HANDED_ON,
    &subscriptions::ONE,
    &subscriptions::PAGE,
    &subscriptions::SECRETS_ALL,
    &subscriptions::SECRETS_OF,
    &subscriptions::SECRETS_SINCE,
    &subscriptions::SECRET_ADD,
    &subscriptions::SECRET_ENDS,
    &subscriptions::SECRET_WITHDRAW,
    &subscriptions::SUBSCRIPTIONS_ALL,
    &subscriptions::SUBSCRIPTIONS_SINCE,
    &subscriptions::TOUCH,
    &subscriptions::UPDATE,
    &subscriptions::WAYS_OUT,
];

#[cfg(test)]
mod tests;
