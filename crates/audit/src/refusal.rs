//! Every reason for which this room says no.

lockgate_vocabulary::refusals! {
    /// Why the audit trail refuses work that it could not keep. Alphabetical.
    pub enum AuditRefusal {
        QueueFull = 503, "audit.queue.full",
            "The audit trail is behind; nothing was done.",
            "Try again after the time in Retry-After. Operators: the disk under the audit directory is too slow for the load.";
        Unavailable = 503, "audit.unavailable",
            "The audit trail cannot be written; nothing was done.",
            "Try again later. Operators: free or mend the disk under the audit directory, then restart the node.";
    }
}
