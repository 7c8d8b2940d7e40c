//! Every reason for which a delivery is not taken in, or not passed on.

lockgate_vocabulary::refusals! {
    /// Why a delivery, a subscription or an act upon one was refused.
    pub enum WebhookRefusal {
        AddressRefused = 403, "webhooks.address.refused",
            "Deliveries to this subscription do not come from this address.",
            "Add the provider's network to the subscription's addresses, if it is one.";
        AlgorithmUnfit = 400, "webhooks.algorithm.unfit",
            "The delivery names another algorithm than its subscription's scheme has.",
            "Check that the subscription has the provider's own scheme; an older or weaker algorithm is not taken.";
        ApprovalOutdated = 409, "webhooks.approval.outdated",
            "A subscription was changed since it was asked for.",
            "Deny it, look at the subscription, and ask again where it is still wanted.";
        ApprovalOver = 409, "webhooks.approval.over",
            "It was decided already, or it was not decided or not ended in time.",
            "Look at the approval; ask again where it is still wanted.";
        ApprovalOwn = 403, "webhooks.approval.own",
            "Whoever asked for something does not decide about it.",
            "Let another operator decide.";
        BodyBroken = 400, "webhooks.body.broken",
            "The body broke off.",
            "Send the delivery again, whole.";
        BodyMalformed = 400, "webhooks.body.malformed",
            "The body, which the scheme must read to check the signature, cannot be read in one way only.",
            "Check that the subscription has the provider's own scheme, and that nothing on the way changes the body.";
        BodyRoom = 503, "webhooks.body.room",
            "Too many bytes of deliveries are being taken in at this moment.",
            "Send it again after the time in Retry-After; operators may raise webhooks.body_bytes.";
        BodyStalled = 408, "webhooks.body.stalled",
            "The body did not come in time.",
            "Send the delivery again, within 10 s.";
        BodyTooLarge = 413, "webhooks.body.too_large",
            "The body is larger than the subscription takes.",
            "Raise body_bytes of the subscription, if the provider sends as much.";
        BrokerRefused = 502, "webhooks.broker.refused",
            "The broker did not keep the delivery.",
            "See that a JetStream stream takes the subjects `lockgate.>`, and that it has room.";
        BrokerTooLarge = 413, "webhooks.broker.too_large",
            "The delivery is larger than the broker takes.",
            "Raise max_payload of the NATS server, then play the delivery again.";
        BrokerUnavailable = 503, "webhooks.broker.unavailable",
            "The broker cannot be reached, or the configuration names none.",
            "Check webhooks.nats in the configuration and that the server runs.";
        CandidatesExceeded = 400, "webhooks.signature.candidates",
            "The delivery carries more signatures than one sender needs.",
            "Send one signature for each live secret, 16 at the most.";
        CertificateForeign = 400, "webhooks.certificate.foreign",
            "The delivery names a certificate that is not at its provider's own address.",
            "Nothing is to be done for a genuine delivery: the provider names its own host.";
        ChallengePaced = 429, "webhooks.challenge.paced",
            "The endpoint was asked for its challenge three times within a minute.",
            "Wait for the time in Retry-After, then verify the subscription again.";
        ChallengeMalformed = 400, "webhooks.challenge.malformed",
            "The challenge is not a plain token.",
            "Let the provider ask again; a token has letters, digits, `_` and `-` alone, 128 at the most.";
        DeliveryConflict = 409, "webhooks.delivery.conflict",
            "Something else was delivered before under the same identifier.",
            "Look into the dead letters: both are kept, and the second is in quarantine.";
        DeliveryExpired = 410, "webhooks.delivery.expired",
            "The delivery waited for so long that it was given up.",
            "Fetch and acknowledge what waits, or make the subscription active; this one can be played again.";
        DeliveryLost = 500, "webhooks.delivery.lost",
            "Every node that tried to hand the delivery on was gone before the try had come to its end.",
            "Operators look for what ends a node while it has this delivery, then play it again.";
        DeliveryQuarantined = 409, "webhooks.delivery.quarantined",
            "The delivery conflicts with another one and is in quarantine.",
            "Look at both; then name it by its id with `quarantined`, and let another operator approve.";
        DeliveryUnderWay = 409, "webhooks.delivery.under_way",
            "The delivery is being handed on still.",
            "Wait until it was delivered or given up.";
        EndpointGone = 502, "webhooks.endpoint.gone",
            "The endpoint says that it is gone for good.",
            "Correct the subscription's URL, then make it active again.";
        EndpointStatus = 502, "webhooks.endpoint.status",
            "The endpoint answered with a status that is not 2xx.",
            "Look at the status of the attempt; an endpoint answers 2xx once it has taken the delivery.";
        EndpointUnverified = 409, "webhooks.endpoint.unverified",
            "The endpoint has not answered its challenge.",
            "Let it answer the challenge that docs/webhooks.md describes, then verify the subscription again.";
        EnvelopeUnreadable = 500, "webhooks.envelope.unreadable",
            "The kept delivery cannot be opened.",
            "Operators find the reason in the log.";
        EventKeyReused = 422, "webhooks.event.key_reused",
            "The key was used for another event.",
            "Give each event a key of its own.";
        HeaderDuplicated = 400, "webhooks.header.duplicated",
            "A header that the scheme relies on stands there more than once.",
            "Check that nothing on the way adds to the provider's headers.";
        IdMalformed = 400, "webhooks.id.malformed",
            "The delivery's identifier is missing, too long, or has characters that it may not have.",
            "Send the identifier that the scheme wants, of 128 characters at the most: letters, digits, `_` and `-`; in a body `.` and `:` too.";
        MediaTypeUnfit = 415, "webhooks.media-type.unfit",
            "The scheme does not sign bodies of this media type.",
            "Send the media type that the provider documents for the scheme.";
        SecretLast = 409, "webhooks.secret.last",
            "It is the last secret that vouches.",
            "Add a new one first, or retire the subscription.";
        SecretUnknown = 404, "webhooks.secret.unknown",
            "The subscription has no secret of this purpose and version.",
            "Look at the versions that the subscription shows.";
        SignatureMalformed = 400, "webhooks.signature.malformed",
            "The signature is not written as its scheme writes one.",
            "Send it exactly as documented: lower-case hex or padded standard base64, without blanks.";
        SignatureMismatch = 401, "webhooks.signature.mismatch",
            "No live secret or key of the subscription vouches for the delivery.",
            "Check that the subscription has the provider's current secret or key and its exact URL.";
        SignatureMissing = 401, "webhooks.signature.missing",
            "The delivery carries no signature of its subscription's scheme.",
            "Check that the subscription has the provider's own scheme, and that the provider signs.";
        SigningUnavailable = 503, "webhooks.signing.unavailable",
            "The delivery cannot be signed.",
            "Give the subscription a signing secret; operators find the reason in the log.";
        SubscriptionRetired = 409, "webhooks.subscription.retired",
            "The subscription was retired.",
            "Nothing more is passed on for it; make another subscription.";
        SubscriptionUnknown = 403, "webhooks.subscription.unknown",
            "There is no such subscription that takes deliveries.",
            "Check the URL that the provider was given: it ends in the subscription's id.";
        TimestampFuture = 401, "webhooks.timestamp.future",
            "The delivery was signed for a moment that lies too far ahead.",
            "Set the sender's clock.";
        TimestampMalformed = 400, "webhooks.timestamp.malformed",
            "The moment of sending is missing or is not written as its scheme writes one.",
            "Send it once, as the provider documents it: decimal digits without sign or leading nought.";
        TimestampStale = 401, "webhooks.timestamp.stale",
            "The delivery was signed too long ago.",
            "Let the provider send it anew; a delivery that was captured is not taken again.";
        WaitingFull = 503, "webhooks.waiting.full",
            "The deliveries that wait for this tenant are as large together as they may be.",
            "Fetch and acknowledge what waits, resume or retire subscriptions, or mend endpoints; operators may raise webhooks.waiting_bytes_per_tenant.";
    }
}
