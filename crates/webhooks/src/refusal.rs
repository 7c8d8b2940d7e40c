//! Every reason for which a delivery is not taken in, or not passed on.

lockgate_vocabulary::refusals! {
    /// Why a delivery, a subscription or an act upon one was refused.
    pub enum WebhookRefusal {
        AlgorithmUnfit = 400, "webhooks.algorithm.unfit",
            "The delivery names another algorithm than its subscription's scheme has.",
            "Check that the subscription has the provider's own scheme; an older or weaker algorithm is not taken.";
        BodyMalformed = 400, "webhooks.body.malformed",
            "The body, which the scheme must read to check the signature, cannot be read in one way only.",
            "Check that the subscription has the provider's own scheme, and that nothing on the way changes the body.";
        CandidatesExceeded = 400, "webhooks.signature.candidates",
            "The delivery carries more signatures than one sender needs.",
            "Send one signature for each live secret, 16 at the most.";
        CertificateForeign = 400, "webhooks.certificate.foreign",
            "The delivery names a certificate that is not at its provider's own address.",
            "Nothing is to be done for a genuine delivery: the provider names its own host.";
        ChallengeMalformed = 400, "webhooks.challenge.malformed",
            "The challenge is not a plain token.",
            "Let the provider ask again; a token has letters, digits, `_` and `-` alone, 128 at the most.";
        HeaderDuplicated = 400, "webhooks.header.duplicated",
            "A header that the scheme relies on stands there more than once.",
            "Check that nothing on the way adds to the provider's headers.";
        IdMalformed = 400, "webhooks.id.malformed",
            "The delivery's identifier is missing or has characters that it may not have.",
            "Send the identifier that the scheme wants: letters, digits, `_` and `-` alone.";
        MediaTypeUnfit = 415, "webhooks.media-type.unfit",
            "The scheme does not sign bodies of this media type.",
            "Send the media type that the provider documents for the scheme.";
        SignatureMalformed = 400, "webhooks.signature.malformed",
            "The signature is not written as its scheme writes one.",
            "Send it exactly as documented: lower-case hex or padded standard base64, without blanks.";
        SignatureMismatch = 401, "webhooks.signature.mismatch",
            "No live secret or key of the subscription vouches for the delivery.",
            "Check that the subscription has the provider's current secret or key and its exact URL.";
        SignatureMissing = 401, "webhooks.signature.missing",
            "The delivery carries no signature of its subscription's scheme.",
            "Check that the subscription has the provider's own scheme, and that the provider signs.";
        TimestampFuture = 401, "webhooks.timestamp.future",
            "The delivery was signed for a moment that lies too far ahead.",
            "Set the sender's clock.";
        TimestampMalformed = 400, "webhooks.timestamp.malformed",
            "The moment of sending is missing or is not written as its scheme writes one.",
            "Send it once, as the provider documents it: decimal digits without sign or leading nought.";
        TimestampStale = 401, "webhooks.timestamp.stale",
            "The delivery was signed too long ago.",
            "Let the provider send it anew; a delivery that was captured is not taken again.";
    }
}
