//! Every reason for which the door itself says no, before any room is asked.

lockgate_vocabulary::refusals! {
    /// Why the door refused a request.
    pub enum GatewayRefusal {
        /// What should be JSON of a known shape is not.
        BodyJson = 400, "gateway.body.json", "The body is not JSON of the shape that is served here.",
            "Send the members that docs/webhooks.md names, each once.";
        /// The peer broke the rules of a body's framing, or stopped in the middle.
        BodyMalformed = 400, "gateway.body.malformed", "The request body is not well-formed.",
            "Send a body whose length is what Content-Length says, or well-formed chunks without trailers.";
        /// Longer than anything that is served.
        BodyTooLarge = 413, "gateway.body.too_large", "The request body is too large.",
            "Send at most 10 MB, or 100 MB where the endpoint is declared as bulk.";
        /// The peer broke the rules of a head.
        HeadMalformed = 400, "gateway.head.malformed", "The request is not well-formed HTTP/1.1.",
            "Send HTTP/1.1 as RFC 9112 writes it; the detail says which rule was broken.";
        /// Too many or too long header fields.
        HeadTooLarge = 431, "gateway.head.too_large", "The request head is too large.",
            "Send at most 100 header fields and 32 KiB in all.";
        /// A field of the gateway's own does not say what it may say.
        HeaderInvalid = 400, "gateway.header.invalid", "A header field does not have one of its values.",
            "Correct the field that the violations name.";
        /// The body is of another type than is served.
        MediaType = 415, "gateway.media_type", "The body is not JSON.",
            "Send Content-Type: application/json.";
        /// The path is served, but not with this method.
        MethodNotAllowed = 405, "gateway.method.not_allowed", "This path is not served with this method.",
            "Use a method that the Allow header names.";
        /// A method that no path is served with.
        MethodUnknown = 501, "gateway.method.unknown", "The method is not known.",
            "Use GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS.";
        /// Nothing is served there.
        PathUnknown = 404, "gateway.path.unknown", "Nothing is served at this path.",
            "Check the path; a call starts with /call/ and the connection's name.";
        /// A parameter is unknown, malformed, or there twice.
        QueryInvalid = 400, "gateway.query.invalid", "The query has a parameter that is unknown or malformed.",
            "Send limit, cursor and subscription alone, each at most once.";
        /// Nobody knows who asks, and it was refused too often.
        StrangerThrottled = 429, "gateway.stranger.throttled", "Too many requests without a valid credential came from there.",
            "Send a valid credential; try again after the time that Retry-After gives.";
        /// The target is too long.
        TargetTooLong = 414, "gateway.target.too_long", "The request target is too long.",
            "Send at most 8 KiB of path and query.";
        /// Another version of HTTP.
        VersionUnsupported = 505, "gateway.version.unsupported", "The version of HTTP is not served.",
            "Use HTTP/1.1.";
    }
}
