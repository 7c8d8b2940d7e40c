//! Refusals and faults as callers see them: the operator's side has the one writer of them, and the door
//! answers with the same.

pub use lockgate_admin::problem::{MEDIA_TYPE, Problem, message, tell_rate};
