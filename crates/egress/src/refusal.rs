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
        HostInternal = 403, "egress.host.internal", "The host's name belongs to a private network.", "Use the vendor's public name; for a system of your own list its network under danger_private_networks.";
        HostInvalid = 400, "egress.host.invalid", "The host is not a well-formed DNS name or address.", "Write a DNS name without a trailing dot, with labels of 1 to 63 letters, digits, hyphens and underscores.";
        HostLookalike = 400, "egress.host.lookalike", "The host is written in characters that programs read differently.", "Write the host in lower case in its ASCII form (xn--…).";
        HostMetadata = 403, "egress.host.metadata", "The host is a cloud metadata service.", "Nothing opens this: a metadata service hands out the machine's own credentials.";
        HostNotAllowed = 403, "egress.host.not_allowed", "The host is not on the list of allowed hosts.", "Add the host to the list if it is meant to be called.";
        HostNumeric = 400, "egress.host.numeric", "The host is a number but not an address in its usual form.", "Write an IPv4 address as four decimal numbers without leading zeros.";
        HostSingleLabel = 403, "egress.host.single_label", "The host's name has no domain.", "Use the fully qualified name; for a system of your own list its network under danger_private_networks.";
        LineMalformed = 400, "egress.line.malformed", "The line is not a JSON object with a text named url.", "Write one object per line: {\"id\": 1, \"url\": \"https://api.example.com/\"}.";
        NameBusy = 503, "egress.name.busy", "Too many names are being resolved at the moment.", "Try again shortly.";
        NameTimeout = 504, "egress.name.timeout", "The host's name was not resolved in time.", "Try again; check the name servers if it stays.";
        NameUnresolved = 502, "egress.name.unresolved", "The host's name has no address.", "Check the connection's base URL and the name servers.";
        RedirectDowngrade = 502, "egress.redirect.downgrade", "The vendor redirected from an encrypted to an unencrypted address.", "Ask the vendor to redirect to https.";
        RedirectHost = 502, "egress.redirect.host", "The vendor redirected to a host that the connection does not list.", "List the host under the connection's redirects.hosts if it belongs to the vendor.";
        RedirectLocation = 502, "egress.redirect.location", "The vendor redirected without saying clearly where to.", "Ask the vendor to send one well-formed Location.";
        RedirectLoop = 502, "egress.redirect.loop", "The vendor redirected in a circle.", "Call the address that the vendor documents.";
        RedirectMethod = 502, "egress.redirect.method", "The vendor's redirect would turn a write into a read.", "Call the address that the vendor redirects to.";
        RedirectNotFollowed = 502, "egress.redirect.not_followed", "The vendor redirected, and the connection follows no redirects.", "Correct the base URL or path, or let the connection follow redirects.";
        RedirectStatus = 502, "egress.redirect.status", "The vendor redirected with a status that is no redirect.", "Ask the vendor to redirect with 301, 302, 303, 307 or 308.";
        RedirectTooMany = 502, "egress.redirect.too_many", "The vendor redirected too many times.", "Call the address that the vendor documents.";
        UrlAmbiguous = 400, "egress.url.ambiguous", "The URL can be read in more than one way.", "Write a slash after the host, and percent-encode '@' behind it.";
        UrlCharacter = 400, "egress.url.character", "The URL contains a space, a control character or a backslash.", "Percent-encode it.";
        UrlMalformed = 400, "egress.url.malformed", "The URL is not absolute or not well formed.", "Write https://host/path.";
        UrlPort = 400, "egress.url.port", "The URL's port is malformed or belongs to another protocol.", "Leave the port out, or write the one of the vendor's HTTPS service.";
        UrlScheme = 400, "egress.url.scheme", "The URL's scheme is not allowed.", "Use https.";
        UrlTooLong = 400, "egress.url.too_long", "The URL is too long.", "Keep it below 8 KiB.";
        UrlUserinfo = 400, "egress.url.userinfo", "The URL carries a user name.", "Leave it out; credentials belong in the vault.";
    }
}
