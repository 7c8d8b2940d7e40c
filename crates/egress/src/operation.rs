//! Calls that are answered later: the full schedule of retries goes on behind a 202.

use std::time::Duration;

use lockgate_vocabulary::{OperationId, RunId, Timestamp};

use crate::reply::Answer;

/// How an operation stands.
#[derive(Debug)]
pub struct OperationStatus {
    /// The operation.
    pub operation: OperationId,
    /// The run under which it is recorded.
    pub run: RunId,
    /// How it stands.
    pub state: OperationState,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// Until when it can be asked for.
    pub expires_at: Timestamp,
}

/// Where an operation is.
#[derive(Debug)]
pub enum OperationState {
    /// It goes on; ask again after so long.
    Running {
        /// How long to wait before asking.
        retry_after: Duration,
    },
    /// The vendor answered.
    Succeeded(Answer),
    /// It failed with this code.
    Failed {
        /// The refusal's code.
        code: String,
    },
    /// Nobody knows whether the vendor did it.
    Unknown,
}
