//! Every reason for which this room says no.
//!
//! A caller who fails to identify sees one of a few codes: `access.credential.missing`,
//! `access.credential.ambiguous`, `access.key.invalid`, `access.token.invalid`, and at the token endpoint
//! the errors of RFC 6749. Every other code below `access.issuer`, `access.key`, `access.keys`,
//! `access.principal` and `access.token` goes to the log and to `lockgate explain` alone, since it would
//! tell an attacker how far an attempt came.

use lockgate_vocabulary::refusals;

refusals! {
    /// Why access was refused. Alphabetical.
    pub enum AccessRefusal {
        AssertionAudience = 401, "access.assertion.audience",
            "The client assertion is not for this issuer alone.",
            "Set `aud` to exactly the issuer's URL, one value.";
        AssertionLifetime = 401, "access.assertion.lifetime",
            "The client assertion lives longer than five minutes.",
            "Sign a fresh assertion with `exp` at most 300 seconds after `iat`.";
        AssertionMalformed = 401, "access.assertion.malformed",
            "The client assertion is not one of RFC 7523.",
            "Send `client_assertion_type`, and a JWT whose `iss` and `sub` are both the client id.";
        AssertionReplayed = 401, "access.assertion.replayed",
            "The client assertion was used before.",
            "Sign a fresh assertion with a new `jti` for every request.";
        CallWithdrawn = 403, "access.call.withdrawn",
            "What allowed the call was withdrawn while it was under way.",
            "Check the principal, its key and the connection, then call again.";
        ClientInvalid = 401, "access.client.invalid",
            "The client could not be authenticated.",
            "Check the client id and its secret or key, and that both are live.";
        ClientPaced = 429, "access.client.paced",
            "The client had too many tokens issued, revoked or looked into in this minute.",
            "Use a token until it ends. Operators: raise access.tokens.per_client_per_minute, or introspections_per_client_per_minute.";
        ClientThrottled = 429, "access.client.throttled",
            "Too many failed attempts of this client from this address.",
            "Wait as long as `Retry-After` says, then use the right secret.";
        ConnectionDegraded = 409, "access.connection.degraded",
            "The connection is degraded and runs nothing.",
            "Give the connection a valid credential; it becomes active again.";
        ConnectionPending = 409, "access.connection.pending",
            "The connection is not complete yet.",
            "Give the connection its credential and activate it.";
        ConnectionRetired = 409, "access.connection.retired",
            "The connection was retired.",
            "Use another connection, or establish a new one.";
        ConnectionUnconnected = 409, "access.connection.unconnected",
            "Nobody has connected the connection's account, or the vendor has ended what was granted.",
            "Open a connect session for the connection, and have a person end it at the vendor: it becomes active by that.";
        ConnectionUnknown = 403, "access.connection.unknown",
            "There is no such connection that you may use.",
            "Check the connection's name or id; a connection of another tenant is never found.";
        CredentialAmbiguous = 400, "access.credential.ambiguous",
            "More than one credential was presented.",
            "Send either `Authorization` or `X-Api-Key`, once.";
        CredentialMissing = 401, "access.credential.missing",
            "No credential was presented.",
            "Send `Authorization: Bearer` with an access token, or `X-Api-Key`.";
        CursorMalformed = 400, "access.page.cursor",
            "The cursor is not one that this list gave out.",
            "Start again without a cursor.";
        EndpointUndeclared = 403, "access.endpoint.undeclared",
            "The connection does not declare this method and path.",
            "Declare the endpoint on the connection, or call one that it declares.";
        GrantMalformed = 400, "access.grant.malformed",
            "The token request is malformed.",
            "Send each parameter once, as application/x-www-form-urlencoded in UTF-8.";
        GrantScope = 400, "access.grant.scope",
            "The scope asked for is unknown or more than the client may have.",
            "Ask for scopes that the client's key and principal both hold.";
        GrantTarget = 400, "access.grant.target",
            "Tokens are issued for this gateway alone.",
            "Leave `resource` out, or set it to the gateway's audience.";
        GrantUnauthorized = 400, "access.grant.unauthorized",
            "The client may not do this.",
            "Use the client to which the token was issued.";
        GrantUnsupported = 400, "access.grant.unsupported",
            "The grant type is not supported.",
            "Use `client_credentials`.";
        HouseOnly = 403, "access.house.only",
            "Only operators of the house itself may do this.",
            "Ask an operator of the gateway.";
        HouseFounded = 409, "access.house.founded",
            "The store has a house and its first operator already.",
            "Use an operator's key of that house; for a new gateway name an empty database or another schema.";
        HouseMissing = 503, "access.house.missing",
            "The store has no house, so nobody is known there.",
            "Restore the database, name the right one, or make the first operator with `lockgate bootstrap`.";
        InputInvalid = 422, "access.input.invalid",
            "The input breaks the rules that the violations name.",
            "Correct what the violations point at.";
        IssuerUnavailable = 503, "access.issuer.unavailable",
            "The keys of the token's issuer cannot be fetched at the moment.",
            "Try again shortly; if it lasts, check that the issuer can be reached from the gateway.";
        IssuerUnknown = 401, "access.issuer.unknown",
            "No issuer of this name is trusted.",
            "Register the issuer for the tenant, or use a token of a registered one.";
        KeyAddress = 401, "access.key.address",
            "The credential may not be used from this address.",
            "Add the address to the list of the key or principal, or call from one that is on it.";
        KeyExpired = 401, "access.key.expired",
            "The key has expired.",
            "Create a new key.";
        KeyInvalid = 401, "access.key.invalid",
            "The API key is not valid here.",
            "Check the key, that it is live, and that it may be used from this address.";
        KeyMalformed = 401, "access.key.malformed",
            "The text is not an API key.",
            "An API key reads `lgk_`, 26 digits, `_` and 43 characters.";
        KeyRevoked = 401, "access.key.revoked",
            "The key was revoked.",
            "Create a new key.";
        KeyUnknown = 401, "access.key.unknown",
            "No such key is known.",
            "Check the key.";
        KeyWrong = 401, "access.key.wrong",
            "The secret part of the key is wrong.",
            "Check the key.";
        KeysAlgorithm = 401, "access.keys.algorithm",
            "A key names an algorithm that does not fit it.",
            "Publish the key with the algorithm of its type, or without one.";
        KeysDuplicate = 401, "access.keys.duplicate",
            "Two keys of the set have the same `kid`.",
            "Give each key a `kid` of its own.";
        KeysMalformed = 401, "access.keys.malformed",
            "The key set is not a JWKS.",
            "Publish a JSON object with `keys`, strict JSON, each member once.";
        KeysPoint = 401, "access.keys.point",
            "A public key is not a sound point of its curve.",
            "Publish the right coordinates.";
        KeysPrivate = 401, "access.keys.private",
            "The key set publishes a private key.",
            "Replace the key at once: it is known to everybody.";
        KeysSymmetric = 401, "access.keys.symmetric",
            "The key set has a symmetric key.",
            "Publish public keys only.";
        KeysTooMany = 401, "access.keys.too_many",
            "The key set is too large.",
            "Publish at most 100 keys in at most 256 KiB.";
        KeysUnsupported = 401, "access.keys.unsupported",
            "A key is of a type that signs no tokens here.",
            "Use RSA, P-256, P-384, P-521 or Ed25519.";
        KeysUse = 401, "access.keys.use",
            "A key is not for verifying signatures.",
            "Publish it with `use` of `sig`, and `key_ops` that has `verify`.";
        KeysWeak = 401, "access.keys.weak",
            "A key is too weak or too large.",
            "Use RSA of 2048 to 8192 bits with exponent 65537 or another sound key.";
        LifetimePast = 422, "access.lifetime.past",
            "The expiry lies in the past.",
            "Choose a later expiry, or none for the longest.";
        LifetimeTooLong = 422, "access.lifetime.too_long",
            "The credential would live longer than allowed.",
            "At most 24 hours for a session, 90 days for a key, one hour for a token.";
        NameTaken = 409, "access.name.taken",
            "The name is taken.",
            "Choose another name.";
        ObjectUnknown = 403, "access.object.unknown",
            "There is no such object that you may see.",
            "Check the id or name; an object of another tenant is never found.";
        PageTooLarge = 400, "access.page.limit",
            "A page has 1 to 1,000 rows.",
            "Ask for at most 1,000 rows and follow the cursor.";
        PathAmbiguous = 400, "access.path.ambiguous",
            "The path can be read in more than one way.",
            "Send a path without dot segments, empty segments, encoded slashes, control bytes or, in a parameter, `;`; and not a variant (case, slash at the end) of a path that another endpoint declares.";
        PrincipalExpired = 401, "access.principal.expired",
            "The principal has expired.",
            "Extend the principal.";
        PrincipalInactive = 401, "access.principal.inactive",
            "The principal is not active.",
            "Activate the principal.";
        PrincipalUnknown = 401, "access.principal.unknown",
            "The credential belongs to no principal of the tenant.",
            "Create a principal, and map the token's client to it.";
        ProviderMixed = 409, "access.provider.mixed",
            "The provider shares an endpoint or the issuer with another provider of the tenant, and not the rest: a code could get to the wrong vendor.",
            "Take authorization endpoint, token endpoint and issuer of both from the vendor's own documentation, and where the other one is the catalogue's, take that one's or use it in place of your own. Where both are the tenant's and right, and the vendor has several, say `danger_shared_endpoints` in the `authorization` of both, one after the other.";
        QuotaBytes = 409, "access.quota.bytes",
            "The tenant's specifications or declared uses are as large together as they may be.",
            "Make them smaller. Operators of the gateway: raise access.quotas.provider_bytes, connection_bytes or use_bytes.";
        QuotaObjects = 409, "access.quota.objects",
            "The tenant has as many of these as it may have.",
            "Change one that is there; retired ones count as well. Operators of the gateway: raise the number in access.quotas.";
        ScopeMissing = 403, "access.scope.missing",
            "The credential does not have the scope that this needs.",
            "Use a credential that has the scope; elevated scopes are for operators alone.";
        StatusConflict = 409, "access.status.conflict",
            "The object's status does not allow this.",
            "Look at the object's status first.";
        TenantInactive = 401, "access.tenant.inactive",
            "The tenant is unknown or not active.",
            "Activate the tenant, or check the tenant claim.";
        TenantSuspended = 403, "access.tenant.suspended",
            "The tenant is suspended.",
            "Ask the operator of the gateway.";
        TokenAlgorithm = 401, "access.token.algorithm",
            "The token's algorithm is missing or not allowed.",
            "Sign with an algorithm from the issuer's list.";
        TokenAlgorithmMismatch = 401, "access.token.algorithm.mismatch",
            "The token's algorithm is not the one of its key.",
            "Sign with the algorithm that the key is published for.";
        TokenAudience = 401, "access.token.audience",
            "The token is not for this gateway alone.",
            "Ask the issuer for a token with exactly this gateway's audience.";
        TokenBound = 401, "access.token.bound",
            "The token is bound to a key or certificate and may not be used as a bearer token.",
            "Ask the issuer for a token without `cnf`.";
        TokenClient = 401, "access.token.client",
            "The `client_id` is missing, malformed or not the subject.",
            "Use a token of the client-credentials grant.";
        TokenEarly = 401, "access.token.early",
            "The token is not valid yet.",
            "Check both clocks.";
        TokenEncoding = 401, "access.token.encoding",
            "A part of the token is not canonical base64url.",
            "Send the token as it was issued.";
        TokenExpired = 401, "access.token.expired",
            "The token has expired.",
            "Ask for a new token.";
        TokenForeign = 401, "access.token.foreign",
            "The token is of another kind, such as an ID token or a logout token.",
            "Send an access token.";
        TokenHeader = 401, "access.token.header",
            "The token's header is not strict JSON.",
            "Use an issuer that writes each member once.";
        TokenHeaderMember = 401, "access.token.header.member",
            "The token's header has a member that is not allowed.",
            "Only `alg`, `kid`, `typ` and what the issuer declares may stand there.";
        TokenId = 401, "access.token.id",
            "The `jti` is missing or malformed.",
            "Use an issuer that numbers its tokens.";
        TokenInvalid = 401, "access.token.invalid",
            "The access token is not valid here.",
            "Ask for a new token for this gateway, and check tenant, client and address.";
        TokenIssued = 401, "access.token.issued",
            "The `iat` is missing, malformed or lies ahead.",
            "Check both clocks.";
        TokenIssuer = 401, "access.token.issuer",
            "The `iss` is missing, malformed or not the one expected.",
            "Use a token of the expected issuer.";
        TokenKeyMissing = 401, "access.token.key.missing",
            "The token names no key.",
            "Use an issuer that writes `kid`.";
        TokenKeyUnknown = 401, "access.token.key.unknown",
            "The token names a key that the issuer does not publish.",
            "Ask for a new token.";
        TokenLifetime = 401, "access.token.lifetime",
            "The token lives longer than allowed.",
            "Have the issuer issue tokens of at most one hour.";
        TokenPayload = 401, "access.token.payload",
            "The token's claims are not strict JSON.",
            "Use an issuer that writes each claim once.";
        TokenRevoked = 401, "access.token.revoked",
            "The token was revoked.",
            "Ask for a new token.";
        TokenScope = 401, "access.token.scope",
            "The scope is missing or malformed.",
            "One text, words separated by one blank, no wildcards, none twice.";
        TokenScopeLacking = 403, "access.token.scope.lacking",
            "The token lacks the demanded scope.",
            "Ask for a token with that scope.";
        TokenSegments = 401, "access.token.segments",
            "The token is not a compact JWS of three parts.",
            "Send the token as it was issued.";
        TokenSignature = 401, "access.token.signature",
            "The signature does not fit.",
            "Send the token as it was issued.";
        TokenSize = 401, "access.token.size",
            "The token is larger than 8 KiB.",
            "Have the issuer put less into it.";
        TokenSubject = 401, "access.token.subject",
            "The `sub` is missing or malformed.",
            "Use an issuer that names the subject.";
        TokenTenant = 401, "access.token.tenant",
            "The tenant claim is missing, malformed or ambiguous.",
            "Write exactly one tenant claim, a tenant's id or alias.";
        TokenTenantOther = 401, "access.token.tenant.other",
            "The token is of another tenant.",
            "Use a token of the expected tenant.";
        TokenTime = 401, "access.token.time",
            "A time claim is missing or malformed.",
            "Write `exp` and `iat` as numbers of seconds.";
        TokenType = 401, "access.token.type",
            "The `typ` is missing or not the one of an access token.",
            "Use an issuer that writes `at+jwt` (RFC 9068).";
        UseUndeclared = 403, "access.use.undeclared",
            "The credential does not declare this connection, method and path.",
            "Declare the use on the principal or its key, or use another credential.";
    }
}

#[cfg(test)]
mod tests;
