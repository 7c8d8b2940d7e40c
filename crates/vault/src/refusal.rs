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
        BackendReference = 409, "vault.backend.reference",
            "Where the back end keeps the credential is not legible in the store, or is not the credential's own place.",
            "Put the credential's row back from a backup of the store. Where there is none, destroy what is at the credential's path in the back end by hand; it is the prefix, the tenant's id and the credential's id.";
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
        ClientKeyUnfit = 422, "vault.client_key.unfit",
            "The credential is not a client's id with the private key that this provider wants.",
            "Send `id:` and the key behind it: for `private_key_jwt` as PEM (PKCS#8, PKCS#1 or SEC 1, not encrypted) or as a JWK, for `mtls` as PEM with its certificate first and those that vouch for it behind. RSA of 2,048 to 4,096 bits, P-256, P-384, P-521 or Ed25519; at most 8 KiB.";
        ConnectAnswer = 400, "vault.connect.answer",
            "What came back from the vendor is no answer to an authorization request.",
            "Begin again with a new connect session. The vendor's answer has `state` and either `code` or `error`, each once (RFC 6749 section 4.1.2).";
        ConnectBrowser = 403, "vault.connect.browser",
            "Another browser began this, or this one keeps no cookies.",
            "Begin again with a new connect session, and end it in the browser in which it was begun.";
        ConnectContext = 403, "vault.connect.context",
            "The answer came to the address of another connection.",
            "Begin again with a new connect session. Register the connection's own redirect URI at the vendor, and no other's.";
        ConnectDenied = 403, "vault.connect.denied",
            "The vendor did not let the client in: the person declined, or the vendor refused the request.",
            "Ask the person, and check scope, redirect URI and client at the vendor; then begin again with a new connect session.";
        ConnectFinisher = 403, "vault.connect.finisher",
            "Whoever ends this is not who began it.",
            "The one who opened the connect session ends it, for the same subject, with the confirmation that the subject's own browser brought back. Otherwise begin again.";
        ConnectFull = 429, "vault.connect.full",
            "The tenant has as many connect sessions under way as it may have.",
            "Wait until some are over: each is after ten minutes.";
        ConnectHeld = 409, "vault.connect.held",
            "The connection's account is another subject's.",
            "Give each account a connection of its own. To put another one in the place of this one, disconnect it first or open the session with `replace`.";
        ConnectIssuer = 403, "vault.connect.issuer",
            "The answer is not by the provider's issuer.",
            "Where the vendor is genuine, set `issuer` of the provider's `authorization` to what its metadata names, or take it away where it names none (RFC 9207).";
        ConnectOver = 409, "vault.connect.over",
            "The connect session is over: it was used, it failed, or its ten minutes have passed.",
            "Begin again with a new connect session.";
        ConnectPaced = 429, "vault.connect.paced",
            "The page of the connect session was asked for too often.",
            "Open a new connect session. A person needs its link once; whoever follows it on and on should be looked into. Where new sessions are refused so as well, pages of very many were asked for of late: there is room again within twenty minutes.";
        ConnectUnknown = 403, "vault.connect.unknown",
            "There is no such connect session.",
            "Open a new connect session and use its link as it is.";
        ConnectUnredeemed = 503, "vault.connect.unredeemed",
            "The vendor did not answer to the code, or could not: nobody knows whether it gave tokens.",
            "Begin again with a new connect session. Where the person sees a grant at the vendor that nobody uses, it can be withdrawn there.";
        ConnectUnsupported = 409, "vault.connect.unsupported",
            "No person connects this connection's account.",
            "Give its provider an `authorization` in its `auth`, or give the connection its credential alone.";
        CredentialAbsent = 409, "vault.credential.absent",
            "The connection has no credential.",
            "Give the connection a credential.";
        CredentialActive = 409, "vault.credential.active",
            "The credential is in use.",
            "Revoke the credential first.";
        CredentialChanged = 409, "vault.credential.changed",
            "The credential or its connection was changed at the same time.",
            "Look at the credential again, then repeat the change if it is still wanted.";
        CredentialCompromised = 409, "vault.credential.compromised",
            "The credential was reported as compromised.",
            "Give the connection a new credential; this one is not brought back.";
        CredentialExpired = 409, "vault.credential.expired",
            "The connection's credential has expired.",
            "Rotate the credential and set a later expiry.";
        CredentialRevoked = 409, "vault.credential.revoked",
            "The credential was revoked.",
            "Give the connection a new credential.";
        GrantAbsent = 409, "vault.grant.absent",
            "Nobody has connected the account yet.",
            "Open a connect session for the connection, and have a person end it at the vendor.";
        GrantEnded = 409, "vault.grant.ended",
            "The vendor has ended what a person had granted.",
            "Have a person connect the account again.";
        GrantUnknown = 503, "vault.grant.unknown",
            "The vendor was asked for the next tokens, and its answer was lost: nobody knows yet whether it gave them.",
            "Try again: it is asked once more, by one node, and no sooner than its rest. If it knows the account no more then, the connection becomes degraded and a person connects it again.";
        CredentialUnrecoverable = 409, "vault.credential.unrecoverable",
            "The credential cannot be brought back: its recovery window is over, or it has no value any more.",
            "Give the connection a new credential.";
        InputInvalid = 422, "vault.input.invalid",
            "The input breaks the rules that the violations name.",
            "Correct what the violations point at.";
        OriginOutside = 403, "vault.origin.outside",
            "The request leaves the host, port or path prefix that the credential is bound to.",
            "Call a path below the connection's base URL.";
        PurgeOwn = 403, "vault.purge.own",
            "Whoever revoked the credential may not destroy it.",
            "Let another principal with `tenants.admin` purge it, or wait for the end of its recovery window.";
        PurgeProtected = 409, "vault.purge.protected",
            "The credential is protected from being purged.",
            "Wait for the end of its recovery window: it is destroyed then. The protection cannot be taken off.";
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
        RotationBlind = 409, "vault.rotation.blind",
            "The provider declares no read by which a version could be verified.",
            "Declare `verify` in the provider, or say `danger_unverified`: then the version is used without having been tried, which is recorded.";
        RotationGap = 409, "vault.rotation.gap",
            "The provider cannot hold two live credentials: calls fail from when the new one is made until it is in use.",
            "Choose a moment at which calls may fail, and say `acknowledge_gap`.";
        RotationVerifiable = 409, "vault.rotation.verifiable",
            "The provider declares how a version is verified, so none is used without it.",
            "Leave `danger_unverified` out.";
        SecretUnfit = 422, "vault.secret.unfit",
            "The secret cannot stand where the provider wants it.",
            "Send the secret alone: visible ASCII without line breaks, blanks at its ends or a scheme such as `Bearer`; at most 8 KiB.";
        TokenMalformed = 502, "vault.token.malformed",
            "The vendor's token endpoint answered with something that is no access token.",
            "Check the provider's token_url; the answer is JSON with access_token, token_type Bearer, or DPoP where the provider says `dpop`, and expires_in (RFC 6749 section 5.1).";
        TokenRefused = 502, "vault.token.refused",
            "The vendor's token endpoint refused the client, or what is asked for it.",
            "Check the client's id and its secret, key or certificate at the vendor, and scope, resource and parameters of the provider; then rotate the credential.";
        TokenUnavailable = 503, "vault.token.unavailable",
            "No access token could be had from the vendor.",
            "Try again later; the vendor's token endpoint does not answer, or answers that it cannot now.";
        VersionInUse = 409, "vault.version.in_use",
            "The version is used, or was used too lately.",
            "See the detail for when it was used last; destroy it once nothing has used it for long enough.";
        VersionInterrupted = 503, "vault.version.interrupted",
            "The verification was cut off before the vendor had said anything: the process stopped, or something of ours broke.",
            "Verify the version again; one that is planned is verified by itself. What was known of it stands, and the version in use was not touched.";
        VersionPaced = 429, "vault.version.paced",
            "The connection's rates have no room for a verification, which counts as a call.",
            "Verify the version after the time that Retry-After names; one that is planned is verified by itself. Or raise the connection's limits. The version in use was not touched.";
        VersionTooMany = 409, "vault.version.too_many",
            "The credential has as many versions as are kept.",
            "Destroy earlier versions that nothing uses any more.";
        VersionUnaccepted = 409, "vault.version.unaccepted",
            "The vendor did not take the version.",
            "Check the value at the vendor, then stage it again. The version in use was not touched.";
        VersionUnanswered = 503, "vault.version.unanswered",
            "The vendor could not be asked whether it takes the version.",
            "Verify the version again later. The version in use was not touched.";
        VersionUnfit = 409, "vault.version.unfit",
            "The version is neither staged nor an earlier one that is still kept.",
            "Choose a staged or previous version of the credential.";
        VersionUnverified = 409, "vault.version.unverified",
            "The version has not passed a verification within the last day.",
            "Verify the version, then finish the rotation.";
        VersionVerifying = 409, "vault.version.verifying",
            "The version is being verified just now.",
            "Look at the version again in a minute.";
    }
}
