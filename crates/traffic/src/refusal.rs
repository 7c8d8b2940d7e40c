//! Every reason for which traffic says no. All of them pass by themselves, so all carry `Retry-After`.

lockgate_vocabulary::refusals! {
    /// Why a call has to wait.
    pub enum TrafficRefusal {
        BreakerOpen = 503, "traffic.breaker.open", "The vendor has been failing, so calls to it are held back.", "Wait for the time in Retry-After; a single call will then try whether it is well again.";
        ConcurrencyExceeded = 429, "traffic.concurrency.exceeded", "Too many calls of this connection are under way at once.", "Send fewer calls at a time, or raise limits.concurrent of the connection.";
        LimitsUnavailable = 503, "traffic.limits.unavailable", "The limits cannot be checked at the moment.", "Try again shortly; operators find the reason in the log.";
        QuotaExceeded = 429, "traffic.quota.exceeded", "The connection's calls of this day are used up.", "Wait for the time in Retry-After, which is midnight UTC, or raise limits.per_day of the connection.";
        RateExceeded = 429, "traffic.rate.exceeded", "Too many calls in too short a time.", "Wait for the time in Retry-After and spread the calls.";
        SubscriptionExceeded = 429, "traffic.subscription.exceeded", "Too many deliveries in too short a time.", "Wait for the time in Retry-After, or raise per_minute of the subscription.";
        TenantExceeded = 429, "traffic.tenant.exceeded", "The tenant makes too many calls in too short a time, all of its callers and connections together.", "Wait for the time in Retry-After and spread the calls. Operators of the house: raise traffic.tenant_per_minute and tenant_burst.";
        VendorLimited = 429, "traffic.vendor.limited", "The vendor's own limit is used up.", "Wait for the time in Retry-After, or ask with Prefer: respond-async; the vendor decides about its limit.";
    }
}
