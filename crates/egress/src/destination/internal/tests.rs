//! Names that never name a vendor.

use super::*;

#[test]
fn internal_names_are_refused_before_anybody_is_asked() {
    for name in [
        "localhost",
        "a.localhost",
        "localhost.localdomain",
        "printer.local",
        "nas.lan",
        "router.home",
        "x.home.arpa",
        "1.0.0.127.in-addr.arpa",
        "db.internal",
        "dc.corp",
        "wiki.intranet",
        "x.private",
        "mx.mail",
        "hidden.onion",
        "x.alt",
        "y.invalid",
    ] {
        assert_eq!(judge(name, false), Err(EgressRefusal::HostInternal), "{name}");
        assert_eq!(judge(name, true), Ok(()), "{name} is meant where networks are opened");
    }
    assert_eq!(judge("db", false), Err(EgressRefusal::HostSingleLabel));
    assert_eq!(judge("db", true), Ok(()));
}

#[test]
fn metadata_names_are_refused_whatever_is_opened() {
    for name in ["metadata.google.internal", "metadata", "instance-data", "metadata.tencentyun.com", "rancher-metadata"]
    {
        assert_eq!(judge(name, false), Err(EgressRefusal::HostMetadata), "{name}");
        assert_eq!(judge(name, true), Err(EgressRefusal::HostMetadata), "{name}");
    }
}

#[test]
fn names_that_only_look_like_it_pass() {
    for name in [
        "api.example.com",
        "localhost.example.com",
        "internal.example.com",
        "local.test",
        "vendor.example",
        "notlocal.dev",
        "xlocalhost.com",
        "metadata.google.com",
        "10.0.0.1.example.com",
        "home.example.org",
        "mail.example.org",
    ] {
        assert_eq!(judge(name, false), Ok(()), "{name}");
    }
}

#[test]
fn echoing_services_are_refused_for_internal_addresses_alone() {
    for name in [
        "10.0.0.1.nip.io",
        "www.127.0.0.1.sslip.io",
        "app-192-168-1-1.nip.io",
        "192-168-1-1.sslip.io",
        "169.254.169.254.xip.io",
        "7f000001.c0a80001.rbndr.us",
        "7f000001.nip.io",
        "make-1.2.3.4-rebind-169.254-169.254-rr.1u.ms",
    ] {
        assert_eq!(judge(name, false), Err(EgressRefusal::HostInternal), "{name}");
    }
    for name in ["nip.io", "sslip.io", "8.8.8.8.nip.io", "app-8-8-8-8.sslip.io", "docs.nip.io", "10.0.0.1.notnip.io"] {
        assert_eq!(judge(name, false), Ok(()), "{name}");
    }
}
