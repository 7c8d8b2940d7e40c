//! Every reason for which egress says no.
//!
//! Rows stand in alphabetical order of their variants. The reader of a title is a caller whose
//! connection somebody else configured, so no title tells what an address or an internal name is.

lockgate_vocabulary::refusals! {
    /// Why a call does not leave the house.
    pub enum EgressRefusal {
        AddressBenchmarking = 403, "egress.address.benchmarking", "The destination has an address that is reserved for benchmarking.", "Point the connection at the vendor's public host.";
        AddressBroadcast = 403, "egress.address.broadcast", "The destination has a broadcast address.", "Point the connection at the vendor's public host.";
        AddressDocumentation = 403, "egress.address.documentation", "The destination has an address that is reserved for documentation.", "Point the connection at the vendor's public host.";
        AddressEmbedded = 403, "egress.address.embedded", "The destination has an IPv6 address that hides an IPv4 address.", "Publish the vendor's own IPv4 or IPv6 address; mapped, translated and tunnelled addresses are refused.";
        AddressInfrastructure = 403, "egress.address.infrastructure", "The destination has an address that belongs to the internet's own machinery.", "Point the connection at the vendor's public host.";
        AddressLinkLocal = 403, "egress.address.link_local", "The destination has a link-local address.", "Point the connection at the vendor's public host.";
        AddressLoopback = 403, "egress.address.loopback", "The destination has a loopback address.", "Point the connection at the vendor's public host, or list the network under the connection's danger_private_networks.";
        AddressMetadata = 403, "egress.address.metadata", "The destination has the address of a cloud metadata service.", "Nothing opens this: a metadata service hands out the machine's own credentials.";
        AddressMulticast = 403, "egress.address.multicast", "The destination has a multicast address.", "Point the connection at the vendor's public host.";
        AddressPrivate = 403, "egress.address.private", "The destination has a private address.", "Point the connection at the vendor's public host, or list the network under the connection's danger_private_networks.";
        AddressReserved = 403, "egress.address.reserved", "The destination has a reserved address.", "Point the connection at the vendor's public host.";
        AddressShared = 403, "egress.address.shared", "The destination has an address shared behind a carrier's translator.", "Point the connection at the vendor's public host, or list the network under the connection's danger_private_networks.";
        AddressUnspecified = 403, "egress.address.unspecified", "The destination has the address of no machine or of this one.", "Point the connection at the vendor's public host.";
        AnswerCharset = 502, "egress.answer.charset", "The vendor's answer is written in a charset in which a credential could not be found.", "Ask the vendor for UTF-8, or declare the endpoint `danger_opaque` if its answers may not be looked at.";
        AnswerEncoding = 502, "egress.answer.encoding", "The vendor's answer is encoded in a way that was not asked for.", "Ask the vendor to honour `Accept-Encoding: identity`. Encoded answers are passed on only for endpoints that declare `danger_opaque`, to callers that ask for the encoding.";
        AnswerFraming = 502, "egress.answer.framing", "The length of the vendor's answer is told in two ways.", "Ask the vendor to send either Content-Length or chunks.";
        AnswerHead = 502, "egress.answer.head", "The head of the vendor's answer is not well-formed HTTP.", "Check that the base URL leads to an HTTP service; ask the vendor.";
        AnswerHeadTooLarge = 502, "egress.answer.head_too_large", "The head of the vendor's answer is too large.", "Ask the vendor to send at most 100 header fields and 32 KiB in all.";
        AnswerMediaType = 502, "egress.answer.media_type", "The vendor's answer is not of a media type that the endpoint declares.", "Correct the endpoint's answer.media_types, or ask the vendor.";
        AnswerNoRoom = 503, "egress.answer.no_room", "Too many large answers are being read at the moment.", "Wait for the time in Retry-After; ask for less at a time. Operators: see egress.answer_bytes_per_tenant and egress.answer_bytes.";
        AnswerSchema = 502, "egress.answer.schema", "The vendor's answer does not follow the schema that the endpoint declares.", "Correct the endpoint's answer.schema, or ask the vendor.";
        AnswerStalled = 504, "egress.answer.stalled", "The vendor stopped in the middle of its answer.", "Try again if repeating the call is safe.";
        AnswerTimeout = 504, "egress.answer.timeout", "The vendor did not answer in time.", "Try again later, or use an endpoint declared as bulk.";
        AnswerTooCostly = 502, "egress.answer.too_costly", "Checking the vendor's answer against the endpoint's schema would take too much work.", "Ask for less at a time, or make the endpoint's answer.schema simpler: fewer and shorter patterns.";
        AnswerTooLarge = 502, "egress.answer.too_large", "The vendor's answer is too large.", "Ask for less at a time, or raise the endpoint's answer.most_bytes.";
        AnswerTruncated = 502, "egress.answer.truncated", "The vendor's answer ended too early.", "Try again if repeating the call is safe.";
        AnswerUnchecked = 503, "egress.answer.unchecked", "The answer could not be checked against the endpoint's schema in time.", "Send fewer calls with large answers at once, or make the endpoint's answer.schema simpler.";
        AnswerUpgrade = 502, "egress.answer.upgrade", "The vendor wants to go on in another protocol.", "Call an endpoint that answers in HTTP.";
        BodyBroken = 400, "egress.body.broken", "The request body ended too early.", "Send the whole body.";
        BodyOverride = 400, "egress.body.override", "A field of the form names another method.", "Call with the method that is meant, and declare an endpoint of that method.";
        BodySpoolFull = 429, "egress.body.spool_full", "The tenant's large request bodies that wait to be sent take too much space.", "Wait for the time in Retry-After; send fewer large bodies at once.";
        BodyStalled = 400, "egress.body.stalled", "The request body did not come in time.", "Send the body without long pauses.";
        BodyTooLarge = 413, "egress.body.too_large", "The request body is too large.", "Send at most 10 MB, or 100 MB where the endpoint is declared as bulk.";
        CallTimeout = 503, "egress.call.timeout", "The call could not be led to the vendor in time.", "Try again shortly. Operators: look at the store, the disk of the audit log and the name servers.";
        CallerGone = 400, "egress.caller.gone", "The caller went away before the answer was complete.", "Keep the connection open until the answer is complete.";
        EndpointSchema = 503, "egress.endpoint.schema", "The endpoint's answer.schema cannot be used.", "Have the provider or connection written anew; that answer says what is wrong with the schema.";
        HostInternal = 403, "egress.host.internal", "The host's name belongs to a private network.", "Use the vendor's public name; for a system of your own list its network under danger_private_networks.";
        HostInvalid = 400, "egress.host.invalid", "The host is not a well-formed DNS name or address.", "Write a DNS name without a trailing dot, with labels of 1 to 63 letters, digits, hyphens and underscores.";
        HostLookalike = 400, "egress.host.lookalike", "The host is written in characters that programs read differently.", "Write the host in lower case in its ASCII form (xn--…).";
        HostMetadata = 403, "egress.host.metadata", "The host is a cloud metadata service.", "Nothing opens this: a metadata service hands out the machine's own credentials.";
        HostNotAllowed = 403, "egress.host.not_allowed", "The host is not on the list of allowed hosts.", "Add the host to the list if it is meant to be called.";
        HostNumeric = 400, "egress.host.numeric", "The host is a number but not an address in its usual form.", "Write an IPv4 address as four decimal numbers without leading zeros.";
        HostSingleLabel = 403, "egress.host.single_label", "The host's name has no domain.", "Use the fully qualified name; for a system of your own list its network under danger_private_networks.";
        IdempotencyBusy = 409, "egress.idempotency.busy", "A call with this idempotency key is under way.", "Wait for the time in Retry-After and send the same request again.";
        IdempotencyFull = 429, "egress.idempotency.full", "The answers that are kept for this tenant are as large together as they may be.", "Wait until some are forgotten, which is 24 hours after each call, or call without a key. Operators: raise egress.kept_tenant_bytes.";
        IdempotencyKey = 400, "egress.idempotency.key", "The idempotency key is malformed.", "Send 1 to 255 visible ASCII characters, once.";
        IdempotencyMismatch = 422, "egress.idempotency.mismatch", "The idempotency key was used for another request.", "Use a new key for each request; repeat a key only with the very same request.";
        IdempotencyNotKept = 409, "egress.idempotency.not_kept", "The call with this idempotency key was made, but its answer was too large to be kept.", "Look at the vendor's state; the call is not made twice.";
        LineMalformed = 400, "egress.line.malformed", "The line is not a JSON object with a text named url.", "Write one object per line: {\"id\": 1, \"url\": \"https://api.example.com/\"}.";
        NameBusy = 503, "egress.name.busy", "Too many names are being resolved at the moment.", "Try again shortly.";
        NameTimeout = 504, "egress.name.timeout", "The host's name was not resolved in time.", "Try again; check the name servers if it stays.";
        NameUnresolved = 502, "egress.name.unresolved", "The host's name has no address.", "Check the connection's base URL and the name servers.";
        OperationInterrupted = 503, "egress.operation.interrupted", "The gateway that made the call stopped before it was finished.", "Nothing was left half done at the vendor; send the call again.";
        OperationStopped = 503, "egress.operation.stopped", "The operation was not allowed, or not able, to go on.", "See the code in the detail, where there is one; whether a call may be sent again is told by its run.";
        OperationTooMany = 429, "egress.operation.too_many", "The tenant has too many operations going on.", "Wait for the time in Retry-After, or for an operation to end.";
        OperationUnknown = 403, "egress.operation.unknown", "There is no such operation that you may see.", "Check the id; operations are kept for 24 hours, for who started them.";
        OutcomeUnknown = 504, "egress.outcome.unknown", "Nobody knows whether the vendor did it.", "Look at the vendor's state before you repeat it; an operator has been told.";
        QueryOverride = 400, "egress.query.override", "A parameter of the query names another method.", "Call with the method that is meant, and declare an endpoint of that method.";
        RedirectDowngrade = 502, "egress.redirect.downgrade", "The vendor redirected from an encrypted to an unencrypted address.", "Ask the vendor to redirect to https.";
        RedirectEndpoint = 502, "egress.redirect.endpoint", "The vendor redirected to a path that the caller may not call.", "Call the address that the vendor documents, or declare the path as an endpoint and let the caller use it.";
        RedirectHost = 502, "egress.redirect.host", "The vendor redirected to a host that the connection does not list.", "List the host under the connection's redirects.hosts if it belongs to the vendor.";
        RedirectLocation = 502, "egress.redirect.location", "The vendor redirected without saying clearly where to.", "Ask the vendor to send one well-formed Location.";
        RedirectLoop = 502, "egress.redirect.loop", "The vendor redirected in a circle.", "Call the address that the vendor documents.";
        RedirectMethod = 502, "egress.redirect.method", "The vendor's redirect would turn a write into a read.", "Call the address that the vendor redirects to.";
        RedirectNotFollowed = 502, "egress.redirect.not_followed", "The vendor redirected, and the connection follows no redirects.", "Correct the base URL or path, or let the connection follow redirects.";
        RedirectStatus = 502, "egress.redirect.status", "The vendor redirected with a status that is no redirect.", "Ask the vendor to redirect with 301, 302, 303, 307 or 308.";
        RedirectTooMany = 502, "egress.redirect.too_many", "The vendor redirected too many times.", "Call the address that the vendor documents.";
        TargetMalformed = 400, "egress.target.malformed", "The path and query are not a well-formed target.", "Percent-encode what RFC 3986 does not allow, and keep both below 8 KiB.";
        UrlAmbiguous = 400, "egress.url.ambiguous", "The URL can be read in more than one way.", "Write a slash after the host, and percent-encode '@' behind it.";
        UrlCharacter = 400, "egress.url.character", "The URL contains a space, a control character or a backslash.", "Percent-encode it.";
        UrlFragment = 400, "egress.url.fragment", "The URL has a fragment.", "Leave out '#' and what follows it; it would never be sent.";
        UrlMalformed = 400, "egress.url.malformed", "The URL is not absolute or not well formed.", "Write https://host/path.";
        UrlPort = 400, "egress.url.port", "The URL's port is malformed or belongs to another protocol.", "Leave the port out, or write the one of the vendor's HTTPS service.";
        UrlScheme = 400, "egress.url.scheme", "The URL's scheme is not allowed.", "Use https.";
        UrlTooLong = 400, "egress.url.too_long", "The URL is too long.", "Keep it below 8 KiB.";
        UrlUserinfo = 400, "egress.url.userinfo", "The URL carries a user name.", "Leave it out; credentials belong in the vault.";
        VendorCertificate = 502, "egress.vendor.certificate", "The vendor's certificate is not trusted.", "Check the vendor's certificate, or give the connection the authority in trust_pem.";
        VendorDeclined = 400, "egress.vendor.declined", "The vendor declined the call.", "See the vendor's status and code; its text is not passed on.";
        VendorFailed = 502, "egress.vendor.failed", "The vendor failed.", "See the vendor's status; try again if repeating the call is safe.";
        VendorLimited = 429, "egress.vendor.limited", "The vendor's limit is used up.", "Wait for the time in Retry-After; the vendor decides about its limit.";
        VendorPin = 502, "egress.vendor.pin", "The vendor's certificate has none of the pinned keys.", "Find out whether the vendor changed its key, then correct the connection's pins.";
        VendorReset = 502, "egress.vendor.reset", "The vendor closed the connection without an answer.", "Try again if repeating the call is safe.";
        VendorTls = 502, "egress.vendor.tls", "No secure connection to the vendor came about.", "Check that the vendor offers TLS 1.2 or 1.3 at this host and port, and that it knows the certificate of the connection's credential where its tokens are bound to one.";
        VendorUnavailable = 503, "egress.vendor.unavailable", "The vendor is not available.", "Wait for the time in Retry-After, or ask with Prefer: respond-async.";
        VendorUnreachable = 502, "egress.vendor.unreachable", "The vendor could not be reached.", "Check the connection's base URL and the network.";
    }
}
