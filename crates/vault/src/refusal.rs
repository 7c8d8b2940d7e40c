//! Every reason for which the vault says no. What the house itself has broken is a fault, not one of these.

lockgate_vocabulary::refusals! {
    /// Why a credential was not taken in, not changed, or not lent.
    pub enum VaultRefusal {
        BackendChanged = 502, "vault.backend.changed",
            "The back end gave another value than the one that was put there.",
            "Find out who wrote in the back end below the gateway's prefix; then rotate the credential, or revoke it if it may be known to others.";
        BackendConflict = 409, "vault.backend.conflict",
            "Somebody else wrote to the credential's place in the back end at the same time.",
            "Look at the credential again, then repeat the change if it is still wanted. Nobody but the gateway writes below its prefix.";
        BackendDenied = 503, "vault.backend.denied",
            "The back end does not let the gateway do what it has to.",
            "Check the gateway's login at the back end and what its policy allows, as docs/operations.md says for each kind.";
        BackendMalformed = 502, "vault.backend.malformed",
            "The back end answered with something that its protocol does not know.",
            "Check the back end's URL, mount and kind, and that what answers there is the back end itself; the gateway's log says what was wrong.";
        BackendSealed = 503, "vault.backend.sealed",
            "The back end is sealed.",
            "Unseal it. Values that are held are lent until they are too old (vault.held.most_age_seconds).";
        BackendThrottled = 503, "vault.backend.throttled",
            "The back end is asked too often.",
            "Try again after the time that Retry-After names; raise the back end's limit, or vault.held.refresh_seconds.";
        BackendUnknown = 503, "vault.backend.unknown",
            "The back end that holds the credential is not in the configuration of this node.",
            "Put its section `[vault.backends.NAME]` back, on every node.";
        BackendUnreachable = 503, "vault.backend.unreachable",
            "The back end that holds the credential does not answer.",
            "Try again later. Values that are held are lent until they are too old (vault.held.most_age_seconds).";
        BackendVersionAbsent = 409, "vault.backend.version_absent",
            "The back end does not have this version of the credential any more.",
            "Recover the version in the back end, or rotate the credential.";
        BindingMoved = 409, "vault.binding.moved",
            "The connection leads elsewhere, sends its credential elsewhere or trusts others than when the credential was given.",
            "Give the credential anew (rotate it): each version is bound to the connection, host, port, path prefix, placement, token endpoint, certificates and pins of its time. Or undo the change.";
        ConnectionCredentialed = 409, "vault.connection.credentialed",
            "The connection has a credential already.",
            "Rotate that credential, or revoke it first.";
        ConnectionOpen = 409, "vault.connection.open",
            "The connection's provider takes no credential.",
            "Choose a provider that declares where its credential goes.";
        CredentialAbsent = 409, "vault.credential.absent",
            "The connection has no credential.",
            "Give the connection a credential.";
        CredentialChanged = 409, "vault.credential.changed",
            "The credential or its connection was changed at the same time.",
            "Look at the credential again, then repeat the change if it is still wanted.";
        CredentialExpired = 409, "vault.credential.expired",
            "The connection's credential has expired.",
            "Rotate the credential and set a later expiry.";
        CredentialRevoked = 409, "vault.credential.revoked",
            "The credential was revoked.",
            "Give the connection a new credential.";
        InputInvalid = 422, "vault.input.invalid",
            "The input breaks the rules that the violations name.",
            "Correct what the violations point at.";
        OriginOutside = 403, "vault.origin.outside",
            "The request leaves the host, port or path prefix that the credential is bound to.",
            "Call a path below the connection's base URL.";
        RootKeyChanging = 409, "vault.root_key.changing",
            "The root key is being changed already: the file holds an earlier one too.",
            "End that change first: `lockgate vault rewrap`, then `lockgate vault drop-previous`. `lockgate vault status` shows how it stands.";
        RootKeyHandedOver = 409, "vault.root_key.handed_over",
            "The root key is held elsewhere or handed over by a descriptor, so there is no file to write anew.",
            "Change it where it is kept. From a descriptor: put a new `current` line above and call the line so far `previous`. In `[vault.root_key]`: name the new one `key` and the one so far `previous`. Start every node with it, then `lockgate vault rewrap`.";
        RootKeyNeeded = 409, "vault.root_key.needed",
            "Keys of tenants are still wrapped by another root key than the current one.",
            "Wrap them anew with `lockgate vault rewrap`, then drop the previous root key.";
        RootKeyUnopened = 409, "vault.root_key.unopened",
            "Keys of tenants cannot be opened by the root key that their rows name: somebody changed the rows.",
            "Put the tenants' rows of `tenant_keys` back from a backup of the store. The previous root key stays in the file until then.";
        SecretUnfit = 422, "vault.secret.unfit",
            "The secret cannot stand where the provider wants it.",
            "Send the secret alone: visible ASCII without line breaks, blanks at its ends or a scheme such as `Bearer`; at most 8 KiB.";
        TokenMalformed = 502, "vault.token.malformed",
            "The vendor's token endpoint answered with something that is no access token.",
            "Check the provider's token_url; the answer is JSON with access_token, token_type Bearer and expires_in (RFC 6749 section 5.1).";
        TokenRefused = 502, "vault.token.refused",
            "The vendor's token endpoint refused the client, or what is asked for it.",
            "Check the client's id and secret at the vendor, and scope, resource and parameters of the provider; then rotate the credential.";
        TokenUnavailable = 503, "vault.token.unavailable",
            "No access token could be had from the vendor.",
            "Try again later; the vendor's token endpoint does not answer, or answers that it cannot now.";
        VersionUnfit = 409, "vault.version.unfit",
            "The version is neither staged nor an earlier one that is still kept.",
            "Choose a staged or previous version of the credential.";
    }
}
