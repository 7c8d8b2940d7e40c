//! Every reason for which the operator's side itself says no, before a room is asked.

lockgate_vocabulary::refusals! {
    /// Why the operator's side refused a request.
    pub enum AdminRefusal {
        /// Bytes that are no JSON, or JSON that two readers read differently.
        BodyMalformed = 400, "admin.body.malformed", "The request body is not well-formed JSON.",
            "Send one JSON object in UTF-8, without duplicate member names.";
        /// More than any request of this side needs.
        BodyTooLarge = 413, "admin.body.too_large", "The request body is too large.",
            "Send at most 1 MiB.";
        /// Something else than JSON.
        MediaType = 415, "admin.body.media_type", "The request body is not JSON.",
            "Send Content-Type: application/json.";
        /// A field that callers of the door know, which this side would silently not heed.
        HeaderUnsupported = 400, "admin.header.unsupported", "This side does not do what a header asks for; nothing was done.",
            "Send administrative requests without X-DryRun and, where they write, without Idempotency-Key.";
        /// JSON of another shape.
        InputInvalid = 422, "admin.input.invalid", "The request body is not what this endpoint takes.",
            "Correct what the violations name; docs/generated/openapi.json has every shape.";
        /// A path that is served, with a method that is not.
        MethodNotAllowed = 405, "admin.method.not_allowed", "This path is not served with this method.",
            "Use a method that the Allow header names.";
        /// Nothing is served there.
        PathUnknown = 404, "admin.path.unknown", "Nothing is served at this path.",
            "See /openapi.json for every path.";
        /// A query that is asked for where there is none, or that has a parameter which it does not have.
        QueryInvalid = 400, "admin.query.invalid", "The query is not one that is answered here; nothing was done.",
            "Correct the parameter that the violations name; what is to be written goes into the body.";
        /// Nobody knows who asks, and it was refused too often.
        StrangerThrottled = 429, "admin.stranger.throttled", "Too many requests without a valid credential came from there.",
            "Send a valid credential; try again after the time that Retry-After gives.";
    }
}
