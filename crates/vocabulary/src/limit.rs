//! Limits on what comes from outside that more than one room must agree on.

use std::time::Duration;

/// A request or answer head: the request or status line and all header lines, 32 KiB.
pub const HEAD_BYTES: usize = 32 * 1024;

/// Header fields in one head.
pub const HEADER_COUNT: usize = 100;

/// A request target, 8 KiB (RFC 9110 section 4.1 recommends at least 8,000 bytes).
pub const TARGET_BYTES: usize = 8 * 1024;

/// A request body, 10 MB (the standard's section 5.1).
pub const BODY_BYTES: u64 = 10_000_000;

/// A bulk import's body, 100 MB (the standard's section 5.1).
pub const BULK_BODY_BYTES: u64 = 100_000_000;

/// What of a request body is kept in memory; the rest is spooled, sealed.
pub const BODY_IN_MEMORY: usize = 64 * 1024;

/// The whole of a synchronous call (the standard's section 4.5).
pub const CALL_TIME: Duration = Duration::from_secs(30);

/// The whole of a synchronous bulk call (the standard's section 4.5).
pub const BULK_CALL_TIME: Duration = Duration::from_secs(120);

/// How long a call that is answered later may go on and be asked for.
pub const OPERATION_TIME: Duration = Duration::from_secs(24 * 60 * 60);

/// An access token or an API key as presented, 8 KiB.
pub const CREDENTIAL_BYTES: usize = 8 * 1024;

/// How many rows a list gives where the caller says nothing.
pub const PAGE_DEFAULT: u32 = 100;

/// How many rows a list gives at the most; more is refused.
pub const PAGE_MOST: u32 = 1_000;
