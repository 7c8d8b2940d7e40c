//! Every reason for which a delivery is not taken in, or not passed on.

lockgate_vocabulary::refusals! {
    /// Why a delivery, a subscription or an act upon one was refused.
    pub enum WebhookRefusal {
        SignatureMissing = 401, "webhooks.signature.missing",
            "The delivery carries no signature of its subscription's scheme.",
            "Check that the subscription has the provider's own scheme, and that the provider signs.";
    }
}
